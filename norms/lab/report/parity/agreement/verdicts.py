"""What the records of a comparison say of its bars, each as supported or refuted, with numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from norms.lab.parity_columns import (
  DTYPE,
  ERROR,
  INPUT,
  KNOWN,
  LIBRARY,
  LOST,
  MEAN_DIFFERENCE,
  NORM,
  OUR_ERROR,
  QUANTITY,
  STD,
  THEIR_ERROR,
  TITLE,
)
from norms.lab.report.parity.agreement import tables
from norms.lab.report.parity.page import OURS, Line, number
from norms.lab.statistics import words

OUTPUTS, RELATIVE, DEVIATION = 5e-8, 1e-6, 1e-3
BARRED = ('linen', 'nnx', 'keras', 'pytorch', 'tensorflow')  # whom the bar on outputs names


def verdicts(frame: pd.DataFrame) -> list[Line]:
  """All of them."""
  return [*outputs(frame), gradients(frame), accuracy(frame), finite(frame), offset(frame)]


def outputs(frame: pd.DataFrame) -> Iterator[Line]:
  """Mean absolute difference of fresh layers' outputs, of images and of dense layers."""
  found = tables.agreement(frame)
  found = found[found[LIBRARY].isin(BARRED)]
  sizes = {'outputs': 'output', 'dense_outputs': 'output, dense'}
  for claim, quantity in sizes.items():
    if not (part := found[found[QUANTITY] == quantity]).empty:
      yield _outputs(claim, part)


def _outputs(claim: str, found: pd.DataFrame) -> Line:
  above = found[found[MEAN_DIFFERENCE] > OUTPUTS].sort_values(MEAN_DIFFERENCE)
  largest = found.loc[found[MEAN_DIFFERENCE].idxmax()]
  within = f'{len(found) - len(above)} of {len(found)} pairs'
  said = f'{within} agree within {number(OUTPUTS)} on average'
  if above.empty:
    worst = f'{number(largest[MEAN_DIFFERENCE])}, {largest[NORM]} of {largest[TITLE]}'
    return Line(claim, 'supported', f'{said}; the largest mean difference is {worst}.')
  apart = words.listed(
    f'{line[NORM]} of {line[TITLE]} {number(line[MEAN_DIFFERENCE])} (from the exact value '
    f'theirs is {number(line[THEIR_ERROR])}, ours {number(line[OUR_ERROR])})'
    for _, line in above.iterrows()
  )
  nearer = int((above[OUR_ERROR] <= above[THEIR_ERROR]).sum())
  sentence = f'{said}. Beyond: {apart}. Ours is nearer in {nearer} of them.'
  limits = above[above[THEIR_ERROR] > OUTPUTS]
  if not limits.empty:
    which = words.listed(f'{line[NORM]} of {line[TITLE]}' for _, line in limits.iterrows())
    sentence += (
      f' Known limit: {which}, farther from the exact value than the bar is wide, so that nothing '
      'exact agrees with it.'
    )
  return Line(claim, 'refuted', sentence)


def gradients(frame: pd.DataFrame) -> Line:
  """Largest difference of a gradient over its largest entry."""
  found = tables.agreement(frame)
  found = found[found[QUANTITY].isin(tables.GRADIENTS)]
  worst = found.loc[found['relative'].idxmax()]
  outcome = 'supported' if worst['relative'] <= RELATIVE else 'refuted'
  return Line('gradients', outcome, (
    f'Of {len(found)} gradients the farthest apart is {worst[QUANTITY]}, {worst[NORM]} norm, '
    f'{worst[TITLE]}: {number(worst["relative"])} of the largest entry; the bar is {RELATIVE:g}.'
  ))  # fmt: skip


def accuracy(frame: pd.DataFrame) -> Line:
  """No library is more than twice as near to the exact value, unless we are within two ulp."""
  lines = tables.beside(frame)
  lost = tables.beaten(lines)
  said = f'In {len(lines) - len(lost)} of {len(lines)} rows no library beats us by more than 2'
  if lost.empty:
    return Line('accuracy', 'supported', f'{said}, or our error is within 2 ulp.')
  return Line('accuracy', 'refuted', f'{said}. {" ".join(_losses(lost))}')


def _losses(lost: pd.DataFrame) -> Iterator[str]:
  for (name, dtype), part in lost.groupby([INPUT, DTYPE], sort=False):
    where = words.listed(
      f'{line[NORM]} {line[QUANTITY]} {number(line[ERROR])} '
      f'({line["title_best"]} {number(line["error_best"])})'
      for _, line in part.iterrows()
    )
    why = f' (known limit: {part[KNOWN].iloc[0]})' if part[KNOWN].iloc[0] else ''
    yield f'Input {name}, {dtype}{why}: {where}.'


def finite(frame: pd.DataFrame) -> Line:
  """None of our rows holds a NaN or an infinity that need not be."""
  found = tables.errors(frame)
  rows = found.groupby(TITLE, sort=False)[LOST].agg(lambda lost: int((lost > 0).sum()))
  ours = found[(found[LIBRARY] == OURS) & (found[LOST] > 0)]
  others = words.listed(f'{title} {n}' for title, n in rows.items() if title != OURS)
  outcome = 'supported' if ours.empty else 'refuted'
  where = ' '.join(f'{line[NORM]}, {line[INPUT]}.' for _, line in ours.iterrows())
  sentence = f'Rows with a NaN or an infinity for finite input: ours {len(ours)}; {others}. {where}'
  return Line('finite', outcome, sentence.strip())


def offset(frame: pd.DataFrame) -> Line:
  """At offset 1e4 in float32 the standard deviation of what is normalised is 1."""
  found = tables.errors(frame)
  at = found[(found[INPUT] == 'offset 1e4') & (found[DTYPE] == 'float32')]
  at = at[at[STD].notna()]
  away = (at[STD] - 1).abs()
  ours = at[at[LIBRARY] == OURS]
  worst = float((ours[STD] - 1).abs().max())
  beyond = words.listed(
    f'{title} {words.number(std)}' for title, std in
    at.loc[away.groupby(at[TITLE], sort=False).idxmax(), [TITLE, STD]].itertuples(index=False)
    if abs(std - 1) > DEVIATION
  )  # fmt: skip
  said = f'Ours is 1 within {number(worst)}, over all norms and statistics.'
  others = f' Farthest from 1 of those beyond {DEVIATION:g}: {beyond}.' if beyond else ''
  return Line('std_at_offset', 'supported' if worst <= DEVIATION else 'refuted', said + others)
