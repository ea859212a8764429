"""Why a net trains or not, as its probe recorded it before the first step: signal and gradient."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from norms.lab.report import tables
from norms.lab.report.view import View
from norms.lab.statistics import layers, ranges, words

# Axes on which the state before the first step does not depend.
LATER = ('learning_rate', 'batch_size', 'epochs')
NOTE = (
  'In training mode, on the first {n} training examples. The signal is the root mean square of '
  'what a layer passes on: its output, through its norm. The gradient of a kernel is given by its '
  'length; relative to that of the kernel, times the learning rate, it is the share of itself by '
  'which the kernel would move in a step of plain gradient descent.'
)


def axes(view: View) -> list[str]:
  """The axes over which the start of a net may differ, with values enough to speak of a range."""
  found = [axis for axis in view.numeric if axis not in LATER]
  return [axis for axis in found if view.rows[axis].nunique() > 2]


def starts(view: View, *free: str) -> pd.DataFrame:
  """The probed rows before the first step, with what sums them up; empty without a probe."""
  if not layers.layers(view.frame):
    return view.frame.iloc[:0]
  rows = layers.starts(view.at_usual(view.frame, free=free))
  least = layers.of(rows, layers.RELATIVE).min(axis=1)
  return rows.assign(passed_on=layers.passed_on(rows), least=least)


def examples(rows: pd.DataFrame) -> str:
  """How many examples the probe saw."""
  return words.listed(map(words.number, sorted(rows['probe'].unique())))


def tables_of(view: View) -> Iterator[tables.Table]:
  """A table per axis, or one of the usual cell: signal and gradient of first and last layers."""
  for axis in axes(view) or ['']:
    rows = starts(view, *[axis] * bool(axis))
    if len(rows):
      yield _table(view, rows, axis)


def _table(view: View, rows: pd.DataFrame, axis: str) -> tables.Table:
  names = layers.layers(rows)
  first, last = names[0], names[-2 if len(names) > 1 else -1]
  columns = ['norm', *[words.label(axis)] * bool(axis), 'seeds', f'signal of {first}', f'of {last}']
  columns += ['factor from one hidden layer to the next', f'gradient of {first}', f'of {names[-1]}']
  columns += [f'relative gradient of {first}', f'of {names[-1]}', 'trained']
  wanted = [f'{layers.SIGNAL}.{first}', f'{layers.SIGNAL}.{last}', 'passed_on']
  wanted += [
    f'{q}.{each}' for q in (layers.GRADIENT, layers.RELATIVE) for each in (first, names[-1])
  ]
  lines = []
  for norm in view.norms:
    own = rows[rows['norm'] == norm]
    for value in edges(own, axis) if axis else [None] * bool(len(own)):
      part = own if value is None else own[own[axis] == value]
      texts = [norm, *[words.number(value)] * bool(axis), str(part['seed'].nunique())]
      texts += [words.number(layers.summary(part, ['norm'], c)['value'].iloc[0]) for c in wanted]
      good, n = int(part['trained'].sum()), len(part)
      lines.append(tables.Row([*texts, f'{good} of {n}'], good < n))
  where = f', by {words.label(axis)}' if axis else ''
  title = f'Signal and gradient before the first step{where}'
  few = ' Values at the ends of each range, and beside them; geometric means.' if axis else ''
  return tables.Table(
    f'layers_{axis}'.replace('.', '_'), title, NOTE.format(n=examples(rows)) + few, columns, lines
  )


def edges(rows: pd.DataFrame, axis: str) -> list[float]:
  """The ends of an axis and of the range in which every seed trains, and the values beside it."""
  values, inside = sorted(rows[axis].unique()), ranges.trained_range(rows, axis)
  wanted = {0, len(values) // 2, len(values) - 1}
  if inside:
    low, high = (values.index(end) for end in (min(inside), max(inside)))
    wanted = {0, low - 1, low, (low + high) // 2, high, high + 1, len(values) - 1}
  return [value for i, value in enumerate(values) if i in wanted]


def sentences(view: View) -> Iterator[str]:
  """What was recorded where each norm trains, and how that differs where it does not."""
  for axis in axes(view) or ['']:
    rows = starts(view, *[axis] * bool(axis))
    for norm in dict.fromkeys(rows['norm']):
      own = rows[rows['norm'] == norm]
      yield _why(own, axis, norm) if axis else _usual(own, norm)


def _usual(rows: pd.DataFrame, norm: str) -> str:
  good, name = int(rows['trained'].sum()), words.norm_name(norm)
  return (
    f'Recorded of {name} before the first step: {_recorded(rows)}; {good} of '
    f'{words.count(len(rows), "trial")} trained.'
  )


def _why(rows: pd.DataFrame, axis: str, norm: str) -> str:
  """'... Below, the factor is smaller than there in all 84 trials (0.00048 to 0.26), ...'."""
  inside, name, label = ranges.trained_range(rows, axis), words.norm_name(norm), words.label(axis)
  name = name[0].upper() + name[1:]
  if not inside:
    return f'{name} trains at no {label}. Recorded before the first step: {_recorded(rows)}.'
  own = rows[rows[axis].between(min(inside), max(inside))]
  said = [f'{name} trains over {ranges.span(inside)} of {label}.']
  said.append(f'Recorded there before the first step: {_recorded(own)}.')
  sides = {'Below': rows[rows[axis] < min(inside)], 'Above': rows[rows[axis] > max(inside)]}
  for side, part in sides.items():
    if len(part):
      factor, gradient = (_against(part[c], own[c]) for c in ('passed_on', 'least'))
      said.append(f'{side}, the factor is {factor}, the gradient {gradient}.')
  return ' '.join(said)


def _recorded(rows: pd.DataFrame) -> str:
  return (
    f'its signal changes by a factor of {_span(rows["passed_on"])} from one hidden layer to the '
    f'next, and the least relative gradient of its kernels is {_span(rows["least"])}'
  )


def _against(values: pd.Series, own: pd.Series) -> str:
  """'smaller than there in all 84 trials (0.00048 to 0.26)'."""
  values, own = values.map(_rounded), own.map(_rounded)
  sides = {'smaller': int((values < own.min()).sum()), 'larger': int((values > own.max()).sum())}
  side, n = max(sides.items(), key=lambda item: item[1])
  if not n:
    return f'as there ({_span(values)})'
  many = f'all {n} trials' if n == len(values) else f'{n} of {words.count(len(values), "trial")}'
  return f'{side} than there in {many} ({_span(values)})'


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
