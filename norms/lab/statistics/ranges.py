"""Over which values of an axis a norm trains, whose range is wider, and whose ends higher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import functools

import numpy as np
import pandas as pd

from norms.lab.columns import INIT_SCALE, LEARNING_RATE, NORM, SEED, TRAINED
from norms.lab.statistics import means, words
from norms.lab.statistics.comparing import Finding, shared, undecided
from norms.lab.statistics.intervals import Comparison, decide, estimate
from norms.lab.statistics.several import ALPHA


def wider_range(
  rows: pd.DataFrame, *, norm: str, than: str, axis: str = INIT_SCALE, by: float = 0.0
) -> Finding:
  """All seeds of `norm` train over more decades of `axis` (by at least `by`) than of `than`."""
  rows = shared(rows, [norm, than], axis)
  return _longer(rows, norm, than, axis, by, decades, functools.partial(trained_over, axis), 2)


def higher_limit(
  rows: pd.DataFrame, *, norm: str, than: str, axis: str = LEARNING_RATE, by: float = 0.0
) -> Finding:
  """All seeds of `norm` train up to a larger `axis` (by at least `by` decades) than of `than`.

  That is the end of the longest run of neighbouring values at which they train. A norm that trains
  nowhere counts as if it trained at the smallest value of the sweep alone.
  """
  rows = shared(rows, [norm, than], axis)

  def above_smallest(values: Sequence[float]) -> float:
    return decades([rows[axis].min(), max(values)]) if len(values) else 0.0

  def text(values: Sequence[float]) -> str:
    label = words.label(axis)
    return f'up to {label} {words.number(max(values))}' if len(values) else f'at no {label}'

  return _longer(rows, norm, than, axis, by, above_smallest, text, 1)


def _longer(
  rows: pd.DataFrame,
  norm: str,
  than: str,
  axis: str,
  by: float,
  length: Callable[[Sequence[float]], float],
  text: Callable[[Sequence[float]], str],
  edges: int,
) -> Finding:
  """Of the range over which all seeds train, the `length` in decades is larger for `norm`."""
  if (grid := decades(rows[axis].unique())) == 0:
    return undecided(f'the two norms share only one value of {words.label(axis)}')
  ranges = {name: trained_range(rows[rows[NORM] == name], axis) for name in (norm, than)}
  lengths = {name: length(values) for name, values in ranges.items()}
  effect = lengths[norm] - lengths[than]
  # The ranges above need all seeds at once. Seed by seed they say whether the order is luck.
  seeds = pd.DataFrame(
    {
      name: own.groupby(SEED).apply(lambda part: length(trained_range(part, axis)))
      for name, own in rows.groupby(NORM)
    }
  ).dropna()
  differences = seeds[norm] - seeds[than]
  ends = {name: value >= grid - 1e-9 for name, value in lengths.items()}
  # Ends of ranges are values of the sweep, so 1e-9 only absorbs the rounding of their logarithms.
  holds = effect > 1e-9 and effect >= by - 1e-9 and differences.min() > -1e-9
  # Where `norm` reaches the ends of the sweep the effect is a bound: it may train beyond, too.
  short = effect < -1e-9 or (by > 0 and effect < by - 1e-9 and not ends[norm])
  fails = short and differences.max() < by + 1e-9
  _, low, high, kind, n = estimate(differences)
  p = (
    _p_value(differences, by if short else 0.0, rows[axis], edges) if kind == 'interval' else np.nan
  )
  sentence = (
    f'all seeds of {words.norm_name(norm)} train {text(ranges[norm])}, '
    f'those of {words.norm_name(than)} {text(ranges[than])}'
  )
  why = 'to the steps of this sweep the two are equal' if abs(effect) < 1e-9 else 'seeds disagree'
  if ends[norm] and effect < by - 1e-9:
    why = f'{words.norm_name(norm)} reaches the end of the sweep, and may train beyond it'
  if holds or fails:
    why = 'so few seeds, at the steps of this sweep, cannot tell'
  if all(ends.values()):
    why = 'both reach the ends of the sweep, which cannot tell them apart'
  outcome = decide(holds and p <= ALPHA, fails and p <= ALPHA, n)
  return Comparison(outcome, effect, low, high, kind, n, why=why, p=p), sentence


def _p_value(differences: pd.Series, at: float, axis: pd.Series, edges: int) -> float:
  """Student's t, with the rounding of each edge of both ranges to a step of the sweep.

  A value that is rounded to a step h varies by h^2 / 12 (Sheppard's correction). Without it, seeds
  that all end at the same value of the sweep would be as sure of it as if it were exact.
  """
  step = float(np.diff(np.log10(np.sort(axis.unique()))).max())
  variance = differences.var() + 2 * edges * step**2 / 12
  n = len(differences)
  return means.student_p(differences.mean() - at, float(np.sqrt(variance / n)), n - 1)


def trained_range(rows: pd.DataFrame, axis: str) -> list[float]:
  """The longest run of neighbouring values of `axis` at which every trial trained."""
  trained = rows.groupby(axis)[TRAINED].all()
  # Each value at which a trial failed starts a new group, and stands first in it: the mask below
  # drops it.
  runs = [part.index for _, part in trained.groupby((~trained).cumsum()) if part.any()]
  runs = [values[trained[values]].tolist() for values in runs]
  return max(runs, key=decades, default=[])


def decades(values: Sequence[float]) -> float:
  """How many powers of ten lie between the ends."""
  return float(np.log10(max(values) / min(values))) if len(values) else 0.0


def trained_over(axis: str, values: Sequence[float]) -> str:
  """'over 2.0 decades (0.1 to 10) of initial scale', 'only at initial scale 1', or 'at no ...'."""
  if len(values) == 0:
    return f'at no {words.label(axis)}'
  if len(values) == 1:
    return f'only at {words.place({axis: values[0]})}'
  return f'over {span(values)} of {words.label(axis)}'


def span(values: Sequence[float]) -> str:
  """'2.0 decades (0.1 to 10)'."""
  if len(values) == 0:
    return 'no value'
  if len(values) == 1:
    return f'the single value {words.number(values[0])}'
  ends = f'{words.number(min(values))} to {words.number(max(values))}'
  return f'{decades(values):.1f} decades ({ends})'
