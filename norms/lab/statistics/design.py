"""The design of a sweep, read off its records: what varies, what varies together, where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

# What identifies a trial, in the order in which tables print it (beside norm and seed).
TEXTS = ('data', 'model', 'optimizer', 'options', 'eval_stats')
NUMBERS = ('epochs', 'batch_size', 'init_scale', 'weight_scale', 'head_scale', 'learning_rate')
IDENTITY = TEXTS + NUMBERS
SPLITS = ('train', 'test', 'validation')
ACCURACIES = tuple(f'{split}_accuracy' for split in SPLITS)
MEASURED = {f'{split}_loss' for split in SPLITS} | set(ACCURACIES)
MEASURED |= {f'best_{name}' for name in ACCURACIES} | {'final_loss', 'first_loss'}
MEASURED |= {'test_accuracy_running', 'minibatch_loss', 'grad_norm', 'diverged_at', 'trained'}
MEASURED |= {'trial', 'epoch', 'step', 'norm', 'seed', 'turn', 'probe'}
# What norms.lab.probes measures of each layer, in columns such as activation.layer_0.
PROBED = ('activation', 'gradient', 'relative_gradient')


def measured(column: str) -> bool:
  """Whether a column is a result, and no setting of its trial."""
  return column in MEASURED or column.partition('.')[0] in PROBED


def axes(frame: pd.DataFrame) -> list[str]:
  """The columns, beside norm and seed, in which trials of one norm differ.

  A column this file does not know is an axis if it stays the same throughout a trial. `options` is
  one only where nothing else tells trials apart.
  """
  known = [column for column in IDENTITY if column in frame and column != 'options']
  extra = [column for column in frame if not measured(column) and column not in IDENTITY]
  if extra:
    changes = frame.groupby('trial', sort=False)[extra].nunique(dropna=False).max()
    extra = [column for column in extra if changes[column] == 1]
  varies = frame.groupby('norm', sort=False)[known + extra].nunique(dropna=False).max()
  found = [column for column in known + extra if varies[column] > 1]
  found = [column for column in found if column not in followers(frame, found)]
  if 'options' not in frame:
    return found
  cell = frame.groupby(['norm', *found], dropna=False, sort=False)
  return [*found, *(['options'] if cell['options'].nunique().max() > 1 else [])]


def followers(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
  """The columns that change only together with an earlier one, and that one: {follower: leader}."""
  cells = frame[list(columns)].drop_duplicates()
  found: dict[str, str] = {}
  for i, column in enumerate(columns):
    for leader in columns[:i]:
      together = cells.groupby(leader, dropna=False)[column].nunique(dropna=False).max() == 1
      if together and leader not in found:
        found.setdefault(column, leader)
  return found


def is_numeric(frame: pd.DataFrame, column: str) -> bool:
  """Whether a column can be the axis of a figure."""
  kind = frame[column].dtype
  return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def usual(frame: pd.DataFrame, order: Mapping[str, Sequence[Any]] | None = None) -> dict[str, Any]:
  """The cell to look at first: of those with the most norms, the one nearest to the preferred.

  Preferred are the initial scale nearest to 1, the middle of other numbers, the first of texts.
  """
  names = [axis for axis in axes(frame) if axis != 'options']
  if not names:
    return {}
  cells = frame.groupby(names, dropna=False, sort=False)['norm'].nunique().reset_index(name='_n')
  cells = cells[cells['_n'] == cells['_n'].max()].reset_index(drop=True)
  ranks = pd.DataFrame({axis: _rank(cells[axis], (order or {}).get(axis, ())) for axis in names})
  nearest = cells.loc[ranks.sum(axis=1).idxmin()]
  return {axis: nearest[axis] for axis in names}


def _rank(column: pd.Series, order: Sequence[Any]) -> pd.Series:
  """How many places each value is from the preferred one; one that is missing is the furthest."""
  values = list(column.dropna().unique())
  if not is_numeric(column.to_frame(), str(column.name)):
    values = [value for value in order if value in values] or values
    preferred = 0
  else:
    values = sorted(values)
    preferred = len(values) // 2
    if column.name == 'init_scale' and values and values[0] > 0:
      preferred = int(np.argmin(np.abs(np.log(values))))
  places = {value: abs(i - preferred) for i, value in enumerate(values)}
  return column.map(places).fillna(len(values)).astype(int)
