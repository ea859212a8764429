"""Axes that fit what they show: logs, limits and ticks, from the row of a column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab.statistics import cells, words

DECADES = 4  # shown beyond the values with which nets train


def scale_x(axes: Iterable[Axes], axis: str, values: Sequence[float]) -> None:
  """A log axis for scales, base 2 for batch sizes, linear where a value is not positive."""
  values = [value for value in values if math.isfinite(value)] or [1.0]
  ends = np.array([min(values), max(values)], float)
  # Below a factor of four a linear axis shows the same, and its ticks are easier to read.
  log = ends[0] > 0 and ends[1] / ends[0] >= 4
  # Of a wide range the decades are labelled, of a narrow one the values themselves.
  ticks = _decades(values) if log and ends[1] / ends[0] > 1e3 else list(values)
  pad = (ends[1] / ends[0]) ** 0.05 if log else 0.05 * (ends[1] - ends[0]) or 1.0
  bounds = (ends[0] / pad, ends[1] * pad) if log else (ends[0] - pad, ends[1] + pad)
  for ax in axes:
    if log:
      ax.set_xscale('log', base=schema.of(axis).base)
    ax.set_xlim(*bounds)
    ax.xaxis.set_major_locator(FixedLocator(_thinned(ticks)))
    # Minor ticks of a log axis would be labelled, too.
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.number(value)))


def fit_y(axes: Sequence[Axes], metric: str, table: pd.DataFrame) -> str:
  """scale_y to a summary; returns in words what lies beyond the axes, '' where nothing does.

  On an axis of logs that is what lies DECADES beyond the values of cells in which every seed
  trained: a loss of 1e25 of one that did not would flatten all others. Nor does a band stretch
  such an axis whose interval ends near zero, or below it, where logs have no end.
  """
  values = table[['low', 'high', 'value']].to_numpy(float)
  if not is_log(metric):
    scale_y(axes, metric, values)
    return ''
  values, notes = _bands_within_a_decade(values)
  trained = values[table['share_trained'].to_numpy() == 1]
  trained = trained[np.isfinite(trained) & (trained > 0)]
  if not trained.size:
    scale_y(axes, metric, values)
    return notes
  shown = np.clip(values, trained.min() / 10**DECADES, trained.max() * 10**DECADES)
  scale_y(axes, metric, shown)
  cut = values[np.isfinite(values) & (values > 0) & (values != shown)]
  if not cut.size:
    return notes
  ends = ' to '.join(dict.fromkeys(words.number(end) for end in (cut.min(), cut.max())))
  beyond = f'Beyond the axis, {DECADES} decades from the values of nets that trained: {ends}.'
  return f'{notes} {beyond}'.strip()


def _bands_within_a_decade(values: np.ndarray) -> tuple[np.ndarray, str]:
  """Rows of low, high and centre, no low further than a decade below all centres; and a note."""
  low, high, centre = values.T
  centres = centre[np.isfinite(centre) & (centre > 0)]
  if not centres.size or not (low < centres.min() / 10).any():
    return values, ''
  low = np.maximum(low, centres.min() / 10)
  return np.stack(
    [low, high, centre], axis=1
  ), 'Bands whose ends are near zero go on below the axis.'


def scale_y(axes: Iterable[Axes], metric: str, *values: Any) -> None:
  """The same limits for all panels; losses on a log axis, if there is anything to show."""
  low, high = limits(metric, *values)
  for ax in axes:
    if is_log(metric) and low > 0:
      ax.set_yscale('log')
      ax.yaxis.set_major_locator(FixedLocator(_loss_ticks(low, high)))
      ax.yaxis.set_minor_locator(NullLocator())
      ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:.4g}'))
    ax.set_ylim(low, high)


def is_log(metric: str) -> bool:
  """Whether a column's axis is one of logs: it is positive, and has no upper end."""
  return schema.of(metric).limits == schema.POSITIVE


def limits(metric: str, *values: Any) -> tuple[float, float]:
  """Room for all finite values: of a loss by factors, of anything else linear and as it ends."""
  finite = np.concatenate([np.asarray(part, float).ravel() for part in values])
  finite = np.clip(finite[np.isfinite(finite)], -1e300, 1e300)  # what is beyond has no room
  if not finite.size:
    return -0.02, 1.02
  low, high = cells.limits(metric, finite)
  if (low, high) == schema.POSITIVE and (finite > 0).any():
    least, most = float(finite[finite > 0].min()), float(finite.max())
    pad = max((most / least) ** 0.06, 1.05)
    return least / pad, most * pad
  least, most = float(finite.min()), float(finite.max())
  beyond = 0.02 * (high - low) if math.isfinite(high - low) else 0.02
  # A constant has a range all the same, and so its axis.
  pad = max(0.06 * (most - least), 0.004 * max(1.0, abs(most) / 10))
  return max(least - pad, low - beyond), min(most + pad, high + beyond)


def _decades(values: Sequence[float]) -> list[float]:
  exponents = np.arange(np.floor(np.log10(min(values))), np.ceil(np.log10(max(values))) + 1)
  ticks = [float(tick) for tick in 10.0**exponents]
  return [tick for tick in ticks if min(values) / 1.5 <= tick <= max(values) * 1.5]


def _loss_ticks(low: float, high: float) -> list[float]:
  """Decades where there are enough of them, else 1-2-5 steps, else round ones of equal size."""
  decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
  for steps in ([1.0], [1.0, 2.0, 5.0]):
    ticks = [d * s for d in decades for s in steps if low <= d * s <= high]
    if len(ticks) >= 3:
      return _thinned(ticks)
  even = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
  return [float(tick) for tick in even if low <= tick <= high]


def _thinned(ticks: Sequence[float], most: int = 8) -> list[float]:
  step = math.ceil(len(ticks) / most)
  return [float(tick) for tick in ticks[::step]]
