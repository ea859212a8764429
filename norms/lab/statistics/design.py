"""The design of a sweep: its axes, what varies together, where to look first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab.trial import COLUMN_DEFAULTS

if TYPE_CHECKING:
  from norms.lab.study import Study  # which loads what reads data

INSEPARABLE = 0.9  # of r^2, see `are_inseparable`
# Of many points drawn to so many digits a few agree in all settings but one. One of ten axes that
# change one at a time has a tenth of the points.
BY_CHANCE = 0.05


def study_axes(study: Study) -> list[str]:
  """The axes of a study, beside norm and seed: what its trials differ in, and what was drawn."""
  return study.with_drawn(planned(trial.columns() for trial in study.trials))


def planned(trials: Iterable[Mapping[str, object]]) -> list[str]:
  """The axes of a study, from the settings of its trials: `Trial.columns()` of each.

  Trials that replay a reference's draws are beside the study, unless there are no others.
  """
  # A trial that does without a newer key has no column for it.
  frame = pd.DataFrame(trials).fillna(COLUMN_DEFAULTS)
  if schema.REPLAY in frame:
    replay = frame[schema.REPLAY].fillna('').astype(bool)
    frame = frame if replay.all() else frame[~replay]
  return varied(frame)


def axes(frame: pd.DataFrame, stated: Sequence[str] | None = None) -> list[str]:
  """The axes of the study, beside norm and seed: as its files say, else the settings that vary.

  stated: what the files say, where `frame` was made of a frame that had it among its attrs. An
  axis without a value in these rows is left out: the norm that has this option failed.
  """
  stated = frame.attrs.get(schema.AXES) if stated is None else stated
  if stated is None:
    return varied(frame)
  return [axis for axis in stated if axis in frame and frame[axis].notna().any()]


def varied(frame: pd.DataFrame) -> list[str]:
  """The settings, beside norm and seed, in which trials of one norm differ."""
  settings = schema.settings(frame)
  # Within a norm: an option that one norm alone has would differ between norms, and is no axis.
  varies = frame.groupby(schema.NORM, sort=False)[settings].nunique(dropna=False).max()
  varying = [column for column in settings if varies[column] > 1]
  return [column for column in varying if column not in followers(frame, varying)]


def followers(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
  """The columns that change only together with an earlier one, and that one: {follower: leader}.

  A follower has one value for each value of its leader. Where each value of the leader occurs only
  once, as in a random design, that says nothing, so that the two must be dependent, too.
  """
  cells = frame[list(columns)].drop_duplicates()
  leaders: dict[str, str] = {}
  for i, column in enumerate(columns):
    for leader in columns[:i]:
      # A follower that changes within one value of its leader has an effect of its own to show.
      one_value = cells.groupby(leader, dropna=False)[column].nunique(dropna=False).max() == 1
      if one_value and leader not in leaders and are_inseparable(cells, column, leader):
        leaders.setdefault(column, leader)
  return leaders


def are_inseparable(frame: pd.DataFrame, follower: str, leader: str) -> bool:
  """Whether the effects of two settings cannot be told apart: too few points, or collinear ones.

  In a regression on both, the variance of each effect is 1 / (1 - r^2) times what it is if the two
  are independent, where r^2 is the variance that they share. INSEPARABLE, r^2 = 0.9, makes that ten
  times, the usual bound for collinearity. Through at most three points, two effects and a constant
  fit anything, so that r^2 does not matter.

  Marquardt 1970, https://doi.org/10.2307/1267205
  """
  points = frame[[follower, leader]].drop_duplicates()
  return len(points) <= 3 or shared_variance(points, follower, leader) >= INSEPARABLE


def shared_variance(frame: pd.DataFrame, one: str, other: str) -> float:
  """r^2 of two settings over their pairs of values: 0 if independent, 1 if one tells the other.

  Of numbers it is that of their ranks (Spearman's), since scales and rates are swept by factors; of
  a number and a text, the share of the ranks' variance that lies between the texts; of two texts,
  the share of the first one's that the second explains (Goodman and Kruskal's tau).
  """
  points = frame[[one, other]].drop_duplicates()
  if is_numeric(points, one) and is_numeric(points, other):
    # NaN, an option that a norm lacks, ranks first: it is a value like any other here.
    return float(points.rank(na_option='top').corr().iloc[0, 1] ** 2)
  if is_numeric(points, other):
    one, other = other, one
  if is_numeric(points, one):
    values = points[[one]].rank(na_option='top')
  else:
    values = pd.get_dummies(points[one].astype(str), dtype=float)
  within = values - values.groupby(points[other].astype(str)).transform('mean')
  around = values - values.mean()
  return float(1 - (within**2).to_numpy().sum() / (around**2).to_numpy().sum())


def scattered(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
  """The axes of a random design: but by chance no cell of the others holds two of their values."""
  scattered_axes = []
  points = frame[list(names)].drop_duplicates()
  for axis in names:
    others = [points[other] for other in names if other != axis]
    if others and points[axis].nunique(dropna=False) > 1:
      in_each_cell = points.groupby(others, dropna=False)[axis].transform('size')
      scattered_axes += [axis] * bool((in_each_cell > 1).mean() <= BY_CHANCE)
  return scattered_axes


def score(frame: pd.DataFrame) -> str:
  """The column by which norms are compared: what the records' task says, else the accuracy."""
  return frame.attrs.get(schema.COMPARED_BY, schema.SCORE)


def is_numeric(frame: pd.DataFrame, column: str) -> bool:
  """Whether a column can be the axis of a figure."""
  kind = frame[column].dtype
  return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def usual(
  frame: pd.DataFrame,
  order: Mapping[str, Sequence[object]] | None = None,
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
  # A cell that lacks norms would leave gaps in every table of the usual cell.
  cells = cells[cells['_n'] == cells['_n'].max()].reset_index(drop=True)
  ranks = pd.DataFrame({axis: _rank(cells[axis], (order or {}).get(axis, ())) for axis in names})
  nearest = cells.loc[ranks.sum(axis=1).idxmin()]
  return {axis: nearest[axis] for axis in names}


def _rank(column: pd.Series, order: Sequence[object]) -> pd.Series:
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
      # Scales are swept by factors, so nearness is that of logarithms.
      preferred = int(np.argmin(np.abs(np.log(values) - np.log(middle))))
  places = {value: abs(i - preferred) for i, value in enumerate(values)}
  return column.map(places).fillna(len(values)).astype(int)
