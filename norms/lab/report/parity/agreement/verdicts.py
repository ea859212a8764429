"""What the records of a comparison say of its bars, each as supported or refuted, with numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from norms.lab.columns import NORM
from norms.lab.report.parity.agreement import tables
from norms.lab.report.parity.page import OURS, Line, number
from norms.lab.statistics import words

OUTPUTS, RELATIVE, STD = 5e-8, 1e-6, 1e-3
BARRED = ('linen', 'nnx', 'keras', 'pytorch', 'tensorflow')  # whom the bar on outputs names


def verdicts(frame: pd.DataFrame) -> list[Line]:
  """All of them."""
  return [*outputs(frame), gradients(frame), accuracy(frame), finite(frame), offset(frame)]


def outputs(frame: pd.DataFrame) -> Iterator[Line]:
  """Mean absolute difference of fresh layers' outputs, of images and of dense layers."""
  found = tables.agreement(frame)
  found = found[found['library'].isin(BARRED)]
  sizes = {'outputs': 'output', 'dense_outputs': 'output, dense'}
  for claim, quantity in sizes.items():
    if not (part := found[found['quantity'] == quantity]).empty:
      yield _outputs(claim, part)


def _outputs(claim: str, found: pd.DataFrame) -> Line:
  above = found[found['mean_difference'] > OUTPUTS].sort_values('mean_difference')
  largest = found.loc[found['mean_difference'].idxmax()]
  within = f'{len(found) - len(above)} of {len(found)} pairs'
  said = f'{within} agree within {number(OUTPUTS)} on average'
  if above.empty:
    worst = f'{number(largest["mean_difference"])}, {largest[NORM]} of {largest["title"]}'
    return Line(claim, 'supported', f'{said}; the largest mean difference is {worst}.')
  apart = words.listed(
    f'{line[NORM]} of {line["title"]} {number(line["mean_difference"])} (from the exact value '
    f'theirs is {number(line["theirs_error"])}, ours {number(line["ours_error"])})'
    for _, line in above.iterrows()
  )
  nearer = int((above['ours_error'] <= above['theirs_error']).sum())
  return Line(claim, 'refuted', f'{said}. Beyond: {apart}. Ours is nearer in {nearer} of them.')


def gradients(frame: pd.DataFrame) -> Line:
  """Largest difference of a gradient over its largest entry."""
  found = tables.agreement(frame)
  found = found[found['quantity'].isin(tables.GRADIENTS)]
  worst = found.loc[found['relative'].idxmax()]
  outcome = 'supported' if worst['relative'] <= RELATIVE else 'refuted'
  return Line('gradients', outcome, (
    f'Of {len(found)} gradients the farthest apart is {worst["quantity"]}, {worst[NORM]} norm, '
    f'{worst["title"]}: {number(worst["relative"])} of the largest entry; the bar is {RELATIVE:g}.'
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
  for (name, dtype), part in lost.groupby(['input', 'dtype'], sort=False):
    where = words.listed(
      f'{line[NORM]} {line["quantity"]} {number(line["error"])} '
      f'({line["title_best"]} {number(line["error_best"])})'
      for _, line in part.iterrows()
    )
    why = f' ({part["known"].iloc[0]})' if part['known'].iloc[0] else ''
    yield f'Input {name}, {dtype}{why}: {where}.'


def finite(frame: pd.DataFrame) -> Line:
  """None of our rows holds a NaN or an infinity that need not be."""
  found = tables.errors(frame)
  rows = found.groupby('title', sort=False)['lost'].agg(lambda lost: int((lost > 0).sum()))
  ours = found[(found['library'] == OURS) & (found['lost'] > 0)]
  others = words.listed(f'{title} {n}' for title, n in rows.items() if title != OURS)
  outcome = 'supported' if ours.empty else 'refuted'
  where = ' '.join(f'{line[NORM]}, {line["input"]}.' for _, line in ours.iterrows())
  sentence = f'Rows with a NaN or an infinity for finite input: ours {len(ours)}; {others}. {where}'
  return Line('finite', outcome, sentence.strip())


def offset(frame: pd.DataFrame) -> Line:
  """At offset 1e4 in float32 the standard deviation of what is normalised is 1."""
  found = tables.errors(frame)
  at = found[(found['input'] == 'offset 1e4') & (found['dtype'] == 'float32')]
  at = at[at['std'].notna()]
  away = (at['std'] - 1).abs()
  ours = at[at['library'] == OURS]
  worst = float((ours['std'] - 1).abs().max())
  beyond = words.listed(
    f'{title} {words.number(std)}' for title, std in
    at.loc[away.groupby(at['title'], sort=False).idxmax(), ['title', 'std']].itertuples(index=False)
    if abs(std - 1) > STD
  )  # fmt: skip
  said = f'Ours is 1 within {number(worst)}, over all norms and statistics.'
  others = f' Farthest from 1 of those beyond {STD:g}: {beyond}.' if beyond else ''
  return Line('std_at_offset', 'supported' if worst <= STD else 'refuted', said + others)
