"""Tables: CSV and Parquet files, and what other packages keep in columns.

One column is the target, all others are features, in their order. Which rows are for testing says a
column `split`; without one a fifth of them is, drawn once and for all.
"""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from norms.lab import mistakes, trial
from norms.lab.data.arrays import SPLITS

SPLIT = 'split'  # the column
SHARE = 5  # one row of so many is for testing
_NUMPY = {'b': np.int32, 'i': np.int64, 'u': np.uint64, 'f': np.float64}  # by kind of dtype
# Numbers to their last bit: what newer versions do by themselves, and older ones when asked.
_NEWER = tuple(map(int, pd.__version__.split('.')[:2])) >= (3, 1)
_EXACT: dict[str, Any] = {} if _NEWER else {'float_precision': 'round_trip'}
Column: TypeAlias = pd.Series | np.ndarray | list
Columns = Mapping[str, Column]


def read(name: str, target: str) -> dict[str, tuple]:
  """{'train': (x, y), 'test': (x, y)} of a CSV or Parquet file.

  Raises:
    ValueError: at a file that cannot be read, an unknown target, and a column without numbers.
  """
  path = pathlib.Path(name).expanduser()
  with path.open('rb'):  # where there is no such file, the system says so
    pass
  try:
    if path.suffix.lower() == '.csv':
      # Whole: of parts pandas guesses the dtype of each, and a column may have several.
      table = pd.read_csv(path, low_memory=False, **_EXACT)
    else:
      table = pd.read_parquet(path)
  except (ValueError, OSError) as error:
    raise ValueError(
      f'{name} cannot be read as {path.suffix} ({mistakes.first_line(error)}): write it anew'
    ) from error
  table.columns = [str(column) for column in table.columns]
  # The split of an example says nothing of it that a net may learn.
  columns = {column: table[column] for column in table if column != SPLIT}
  if SPLIT not in table:
    return hold_out_test(*inputs_and_targets(name, columns, target, list(columns)))
  splits = table[SPLIT].astype(str).to_numpy()
  for value in pd.unique(splits):
    trial.one_of(f'{name}: a value of column {SPLIT}', value, SPLITS)
  # Together: what is wrong is named by its row, whichever split that is in.
  x, y = inputs_and_targets(name, columns, target, list(columns))
  return {s: (x[splits == s], y[splits == s]) for s in SPLITS if (splits == s).any()}


def hold_out_test(x: np.ndarray, y: np.ndarray) -> dict[str, tuple]:
  """A fifth of the examples for testing, the others for training, both in an order by chance.

  The order is that of NumPy's legacy generator with seed 0, which no version changes.
  """
  order = np.random.RandomState(0).permutation(len(x))
  # Of the permutation, not of the rows: a table may be sorted by class.
  test, train = np.split(order, [len(x) // SHARE])
  return {'train': (x[train], y[train]), 'test': (x[test], y[test])}


def inputs_and_targets(
  name: str, columns: Columns, target: str, features: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
  """(x, y): the features side by side, as floats, or the one that has an array in each row.

  Raises:
    ValueError: at an unknown target, no features, and a column without numbers.
  """
  if target not in columns:
    trial.one_of(f'{name}: data.target', target, list(columns))
  y = numbers(name, target, columns[target])
  features = [column for column in features if column != target]
  if not features and y.ndim > 1:
    return y, y  # such as tokens: each is predicted from those before it
  if not features:
    raise ValueError(f'{name} has no column beside the target {target!r}: give features')
  arrays = {column: numbers(name, column, columns[column]) for column in features}
  nested = [column for column, array in arrays.items() if array.ndim > 1]
  if nested and len(arrays) > 1:
    raise ValueError(
      f'{name}: column {nested[0]!r} has an array in each row, and there are other features '
      f'({", ".join(c for c in features if c != nested[0])}): leave one or the other out'
    )
  if nested:
    return arrays[nested[0]], y
  return np.stack([array.astype(np.float64) for array in arrays.values()], 1), y


def numbers(name: str, column: str, values: Column) -> np.ndarray:
  """A column as an array, with the axes of what each row has.

  Raises:
    ValueError: at text, dates, objects, missing values, and rows of unequal lengths.
  """
  if isinstance(values, np.ndarray) and values.ndim > 1 and values.dtype.kind in _NUMPY:
    return values
  # A column of lists, as Parquet has them, becomes a Series of objects.
  series = values if isinstance(values, pd.Series) else pd.Series(list(values))
  what = f'{name}: column {column!r}'
  if series.dtype.kind in _NUMPY:
    missing = np.flatnonzero(series.isna())
    if len(missing):
      raise ValueError(
        f'{what} has no number in row {missing[0] + 1} (nan): fill it, or leave that row or column '
        'out'
      )
    return series.to_numpy(_NUMPY[series.dtype.kind])
  rows = [np.asarray(row) for row in series]
  wrong = [i for i, row in enumerate(rows) if not row.ndim or row.dtype.kind not in _NUMPY]
  if wrong:
    first = next((i for i in wrong if not _reads_as_number(series.iloc[i])), wrong[0])
    raise ValueError(
      f'{what} holds {str(series.iloc[first])[:60]!r} in row {first + 1}, no number: write '
      'numbers, for classes 0, 1, ..., or leave the column out'
    )
  for i, row in enumerate(rows):
    if row.shape != rows[0].shape:
      raise ValueError(
        f'{what} has an array of shape {row.shape} in row {i + 1} and of {rows[0].shape} in row 1: '
        'pad or cut them to one length'
      )
  return np.stack(rows)


def _reads_as_number(value: Any) -> bool:  # what a cell of a table holds
  """Whether text is that of a number: then it is not what keeps a column from being one."""
  try:
    return bool(np.isfinite(float(value)))
  except (TypeError, ValueError):
    return False
