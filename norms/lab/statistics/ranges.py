"""Over which values of an axis a norm trains, and whose range is wider."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from norms.lab.columns import INIT_SCALE, NORM, SEED, TRAINED
from norms.lab.statistics import words
from norms.lab.statistics.comparing import Finding, nothing, shared
from norms.lab.statistics.intervals import Comparison, decide, estimate


def wider_range(
  rows: pd.DataFrame, *, norm: str, than: str, axis: str = INIT_SCALE, by: float = 0.0
) -> Finding:
  """All seeds of `norm` train over more decades of `axis` (by at least `by`) than of `than`."""
  rows = shared(rows, [norm, than], axis)
  if (grid := decades(rows[axis].unique())) == 0:
    return nothing(f'the two norms share only one value of {words.label(axis)}')
  ranges = {name: trained_range(rows[rows[NORM] == name], axis) for name in (norm, than)}
  effect = decades(ranges[norm]) - decades(ranges[than])
  seeds = pd.DataFrame(
    {
      name: own.groupby(SEED).apply(lambda part: decades(trained_range(part, axis)))
      for name, own in rows.groupby(NORM)
    }
  ).dropna()
  each = seeds[norm] - seeds[than]
  censored = min(map(decades, ranges.values())) >= grid
  holds = effect > 1e-9 and effect >= by - 1e-9 and each.min() > -1e-9
  fails = effect < -1e-9 or (by > 0 and effect < by - 1e-9 and not censored)
  _, low, high, kind, n = estimate(each)
  sentence = (
    f'all seeds of {words.norm_name(norm)} train over {span(ranges[norm])} of '
    f'{words.label(axis)}, those of {words.norm_name(than)} over {span(ranges[than])}'
  )
  why = 'to the steps of this sweep the two are equal' if abs(effect) < 1e-9 else 'seeds disagree'
  why = 'both reach the ends of the sweep, which cannot tell them apart' if censored else why
  return Comparison(decide(holds, fails, n), effect, low, high, kind, n, why=why), sentence


def trained_range(rows: pd.DataFrame, axis: str) -> list[float]:
  """The longest run of neighbouring values of `axis` at which every trial trained."""
  trained = rows.groupby(axis)[TRAINED].all()
  runs = [part.index for _, part in trained.groupby((~trained).cumsum()) if part.any()]
  runs = [values[trained[values]].tolist() for values in runs]
  return max(runs, key=decades, default=[])


def decades(values: Sequence[float]) -> float:
  """How many powers of ten lie between the ends."""
  return float(np.log10(max(values) / min(values))) if len(values) else 0.0


def span(values: Sequence[float]) -> str:
  """'2.0 decades (0.1 to 10)'."""
  if len(values) == 0:
    return 'no value'
  if len(values) == 1:
    return f'the single value {words.number(values[0])}'
  ends = f'{words.number(min(values))} to {words.number(max(values))}'
  return f'{decades(values):.1f} decades ({ends})'
