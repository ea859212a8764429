"""Whether a single trial learnt something, by tests on its test examples."""

from __future__ import annotations

import numpy as np
from scipy import special  # scipy.stats has these under nicer names, but takes a second to load

ALPHA = 1e-3  # of each test, one-sided


def trained(
  test_accuracy: float, n_test: int, chance: float, gained: int, lost: int, last_loss: float
) -> bool:
  """Whether a trial learnt something: its test accuracy is above guessing and above that of the
  same net before training, and its loss is finite.

  With k = accuracy * n correct answers, P(K >= k) < 0.001 for K ~ Binomial(n, chance), where
  `chance` is the larger of 1/C and the share of the most frequent class; and p < 0.001 in McNemar's
  test of the examples `gained` and `lost`. What it claims is of new examples of the same kind, not
  of other seeds: of them the net answers more than a guess does, and more than before training. It
  does not claim that a net is good, nor that its loss fell: cross-entropy grows with
  confidence in what is wrong, and can rise in a net that is right far more often than before. A
  loss or an accuracy that is no finite number did not train.
  """
  if not np.isfinite(test_accuracy) or not np.isfinite(last_loss):
    return False
  correct = round(test_accuracy * n_test)
  return at_least(correct, n_test, chance) < ALPHA and mcnemar(gained, lost) < ALPHA


def mcnemar(gained: int, lost: int) -> float:
  """The exact one-sided p of McNemar's test: P(K >= gained) for K ~ Binomial(gained + lost, 1/2).

  gained: the examples that were wrong before and are right now; lost: those that were right.

  McNemar 1947, Psychometrika 12, 153-157
  """
  return at_least(gained, gained + lost, 0.5)


def at_least(k: int, n: int, share: float) -> float:
  """P(K >= k) for K ~ Binomial(n, share)."""
  return float(special.bdtrc(k - 1, n, share)) if k > 0 else 1.0


def above_zero(mean: float, deviation: float, n: int) -> bool:
  """Whether n values have a mean above zero: Student's t-test, one-sided, at p < 0.001.

  With t = mean sqrt(n) / deviation, where the deviation has n - 1 in its denominator, P(T >= t) <
  0.001 for Student's t with n - 1 degrees of freedom. Values that are all equal and positive are
  above zero; fewer than two, or a NaN, say nothing.
  """
  if n < 2 or not mean > 0 or np.isnan(deviation):
    return False
  return bool(deviation == 0 or special.stdtr(n - 1, -mean * np.sqrt(n) / deviation) < ALPHA)
