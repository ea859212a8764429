"""Figures of the last epoch: a metric against a numeric axis, and every seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
import numpy as np
import pandas as pd

from norms.lab import statistics
from norms.lab.columns import BEST, EPOCH, FINAL_LOSS, NORM, SCORE, SEED, TRAINED, TRIAL
from norms.lab.report import style
from norms.lab.report.figures import pointed, scales, sheets
from norms.lab.report.figures.drawing import Drawing, caption, finite, left_out
from norms.lab.report.style import Look
from norms.lab.report.view import View, pick_values
from norms.lab.statistics import words

CLOSE_UP = 'Cells in which not every seed trained may lie beyond the axis.'


def against(
  view: View,
  axis: str,
  panel: str | None,
  metric: str,
  *,
  epoch: int | None = None,
  close_up: bool = False,
) -> Drawing:
  """`metric` after the last epoch, or after `epoch`, against a numeric axis: a panel per value.

  close_up: the limits are those of the cells in which every seed trained.
  """
  free = (axis, panel) if panel else (axis,)
  rows = view.rows if epoch is None else view.frame[view.frame[EPOCH] == epoch]
  rows = view.at_usual(rows, free=free)
  values, notes = _panel_values(view, rows, panel)
  columns = sheets.rows_of(len(values))
  width = sheets.WIDTH if columns > 1 else 7.2
  top = sheets.legend_height(view.norms, width=width)
  figure, axes = sheets.sheet(len(values), columns=columns, high=2.5, top=top, width=width)
  table = statistics.summary(rows, [NORM, *free], metric).sort_values(axis, kind='stable')
  # Values beyond the four panels must not stretch the limits that the panels share.
  table = table if panel is None else table[table[panel].isin(values)]
  for ax, value in zip(axes, values, strict=True):
    part = table if panel is None else table[table[panel] == value]
    for norm in view.norms:
      line(ax, view.looks[norm], part[part[NORM] == norm], axis)
    if panel is not None:
      ax.set_title(words.place({panel: value}), loc='left')
  scales.scale_x(axes, axis, sorted(rows[axis].dropna().unique()))
  trained = table[table['share_trained'] == 1]
  if close_up and len(trained):
    notes.append(CLOSE_UP if len(trained) < len(table) else '')
    table = trained
  notes.append(scales.fit_y(axes, metric, table))
  sheets.outer_labels(axes, columns, words.label(axis), words.label(metric))
  sheets.legend(figure, view.looks, hollow=True)
  title = f'{words.sentence(words.label(metric))} against {words.label(axis)}'
  when = 'After the last epoch' if epoch is None else f'Mean over the steps of epoch {epoch}'
  what = caption(view, when, free, notes=notes)
  return Drawing(f'{metric}_by_{axis}', title, what, figure)


def bests(view: View, axis: str) -> Drawing:
  """Best scores over the epochs, and the final training loss, against a numeric axis.

  The best epoch of a trial is that of its validation data, never of its test data.
  """
  metrics = [BEST + view.score_of('train'), BEST + view.score_of('validation'), FINAL_LOSS]
  rows = view.at_usual(view.rows, free=(axis,))
  top = sheets.legend_height(view.norms)
  figure, axes = sheets.sheet(3, columns=3, high=2.9, top=top, gap=0.62)
  notes = []
  for ax, metric in zip(axes, metrics, strict=True):
    table = statistics.summary(rows, [NORM, axis], metric).sort_values(axis, kind='stable')
    for norm in view.norms:
      line(ax, view.looks[norm], table[table[NORM] == norm], axis)
    notes.append(scales.fit_y([ax], metric, table))
    ax.set_xlabel(words.label(axis))
    ax.set_ylabel(words.label(metric))
  scales.scale_x(axes, axis, sorted(rows[axis].dropna().unique()))
  sheets.legend(figure, view.looks, hollow=True)
  best = 'accuracies' if view.score == SCORE else words.label(view.score)
  title = f'Best {best} and final training loss against {words.label(axis)}'
  what = (
    f'Best over the epochs; the loss is the mean of the last {statistics.LAST_STEPS} steps in '
    'whole epochs, and absent where it is not finite'
  )
  return Drawing(f'bests_by_{axis}', title, caption(view, what, (axis,), notes=notes), figure)


def seeds(view: View, metric: str = '') -> Drawing:
  """Final score of every seed at the usual cell, or `metric`, joined by seed across the norms."""
  metric = metric or view.score
  rows = view.at_usual(view.rows)
  table = statistics.by_seed(rows, [n for n in view.norms if n in set(rows[NORM])], metric)
  rows = rows.assign(score=statistics.scores(rows, metric))
  centres = statistics.summary(rows, [NORM], metric)
  left = sheets.names_width(view.norms)
  high = 0.4 * len(view.norms)
  figure, (ax,) = sheets.sheet(1, columns=1, high=high, left=left, width=7.2)
  # A line joins the points of one seed, so that a reader sees which differences are paired.
  places = [view.norms.index(norm) for norm in table]
  for _, own in table.iterrows():
    ax.plot(own, places, color=style.MUTED, alpha=0.35, lw=0.9, zorder=1)
  for y, norm in enumerate(view.norms):
    own, centre = (part[part[NORM] == norm] for part in (rows, centres))
    _points(ax, y, view.looks[norm], own, centre)
  ax.set_yticks(range(len(view.norms)), view.norms)
  ax.set_ylim(len(view.norms) - 0.4, -0.6)
  ax.grid(visible=False, axis='y')
  ax.set_xlabel(words.label(metric))
  near = _near(rows)
  shown = centres if near is rows else centres[centres['share_trained'] == 1]
  ax.set_xlim(*scales.limits(metric, near['score'], shown[['low', 'high']]))
  what = 'A point per seed, joined by seed, hollow if it did not train; below them their centre'
  text = caption(view, what, (), notes=[_beyond(rows, ax.get_xlim())])
  title = f'{words.sentence(words.label(metric))} of every seed'
  name = 'accuracy' if metric == view.score else metric
  return Drawing(f'{name}_by_seed', title, text, figure)


def _near(rows: pd.DataFrame) -> pd.DataFrame:
  """The seeds to make room for: those that trained, where the others would hide how they differ."""
  trained = rows[rows[TRAINED].astype(bool)]
  if trained.empty or np.ptp(trained['score']) > 0.5 * np.ptp(rows['score']):
    return rows
  return trained


def _beyond(rows: pd.DataFrame, ends: tuple[float, float]) -> str:
  """Which seeds the axis leaves out."""
  counts = rows.loc[~rows['score'].between(*ends), NORM].value_counts(sort=False)
  named = words.listed(f'{n} of {words.norm_name(str(norm))}' for norm, n in counts.items())
  return f'Beyond the axis: {named}, which did not train.' if len(counts) else ''


def _points(ax: Axes, y: int, look: Look, rows: pd.DataFrame, centres: pd.DataFrame) -> None:
  """The seeds of one norm; below them their centre and spread."""
  failed = ~rows[TRAINED].astype(bool)
  for part, face in ((rows[~failed], look.colour), (rows[failed], style.PAPER)):
    dots: dict[str, Any] = {'ms': 6.5, 'mec': look.colour, 'mfc': face, 'alpha': 0.8, 'ls': 'none'}
    shown = ax.plot(part['score'], [y] * len(part), marker=look.marker, **dots)
    texts = zip(part[SEED], part['score'], part[TRIAL], strict=True)
    pointed.tell(
      ''.join(part[NORM].unique()),
      shown,
      [f'seed {seed}: {words.score(score)}, trial {trial}' for seed, score, trial in texts],
    )
  for _, centre in centres.iterrows():
    ax.plot([centre['low'], centre['high']], [y + 0.3] * 2, color=look.colour, lw=2)
    middle = ax.plot([centre['value']] * 2, [y + 0.2, y + 0.4], color=look.colour, lw=2)
    pointed.tell(centre[NORM], middle, pointed.of_summary(pd.DataFrame([centre] * 2)))


def line(ax: Axes, look: Look, table: pd.DataFrame, axis: str) -> None:
  """One norm: centre, band, and hollow markers where not every trial trained."""
  x = table[axis].to_numpy(float)
  value, low, high = (finite(table[column]) for column in ('value', 'low', 'high'))
  # Between two points a line would claim what nobody measured.
  joined = len(x) > 2
  stroke = look.line if joined else 'none'
  drawn: list[Artist] = [
    *ax.plot(x, value, color=look.colour, marker=look.marker, ls=stroke, lw=1.5, ms=5, mew=0.8)
  ]
  if joined:
    drawn.append(ax.fill_between(x, low, high, color=look.colour, alpha=0.15, lw=0))
  else:
    drawn.append(ax.vlines(x, low, high, color=look.colour, alpha=0.6, lw=1.5))
  failed = table['share_trained'].to_numpy() < 1
  hollow: dict[str, Any] = {
    'mfc': style.PAPER,
    'mec': look.colour,
    'mew': 1.1,
    'ls': 'none',
    'ms': 5,
  }
  drawn += ax.plot(x[failed], value[failed], marker=look.marker, **hollow)
  pointed.tell(''.join(table[NORM].unique()), drawn, pointed.of_summary(table, axis))


def _panel_values(
  view: View, rows: pd.DataFrame, panel: str | None
) -> tuple[Sequence[Any], list[str]]:
  """The values that have a panel, and a note of those that have none."""
  if panel is None:
    return [None], []
  values = list(rows[panel].dropna().unique())
  values = sorted(values) if panel in view.numeric else values
  shown = pick_values(values, view.usual[panel], 4)
  return shown, [left_out(panel, values, shown)]
