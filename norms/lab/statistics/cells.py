"""Rows of the records: the final ones, those of a cell, sums by cell, values by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import difflib
from typing import Any

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import (
  DIVERGED_AT,
  EPOCH,
  FINAL_LOSS,
  MINIBATCH_LOSS,
  NORM,
  SEED,
  STEP,
  TRAINED,
  TRIAL,
)
from norms.lab.statistics import design, intervals, words
from norms.lab.values import Settings


class SelectionError(ValueError):
  """A name or a value that the records, or the claims, do not have; its message is one line."""


LAST_STEPS = 100  # that `final_loss` is the mean of, in whole epochs


def finals(frame: pd.DataFrame) -> pd.DataFrame:
  """The last row of every trial, with its best accuracies and the loss of its last steps."""
  ordered = frame.reset_index(drop=True).sort_values(EPOCH, kind='stable')
  # By sort_index in the order in which trials came, whatever their last epochs.
  last = ordered.drop_duplicates(TRIAL, keep='last').sort_index()
  trials = ordered.groupby(TRIAL)
  bests = {row.name: row.name.removeprefix(schema.BEST) for row in schema.COLUMNS}
  summaries = {best: trials[name].max() for best, name in bests.items() if best != name in frame}
  measure = design.score(frame).removeprefix('test_')
  for name in (f'{split}_{measure}' for split in ('train', 'validation', 'test')):
    if name in frame and schema.BEST + name not in summaries:
      summaries[schema.BEST + name] = (
        trials[name].max() if metric_sign(name) > 0 else trials[name].min()
      )
  if {schema.STEP, schema.MINIBATCH_LOSS} <= set(frame):
    recent = ordered[trials[STEP].transform('max') - ordered[STEP] < LAST_STEPS]
    # Epoch 0 is before any step, and has no loss of one.
    recent = recent[recent[EPOCH] > 0]
    # A diverged trial has NaN here. Infinity keeps its mean the worst, where NaN would drop it.
    losses = recent[MINIBATCH_LOSS].astype(float).fillna(np.inf)
    summaries[FINAL_LOSS] = losses.groupby(recent[TRIAL]).mean()
  return last.assign(**{name: last[TRIAL].map(values) for name, values in summaries.items()})


def scores(rows: pd.DataFrame, metric: str) -> pd.Series:
  """`metric` of every row, with a NaN counted as the worst: accuracy 0, loss infinite.

  So a diverged trial is never dropped. An optional measurement may be absent: a norm that has no
  such value in any row has none, and keeps NaN. A measurement without a worst value keeps it too.
  """
  values = numbers(rows[metric])
  worst = schema.of(metric).worst
  if not schema.of(metric).optional:
    return values.fillna(worst)
  norm_has_any = values.notna().groupby(rows[NORM]).transform('any')
  return values.where(values.notna() | ~norm_has_any, worst)


def numbers(column: pd.Series) -> pd.Series:
  """A measurement as floats, NaN where it is missing."""
  return pd.Series(column.to_numpy(float, na_value=np.nan), column.index, name=column.name)


def metric_sign(metric: str) -> int:
  """+1 where more is better, -1 for losses.

  Raises:
    SelectionError: where the column's row in norms.lab.columns does not say which.
  """
  if not (sign := schema.of(metric).sign):
    raise SelectionError(
      f'of {metric!r} neither more nor less is better: give its row in norms/lab/columns.py '
      f'better={schema.HIGHER!r} or {schema.LOWER!r}, or claim something of another column'
    )
  return sign


def summary(rows: pd.DataFrame, keys: Sequence[str], metric: str) -> pd.DataFrame:
  """One line per combination of `keys`: centre and spread of `metric`, and who trained."""
  by = [rows[key] for key in keys]
  values = scores(rows, metric)
  table = intervals.estimates(values, by=by, within=limits(metric, values))
  facts = {
    'share_trained': rows[TRAINED].astype(float),
    'diverged': rows[DIVERGED_AT].notna(),
  }
  groups = pd.DataFrame(facts).groupby(by, dropna=False, sort=False)
  how = {'share_trained': 'mean', 'diverged': 'sum'}
  return table.join(groups.agg(how)).reset_index()


def limits(metric: str, values: pd.Series | np.ndarray) -> tuple[float, float]:
  """Where a measurement ends, as its row of norms.lab.columns says, if these values keep to that.

  A loss of a user's own task may be negative, and its interval is not cut at 0.
  """
  low, high = schema.of(metric).limits
  return (low, high) if not ((values < low) | (values > high)).any() else schema.ANY


def by_seed(rows: pd.DataFrame, norms: Sequence[str], metric: str) -> pd.DataFrame:
  """`metric` by seed (rows) and norm (columns), averaged over the cells that all norms have.

  Trials of one seed are not independent, so a seed counts once however many cells it has.
  """
  keys = [SEED, *design.axes(rows), NORM]
  values = scores(rows, metric).groupby([rows[key] for key in keys], dropna=False)
  # A cell that one of the norms lacks is left out for all, or the means would be over other cells.
  table = values.mean().unstack(NORM).reindex(columns=list(norms)).dropna()
  return table.groupby(level=SEED).mean()


def select(rows: pd.DataFrame, at: Settings | None) -> pd.DataFrame:
  """The rows at a value of each named column, numbers to 0.1%.

  Several values are a tuple; {'from': low, 'to': high} is all between them, either may be absent.
  """
  for column, wanted in dict(at or {}).items():
    valid = [name for name in rows if schema.selectable(name)]
    if column not in valid:
      raise SelectionError(unknown('column', column, valid))
    selected = rows[_at(rows[column], wanted)]
    if selected.empty:
      recorded = [words.number(value) for value in sorted(rows[column].dropna().unique())]
      condition = words.place({column: wanted})
      raise SelectionError(
        f'no trial has {condition}; the records hold {words.label(column)} '
        f'{words.listed(recorded) or "nothing"}: filter on one of these, or run the sweep there'
      )
    rows = selected
  return rows


def unknown(thing: str, name: str, valid: Sequence[str]) -> str:
  """One line for a name that does not exist: the nearest, and all valid ones."""
  near = difflib.get_close_matches(str(name), list(valid), n=1)
  hint = f'did you mean {near[0]!r}? ' if near else ''
  return f'unknown {thing} {name!r}: {hint}use one of {", ".join(sorted(valid))}'


def _at(column: pd.Series, condition: Any) -> np.ndarray:  # a value, some, or from and to
  if isinstance(condition, Mapping):
    low, high = condition.get('from', -np.inf), condition.get('to', np.inf)
    # Both ends are widened, since a swept value may differ from the written one in its last digits.
    return column.between(low - 1e-3 * abs(low), high + 1e-3 * abs(high)).to_numpy()
  values = list(condition) if isinstance(condition, (list, tuple)) else [condition]
  return np.logical_or.reduce([_equal(column, value) for value in values])


def _equal(column: pd.Series, value: object) -> np.ndarray:
  if isinstance(value, (int, float)) and pd.api.types.is_numeric_dtype(column.dtype):
    # Relative alone: an absolute tolerance would take a learning rate of 1e-9 for 0.
    return np.isclose(column.astype(float), value, rtol=1e-3, atol=0)
  return (column == value).to_numpy()
