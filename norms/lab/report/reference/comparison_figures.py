"""Figures of the reference beside ours: its curves dashed, its single figures as hollow marks."""

from __future__ import annotations

from collections.abc import Iterator
import textwrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter
import numpy as np

from norms.lab.columns import EPOCH
from norms.lab.report import style
from norms.lab.report.figures import pointed, scales, sheets
from norms.lab.report.figures.drawing import Drawing
from norms.lab.report.reference import comparison
from norms.lab.report.reference.comparison import ReferenceComparison
from norms.lab.report.view import View
from norms.lab.statistics import words

DASHES = (0, (4, 2))
Panel = tuple[tuple[str, str], list[ReferenceComparison]]


def draw(view: View) -> Iterator[Drawing]:
  """The reference's curves, and its single figures, as far as the records have ours."""
  panels = {
    key: [line for line in lines if line.ours and line.norm in view.norms]
    for key, lines in comparison.groups(view).items()
  }
  curves = {key: lines for key, lines in panels.items() if _is_curve(lines)}
  points = [(key, lines) for key, lines in panels.items() if lines and key not in curves]
  if curves:
    yield _curves(view, list(curves.items()))
  if points:
    yield _points(view, points)


def _is_curve(lines: list[ReferenceComparison]) -> bool:
  epochs = {line.epoch for line in lines}
  return len(epochs) > 1 and all(isinstance(epoch, int) for epoch in epochs)


def _curves(view: View, panels: list[Panel]) -> Drawing:
  columns = sheets.rows_of(len(panels), 3)
  top = sheets.legend_height([*view.norms, 'the reference'], hollow=False)
  figure, axes = sheets.sheet(len(panels), columns=columns, high=2.7, top=top, gap=0.7)
  for i, (ax, (key, lines)) in enumerate(zip(axes, panels, strict=True)):
    _one_panel(ax, view, lines)
    scales.scale_y([ax], lines[0].column, [line.value for line in lines], _ends(lines))
    ax.set_title(_title(key, 140 // columns), fontsize=8.5)
    ax.set_xlabel(EPOCH if i + columns >= len(axes) else '')
  dashed = Line2D([], [], color=style.INK, ls=DASHES, lw=1.2, label='dashed: the reference')
  sheets.legend(figure, {n: k._replace(line='-') for n, k in view.looks.items()}, more=[dashed])
  what = f'Solid with its spread: ours, {view.spread()}; dashed: the reference, one run.'
  return Drawing('reference_curves', "The reference's curves beside ours", what, figure)


def _one_panel(ax: Axes, view: View, lines: list[ReferenceComparison]) -> None:
  for norm in dict.fromkeys(line.norm for line in lines):
    own = sorted((line for line in lines if line.norm == norm), key=lambda line: line.epoch)
    look, x = view.looks[norm], [line.epoch for line in own]
    value, low, high = (np.array([line.ours[i] for line in own if line.ours]) for i in range(3))
    # Wide and pale, so that the reference's dashes on top stay visible where both agree.
    drawn = ax.plot(x, value, color=look.colour, marker=look.marker, ms=4.5, lw=2.2, alpha=0.6)
    band = ax.fill_between(x, low, high, color=look.colour, alpha=0.15, lw=0)
    theirs = ax.plot(x, [line.value for line in own], color=look.colour, ls=DASHES, lw=1.3)
    pointed.tell(
      norm, [*drawn, band, *theirs], [f'epoch {line.epoch}: {_both(line)}' for line in own]
    )
  ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _both(line: ReferenceComparison) -> str:
  """Ours and the reference's figure."""
  assert line.ours is not None
  return (
    f'{comparison.like(line, line.ours.value)}, the reference {comparison.like(line, line.value)}'
  )


def _points(view: View, panels: list[Panel]) -> Drawing:
  """A line per norm: ours with its spread, and the reference's figure as a hollow diamond."""
  columns = sheets.rows_of(len(panels), 3)
  left = sheets.names_width(view.norms)
  high = 0.34 * len(view.norms) + 0.15
  width = sheets.WIDTH if columns > 1 else 7.2
  figure, axes = sheets.sheet(
    len(panels),
    columns=columns,
    high=high + 0.2,
    left=left,
    top=0.35,
    gap=0.35,
    between=0.25,
    width=width,
  )
  for i, (ax, (key, lines)) in enumerate(zip(axes, panels, strict=True)):
    for line in lines:
      _point(ax, view.norms.index(line.norm), view.looks[line.norm], line)
    ax.set_yticks(range(len(view.norms)), view.norms if i % columns == 0 else [])
    ax.set_ylim(len(view.norms) - 0.4, -0.6)
    ax.grid(visible=False, axis='y')
    ax.set_title(_title(key, 140 // columns), fontsize=8.5, loc='left')
    low, high = scales.limits(lines[0].column, [line.value for line in lines], _ends(lines))
    # Below a factor of 20 a linear axis shows as much, and differences can be read off it.
    if scales.is_log(lines[0].column) and low > 0 and high > 20 * low:
      ax.set_xscale('log')
      ax.xaxis.set_major_formatter(lambda value, _: words.number(value))
      ax.xaxis.set_minor_formatter(NullFormatter())  # 3 x 10^0 and 4 x 10^0 would touch
    else:
      ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.set_xlim(low, high)
  _key(figure, left)
  what = f'Ours: {view.spread()}, a bar; the reference, one run: a hollow diamond.'
  return Drawing('reference_points', "The reference's figures beside ours", what, figure)


def _point(ax: Axes, y: int, look: style.Look, line: ReferenceComparison) -> None:
  assert line.ours is not None
  how: dict[str, Any] = {'color': look.colour, 'mec': look.colour, 'ls': 'none'}
  ax.plot([line.ours.low, line.ours.high], [y, y], color=look.colour, lw=2.2)
  face = look.colour if line.trained else style.PAPER
  drawn = ax.plot([line.ours.value], [y], marker=look.marker, ms=6.5, mfc=face, **how)
  pointed.tell(line.norm, drawn, [_both(line)])
  ax.plot([line.value], [y], marker='D', ms=7, mfc='none', mec=style.INK, mew=1.2, ls='none')


def _key(figure: Figure, left: float) -> None:
  blank: dict[str, Any] = {'ls': 'none', 'color': style.INK}
  handles = [
    Line2D([], [], marker='o', ms=6, label='ours', **blank),
    Line2D([], [], marker='o', ms=6, mfc=style.PAPER, label='ours, did not train', **blank),
    Line2D([], [], marker='D', ms=6.5, mfc='none', label='the reference', **blank),
  ]
  width, height = figure.get_size_inches()
  corner = (left / width, 1 - 0.04 / height)
  figure.legend(handles=handles, ncols=3, loc='upper left', borderaxespad=0, bbox_to_anchor=corner)


def _ends(lines: list[ReferenceComparison]) -> list[float]:
  return [end for line in lines if line.ours for end in line.ours[:3]]


def _title(key: tuple[str, str], width: int) -> str:
  name, where = key
  return textwrap.shorten(f'{name}, {where}' if where else name, width, placeholder=' ...')
