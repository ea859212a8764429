"""The design of a sweep: its axes, what varies together, where to look first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from norms.lab import columns as schema


def planned(trials: Iterable[Mapping[str, Any]]) -> list[str]:
  """The axes of a study, from what its trials were asked for: `Trial.columns()` of each.

  Trials that replay a reference's draws are beside the study, unless there are no others.
  """
  frame = pd.DataFrame(trials)
  if schema.REPLAY in frame:
    replay = frame[schema.REPLAY].fillna('').astype(bool)
    frame = frame if replay.all() else frame[~replay]
  return varied(frame)


def axes(frame: pd.DataFrame, stated: Sequence[str] | None = None) -> list[str]:
  """The axes of the study, beside norm and seed: as its files say, else the settings that vary.

  stated: what the files say, where `frame` was made of a frame that had it among its attrs. One
  of which these rows hold no value is left out: the norm that has this option failed.
  """
  stated = frame.attrs.get(schema.AXES) if stated is None else stated
  if stated is None:
    return varied(frame)
  return [axis for axis in stated if axis in frame and frame[axis].notna().any()]


def varied(frame: pd.DataFrame) -> list[str]:
  """The settings, beside norm and seed, in which trials of one norm differ."""
  known = schema.settings(frame)
  varies = frame.groupby(schema.NORM, sort=False)[known].nunique(dropna=False).max()
  found = [column for column in known if varies[column] > 1]
  return [column for column in found if column not in followers(frame, found)]


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


def score(frame: pd.DataFrame) -> str:
  """The column by which norms are compared: what the records' task says, else the accuracy."""
  return frame.attrs.get(schema.COMPARED_BY, schema.SCORE)


def is_numeric(frame: pd.DataFrame, column: str) -> bool:
  """Whether a column can be the axis of a figure."""
  kind = frame[column].dtype
  return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def usual(
  frame: pd.DataFrame,
  order: Mapping[str, Sequence[Any]] | None = None,
  names: Sequence[str] | None = None,
) -> dict[str, Any]:
  """The cell to look at first: of those with the most norms, the one nearest to the preferred.

  Preferred are the usual value of a column, the middle of other numbers, the first of texts.
  """
  names = axes(frame) if names is None else list(names)
  if not names:
    return {}
  norms = frame.groupby(names, dropna=False, sort=False)[schema.NORM].nunique()
  cells = norms.reset_index(name='_n')
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
    middle = schema.of(str(column.name)).usual
    if middle > 0 and values and values[0] > 0:
      preferred = int(np.argmin(np.abs(np.log(values) - np.log(middle))))
  places = {value: abs(i - preferred) for i, value in enumerate(values)}
  return column.map(places).fillna(len(values)).astype(int)
