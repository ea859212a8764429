"""Several claims on the same trials: their p-values are corrected together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ALPHA = 0.05  # that any claim of a study is decided where there is no effect


def holm(p_values: Sequence[float]) -> list[float]:
  """The p-values times the number of those that are not smaller, and no less than any smaller one.

  So the chance that any of the claims is decided without an effect stays below ALPHA, whatever
  their dependence. A NaN, of a claim that is not tested, stays NaN and counts for nothing.

  Holm 1979, https://www.jstor.org/stable/4615733
  """
  p = np.asarray(p_values, float)
  corrected = np.full(len(p), np.nan)
  order = [i for i in np.argsort(p) if not np.isnan(p[i])]
  steps = p[order] * np.arange(len(order), 0, -1)
  corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
  return [float(value) for value in corrected]
