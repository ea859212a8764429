"""The mean of paired differences: its interval, and how sure it is that it lies beyond a value.

Below 20 values Student's t, which assumes that the differences are normal; from 20 on the bootstrap
by scipy, which assumes only that they are independent. docs/statistics.md says where each fails.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special  # scipy.stats takes a second to load, which only the bootstrap needs

BOOTSTRAP_FROM = 20  # values
RESAMPLES = 9999
SMALLEST_P = 1e-4  # that so many resamples can tell from 0


def interval(differences: np.ndarray, level: float = 0.95) -> tuple[float, float]:
  """The interval of the mean at this level."""
  return _spread(differences)(level)


def p_value(differences: np.ndarray, at: float = 0.0) -> float:
  """Two-sided: 1 less the largest level at which the interval of the mean leaves out `at`."""
  mean, deviation, n = _moments(differences)
  if not _is_resampled(deviation, n):
    return student_p(mean - at, deviation / np.sqrt(n), n - 1)
  spread = _spread(differences)
  low, high = SMALLEST_P, 1.0
  # The interval grows as p falls. Halving on logs finds the place to a hundredth of its size.
  while high / low > 1.01:
    p = np.sqrt(low * high)
    left, right = spread(1 - p)
    low, high = (p, high) if left <= at <= right else (low, p)
  return float(high)


def p_within(differences: np.ndarray, margin: float) -> float:
  """How sure it is that the mean lies within -margin and margin: of both ends, the less sure."""
  mean = float(np.mean(differences))
  return max(p_value(differences, end) for end in (-margin, margin)) if abs(mean) < margin else 1.0


def student_p(distance: float, error: float, freedom: float) -> float:
  """P(|T| >= distance / error) for Student's t; without an error only a distance of 0 is likely."""
  if error == 0:
    return float(distance == 0)
  # Twice the lower tail, which keeps its digits where 1 - cdf would be rounded to 0.
  return float(2 * special.stdtr(freedom, -abs(distance) / error))


def half_width(
  deviation: np.ndarray | float, n: np.ndarray | int, level: float
) -> np.ndarray | float:
  """t s / sqrt(n), with Student's t of n - 1 degrees of freedom; of numbers, or of arrays."""
  # A single value has no deviation: its NaN stays, whatever the degrees.
  return special.stdtrit(np.maximum(n - 1, 1), (1 + level) / 2) * deviation / np.sqrt(n)


def expanded(level: float, n: int) -> float:
  """The level that a bootstrap of n values is asked for, so that of normal ones it covers `level`.

  Resampled means vary by s sqrt((n - 1) / n), and percentiles are those of a normal; Student's t
  needs more: 1 - 2 Phi(-sqrt(n / (n - 1)) t).

  Hesterberg 2015, https://doi.org/10.1080/00031305.2015.1089789
  """
  t = special.stdtrit(n - 1, (1 + level) / 2)
  return float(1 - 2 * special.ndtr(-np.sqrt(n / (n - 1)) * t))


def _moments(values: np.ndarray) -> tuple[float, float, int]:
  return float(np.mean(values)), float(np.std(values, ddof=1)), len(values)


def _is_resampled(deviation: float, n: int) -> bool:
  # Equal values have no distribution to resample.
  return n >= BOOTSTRAP_FROM and deviation > 0


def _spread(values: np.ndarray) -> Callable[[float], tuple[float, float]]:
  """The interval as a function of its level."""
  mean, deviation, n = _moments(values)
  if not _is_resampled(deviation, n):

    def student(level: float) -> tuple[float, float]:
      half = half_width(deviation, n, level)
      return float(mean - half), float(mean + half)

    return student

  from scipy import stats

  # The same resamples at every call, so that a report can be made again to the digit.
  resampled = stats.bootstrap(
    (values,), np.mean, n_resamples=RESAMPLES, method='BCa', rng=np.random.default_rng(0)
  )

  def bootstrap(level: float) -> tuple[float, float]:
    found = stats.bootstrap(
      (values,),
      np.mean,
      n_resamples=0,
      bootstrap_result=resampled,
      confidence_level=expanded(level, n),
      method='BCa',
    ).confidence_interval
    return float(found.low), float(found.high)

  return bootstrap
