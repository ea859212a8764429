"""Accuracies over the epochs, a column per norm and a line per batch size."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
import pandas as pd

from norms.lab import statistics
from norms.lab.columns import BATCH_SIZE, EPOCH, NORM, TRAIN_ACCURACY, VALIDATION_ACCURACY
from norms.lab.report import style
from norms.lab.report.figures import curves, pointed, scales, sheets
from norms.lab.report.figures.drawing import Drawing, caption, finite, left_out
from norms.lab.report.view import View, pick_values
from norms.lab.statistics import words
from norms.lab.statistics.words import NO_NORM

# Line, width, marker and opacity by batch size, from the smallest to the largest, which is opaque.
STROKES: tuple[tuple[Any, float, str, float], ...] = (
  ((0, (1.2, 1.2)), 1.6, 'o', 0.55),
  ((0, (5, 1.6)), 1.6, 's', 0.75),
  ('-', 1.8, 'D', 1.0),
)


def by_batch(view: View) -> Drawing:
  """Training and validation accuracy by epoch, a line per batch size, beside no norm."""
  rows = view.at_usual(view.frame, free=(BATCH_SIZE,))
  recorded = sorted(rows[BATCH_SIZE].unique())
  sizes = pick_values(recorded, view.usual[BATCH_SIZE], len(STROKES))
  notes = [left_out(BATCH_SIZE, recorded, sizes)]
  metrics = [TRAIN_ACCURACY, *view.recorded([VALIDATION_ACCURACY])]
  # The net with no norm is drawn in every column, so it has no column of its own.
  norms = [norm for norm in view.norms if norm != NO_NORM] or view.norms
  top = 0.35
  n = len(norms) * len(metrics)
  figure, axes = sheets.sheet(n, columns=len(norms), high=2.2, top=top, gap=0.3)
  for i, metric in enumerate(metrics):
    line = axes[i * len(norms) : (i + 1) * len(norms)]
    table = statistics.summary(rows, [NORM, BATCH_SIZE, EPOCH], metric)
    for ax, norm in zip(line, norms, strict=True):
      _lines(ax, view, table, norm, sizes)
      ax.set_title('' if i else words.norm_name(norm))
    notes.append(scales.fit_y(line, metric, curves.late(table, metric)))
    notes.append(curves.below(line[0], table, metric))
    below = EPOCH if metric == metrics[-1] else ''
    sheets.outer_labels(line, len(norms), below, words.label(metric))
  _legend(figure, view, sizes)
  what = 'By epoch, a line per batch size'
  title = 'Accuracies by epoch, for each norm and batch size'
  text = caption(view, what, (BATCH_SIZE,), notes=notes)
  return Drawing('accuracy_by_batch_size', title, text, figure)


def _lines(ax: Axes, view: View, table: pd.DataFrame, norm: str, sizes: list[Any]) -> None:
  """The norm at each batch size; no norm at the smallest, as in the reference."""
  shown = [(norm, size) for size in sizes]
  shown += [(NO_NORM, sizes[0])] if norm != NO_NORM and NO_NORM in view.norms else []
  for name, size in shown:
    part = table[(table[NORM] == name) & (table[BATCH_SIZE] == size)]
    stroke, width, marker, strength = STROKES[sizes.index(size)]
    colour, x = view.looks[name].colour, part[EPOCH].to_numpy()
    value, low, high = (finite(part[column]) for column in ('value', 'low', 'high'))
    how: dict[str, Any] = {'ls': stroke, 'lw': width, 'marker': marker, 'ms': 3.5}
    drawn = ax.plot(x, value, color=colour, alpha=strength, **how)
    band = ax.fill_between(x, low, high, color=colour, alpha=0.1, lw=0)
    pointed.tell(_entry(name, norm, size), [*drawn, band], pointed.of_summary(part, EPOCH))
  ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _entry(name: str, norm: str, size: Any) -> str:
  """What the legend calls a line in the column of a norm."""
  of = '' if name == norm else f'{name}, '
  return f'{of}batch size {words.number(size)}'


def _legend(figure: Figure, view: View, sizes: list[Any]) -> None:
  handles = [
    Line2D([], [], color=style.INK, ls=stroke, lw=width, marker=marker, ms=3.5, alpha=strength,
           label=_entry('', '', size))
    for size, (stroke, width, marker, strength) in zip(sizes, STROKES, strict=False)
  ]  # fmt: skip
  if NO_NORM in view.norms and len(view.norms) > 1:
    stroke, width, marker, strength = STROKES[0]
    label = _entry(NO_NORM, '', sizes[0])
    colour = view.looks[NO_NORM].colour
    how: dict[str, Any] = {'ls': stroke, 'lw': width, 'marker': marker, 'ms': 3.5}
    handles.append(Line2D([], [], color=colour, alpha=strength, label=label, **how))
  width, height = figure.get_size_inches()
  corner = (0.58 / width, 1 - 0.04 / height)
  figure.legend(
    handles=handles, ncols=len(handles), loc='upper left', borderaxespad=0, bbox_to_anchor=corner
  )
