"""Figures of parity over training: accuracy by epoch, gamma's and beta's distance by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
import pandas as pd

from norms.lab.parity_columns import EPOCH, FAMILY, PART, STEP, TEST_ACCURACY, TITLE
from norms.lab.report.figures import pointed, scales, sheets
from norms.lab.report.figures.drawing import Drawing
from norms.lab.report.parity import page
from norms.lab.statistics import words


def draw(frame: pd.DataFrame, drifts: pd.DataFrame) -> Iterator[Drawing]:
  """All: the curves first."""
  yield curves(frame)
  yield from drift(drifts)


def curves(frame: pd.DataFrame) -> Drawing:
  """A panel per family: test accuracy by epoch, a line per library."""
  rows = frame[frame[PART] == 'curve']
  families, titles = list(rows[FAMILY].unique()), list(rows[TITLE].unique())
  columns = sheets.rows_of(len(families), 2)
  figure, axes = sheets.sheet(len(families), columns=columns, high=2.4, top=0.55, gap=0.5)
  for ax, family in zip(axes, families, strict=True):
    part = rows[(rows[FAMILY] == family) & (rows[EPOCH] > 0)]
    for title in reversed(list(part[TITLE].unique())):
      mean = part[part[TITLE] == title].groupby(EPOCH)[TEST_ACCURACY].mean()
      drawn = ax.plot(mean.index, mean, lw=1.4, **page.look(titles.index(title)))
      pointed.tell(title, drawn, [f'epoch {at}: {value:.4f}' for at, value in mean.items()])
    ax.set_title(family, loc='left')
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
  # One range for all, or a reader takes the spread of one family for that of another.
  means = rows[rows[EPOCH] > 0].groupby([FAMILY, TITLE, EPOCH])[TEST_ACCURACY].mean()
  scales.scale_y(axes, TEST_ACCURACY, means)
  sheets.outer_labels(axes, columns, EPOCH, 'test accuracy')
  page.legend(figure, titles, 3)
  caption = f'Mean of {_seeds(rows)}. Lines of libraries that agree lie on one another.'
  return Drawing('accuracy_by_epoch', 'Accuracy curves side by side', caption, figure)


def drift(drifts: pd.DataFrame) -> Iterator[Drawing]:
  """For the largest and the mean difference a sheet: a column per family, gamma over beta."""
  for measure in ('largest', 'mean'):
    title = f'{measure.capitalize()} difference of gamma and beta from ours'
    caption = (
      f'{measure.capitalize()} |difference| over all layers after each step, the median of '
      f'{_seeds(drifts)}, both axes logarithmic; a line begins where the difference is not 0. '
      'Of weight norm: the length and the bias.'
    )
    yield Drawing(f'drift_{measure}', title, caption, _sheet(drifts, measure))


def _sheet(drifts: pd.DataFrame, measure: str) -> Figure:
  families = list(drifts[FAMILY].unique())
  titles = ['ours', *drifts[TITLE].unique()]
  cells = [(kind, family) for kind in ('gamma', 'beta') for family in families]
  figure, axes = sheets.sheet(len(cells), columns=len(families), high=2.1, top=0.55)
  for ax, (kind, family) in zip(axes, cells, strict=True):
    part = drifts[(drifts['kind'] == kind) & (drifts[FAMILY] == family) & (drifts[STEP] > 0)]
    for title in part[TITLE].unique():
      median = part[part[TITLE] == title].groupby(STEP)[measure].median()
      dots: dict[str, Any] = {'markevery': max(1, len(median) // 8), 'lw': 1.4}
      line = median.where(median > 0)
      # Nothing is said of single points: there are as many as steps.
      pointed.tell(title, ax.plot(line.index, line, **dots, **page.look(titles.index(title))))
    ax.set_title(f'{family}, {kind}', loc='left')
    ax.set_xscale('log')
    ax.set_yscale('log')
    ax.set_ylim(1e-10, 3)
  sheets.outer_labels(axes, len(families), STEP, f'{measure} |difference|')
  page.legend(figure, titles, 3, skip=1)
  return figure


def _seeds(rows: pd.DataFrame) -> str:
  return words.count(rows['seed'].nunique(), 'seed')
