"""Heat maps: norms by a numeric axis, a number in each cell, one scale of colours per sheet."""

from __future__ import annotations

from collections.abc import Sequence
import math
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
import numpy as np
import pandas as pd

from norms.lab import statistics
from norms.lab.columns import NORM
from norms.lab.report import style, trained_rule
from norms.lab.report.figures import pointed, sheets
from norms.lab.report.figures.drawing import Drawing, caption, left_out
from norms.lab.report.view import View, pick_values
from norms.lab.statistics import words

DARK, LIGHT = '#101010', '#fefefe'  # ink on a cell: not the page's ink, which changes with it
CROSS = '\N{MULTIPLICATION SIGN}'


def accuracy(view: View, column: str, panel: str | None) -> Drawing:
  """The score of each norm at each value of `column`, a panel per value of `panel`."""
  free = (column, panel) if panel else (column,)
  rows = view.at_usual(view.rows, free=free)
  recorded = [None] if panel is None else sorted(rows[panel].dropna().unique())
  values = recorded if panel is None else pick_values(recorded, view.usual[panel], 8)
  parts = [rows if panel is None else rows[rows[panel] == value] for value in values]
  tables = [statistics.summary(part, [NORM, column], view.score) for part in parts]
  titles = ['' if panel is None else words.place({panel: value}) for value in values]
  figure = _sheet(view, column, list(zip(titles, tables, strict=True)), 'viridis', 'value')
  title = f'{words.sentence(words.label(view.score))} by norm and {words.label(column)}'
  title += f', for each {words.label(panel)}' if panel else ''
  missing = [left_out(panel, recorded, values)]
  centre = caption(view, 'After the last epoch', free, 'the centre', missing)
  marks = f'{CROSS} marks the cells in which not every seed trained.'
  return Drawing(f'heat_{column}', title, f'{centre} {marks}', figure)


def failures(view: View, column: str) -> Drawing:
  """The share of trials that did not train, by norm and `column`, over all other axes."""
  table = statistics.summary(view.rows, [NORM, column], view.score)
  table['failed'] = 1 - table['share_trained']
  figure = _sheet(view, column, [('', table)], 'Oranges', 'failed')
  trials = view.rows.groupby([NORM, column]).size().max()
  what = f'Over all other axes and {view.seeds()}, {words.count(int(trials), "trial")} a cell. '
  what += trained_rule.of(view.rows)
  title = f'Share of trials that did not train, by norm and {words.label(column)}'
  return Drawing(f'did_not_train_by_{column}', title, what, figure)


def _sheet(
  view: View, column: str, parts: list[tuple[str, pd.DataFrame]], colours: str, value: str
) -> Figure:
  """Panels of cells, and one bar of colours above them."""
  columns = sheets.rows_of(len(parts))
  left, high = sheets.names_width(view.norms), 0.29 * len(view.norms)
  width = sheets.WIDTH if columns > 1 or view.rows[column].nunique() > 9 else 7.2
  figure, axes = sheets.sheet(
    len(parts), columns=columns, high=high, left=left, top=0.45, gap=0.14, width=width
  )
  numbers = pd.concat([table[value] for _, table in parts])
  numbers = numbers[np.isfinite(numbers)] if np.isfinite(numbers).any() else pd.Series([0.0])
  # All panels share one scale, or equal colours would mean unequal numbers.
  low, most = (0.0, 1.0) if value == 'failed' else (float(numbers.min()), float(numbers.max()))
  paint = ScalarMappable(Normalize(low, max(most, low + 1e-3)), colours)
  # Digits are cut to the width of a cell, or neighbours would overlap.
  inches = axes[0].get_position().width * width / view.rows[column].nunique()
  number = '{:.0%}' if value == 'failed' else '{:.3f}' if inches > 0.5 else '{:.2f}'
  for ax, (title, table) in zip(axes, parts, strict=True):
    wide = table.pivot(index=NORM, columns=column).reindex(view.norms)
    failed = (wide['share_trained'] < 1) & (value != 'failed')
    texts = wide[value].map(number.format) + failed.replace({True: CROSS, False: ''})
    said = _failed(table, column) if value == 'failed' else pointed.of_summary(table, column)
    _tell(_cells(ax, wide[value], texts, paint), wide[value], table, column, said)
    _names(ax, wide[value], inches)
    ax.set_title(title, loc='left')
  sheets.outer_labels(axes, columns, words.label(column), '')
  _bar(figure, left, paint, 'did not train' if value == 'failed' else words.label(view.score))
  return figure


