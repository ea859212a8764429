"""The best of several, without the luck that made it so: each seed judges what others chose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from norms.lab.columns import SEED
from norms.lab.statistics import cells


def tables(
  rows: pd.DataFrame, keys: Sequence[str], choice: str, metric: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
  """`choice` and `metric` by seed (rows) and combination of `keys`, more is better in both.

  Combinations that lack a seed are left out: their means would be over other seeds.
  """
  by = [rows[SEED], *(rows[key] for key in keys)]
  first, second = (
    (cells.metric_sign(name) * cells.scores(rows, name)).groupby(by, dropna=False).mean()
    for name in (choice, metric)
  )
  wide = [each.unstack(list(range(1, len(by)))).dropna(axis=1) for each in (first, second)]
  return wide[0], wide[1][wide[0].columns]


def scores(choosing: pd.DataFrame, judging: pd.DataFrame) -> np.ndarray:
  """Of each seed the score of what is best on average over the other seeds; empty of one seed.

  A seed has no part in the choice that it judges. So the mean of these has the expectation of what
  is chosen with one seed less, while the score of the best on the seeds that chose it has that of a
  largest value (Stone 1974, https://doi.org/10.1111/j.2517-6161.1974.tb00994.x).
  """
  return _judged(choosing, judging, 0)


def leads(choosing: pd.DataFrame, judging: pd.DataFrame) -> np.ndarray:
  """Of each seed how far the best over the other seeds is ahead of their second."""
  if choosing.shape[1] < 2:
    return np.empty(0)
  return _judged(choosing, judging, 0) - _judged(choosing, judging, 1)


def _judged(choosing: pd.DataFrame, judging: pd.DataFrame, place: int) -> np.ndarray:
  chosen, n = choosing.to_numpy(float), len(choosing)
  if n < 2 or not chosen.shape[1]:
    return np.empty(0)
  others = (chosen.sum(axis=0) - chosen) / (n - 1)
  order = np.argsort(-others, axis=1, kind='stable')
  return np.take_along_axis(judging.to_numpy(float), order[:, [place]], axis=1)[:, 0]
