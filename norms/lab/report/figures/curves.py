"""Figures over the epochs: the training curves, at the usual cell and over the sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
import numpy as np
import pandas as pd

from norms.lab import statistics
from norms.lab.columns import (
  EPOCH,
  NORM,
  TRAIN_LOSS,
  TRAINED,
)
from norms.lab.report import style
from norms.lab.report.figures import pointed, scales, sheets
from norms.lab.report.figures.drawing import Drawing, caption, finite, left_out
from norms.lab.report.view import View, pick_values
from norms.lab.statistics import words

ENDS = 'By epoch; a line ends where the loss is not finite'


def curves(view: View) -> Drawing:
  """Training loss and accuracies over the epochs at the usual cell."""
  rows = view.at_usual(view.frame)
  metrics = watched(view)
  top = sheets.legend_height(view.norms, hollow=False)
  # Each panel has its own y axis, whose labels need room.
  gap = 0.75 if len(metrics) == 2 else 0.62
  figure, axes = sheets.sheet(len(metrics), columns=len(metrics), high=3.0, top=top, gap=gap)
  notes = []
  for ax, metric in zip(axes, metrics, strict=True):
    table = statistics.summary(rows, [NORM, EPOCH], metric)
    epochs(ax, table, view.looks)
    notes += [scales.fit_y([ax], metric, late(table, metric)), below(ax, table, metric)]
    ax.set_xlabel(EPOCH)
    ax.set_ylabel(words.label(metric))
  sheets.legend(figure, view.looks)
  return Drawing(
    'training_curves', 'Training curves', caption(view, 'By epoch', (), notes=notes), figure
  )


def late(table: pd.DataFrame, metric: str) -> pd.DataFrame:
  """The lines to make room for: of an accuracy those after the first quarter of the epochs.

  The climb from chance would flatten what a reader compares.
  """
  return table if scales.is_log(metric) else table[table[EPOCH] > table[EPOCH].max() / 4]


def below(ax: Axes, table: pd.DataFrame, metric: str) -> str:
  """Says that the climb begins below the axis, where it does."""
  hidden = not scales.is_log(metric) and (table['value'] < ax.get_ylim()[0]).any()
  return f'{words.sentence(words.label(metric))} begins below its axis.' if hidden else ''


def watched(view: View) -> list[str]:
  """What training curves show: the loss, and the scores of the splits in use."""
  held_out = view.recorded([view.score_of('validation')])
  shown = [view.score_of('train'), *held_out] if held_out else [view.score]
  return list(dict.fromkeys([TRAIN_LOSS, *shown]))  # the score may be the loss


def curve_columns(view: View, across: str) -> Drawing:
  """Training curves, a column per value of the only axis; what did not train is named there."""
  rows = view.at_usual(view.frame, free=(across,))
  recorded = sorted(rows[across].dropna().unique())
  values = pick_values(recorded, view.usual[across], 4)
  notes = [left_out(across, recorded, values)]
  metrics = watched(view)
  top = sheets.legend_height(view.norms, hollow=False)
  figure, axes = sheets.sheet(
    len(values) * len(metrics), columns=len(values), high=1.9, top=top, gap=0.3
  )
  for i, metric in enumerate(metrics):
    line = axes[i * len(values) : (i + 1) * len(values)]
    table = statistics.summary(rows, [across, NORM, EPOCH], metric)
    for ax, value in zip(line, values, strict=True):
      epochs(ax, table[table[across] == value], view.looks)
      ax.set_title('' if i else _title(view, across, value), fontsize=8.5)
    notes.append(scales.fit_y(line, metric, table[table[across].isin(values)]))
    below = EPOCH if metric == metrics[-1] else ''
    sheets.outer_labels(line, len(values), below, words.label(metric))
  sheets.legend(figure, view.looks)
  title = f'Training curves by {words.label(across)}'
  return Drawing(f'curves_by_{across}', title, caption(view, ENDS, (across,), notes=notes), figure)


def curve_grid(view: View, across: str, down: str) -> Drawing:
  """Training loss over the epochs, a panel per pair of values of two axes."""
  rows = view.at_usual(view.frame, free=(across, down))
  recorded = {axis: sorted(rows[axis].unique()) for axis in (across, down)}
  columns, lines = (pick_values(values, view.usual[axis], 3) for axis, values in recorded.items())
  notes = [left_out(across, recorded[across], columns), left_out(down, recorded[down], lines)]
  # Limits are shared by the panels, so rows outside them are dropped before.
  rows = rows[rows[across].isin(columns) & rows[down].isin(lines)]
  top = sheets.legend_height(view.norms, hollow=False)
  n = len(columns) * len(lines)
  figure, axes = sheets.sheet(n, columns=len(columns), high=1.6, top=top)
  table = statistics.summary(rows, [down, across, NORM, EPOCH], TRAIN_LOSS)
  cells = [(y, x) for y in lines for x in columns]
  for ax, (y, x) in zip(axes, cells, strict=True):
    epochs(ax, table[(table[down] == y) & (table[across] == x)], view.looks)
    ax.set_title(words.place({across: x, down: y}).replace(' and ', ', '), fontsize=8)
  notes.append(scales.fit_y(axes, TRAIN_LOSS, table))
  sheets.outer_labels(axes, len(columns), EPOCH, words.label(TRAIN_LOSS))
  sheets.legend(figure, view.looks)
  title = f'Training loss by {words.label(down)} and {words.label(across)}'
  return Drawing('loss_curves', title, caption(view, ENDS, (across, down), notes=notes), figure)


def epochs(ax: Axes, table: pd.DataFrame, looks: Mapping[str, style.Look]) -> None:
  """A line with a band per norm against the epochs."""
  for norm, line in table.groupby(NORM, sort=False):
    look, x = looks[norm], line[EPOCH].to_numpy()
    value, low, high = (finite(line[column]) for column in ('value', 'low', 'high'))
    dots: dict[str, Any] = {'marker': look.marker, 'ms': 4, 'markevery': max(1, len(x) // 8)}
    drawn = ax.plot(x, value, color=look.colour, ls=look.line, lw=1.4, **dots)
    band = ax.fill_between(x, low, high, color=look.colour, alpha=0.15, lw=0)
    pointed.tell(str(norm), [*drawn, band], pointed.of_summary(line, EPOCH))
  if not np.isfinite(table['value']).any():
    ax.text(0.5, 0.5, 'no finite value', transform=ax.transAxes, ha='center', color=style.MUTED)
  ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
  # matplotlib's own margins leave more room than three per cent, and differ between panels.
  last = table[EPOCH].max()
  ax.set_xlim(-0.03 * last, 1.03 * last)


def _title(view: View, axis: str, value: Any) -> str:
  """'learning rate 1e-07: did not train (20 of 20)'."""
  trained = view.rows[view.rows[axis] == value][TRAINED].astype(bool)
  failed = f': did not train ({(~trained).sum()} of {len(trained)})'
  return words.place({axis: value}) + ('' if trained.all() else failed)
