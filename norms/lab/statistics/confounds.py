"""What else differs between the sides of a claim, and may be the reason for what is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import inspect

import pandas as pd

from norms.lab.columns import BATCH_SIZE, LEARNING_RATE, NORM, STEP
from norms.lab.statistics import across, tuned, words
from norms.lab.values import Settings


def of(rows: pd.DataFrame, rule: Callable[..., object], options: Settings) -> tuple[str, ...]:
  """In words, for the final rows of the trials that a claim looks at."""
  two_values = across.compares_values(options)
  sides = options[across.AXIS] if two_values else NORM
  parameters = inspect.signature(rule).parameters
  default = parameters[across.AXIS].default if across.AXIS in parameters else None
  over = options.get(across.OVER if two_values else across.AXIS, default)
  # Of a ranking all norms are sides; else those that are named.
  named = [options[key] for key in (across.VALUE, NORM, across.THAN) if key in options]
  if across.THAN in options and sides in rows:
    rows = rows[rows[sides].isin(named)]
  changed = {sides, over, *tuned.axes(options.get('tuned', ()))}
  found = []
  if {across.THAN, 'best'} & set(options) and LEARNING_RATE not in changed:
    found += _untuned(rows, sides)
  if BATCH_SIZE in changed:
    found += _steps(rows)
  return tuple(found)


def told(found: Sequence[str]) -> str:
  """The sentence of a verdict that names them, '' where there are none."""
  return f'Not ruled out: {"; ".join(found)}.' if found else ''


def _untuned(rows: pd.DataFrame, sides: str) -> list[str]:
  """Where both sides have the same learning rates, one of them may be at its best and one not."""
  if not _same_everywhere(rows, sides, LEARNING_RATE):
    return []
  return ['the learning rate is the same on every side, and tuned for none']


def _steps(rows: pd.DataFrame) -> list[str]:
  """What else changes with the batch size, where the number of epochs is fixed."""
  found: list[str] = []
  if BATCH_SIZE not in rows or rows[BATCH_SIZE].nunique() < 2:
    return found
  if STEP in rows:
    steps = rows.groupby(BATCH_SIZE)[STEP].max()
    if steps.nunique() > 1:
      ends = f'{words.number(steps.iloc[0])} to {words.number(steps.iloc[-1])}'
      found.append(f'with the batch size the number of steps changes, from {ends}')
  if _same_everywhere(rows, BATCH_SIZE, LEARNING_RATE):
    found.append('the learning rate does not follow the batch size')
  return found


def _same_everywhere(rows: pd.DataFrame, sides: str, column: str) -> bool:
  """Whether each value of `sides` has the same values of a column."""
  if sides not in rows or column not in rows:
    return False
  values = rows.dropna(subset=[column]).groupby(sides)[column].agg(lambda part: frozenset(part))
  return len(values) > 0 and values.nunique() == 1
