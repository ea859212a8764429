"""Where in a random design a norm does best: ranges that one half of its cells choose, and how well
the other half does within them."""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import NORM, TRIAL
from norms.lab.statistics import cells, design
from norms.lab.statistics.intervals import Estimate, estimate

TOP = 0.1  # of the cells that choose are the best ones
FEWEST = 8  # cells that are called best, however few there are
TAIL = 0.05  # of the best ones may lie beyond either end of a range


class Region(NamedTuple):
  """The settings of one norm's best cells, and the score of other cells with such settings."""

  settings: dict[str, tuple[Any, ...]]  # (low, high) of a number, else the values
  chosen_by: int  # cells, of which a tenth are the best
  score: Estimate  # of the cells that judge; n: how many there are


def best(
  rows: pd.DataFrame, norm: str, axes: Sequence[str], choice: str, metric: str
) -> Region | None:
  """The best region of `norm`, None where it has too few cells to choose or to judge one.

  One half of the cells chooses: of the best tenth of them, by `choice`, each number's range
  without TAIL at its ends, each text's values. The mean of `metric` over the cells of the other
  half in that region, and its interval, are those of cells that had no part in the choice. So they
  are not flattered, as the score of the best of many cells is. They are of the region, not of its
  best point.

  Cells are halved by the hashes of their trials, which are as good as drawn.

  After the patient rule of Friedman and Fisher 1999, https://doi.org/10.1023/A:1008894516817
  """
  rows = rows[rows[NORM] == norm]
  keys = [rows[axis] for axis in axes]
  how = {'choice': cells.scores(rows, choice), 'score': cells.scores(rows, metric)}
  groups = pd.DataFrame({**how, 'hash': rows[TRIAL]}).groupby(keys, dropna=False, sort=False)
  table = groups.agg({'choice': 'mean', 'score': 'mean', 'hash': 'min'}).reset_index()
  table = table.sort_values('hash', kind='stable')
  choosing, judging = table.iloc[::2], table.iloc[1::2]
  if len(choosing) < 2 * FEWEST:
    return None
  most = max(FEWEST, math.ceil(TOP * len(choosing)))
  ranked = choosing.sort_values('choice', ascending=cells.metric_sign(choice) < 0, kind='stable')
  settings = {axis: _values(ranked.iloc[:most], axis) for axis in axes}
  inside = np.ones(len(judging), bool)
  for axis, values in settings.items():
    inside &= _within(judging, axis, values)
  if not inside.any():
    return None
  within = schema.of(metric).limits
  return Region(settings, len(choosing), estimate(judging['score'][inside], within=within))


def _values(top: pd.DataFrame, axis: str) -> tuple[Any, ...]:
  if not design.is_numeric(top, axis):
    return tuple(top[axis].drop_duplicates().sort_values())
  low, high = top[axis].quantile([TAIL, 1 - TAIL], interpolation='nearest')
  return low, high


def _within(table: pd.DataFrame, axis: str, values: tuple[Any, ...]) -> np.ndarray:
  if design.is_numeric(table, axis):
    return table[axis].between(*values).to_numpy()
  return table[axis].isin(values).to_numpy()
