"""Figures of what a probe recorded of each layer: by depth, and against an axis of the sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
import numpy as np
import pandas as pd

from norms.lab.columns import NORM, PROBED, TRAINED
from norms.lab.report import style
from norms.lab.report.figures import pointed, scales, sheets
from norms.lab.report.figures.drawing import Drawing, finite
from norms.lab.report.figures.scales import DECADES
from norms.lab.report.probes import at_start
from norms.lab.report.view import View, pick_values
from norms.lab.statistics import layers, ranges, words

MOST_NORMS, MOST_LAYERS = 4, 9  # with a column each; with a line each
LEFT = 0.95
TINY = 1e-300  # below every value that is shown
SHADES = (0.16, 0.8)  # of plasma: those that light and dark paper show


def draw(view: View) -> Iterator[Drawing]:
  """Signal and gradients by layer, where they were recorded."""
  if at_start.starts(view).empty:
    return
  yield by_depth(view)
  for axis in at_start.axes(view):
    yield from _against(view, axis)


def by_depth(view: View) -> Drawing:
  """Each quantity from the first layer to the last, a line per norm, at the usual cell."""
  rows, top = at_start.starts(view), sheets.legend_height(view.norms, hollow=False)
  figure, axes = sheets.sheet(3, columns=3, high=2.6, top=top, gap=0.68)
  for ax, quantity in zip(axes, PROBED, strict=True):
    table = by_layer(rows, [NORM], quantity)
    for norm, look in view.looks.items():
      own = table[table[NORM] == norm]
      how: dict[str, Any] = {'color': look.colour, 'marker': look.marker, 'ls': look.line, 'ms': 5}
      _line(ax, 'depth', own, norm, **how)
    scales.scale_y([ax], quantity, table[['low', 'high', 'value']])
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.set_xlabel('layer')
    ax.set_title(words.label(quantity), loc='left')
  sheets.legend(figure, view.looks)
  what = 'From the first layer, 0, to the last'
  return Drawing(
    'layers_by_depth', 'Signal and gradient by depth', _caption(view, rows, what), figure
  )


def _against(view: View, axis: str) -> Iterator[Drawing]:
  """A column per norm and a row per quantity; of many norms a sheet per quantity."""
  rows = at_start.starts(view, axis)
  norms = [norm for norm in view.norms if norm in set(rows[NORM])]
  few = len(norms) <= MOST_NORMS
  what = (
    'A line per layer, from the first (dark) to the last (light); tinted is where every seed '
    f'trains. The axis ends {DECADES} decades beyond the values with which nets train; a hollow '
    'marker on it is a value of 0'
  )
  probed = layers.layers(rows)
  hidden = [name for name in probed if name not in pick_values(probed, None, MOST_LAYERS)]
  what += f'. Not shown: {words.listed(map(words.layer_name, hidden))}' if hidden else ''
  for quantities in [PROBED] if few else [(quantity,) for quantity in PROBED]:
    figure = _sheet(
      rows, norms, axis, quantities, len(norms) if few else sheets.rows_of(len(norms))
    )
    name, title = ('layers', 'signal and gradient') if few else (quantities[0],) * 2
    title = f'{words.label(title).capitalize()} by layer against {words.label(axis)}'
    yield Drawing(f'{name}_by_{axis}', title, _caption(view, rows, what, axis), figure)


def _sheet(
  rows: pd.DataFrame, norms: list[str], axis: str, quantities: Sequence[str], columns: int
) -> Figure:
  looks, n = _looks(pick_values(layers.layers(rows), None, MOST_LAYERS)), len(norms)
  figure, axes = sheets.sheet(
    len(quantities) * n, columns=columns, high=2.1, left=LEFT, top=sheets.legend_height(list(looks))
  )
  for i, quantity in enumerate(quantities):
    block = axes[i * n : (i + 1) * n]
    _block(block, rows, norms, axis, quantity, looks)
    for ax, norm in zip(block, norms, strict=True):
      ax.set_title('' if i else words.norm_name(norm), loc='left')
    below = words.label(axis) if quantity == quantities[-1] else ''
    sheets.outer_labels(block, columns, below, words.label(quantity))
  scales.scale_x(axes, axis, sorted(rows[axis].unique()))
  _legend(figure, looks)
  return figure


def _looks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
  """Colour and marker of each layer's line."""
  shades = matplotlib.colormaps['plasma'](np.linspace(*SHADES, len(names)))
  return {n: (to_hex(c), m) for n, c, m in zip(names, shades, style.MARKERS, strict=False)}


