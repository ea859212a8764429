"""Which settings matter: the share of a score's variance that each explains, alone and in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from norms.lab.columns import NORM
from norms.lab.statistics import cells

BINS = 10  # of equally many cells, of an axis with more values
FOREST_FROM = 40  # cells; half of fewer teach a forest nothing
SHUFFLES = 5


class Importance(NamedTuple):
  """A line per axis, the most important first, and what the forest is worth."""

  table: pd.DataFrame  # columns alone, total, low, high (of the shuffles); index: axis
  explained: float  # of the variance of the cells that the forest has not seen; NaN: no forest
  cells: int


def of(rows: pd.DataFrame, axes: Sequence[str], metric: str) -> Importance:
  """How much of the variance of `metric` between cells each axis explains, and the norm.

  alone: Sobol's index of first order, V(E(y | x_i)) / V(y), see `main_effect`.
  total: Sobol's total index, with all interactions, see `total_effects`.

  Both assume that the axes were drawn independently, or cross each other in a grid. A cell counts
  once, with its mean over seeds; what is not finite counts as the worst finite value.
  """
  axes = [*[NORM] * (rows[NORM].nunique() > 1), *axes]
  keys = list(dict.fromkeys([NORM, *axes]))
  values = cells.scores(rows, metric).replace([np.inf, -np.inf], np.nan)
  worst = values.max() if cells.metric_sign(metric) < 0 else values.min()
  means = values.fillna(worst).groupby([rows[key] for key in keys], dropna=False, sort=False).mean()
  table = means.rename('y').reset_index()
  alone = pd.Series({axis: main_effect(table[axis], table['y']) for axis in axes}, dtype=float)
  total, explained = total_effects(table[axes], table['y'])
  lines = pd.DataFrame({'alone': alone}).join(total)
  order = lines.max(axis=1).sort_values(ascending=False, kind='stable').index
  return Importance(lines.loc[order], explained, len(table))


def main_effect(x: pd.Series, y: pd.Series) -> float:
  """The share of the variance of y between values of x, or between BINS bins of a number.

  eps^2 = 1 - (1 - eta^2) (n - 1) / (n - k), of k groups of n cells in all, and not below 0: eta^2
  alone, the variance of group means over that of y, is (k - 1) / (n - 1) where x does nothing.

  Kelley 1935, https://doi.org/10.1073/pnas.21.9.554
  """
  groups = y.groupby(binned(x), dropna=False)
  n, k = len(y), groups.ngroups
  around = float(((y - y.mean()) ** 2).sum())
  within = float(((y - groups.transform('mean')) ** 2).sum())
  return max(0.0, 1 - within / around * (n - 1) / (n - k)) if around and n > k > 1 else 0.0


def binned(x: pd.Series, bins: int = BINS) -> pd.Series:
  """The values, or of a number with more than `bins` of them the number of its bin, from 0."""
  if not pd.api.types.is_numeric_dtype(x.dtype) or x.nunique() <= bins:
    return x
  return (x.rank(method='first') - 1) * bins // x.notna().sum()


def total_effects(x: pd.DataFrame, y: pd.Series) -> tuple[pd.DataFrame, float]:
  """Half of the rise in a forest's squared error where a column of x is shuffled, over V(y).

  The forest learns from one half of the cells, drawn by chance; in the other half columns are
  shuffled. Of the function that it has learnt, E((f(x) - f(x'))^2) / 2 is the variance that x_i
  has a part in, if x' differs in x_i alone (Jansen 1999). Forests smooth, so that strong
  interactions are found a little too small; a forest that has learnt little says
  little: the second result is the share of the variance of the other half that it explains.

  Returns:
    (total, low, high by axis: the mean of SHUFFLES and their range, that share).

  Geurts, Ernst and Wehenkel 2006, https://doi.org/10.1007/s10994-006-6226-1 (the forest)
  Jansen 1999, https://doi.org/10.1016/S0010-4655(98)00154-4
  """
  columns = ['total', 'low', 'high']
  n = len(y)
  if n < FOREST_FROM or not y.var() > 0:
    return pd.DataFrame(np.nan, index=x.columns, columns=columns), np.nan
  from sklearn import ensemble, inspection  # which take a second to load

  # Trees ask for an order alone: ranks are as good as logs, and a text is its number.
  codes = np.column_stack([pd.factorize(x[name], sort=True)[0] for name in x])
  first, second = np.split(np.random.default_rng(0).permutation(n), [n // 2])
  values, spread = y.to_numpy(float), float(y.iloc[second].var(ddof=0))
  forest = ensemble.ExtraTreesRegressor(n_estimators=60, random_state=0)
  forest.fit(codes[first], values[first])
  missed = float(np.mean((forest.predict(codes[second]) - values[second]) ** 2))
  risen = inspection.permutation_importance(
    forest, codes[second], values[second], random_state=0,
    scoring='neg_mean_squared_error', n_repeats=SHUFFLES,
  )['importances'] / 2 / spread  # fmt: skip
  spans = np.column_stack([risen.mean(axis=1), risen.min(axis=1), risen.max(axis=1)])
  total = pd.DataFrame(np.maximum(spans, 0), index=x.columns, columns=columns)
  return total, 1 - missed / spread
