"""Scales: over which of them each norm trains, and what its gradients do where it does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import EPOCH, GRAD_NORM, NORM, SEED, TEST_ACCURACY, TRAINED
from norms.lab.report import tables, trained_rule
from norms.lab.report.view import View
from norms.lab.statistics import cells, layers, ranges, words

EVERY_SEED = 'A norm trains at a value if every seed did.'


def axes(view: View) -> list[str]:
  """The axes that are scales or rates, with values enough to speak of a range."""
  if view.is_random:  # at the usual value of what was drawn there is one point
    return []
  ranged = [axis for axis in view.grid if schema.RANGE in schema.of(axis).traits]
  return [axis for axis in ranged if view.rows[axis].nunique() > 2]


def table(view: View, axis: str) -> tables.Table:
  """A line per norm: the range over which every seed trained, and over which any did."""
  rows = view.at_usual(view.rows, free=(axis,))
  lines = []
  for norm in view.norms:
    own = rows[rows[NORM] == norm]
    full_range = ranges.trained_range(own, axis)
    # The range in which any seed trained, by the same function: `trained` says so for each value.
    some = own.assign(trained=own.groupby(axis)[TRAINED].transform('any'))
    best = (view.sign * cells.scores(own, view.choice)).groupby(own[axis]).mean().idxmax()
    texts = [norm, str(own[SEED].nunique()), ranges.span(full_range)]
    texts += [ranges.span(ranges.trained_range(some, axis)), words.number(best)]
    lines.append(tables.TableRow(texts, not full_range))
  where = words.place(view.fixed((axis,)))
  columns = [NORM, 'seeds', 'every seed trains over', 'some seed over']
  best_at = 'most accurate' if view.score == TEST_ACCURACY else f'best {words.label(view.score)}'
  columns += [f'{best_at} {view.chosen_on} at']
  rule = f'{trained_rule.of(view.rows)} {EVERY_SEED}'
  title = f'Range of the {words.label(axis)}' + (f' at {where}' if where else '')
  return tables.Table(f'range_{axis}'.replace('.', '_'), title, rule, columns, lines)


def sentences(view: View) -> Iterator[str]:
  """The recorded gradients of the first epoch, where each norm trains and where it does not.

  Of nets whose layers were probed, report/probes/at_start.py says more.
  """
  if GRAD_NORM not in view.frame or layers.layers(view.frame):
    return
  for axis in axes(view):
    # Later a net that fails has drifted far from one that trains: epoch 1 shows the cause.
    first = view.at_usual(view.frame[view.frame[EPOCH] == 1], free=(axis,))
    for norm in view.norms:
      yield from _gradients(first[first[NORM] == norm], axis, norm)


def _gradients(rows: pd.DataFrame, axis: str, norm: str) -> Iterator[str]:
  """'Below 0.01, where layer norm did not train, its gradient norm was 1e-09 to 1e-05 ...'."""
  inside = ranges.trained_range(rows, axis)
  if not inside or len(inside) == rows[axis].nunique():
    return
  parts = []
  for side, part in (
    ('below', rows[rows[axis] < min(inside)]),
    ('above', rows[rows[axis] > max(inside)]),
  ):
    if len(part):
      end = words.number(min(inside) if side == 'below' else max(inside))
      parts.append(f'{side} {end}, where not every seed trains, {_span(part[GRAD_NORM])}')
  own = rows[rows[axis].between(min(inside), max(inside))]
  yield (
    f'Gradient norm of {words.norm_name(norm)}, mean over the first epoch, against '
    f'{words.label(axis)}: {_span(own[GRAD_NORM])} where it trains; {"; ".join(parts)}.'
  )


def _span(values: pd.Series) -> str:
  finite = values[np.isfinite(values)]
  lost = len(values) - len(finite)
  text = f'{finite.min():.2g} to {finite.max():.2g}' if len(finite) else 'no finite value'
  return text + (f' (not finite in {lost} of {len(values)} trials)' if lost and len(finite) else '')
