"""Spread over seeds, and comparisons paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from norms.lab.statistics import means

INTERVAL_FROM = 5  # seeds; below, a spread is called what it is: the range
VERDICT_FROM = 5  # seeds; fewer are described and decide nothing

Values: TypeAlias = Sequence[float] | np.ndarray | pd.Series


class Estimate(NamedTuple):
  """The centre and spread of values: the mean with its interval, or the median with the range."""

  value: float
  low: float
  high: float
  kind: str  # 'interval' | 'range'
  n: int


class Comparison(NamedTuple):
  """Whether one side lies above the other, by how much, and how sure that is."""

  outcome: str  # 'supported' | 'refuted' | 'equivalent' | 'undecided'
  effect: float
  low: float
  high: float
  kind: str
  n: int
  level: float = 0.95
  why: str = ''  # what left it undecided, where that is not the spread
  p: float = math.nan  # two-sided, before any correction; NaN where nothing is tested


def interval(
  values: Values, level: float = 0.95, *, within: tuple[float, float] = (-np.inf, np.inf)
) -> tuple[float, float, str]:
  """The spread of `values` as (low, high, kind).

  From five values on, kind 'interval': mean -+ t * s / sqrt(n), Student's t with n - 1 degrees of
  freedom, cut to `within` (an accuracy ends at 0 and 1). Of the median no 95% interval exists
  for five values (min..max covers it in 15 cases of 16), so the mean is the honest one. Below
  five values, or where one is not finite, kind 'range': min..max.
  """
  return estimate(values, level, within=within)[1:4]


def estimate(
  values: Values, level: float = 0.95, *, within: tuple[float, float] = (-np.inf, np.inf)
) -> Estimate:
  """Centre and spread of `values`: the mean where `interval` is one, else the median."""
  line = estimates(pd.Series(values, dtype=float), level, within=within).iloc[0]
  value, low, high = (float(line[column]) for column in ('value', 'low', 'high'))
  return Estimate(value, low, high, str(line['kind']), int(line['n']))


def estimates(
  values: pd.Series,
  level: float = 0.95,
  *,
  by: list[pd.Series] | None = None,
  within: tuple[float, float] = (-np.inf, np.inf),
) -> pd.DataFrame:
  """`estimate` of every group at once: columns value, low, high, kind, n (and median, mean)."""
  groups = values.groupby(by or np.zeros(len(values), int), dropna=False, sort=False)
  n, mean, deviation = groups.size(), groups.mean(), groups.std()
  half = means.half_width(deviation, n, level)  # NaN of a single value, which makes it a range
  # An infinite loss has no interval. Its range still shows it.
  exact = (n >= INTERVAL_FROM) & np.isfinite(mean) & np.isfinite(half)
  low, high = (mean - half).clip(*within), (mean + half).clip(*within)
  return pd.DataFrame(
    {
      'value': mean.where(exact, groups.median()),
      'low': low.where(exact, groups.min()),
      'high': high.where(exact, groups.max()),
      'kind': np.where(exact, 'interval', 'range'),
      'n': n,
      'median': groups.median(),
      'mean': mean,
    }
  ).drop(columns=[] if by else ['median', 'mean'])


def paired_differences(left: pd.Series, right: pd.Series) -> pd.Series:
  """left - right at the seeds both have; two infinite losses differ by nothing."""
  left, right = left.align(right, join='inner')
  with np.errstate(invalid='ignore'):
    # inf - inf is NaN, which would drop a seed in which both diverged.
    return (left - right).where(left != right, 0.0)


def compare(
  left: pd.Series, right: pd.Series, *, level: float = 0.95, margin: float = 0.0
) -> Comparison:
  """Is `left` above `right` (both indexed by seed)?

  From five pairs on p of the paired difference decides (`means.p_value`), which is below 1 - level
  where its interval leaves out zero: above zero is 'supported', below 'refuted', else 'undecided'.
  With a margin, the two are 'equivalent' where that interval lies within it, however sure the sign
  is. Fewer pairs decide nothing. Where a value is not finite there is no mean: then the
  ranges of the two sides must not overlap, which happens by chance in 2 of C(2n, n) cases.
  """
  differences = paired_differences(left, right)
  if differences.empty:
    return Comparison('undecided', np.nan, np.nan, np.nan, 'range', 0, level)
  effect, low, high, kind, n = estimate(differences, level)
  p = p_equal = math.nan
  if kind == 'interval':
    low, high = means.interval(differences.to_numpy(), level)
    p = means.p_value(differences.to_numpy())
    p_equal = means.p_within(differences.to_numpy(), margin) if margin else math.nan
  elif n >= VERDICT_FROM:
    p = _p_of_ranks(left.loc[differences.index], right.loc[differences.index])
  outcome = decide(p <= 1 - level and effect > 0, p <= 1 - level and effect < 0, n)
  if margin and p_equal <= 1 - level:
    # No difference is both none and as large as the margin, so that one of the two tests can err.
    outcome, p = 'equivalent', p_equal
  return Comparison(outcome, effect, low, high, kind, n, level, p=p)


def _p_of_ranks(left: pd.Series, right: pd.Series) -> float:
  """Of the exact rank test of two groups: 2 / C(2n, n) if they lie apart, else not small enough."""
  apart = left.min() > right.max() or left.max() < right.min()
  return 2 / math.comb(2 * len(left), len(left)) if apart else 1.0


def decide(holds: bool | np.bool_, fails: bool | np.bool_, n: int) -> str:
  """The outcome of a claim that holds, fails or does neither, on `n` seeds."""
  if n < VERDICT_FROM:
    return 'undecided'
  return 'supported' if holds else 'refuted' if fails else 'undecided'
