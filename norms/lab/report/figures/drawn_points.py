"""Figures of a random or large design: every trial as a point, and what its settings explain."""

from __future__ import annotations

from typing import Any
import zlib

import numpy as np
import pandas as pd

from norms.lab import statistics
from norms.lab.columns import NORM, TRIAL
from norms.lab.report import style
from norms.lab.report.figures import pointed, scales, sheets
from norms.lab.report.figures.drawing import Drawing, finite
from norms.lab.report.view import View
from norms.lab.statistics import importance, words

MOST = 1000  # points of a figure: more are a smear, and a page that is slow
FEWEST = 5  # trials whose median is drawn


def scatter(view: View, axis: str, metric: str) -> Drawing:
  """`metric` after the last epoch against a numeric axis: trials as points, medians as lines."""
  top = sheets.legend_height(view.norms, hollow=False)
  figure, (ax,) = sheets.sheet(1, columns=1, high=3.4, top=top)
  rows = view.rows[view.rows[axis].notna()]
  rows = rows.assign(score=statistics.scores(rows, metric))
  few = rows[axis].nunique() <= importance.BINS
  shown = _some(rows)
  log = _is_log(rows[axis])
  # Points of one value stand side by side, so that no norm covers another.
  step = _step(rows[axis], log) / (2 * len(view.norms)) if few else 0.0
  for i, norm in enumerate(view.norms):
    look, own = view.looks[norm], shown[shown[NORM] == norm]
    aside = step * (i - (len(view.norms) - 1) / 2)
    dots: dict[str, Any] = {'marker': '.', 'ls': 'none', 'ms': 4, 'mew': 0, 'alpha': 0.5}
    drawn = ax.plot(_moved(own[axis], aside, log), finite(own['score']), color=look.colour, **dots)
    pointed.tell(norm, drawn, _texts(own, axis))
    x, y = _medians(rows[rows[NORM] == norm], axis)
    stroke: Any = 'none' if few else look.line
    marks: dict[str, Any] = {'marker': look.marker, 'ls': stroke, 'lw': 1.8, 'ms': 5.5}
    pointed.tell(norm, ax.plot(_moved(x, aside, log), finite(y), color=look.colour, **marks))
  table = pd.DataFrame({'value': rows['score'], 'share_trained': rows['trained'].astype(float)})
  note = scales.fit_y([ax], metric, table.assign(low=table['value'], high=table['value']))
  scales.scale_x([ax], axis, sorted(rows[axis].unique()))
  ends = rows[axis].agg(['min', 'max'])
  half = step * len(view.norms) / 2
  inner, outer = ax.get_xlim(), (_moved(ends, -half, log)[0], _moved(ends, half, log)[1])
  ax.set_xlim(min(inner[0], outer[0]), max(inner[1], outer[1]))
  ax.set_xlabel(words.label(axis))
  ax.set_ylabel(words.label(metric))
  sheets.legend(figure, view.looks)
  title = f'{words.sentence(words.label(metric))} against {words.label(axis)}'
  return Drawing(f'{metric}_by_{axis}', title, _caption(view, rows, shown, few, note), figure)


def bars(view: View) -> Drawing:
  """The share of the score's variance that each setting explains, alone and with interactions."""
  found = view.importance
  assert found is not None
  names = [words.label(str(axis)) for axis in found.table.index]
  left = sheets.names_width(names)
  figure, (ax,) = sheets.sheet(1, columns=1, high=0.46 * len(names), left=left, top=0.3, width=7.2)
  places = np.arange(len(names))
  alone, total = (found.table[column].to_numpy(float) for column in ('alone', 'total'))
  first = ax.barh(places - 0.18, alone, 0.34, color=style.PALETTE[1][0], label='alone')
  second = ax.barh(
    places + 0.18, total, 0.34, color=style.PALETTE[2][0], label='with its interactions'
  )
  ends = found.table[['low', 'high']].to_numpy(float)
  ax.hlines(places + 0.18, ends[:, 0], ends[:, 1], color=style.INK, lw=1)
  ax.set_yticks(places, names)
  ax.set_ylim(len(names) - 0.5, -0.5)
  ax.set_xlim(0, 1.05 * float(np.nanmax(found.table.to_numpy(float), initial=1.0)))
  ax.xaxis.set_major_formatter(lambda share, _: f'{share:.0%}')
  ax.grid(visible=False, axis='y')
  score = words.label(view.score)
  ax.set_xlabel(f'share of the variance of {score} between cells')
  sheets.above(figure, [first, second], 2, left=left)
  what = (
    f'Of the variance between {words.count(found.cells, "cell")}: alone, and with all '
    f'interactions, by a forest with the range of {importance.SHUFFLES} shuffles. '
  )
  learnt = found.explained
  what += '' if np.isnan(learnt) else (
    f'The forest explains {learnt:.0%} of the variance of cells that it has not seen.'
  )  # fmt: skip
  return Drawing('importance', f'What {score} depends on', what.strip(), figure)


def _some(rows: pd.DataFrame) -> pd.DataFrame:
  """At most MOST trials, by their hashes: the same in every figure, and as good as drawn."""
  if len(rows) <= MOST:
    return rows
  places = rows[TRIAL].map(lambda trial: zlib.crc32(str(trial).encode()))
  return rows[places.rank(method='first') <= MOST]


def _texts(rows: pd.DataFrame, axis: str) -> list[str]:
  """What a point says: 'learning rate 0.1: 0.9412, trial 5221b8b7f46c3fef'."""
  lines = zip(rows[axis], rows['score'], rows[TRIAL], strict=True)
  return [f'{words.place({axis: x})}: {words.score(y)}, trial {trial}' for x, y, trial in lines]


def _medians(rows: pd.DataFrame, axis: str) -> tuple[pd.Series, pd.Series]:
  """Of the trials at each value, or in each of BINS bins of equally many: axis and score."""
  groups = rows.groupby(importance.binned(rows[axis]))
  full = groups.size() >= FEWEST
  return groups[axis].median()[full], groups['score'].median()[full]


def _caption(view: View, rows: pd.DataFrame, shown: pd.DataFrame, few: bool, note: str) -> str:
  n = words.count(len(rows), 'trial')
  points = f'Points are {n}' if len(shown) == len(rows) else f'Points are {len(shown)} of {n}'
  where = 'at each value' if few else f'in {importance.BINS} bins of equally many trials'
  text = (
    f'{points} over the whole design; large markers are medians of each norm, of all trials '
    f'{where}, of {FEWEST} trials or more.'
  )
  return f'{text} {note}'.strip()


def _is_log(values: pd.Series) -> bool:
  """As scales.scale_x has it."""
  return bool(values.min() > 0 and values.max() / values.min() >= 4)


def _step(values: pd.Series, log: bool) -> float:
  """The least distance of two values, as the axis shows it."""
  distinct = np.sort(values.unique().astype(float))
  steps = np.diff(np.log(distinct) if log else distinct)
  return float(steps.min()) if len(steps) else 0.0


def _moved(x: pd.Series, aside: float, log: bool) -> np.ndarray:
  numbers = x.to_numpy(float)
  return numbers * np.exp(aside) if log else numbers + aside
