"""Why a net trains or not, as its probe recorded it before the first step: signal and gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import NORM, PROBE, SEED, TRAINED
from norms.lab.report import tables
from norms.lab.report.view import View
from norms.lab.statistics import layers, ranges, words

SUMS = (('factor', 'passed_on'), ('gradient', 'least'))  # what `starts` adds
MOST_LINES = 8  # of a norm in the table
NOTE = (
  'In training mode, on the first {n} training examples. The signal is the root mean square of '
  'what a layer passes on: its output, through its norm. The gradient of a kernel is given by its '
  'length; relative to that of the kernel, times the learning rate, it is the share of itself by '
  'which the kernel would move in a step of plain gradient descent.'
)


def axes(view: View) -> list[str]:
  """The axes over which the start of a net may differ, with values enough to speak of a range."""
  candidates = [axis for axis in view.grid if schema.AFTER_START not in schema.of(axis).traits]
  return [axis for axis in candidates if view.rows[axis].nunique() > 2]


def starts(view: View, *free: str) -> pd.DataFrame:
  """The probed rows before the first step, with what sums them up; empty without a probe."""
  if not layers.layers(view.frame):
    return view.frame.iloc[:0]
  rows = layers.starts(view.at_usual(view.frame, free=free))
  # The layer with the least relative gradient is the one that hardly moves.
  least = layers.of(rows, layers.RELATIVE).min(axis=1)
  return rows.assign(passed_on=layers.passed_on(rows), least=least)


def examples(rows: pd.DataFrame) -> str:
  """How many examples the probe saw."""
  return words.listed(map(words.number, sorted(rows[PROBE].unique())))


def tables_of(view: View) -> Iterator[tables.Table]:
  """A table per axis, or one of the usual cell: signal and gradient of first and last layers."""
  for axis in axes(view) or ['']:
    rows = starts(view, *[axis] * bool(axis))
    if len(rows):
      yield _table(view, rows, axis)


def _table(view: View, rows: pd.DataFrame, axis: str) -> tables.Table:
  columns = _columns(layers.layers(rows))
  lines = []
  for norm in view.norms:
    own = rows[rows[NORM] == norm]
    for value in edges(own, axis) if axis else [None] * bool(len(own)):
      part = own if value is None else own[own[axis] == value]
      texts = [norm, *[words.number(value)] * bool(axis), str(part[SEED].nunique())]
      good, n = int(part[TRAINED].sum()), len(part)
      texts += [*(_centre(part, column) for column in columns), f'{good} of {n}']
      lines.append(tables.TableRow(texts, good < n))
  head = [NORM, *[words.label(axis)] * bool(axis), 'seeds', *columns.values(), TRAINED]
  title = 'Signal and gradient before the first step'
  title += f', by {words.label(axis)}' if axis else ''
  where = words.place(view.fixed((axis,)))
  title += f', at {where}' if where else ''
  note = NOTE.format(n=examples(rows)) + ' Geometric means over the seeds'
  note += ', of many values at the ends of each range and beside them.' if axis else '.'
  return tables.Table(f'layers_{axis}'.replace('.', '_'), title, note, head, lines)


def _columns(names: list[str]) -> dict[str, str]:
  """The columns of the records that the table shows, and its own words for them."""
  first, hidden, last = names[0], names[-2 if len(names) > 1 else -1], names[-1]
  columns = {f'{layers.SIGNAL}.{first}': f'signal of {words.layer_name(first)}'}
  columns[f'{layers.SIGNAL}.{hidden}'] = f'signal of {words.layer_name(hidden)}'
  columns['passed_on'] = 'factor from one hidden layer to the next'
  for quantity in (layers.GRADIENT, layers.RELATIVE):
    quantity_name = quantity.replace('_', ' ')
    columns |= {
      f'{quantity}.{name}': f'{quantity_name} of {words.layer_name(name)}' for name in (first, last)
    }
  return columns


def _centre(rows: pd.DataFrame, column: str) -> str:
  summary = layers.summary(rows, [NORM], column)
  return words.number(summary['value'].iloc[0]) if len(summary) else tables.ABSENT


def edges(rows: pd.DataFrame, axis: str) -> list[float]:
  """Of many values, the ends, the middle, and those around the range that every seed trains in."""
  values, inside = sorted(rows[axis].unique()), ranges.trained_range(rows, axis)
  if len(values) <= MOST_LINES:
    return values
  positions = {0, len(values) // 2, len(values) - 1}
  if inside:
    low, high = (values.index(end) for end in (min(inside), max(inside)))
    positions = {0, low - 1, low, (low + high) // 2, high, high + 1, len(values) - 1}
  return [value for i, value in enumerate(values) if i in positions]


def sentences(view: View) -> Iterator[str]:
  """What was recorded where each norm trains, and how that differs where it does not."""
  for axis in axes(view) or ['']:
    rows = starts(view, *[axis] * bool(axis))
    for norm in dict.fromkeys(rows[NORM]):
      own = rows[rows[NORM] == norm]
      yield _why(own, axis, norm) if axis else _usual(own, norm)


def _usual(rows: pd.DataFrame, norm: str) -> str:
  trained, name = int(rows[TRAINED].sum()), words.norm_name(norm)
  return (
    f'Recorded of {name} before the first step: {_recorded(rows)}; {trained} of '
    f'{words.count(len(rows), "trial")} trained.'
  )


def _why(rows: pd.DataFrame, axis: str, norm: str) -> str:
  """'... Below, the factor is smaller than there in all 84 trials (0.00048 to 0.26), ...'."""
  inside, name, label = ranges.trained_range(rows, axis), words.norm_name(norm), words.label(axis)
  name = name[0].upper() + name[1:]
  if not inside:
    return f'{name} trains at no {label}. Recorded before the first step: {_recorded(rows)}.'
  own = rows[rows[axis].between(min(inside), max(inside))]
  sentences = [f'{name} trains {ranges.trained_over(axis, inside)}.']
  sentences.append(f'Recorded there before the first step: {_recorded(own)}.')
  sides = {'Below': rows[rows[axis] < min(inside)], 'Above': rows[rows[axis] > max(inside)]}
  for side, part in sides.items():
    if len(part):
      parts = [
        f'the {name} is {_against(part[c], own[c])}' for name, c in SUMS if own[c].notna().any()
      ]
      sentences.append(f'{side}, {" and ".join(parts)}.')
  return ' '.join(sentences)


def _recorded(rows: pd.DataFrame) -> str:
  factor = (
    f'its signal changes by a factor of {_span(rows["passed_on"])} from one hidden layer to the '
    'next, and '
  )
  gradient = f'the least relative gradient of its kernels is {_span(rows["least"])}'
  return factor * bool(rows['passed_on'].notna().any()) + gradient


def _against(values: pd.Series, own: pd.Series) -> str:
  """'smaller than there in all 84 trials (0.00048 to 0.26)'."""
  values, own = values.map(_rounded), own.map(_rounded)
  sides = {'smaller': int((values < own.min()).sum()), 'larger': int((values > own.max()).sum())}
  side, n = max(sides.items(), key=lambda item: item[1])
  if not n:
    return f'as there ({_span(values)})'
  share = f'all {n} trials' if n == len(values) else f'{n} of {words.count(len(values), "trial")}'
  return f'{side} than there in {share} ({_span(values)})'


def _span(values: pd.Series) -> str:
  """'0.13 to 0.33', to two digits; of values that agree to these, the one."""
  finite = values[np.isfinite(values)]
  lost = f' (not finite in {len(values) - len(finite)} of {len(values)} trials)'
  if finite.empty:
    return 'not finite'
  ends = dict.fromkeys(f'{end:.2g}' for end in (finite.min(), finite.max()))
  return ' to '.join(ends) + lost * (len(finite) < len(values))


def _rounded(value: float) -> float:
  """To the two digits that are printed: what differs less is rounding."""
  return float(f'{value:.2g}')