def _failed(table: pd.DataFrame, column: str) -> list[str]:
  """'initial scale 100: 5 of 15 trials did not train'."""
  counts = zip(table[column], table['failed'] * table['n'], table['n'], strict=True)
  return [
    f'{words.place({column: x})}: {round(n)} of {words.count(of, "trial")} did not train'
    for x, n, of in counts
  ]


def _tell(
  mesh: Artist, wide: pd.DataFrame, table: pd.DataFrame, column: str, said: Sequence[str]
) -> None:
  """What is said of a cell, at the cell's middle."""
  texts = zip(table[NORM], table[column], said, strict=True)
  rows, columns = list(wide.index), list(wide.columns)
  pointed.tell_places(
    mesh,
    [(norm, (columns.index(x) + 0.5, rows.index(norm) + 0.5), text) for norm, x, text in texts],
  )


def _cells(ax: Axes, wide: pd.DataFrame, texts: pd.DataFrame, paint: ScalarMappable) -> Artist:
  """One panel: coloured cells with their texts; where there is no trial, nothing."""
  mesh = ax.pcolormesh(np.ma.masked_invalid(wide), ec=style.PAPER, lw=1.2, **_paint(paint))
  for (y, x), number in np.ndenumerate(wide.to_numpy(float)):
    if np.isfinite(number):
      ink = DARK if _is_light(paint.to_rgba(number)) else LIGHT
      how: dict[str, Any] = {'ha': 'center', 'va': 'center', 'fontsize': 7.5, 'color': ink}
      ax.text(x + 0.5, y + 0.5, texts.iat[y, x], **how)
  return mesh


def _names(ax: Axes, wide: pd.DataFrame, inches: float) -> None:
  """Norms at the left and values below, leaving some out where they would touch."""
  labels = [words.number(value) for value in wide.columns]
  step = math.ceil(0.085 * max(map(len, labels)) / inches)
  ax.set_xticks(np.arange(len(labels))[::step] + 0.5, labels[::step])
  ax.set_yticks(np.arange(len(wide)) + 0.5, list(wide.index))
  ax.invert_yaxis()
  ax.tick_params(length=0)
  ax.grid(visible=False)
  ax.spines[:].set_visible(False)


def _bar(figure: Figure, left: float, paint: ScalarMappable, name: str) -> None:
  """The scale of colours, in steps: a smooth one would be an embedded bitmap."""
  width, height = figure.get_size_inches()
  ax = figure.add_axes(((left + 1.2) / width, 1 - 0.2 / height, 2.4 / width, 0.12 / height))
  low, high = paint.get_clim()
  # 40 steps are as smooth as a reader can see.
  edges = np.linspace(low or 0.0, high or 1.0, 41)
  ax.pcolormesh(edges, [0, 1], edges[None, :-1], **_paint(paint))
  ax.set_yticks([])
  ax.set_xticks(edges[::10])
  ax.xaxis.set_major_formatter(
    lambda value, _: f'{value:.{2 if edges[-1] - edges[0] > 0.05 else 3}f}'
  )
  ax.tick_params(length=0, pad=2, labelsize=8)
  ax.spines[:].set_visible(False)
  figure.text(left / width, 1 - 0.14 / height, name, va='center', fontsize=9)


def _paint(paint: ScalarMappable) -> dict[str, Any]:
  return {'norm': paint.norm, 'cmap': paint.cmap}


def _is_light(colour: Sequence[float] | np.ndarray) -> bool:
  red, green, blue = colour[:3]
  return bool(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)
