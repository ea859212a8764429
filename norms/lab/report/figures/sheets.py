"""Sheets of panels: layout in inches, axes that fit their values, one legend per sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
import numpy as np

from norms.lab import columns as schema
from norms.lab.report import style
from norms.lab.statistics import cells, words

WIDTH = style.WIDTH
LEFT, RIGHT, BOTTOM, TITLE, GAP = 0.68, 0.15, 0.52, 0.3, 0.22


def sheet(
  n: int,
  *,
  columns: int,
  high: float,
  left: float = LEFT,
  top: float = 0.0,
  gap: float = GAP,
  between: float = 0.12,
  width: float = WIDTH,
) -> tuple[Figure, list[Axes]]:
  """A figure of n panels in rows of `columns`, with `top` inches above them for a legend."""
  # Axes are placed by hand in inches: a layout engine would move them as labels change.
  rows = math.ceil(n / columns)
  wide = (width - left - RIGHT - gap * (columns - 1)) / columns
  row_height = high + (TITLE if n > 1 else 0.12)
  height = top + rows * row_height + (rows - 1) * between + BOTTOM
  figure = style.Sheet(figsize=(width, height))
  axes = []
  for i in range(n):
    row, column = divmod(i, columns)
    x = left + column * (wide + gap)
    y = height - top - (row + 1) * row_height - row * between
    box = (x / width, y / height, wide / width, high / height)
    axes.append(figure.add_axes(box))
  return figure, axes


def rows_of(n: int, most: int = 4) -> int:
  """How many panels to put side by side: n in as few, as even rows as fit."""
  return math.ceil(n / math.ceil(n / most))


def outer_labels(axes: Sequence[Axes], columns: int, x: str, y: str) -> None:
  """Labels on the outside only: y at the left column, x below the last panel of each column."""
  for i, ax in enumerate(axes):
    if i % columns:
      ax.tick_params(labelleft=False)
    else:
      ax.set_ylabel(y)
    if i + columns < len(axes):
      ax.tick_params(labelbottom=False)
    else:
      ax.set_xlabel(x)


def legend(
  figure: Figure,
  looks: Mapping[str, style.Look],
  *,
  hollow: bool = False,
  left: float = LEFT,
  more: Sequence[Line2D] = (),
) -> None:
  """One legend for the sheet; `hollow` explains the markers of what did not train."""
  norms = list(looks)
  handles = [
    Line2D([], [], color=look.colour, marker=look.marker, ls=look.line, ms=5.5, label=norm)
    for norm, look in looks.items()
  ]
  if hollow:
    explained = 'hollow: not every seed trained'
    blank: dict[str, Any] = {'color': style.MUTED, 'marker': 'o', 'mfc': style.PAPER}
    handles.append(Line2D([], [], ls='none', ms=5.5, label=explained, **blank))
  handles.extend(more)
  columns = legend_columns(norms, figure.get_size_inches()[0])
  above(figure, handles, columns, left=left, columnspacing=1.4)


def above(
  figure: Figure, handles: Sequence[Line2D], columns: int, *, left: float = LEFT, **more: Any
) -> None:
  """A legend of these handles at the top of the sheet."""
  width, height = figure.get_size_inches()
  corner = ((left - 0.1) / width, 1 - 0.04 / height)
  more |= {'loc': 'upper left', 'borderaxespad': 0, 'handlelength': 2.9}
  figure.legend(handles=handles, ncols=columns, bbox_to_anchor=corner, **more)


def legend_columns(norms: Sequence[str], width: float) -> int:
  """As many entries in a row as their names let fit; the last is the one on hollow markers."""
  entry = 0.64 + 0.065 * max(map(len, norms))
  return max(1, min(len(norms) + 1, 1 + int((width - 3.0) / entry)))


def legend_height(norms: Sequence[str], *, width: float = WIDTH, hollow: bool = True) -> float:
  """The inches that `legend` needs."""
  return 0.12 + 0.2 * math.ceil((len(norms) + hollow) / legend_columns(norms, width))


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


def scale_y(axes: Iterable[Axes], metric: str, *values: Any) -> None:
  """The same limits for all panels; losses on a log axis, if there is anything to show."""
  low, high = limits(metric, *values)
  for ax in axes:
    if is_log(metric) and low > 0:
      ax.set_yscale('log')
      ax.yaxis.set_major_locator(FixedLocator(_loss_ticks(low, high)))
      ax.yaxis.set_minor_locator(NullLocator())
      ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.number(value)))
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


def names_width(names: Sequence[str]) -> float:
  """The inches that names need at the left of a panel."""
  return 0.25 + 0.075 * max(map(len, names))


def _decades(values: Sequence[float]) -> list[float]:
  exponents = np.arange(np.floor(np.log10(min(values))), np.ceil(np.log10(max(values))) + 1)
  ticks = [float(tick) for tick in 10.0**exponents]
  return [tick for tick in ticks if min(values) / 1.5 <= tick <= max(values) * 1.5]


def _loss_ticks(low: float, high: float) -> list[float]:
  """Decades where there are enough of them, else 1-2-5 steps, else four even ones."""
  decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
  for steps in ([1.0], [1.0, 2.0, 5.0]):
    ticks = [d * s for d in decades for s in steps if low <= d * s <= high]
    if len(ticks) >= 3:
      return _thinned(ticks)
  return [float(f'{tick:.2g}') for tick in np.geomspace(low, high, 6)[1:-1]]


def _thinned(ticks: Sequence[float], most: int = 8) -> list[float]:
  step = math.ceil(len(ticks) / most)
  return [float(tick) for tick in ticks[::step]]
