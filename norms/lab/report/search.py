"""What a large or random design shows: which settings matter, and where each norm does best."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from norms.lab.columns import NORM
from norms.lab.report import tables
from norms.lab.report.view import View
from norms.lab.statistics import design, regions, words

LEARNT = 0.5  # of the variance, which a forest has to explain before it is quoted


def importance(view: View) -> tables.Table | None:
  """A line per axis: the share of the score's variance that it explains, alone and in all."""
  if view.importance is None:
    return None
  found = view.importance
  rows = [
    tables.TableRow(
      [
        words.label(str(axis)),
        percent(line['alone']),
        percent(line['total']),
        f'{percent(line["low"])} to {percent(line["high"])}',
      ],
      False,
    )
    for axis, line in found.table.iterrows()
  ]
  score = words.label(view.score)
  note = f'Of the variance of {score} between {words.count(found.cells, "cell")}. {forest(view)}'
  columns = ['setting', 'alone', 'with its interactions', 'range of the shuffles']
  return tables.Table('importance', f'What {score} depends on', note, columns, rows)


def forest(view: View) -> str:
  """What the second column rests on."""
  found = view.importance
  if found is None or np.isnan(found.explained):
    return 'Too few cells for a forest, which would show interactions.'
  return (
    'Interactions are those of a forest that learnt from one half of the cells and explains '
    f'{percent(found.explained)} of the variance of the other.'
  )


def percent(share: float) -> str:
  """'12%', '0.4%', 'below 0.1%', a dash where there is none."""
  if np.isnan(share):
    return tables.ABSENT
  if share < 0.001:
    return 'below 0.1%'
  return f'{share:.0%}' if 0.1 <= share < 0.99 else f'{share:.1%}'


def best(view: View) -> tables.Table:
  """A line per norm: the settings of its best cells, and what other cells with these reach."""
  rows = []
  for norm, region in _regions(view):
    if region is None:
      rows.append(tables.TableRow([norm, *[tables.ABSENT] * (len(view.axes) + 4)], False))
      continue
    settings = [_span(view, axis, values) for axis, values in region.settings.items()]
    own = region.score
    spread = tables.spread({'low': own.low, 'high': own.high, 'kind': own.kind})
    counts = [str(region.chosen_by), str(own.n)]
    rows.append(tables.TableRow([norm, *settings, *counts, words.score(own.value), spread], False))
  score = words.label(view.score)
  note = (
    'The settings of the best tenth of one half of the cells, chosen '
    f'{view.chosen_on}, of numbers without 5% at either end; {score} is that of the cells of the '
    'other half with such settings, which had no part in the choice.'
  )
  columns = [NORM, *map(words.label, view.axes), 'cells that choose', 'cells that judge', score]
  title = 'Where each norm does best'
  return tables.Table('regions', title, note, [*columns, 'spread over cells'], rows)


def depends(view: View) -> Iterator[str]:
  """'Test accuracy depends most on learning rate; ...', in large and random designs."""
  found = view.importance
  if found is None:
    return
  learnt = found.explained >= LEARNT
  parts = [
    f'{words.label(str(axis))} {percent(line["alone"])}'
    + (f' ({percent(line["total"])})' if learnt else '')
    for axis, line in found.table.iterrows()
  ]
  brackets = ', in brackets with its interactions' if learnt else ''
  yield (
    f'{words.sentence(words.label(view.score))} depends most on '
    f'{words.label(str(found.table.index[0]))}; of its variance between '
    f'{words.count(found.cells, "cell")} each setting explains, alone{brackets}: '
    f'{words.listed(parts)}.'
  )


def reached(view: View) -> Iterator[str]:
  """How well each norm does where it does best, in a random design."""
  found = [(norm, region.score) for norm, region in _regions(view) if region]
  if found:
    found.sort(key=lambda pair: -view.sign * pair[1].value)
    each = (
      f'{words.norm_name(norm)} {words.score(own.value)} ({words.score(own.low)} to '
      f'{words.score(own.high)})'
      for norm, own in found
    )
    yield (
      'With settings that one half of the cells chose, the other half reaches in '
      f'{words.label(view.score)}: {words.listed(each)}.'
    )


def _regions(view: View) -> Iterator[tuple[str, regions.Region | None]]:
  for norm in view.norms:
    yield norm, regions.best(view.rows, norm, view.axes, view.choice, view.score)


def _span(view: View, axis: str, values: tuple[Any, ...]) -> str:
  if not design.is_numeric(view.rows, axis):
    return words.listed(map(words.number, values))
  low, high = (words.number(value) for value in values)
  return low if low == high else f'{low} to {high}'
