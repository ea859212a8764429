"""Sheets of panels: layout in inches, labels on the outside, one legend per sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from norms.lab.report import style

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
  figure: Figure, handles: Sequence[Any], columns: int, *, left: float = LEFT, **more: Any
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


def names_width(names: Sequence[str]) -> float:
  """The inches that names need at the left of a panel."""
  return 0.25 + 0.075 * max(map(len, names))
