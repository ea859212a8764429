"""What every part of a report looks at: the final rows, the axes, and the usual cell."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import functools
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from norms.lab import statistics
from norms.lab.columns import AXES, COMPARED_BY, CORE, EPOCH, NORM, RUNNING, SCORE, SEED
from norms.lab.report import naming, style
from norms.lab.statistics import cells, design, importance, words
from norms.lab.values import Recorded

_T = TypeVar('_T')

if TYPE_CHECKING:
  from norms.lab.study import Study


RANDOM_FROM, LARGE = 40, 1000  # cells: fewer points of a random design are shown one by one


@dataclasses.dataclass(frozen=True)
class View:
  """The records of one study, in the order of the study."""

  study: Study
  records: pd.DataFrame  # as they came, norms by the study's names for them
  replayed: pd.DataFrame  # trials that redraw a reference's numbers, where there are others too
  frame: pd.DataFrame  # the records in order
  rows: pd.DataFrame  # the last row of each trial
  norms: list[str]
  axes: list[str]  # beside norm and seed
  usual: dict[str, Any]  # the cell to look at first
  timing: Recorded  # what norms.lab.runner.timing measured, {} where nothing was
  scattered: list[str]  # axes of a random design: of no other cell are there two values
  score: str = SCORE  # the column by which norms are compared

  @property
  def looks(self) -> dict[str, style.Look]:
    """How each norm looks, whatever the study calls it."""
    norms = {label: norm for norm, label in naming.labels(self.study).items()}
    return {norm: style.look(norms.get(norm, norm)) for norm in self.norms}

  @property
  def numeric(self) -> list[str]:
    """The axes that a figure can have."""
    return [axis for axis in self.axes if design.is_numeric(self.rows, axis)]

  @property
  def texts(self) -> list[str]:
    """The other axes; a table has a line for each of their values."""
    return [axis for axis in self.axes if axis not in self.numeric]

  @property
  def choice(self) -> str:
    """The measurement by which something best is chosen: on validation data where there are any."""
    return next(iter(self.recorded([self.score_of('validation')])), self.score)

  @property
  def chosen_on(self) -> str:
    """'on validation data', or 'on test data' where there are no others."""
    return f'on {"test" if self.choice == self.score else "validation"} data'

  @property
  def running(self) -> bool:
    """Whether some norm was also evaluated with running statistics."""
    return bool(self.recorded([self.score + RUNNING]))

  @property
  def sign(self) -> int:
    """+1 where norms with more of the score are better, else -1."""
    return cells.metric_sign(self.score)

  def score_of(self, split: str) -> str:
    """The score's column of another split."""
    return f'{split}_{self.score.removeprefix("test_")}'

  def recorded(self, metrics: Sequence[str]) -> list[str]:
    """Those of `metrics` that the records hold; all NaN is absent, unless all trials diverged."""
    numeric = [metric for metric in metrics if metric in self.rows]
    numeric = [
      metric for metric in numeric if pd.api.types.is_numeric_dtype(self.rows[metric].dtype)
    ]
    return [
      metric
      for metric in numeric
      if metric in (*CORE, self.score) or self.rows[metric].notna().any()
    ]

  def at_usual(self, rows: pd.DataFrame, *, free: tuple[str, ...] = ()) -> pd.DataFrame:
    """The rows at the usual value of every axis that is not free."""
    for axis, value in self.fixed(free).items():
      rows = rows[rows[axis].isna() if pd.isna(value) else rows[axis] == value]
    return rows

  @property
  def grid(self) -> list[str]:
    """The numeric axes whose values meet each other's: they have ranges, panels and heat maps."""
    return [axis for axis in self.numeric if axis not in self.scattered]

  def fixed(self, free: tuple[str, ...] = ()) -> dict[str, Any]:
    """The usual value of every axis that is not free.

    Scattered axes are free together: at the usual value of one, there is one value of the other.
    """
    free += tuple(self.scattered) if set(free) & set(self.scattered) else ()
    return {axis: value for axis, value in self.usual.items() if axis not in free}

  @functools.cached_property
  def cells(self) -> int:
    """How many cells there are, of all norms."""
    return len(self.rows[[NORM, *self.axes]].drop_duplicates())

  @property
  def is_random(self) -> bool:
    """Whether many points were drawn, of which none is more usual than others."""
    return bool(self.scattered) and self.cells >= RANDOM_FROM

  @functools.cached_property
  def importance(self) -> importance.Importance | None:
    """Which axes matter, where there are too many cells to look at each."""
    if not (self.is_random or (self.axes and self.cells > LARGE)):
      return None
    return importance.of(self.rows, self.axes, self.score)

  def seeds(self) -> str:
    """'3 seeds', or '2 to 3 seeds' where cells differ."""
    keys = [self.rows[axis] for axis in [NORM, *self.axes]]
    per_cell = self.rows.groupby(keys, dropna=False)[SEED].nunique()
    least, most = int(per_cell.min()), int(per_cell.max())
    return words.count(most, 'seed') if least == most else f'{least} to {most} seeds'

  def spread(self) -> str:
    """What the spread over seeds is called, and which centre goes with it."""
    keys = [self.rows[axis] for axis in [NORM, *self.axes]]
    n = self.rows.groupby(keys, dropna=False).size()
    from_ = statistics.INTERVAL_FROM
    kinds = ['mean and 95% interval'] * bool((n >= from_).any())
    kinds += ['median and range (min to max)'] * bool((n < from_).any())
    return f', or below {from_} seeds '.join(kinds)


def of(frame: pd.DataFrame, study: Study, timing: Recorded | None = None) -> View:
  """The view of a frame of records; norms and values in the study's order."""
  if frame.empty:
    raise ValueError(f'the records of study {study.name!r} hold no trial: run it before its report')
  order: Recorded = getattr(study, 'axes', None) or {}
  stated, score = frame.attrs.get(AXES), design.score(frame)
  frame, replayed = naming.split_replays(naming.rename_norms(frame, study))
  axes = design.axes(frame, stated)
  study_norms = naming.rename(order.get(NORM, ()), naming.labels(study))
  names = list(dict.fromkeys([*study_norms, *frame[NORM].unique()]))
  numeric = [axis for axis in axes if design.is_numeric(frame, axis)]
  # All that follows keeps the order of rows, so figures and tables need no sorting of their own.
  ordered = frame.assign(_rank=frame[NORM].map(names.index))
  ordered = ordered.sort_values(['_rank', *numeric, SEED, EPOCH], kind='stable')
  ordered = ordered.drop(columns='_rank').reset_index(drop=True)
  # pandas drops attrs in some operations: the score is passed on by hand.
  ordered.attrs[COMPARED_BY] = score
  norms = list(ordered[NORM].unique())
  usual = design.usual(ordered, order, axes)
  rows = statistics.finals(ordered)
  timing = naming.rename_timing(timing or {}, study)
  scattered = design.scattered(rows, axes)
  return View(study, frame, replayed, ordered, rows, norms, axes, usual, timing, scattered, score)


def pick_values(values: list[_T], usual: _T | None, most: int) -> list[_T]:
  """At most `most` of the sorted values: the ends, the usual one, and some in between."""
  if len(values) <= most:
    return values
  chosen = {0, len(values) - 1} | ({values.index(usual)} if usual in values else set())
  for index in np.linspace(0, len(values) - 1, most).round().astype(int):
    if len(chosen) < most:
      chosen.add(int(index))
  return [values[index] for index in sorted(chosen)]
