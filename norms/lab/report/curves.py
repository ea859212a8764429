"""Figures over the epochs: the training curves, at the usual cell and over the sweep."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
import numpy as np
import pandas as pd

from norms.lab import statistics
from norms.lab.report import canvas, style
from norms.lab.report.drawing import Drawing, caption, finite
from norms.lab.report.view import View, picked
from norms.lab.statistics import words


def curves(view: View) -> Drawing:
  """Training loss and test accuracy over the epochs at the usual cell."""
  rows = view.at_usual(view.frame)
  metrics = ('train_loss', 'test_accuracy')
  top = canvas.legend_height(view.norms, hollow=False)
  figure, axes = canvas.sheet(2, columns=2, high=3.0, top=top, gap=0.75)
  for ax, metric in zip(axes, metrics, strict=True):
    table = statistics.summary(rows, ['norm', 'epoch'], metric)
    _epochs(ax, table)
    canvas.scale_y([ax], metric, table[['low', 'high', 'value']])
    ax.set_xlabel('epoch')
    ax.set_ylabel(words.label(metric))
  canvas.legend(figure, view.norms, hollow=False)
  return Drawing('training_curves', 'Training curves', caption(view, 'By epoch', ()), figure)


def curve_grid(view: View, across: str, down: str) -> Drawing:
  """Training loss over the epochs, a panel per pair of values of two axes."""
  rows = view.at_usual(view.frame, free=(across, down))
  columns = picked(sorted(rows[across].unique()), view.usual[across], 3)
  lines = picked(sorted(rows[down].unique()), view.usual[down], 3)
  rows = rows[rows[across].isin(columns) & rows[down].isin(lines)]
  top = canvas.legend_height(view.norms, hollow=False)
  n = len(columns) * len(lines)
  figure, axes = canvas.sheet(n, columns=len(columns), high=1.6, top=top)
  table = statistics.summary(rows, [down, across, 'norm', 'epoch'], 'train_loss')
  cells = [(y, x) for y in lines for x in columns]
  for ax, (y, x) in zip(axes, cells, strict=True):
    _epochs(ax, table[(table[down] == y) & (table[across] == x)])
    ax.set_title(words.place({across: x, down: y}).replace(' and ', ', '), fontsize=8)
  canvas.scale_y(axes, 'train_loss', table[['low', 'high', 'value']])
  canvas.outer_labels(axes, len(columns), 'epoch', 'train loss')
  canvas.legend(figure, view.norms, hollow=False)
  title = f'Training loss by {words.label(down)} and {words.label(across)}'
  what = 'By epoch; a line ends where the loss is not finite'
  return Drawing('loss_curves', title, caption(view, what, (across, down)), figure)


def _epochs(ax: Axes, table: pd.DataFrame) -> None:
  """A line with a band per norm against the epochs."""
  for norm, line in table.groupby('norm', sort=False):
    look, x = style.look(norm), line['epoch'].to_numpy()
    value, low, high = (finite(line[column]) for column in ('value', 'low', 'high'))
    dots: dict[str, Any] = {'marker': look.marker, 'ms': 4, 'markevery': max(1, len(x) // 8)}
    ax.plot(x, value, color=look.colour, ls=look.line, lw=1.4, **dots)
    ax.fill_between(x, low, high, color=look.colour, alpha=0.15, lw=0)
  if not np.isfinite(table['value']).any():
    ax.text(0.5, 0.5, 'no finite value', transform=ax.transAxes, ha='center', color=style.MUTED)
  ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
  last = table['epoch'].max()
  ax.set_xlim(-0.03 * last, 1.03 * last)
