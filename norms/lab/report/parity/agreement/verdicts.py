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
from norms.lab.report.parity.page import OURS, ParityVerdict, number
from norms.lab.statistics import words

OUTPUTS, RELATIVE, DEVIATION = 5e-8, 1e-6, 1e-3
BARRED = ('linen', 'nnx', 'keras', 'pytorch', 'tensorflow')  # whom the bar on outputs names


def verdicts(frame: pd.DataFrame) -> list[ParityVerdict]:
  """All of them."""
  return [*outputs(frame), gradients(frame), accuracy(frame), finite(frame), offset(frame)]


def outputs(frame: pd.DataFrame) -> Iterator[ParityVerdict]:
  """Mean absolute difference of fresh layers' outputs, of images and of dense layers."""
  compared = tables.agreement(frame)
  compared = compared[compared[LIBRARY].isin(BARRED)]
  sizes = {'outputs': 'output', 'dense_outputs': 'output, dense'}
  for claim, quantity in sizes.items():
    if not (part := compared[compared[QUANTITY] == quantity]).empty:
      yield _outputs(claim, part)


def _outputs(claim: str, pairs: pd.DataFrame) -> ParityVerdict:
  above = pairs[pairs[MEAN_DIFFERENCE] > OUTPUTS].sort_values(MEAN_DIFFERENCE)
  largest = pairs.loc[pairs[MEAN_DIFFERENCE].idxmax()]
  within = f'{len(pairs) - len(above)} of {len(pairs)} pairs'
  agreeing = f'{within} agree within {number(OUTPUTS)} on average'
  if above.empty:
    worst = f'{number(largest[MEAN_DIFFERENCE])}, {largest[NORM]} of {largest[TITLE]}'
    return ParityVerdict(claim, 'supported', f'{agreeing}; the largest mean difference is {worst}.')
  farthest = words.listed(
    f'{line[NORM]} of {line[TITLE]} {number(line[MEAN_DIFFERENCE])} (from the exact value '
    f'theirs is {number(line[THEIR_ERROR])}, ours {number(line[OUR_ERROR])})'
    for _, line in above.iterrows()
  )
  nearer = int((above[OUR_ERROR] <= above[THEIR_ERROR]).sum())
  sentence = f'{agreeing}. Beyond: {farthest}. Ours is nearer in {nearer} of them.'
  limits = above[above[THEIR_ERROR] > OUTPUTS]
  if not limits.empty:
    which = words.listed(f'{line[NORM]} of {line[TITLE]}' for _, line in limits.iterrows())
    sentence += (
      f' Known limit: {which}, farther from the exact value than the bar is wide, so that nothing '
      'exact agrees with it.'
    )
  return ParityVerdict(claim, 'refuted', sentence)


def gradients(frame: pd.DataFrame) -> ParityVerdict:
  """Largest difference of a gradient over its largest entry."""
  compared = tables.agreement(frame)
  compared = compared[compared[QUANTITY].isin(tables.GRADIENTS)]
  worst = compared.loc[compared['relative'].idxmax()]
  outcome = 'supported' if worst['relative'] <= RELATIVE else 'refuted'
  return ParityVerdict('gradients', outcome, (
    f'Of {len(compared)} gradients the farthest apart is {worst[QUANTITY]}, {worst[NORM]} norm, '
    f'{worst[TITLE]}: {number(worst["relative"])} of the largest entry; the bar is {RELATIVE:g}.'
  ))  # fmt: skip


def accuracy(frame: pd.DataFrame) -> ParityVerdict:
  """No library is more than twice as near to the exact value, unless we are within two ulp."""
  lines = tables.with_best_rival(frame)
  losses = tables.beaten_rows(lines)
  within = len(lines) - len(losses)
  count = f'In {within} of {len(lines)} rows no library has less than half of our error'
  if losses.empty:
    return ParityVerdict('accuracy', 'supported', f'{count}, or ours is within 2 ulp.')
  return ParityVerdict('accuracy', 'refuted', f'{count}. {" ".join(_losses(losses))}')


def _losses(lost: pd.DataFrame) -> Iterator[str]:
  for (name, dtype), part in lost.groupby([INPUT, DTYPE], sort=False):
    where = words.listed(
      f'{line[NORM]} {line[QUANTITY]} {number(line[ERROR])} '
      f'({line["title_best"]} {number(line["error_best"])})'
      for _, line in part.iterrows()
    )
    why = f' (known limit: {part[KNOWN].iloc[0]})' if part[KNOWN].iloc[0] else ''
    yield f'Input {name}, {dtype}{why}: {where}.'


def finite(frame: pd.DataFrame) -> ParityVerdict:
  """None of our rows holds a NaN or an infinity that need not be."""
  measured = tables.errors(frame)
  rows = measured.groupby(TITLE, sort=False)[LOST].agg(lambda lost: int((lost > 0).sum()))
  ours = measured[(measured[LIBRARY] == OURS) & (measured[LOST] > 0)]
  others = words.listed(f'{title} {n}' for title, n in rows.items() if title != OURS)
  outcome = 'supported' if ours.empty else 'refuted'
  where = ' '.join(f'{line[NORM]}, {line[INPUT]}.' for _, line in ours.iterrows())
  sentence = f'Rows with a NaN or an infinity for finite input: ours {len(ours)}; {others}. {where}'
  return ParityVerdict('finite', outcome, sentence.strip())


def offset(frame: pd.DataFrame) -> ParityVerdict:
  """At offset 1e4 in float32 the standard deviation of what is normalised is 1."""
  measured = tables.errors(frame)
  rows = measured[(measured[INPUT] == 'offset 1e4') & (measured[DTYPE] == 'float32')]
  rows = rows[rows[STD].notna()]
  away = (rows[STD] - 1).abs()
  ours = rows[rows[LIBRARY] == OURS]
  worst = float((ours[STD] - 1).abs().max())
  beyond = words.listed(
    f'{title} {words.number(std)}' for title, std in
    rows.loc[away.groupby(rows[TITLE], sort=False).idxmax(), [TITLE, STD]].itertuples(index=False)
    if abs(std - 1) > DEVIATION
  )  # fmt: skip
  ours_sentence = f'Ours is 1 within {number(worst)}, over all norms and statistics.'
  others = f' Farthest from 1 of those beyond {DEVIATION:g}: {beyond}.' if beyond else ''
  return ParityVerdict(
    'std_at_offset', 'supported' if worst <= DEVIATION else 'refuted', ours_sentence + others
  )