def _block(
  axes: Sequence[Axes],
  rows: pd.DataFrame,
  norms: Sequence[str],
  axis: str,
  quantity: str,
  looks: Mapping[str, tuple[str, str]],
) -> None:
  """One quantity: a panel per norm, a line per layer."""
  table = by_layer(rows, [NORM, axis], quantity).sort_values(axis, kind='stable')
  for ax, norm in zip(axes, norms, strict=True):
    own = table[table[NORM] == norm]
    _tint(ax, rows[rows[NORM] == norm], axis)
    for name, (colour, marker) in looks.items():
      part = own[own['layer'] == name]
      _line(ax, axis, part, words.layer_name(name), color=colour, marker=marker, ms=3.5)
  scales.scale_y(axes, quantity, _shown(table, rows, quantity))
  for ax, norm in zip(axes, norms, strict=True):
    # After the limits are set, since these markers stand on the axis itself.
    _zeros(ax, table[(table[NORM] == norm) & (table['value'] == 0)], axis, looks)


def _legend(figure: Figure, looks: Mapping[str, tuple[str, str]]) -> None:
  handles = [
    Line2D([], [], color=colour, marker=marker, ms=5, label=words.layer_name(name))
    for name, (colour, marker) in looks.items()
  ]
  handles.append(Line2D([], [], color=style.GRID, lw=9, label='every seed trains'))
  sheets.above(figure, handles, sheets.legend_columns(list(looks), sheets.WIDTH), left=LEFT)


def by_layer(rows: pd.DataFrame, keys: list[str], quantity: str) -> pd.DataFrame:
  """A line per combination of `keys` and layer, which has its number as `depth`."""
  parts = [
    layers.summary(rows, keys, f'{quantity}.{name}').assign(layer=name, depth=depth)
    for depth, name in enumerate(layers.layers(rows))
  ]
  return pd.concat(parts, ignore_index=True)


def _line(ax: Axes, axis: str, table: pd.DataFrame, entry: str, **how: Any) -> None:
  """A line with its spread; how: as matplotlib's plot takes it."""
  x = table[axis]
  value, low, high = (finite(table[column]) for column in ('value', 'low', 'high'))
  # A value of 0 has no place on a log axis: `_zeros` marks it.
  drawn = ax.plot(x, np.where(value > 0, value, np.nan), lw=1.4, **how)
  band = ax.fill_between(x, np.maximum(low, TINY), high, color=how['color'], alpha=0.1, lw=0)
  shown = table.assign(
    layer=[words.layer_name(name).removeprefix('layer ') for name in table['layer']]
  )
  texts = pointed.of_summary(shown, 'layer' if axis == 'depth' else axis)
  pointed.tell(entry, [*drawn, band], texts)


def _zeros(ax: Axes, table: pd.DataFrame, axis: str, looks: Mapping[str, tuple[str, str]]) -> None:
  """Hollow markers on the axis: a value of 0 has no place on the scale of logs."""
  how: dict[str, Any] = {'mfc': style.PAPER, 'ls': 'none', 'ms': 5, 'clip_on': False, 'zorder': 3}
  for name, own in table.groupby('layer', sort=False):
    if name in looks:
      colour, marker = looks[str(name)]
      ax.plot(own[axis], [ax.get_ylim()[0]] * len(own), color=colour, marker=marker, **how)


def _tint(ax: Axes, rows: pd.DataFrame, axis: str) -> None:
  """The range in which every seed trains, to halfway to the values beside it."""
  values, inside = sorted(rows[axis].unique()), ranges.trained_range(rows, axis)
  if inside:
    low, high = (values.index(end) for end in (min(inside), max(inside)))
    beside = values[max(low - 1, 0)], values[min(high + 1, len(values) - 1)]
    # On a log axis halfway is the geometric mean.
    middle = (lambda a, b: (a * b) ** 0.5) if values[0] > 0 else (lambda a, b: (a + b) / 2)
    ends = middle(beside[0], min(inside)), middle(max(inside), beside[1])
    ax.axvspan(*ends, color=style.GRID, alpha=0.6, lw=0, zorder=0)


def _shown(table: pd.DataFrame, rows: pd.DataFrame, quantity: str) -> np.ndarray:
  """The values to make room for: all, but some decades at most beyond those that trained with."""
  values = table[['low', 'high', 'value']].to_numpy(float)
  trained = layers.of(rows[rows[TRAINED].astype(bool)], quantity).to_numpy()
  trained = trained[np.isfinite(trained) & (trained > 0)]
  if not trained.size:
    return values
  return np.clip(values, trained.min() / 10**DECADES, trained.max() * 10**DECADES)


def _caption(view: View, rows: pd.DataFrame, what: str, *free: str) -> str:
  fixed = view.fixed(free)
  where = f' at {words.place(fixed)}' if fixed else ''
  return (
    f'{what}{where}: geometric mean and spread of {view.seeds()}, before the first step, on the '
    f'first {at_start.examples(rows)} training examples.'
  )
