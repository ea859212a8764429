"""Time per epoch and norm, as lab/runner/timing.py measured it: a table, a figure, a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from norms.lab.columns import NORM
from norms.lab.report import tables
from norms.lab.report.figures import pointed, sheets
from norms.lab.report.figures.drawing import Drawing
from norms.lab.report.view import View
from norms.lab.statistics import words


def rounds(view: View) -> pd.DataFrame:
  """A row per norm and round, in the order of the norms; empty where nothing was timed."""
  frame = pd.DataFrame(view.timing.get('rows', []), columns=[NORM, 'round', 'seconds', 'steps'])
  frame = frame[frame[NORM].isin(view.norms)]
  return frame.assign(rank=frame[NORM].map(view.norms.index)).sort_values(['rank', 'round'])


def table(view: View) -> tables.Table | None:
  """A line per norm: seconds per epoch, and their ratio to the first norm's, round by round."""
  frame = rounds(view)
  if frame.empty:
    return None
  wide = frame.pivot(index='round', columns=NORM, values='seconds')
  # Ratios are taken within a round: what slowed the machine then slowed both norms.
  first = str(frame[NORM].iloc[0])
  compiled = view.timing.get('compile_seconds', {})
  rows = [
    tables.TableRow(
      _cells(norm, wide[norm], wide[norm] / wide[first], own, compiled.get(norm)), False
    )
    for norm, own in frame.groupby(NORM, sort=False)
  ]
  columns = [NORM, 'rounds', 'ms per epoch, median', 'range', 'microseconds per step']
  columns += [f'times {first}, median', 'range of the ratio', 'compilation s, apart']
  note = (
    'One trial of each norm, an epoch of each in turn, so that what slows the machine slows all; '
    'compilation and evaluation are not in it. '
    f'Device: {view.timing.get("device", "unknown")}, {view.timing.get("threads", "unknown")}.'
  )
  return tables.Table('timing', 'Time per epoch', note, columns, rows)


def figure(view: View) -> Iterator[Drawing]:
  """Each round's seconds, a line per norm, their median as a bar."""
  frame = rounds(view)
  if frame.empty:
    return
  norms = list(dict.fromkeys(frame[NORM]))
  left = sheets.names_width(norms)
  drawing, (ax,) = sheets.sheet(1, columns=1, high=0.36 * len(norms), left=left, width=7.2)
  for y, norm in enumerate(norms):
    look, own = view.looks[norm], 1e3 * frame.loc[frame[NORM] == norm, 'seconds']
    dots: dict[str, Any] = {'marker': look.marker, 'ls': 'none', 'ms': 5, 'alpha': 0.6}
    drawn = ax.plot(own, [y] * len(own), color=look.colour, **dots)
    rounds_ = zip(frame.loc[own.index, 'round'], own, strict=True)
    pointed.tell(norm, drawn, [f'round {number}: {ms:.4g} ms' for number, ms in rounds_])
    ax.plot([own.median()] * 2, [y - 0.32, y + 0.32], color=look.colour, lw=2)
  ax.set_yticks(range(len(norms)), norms)
  ax.set_ylim(len(norms) - 0.4, -0.6)
  ax.grid(visible=False, axis='y')
  ax.set_xlim(0, 1.06e3 * frame['seconds'].max())
  ax.set_xlabel('milliseconds per epoch')
  what = f'A point per round of {frame["round"].nunique()}, the norms in turn; a bar: the median.'
  yield Drawing('time_per_epoch', 'Time per epoch', what, drawing)


def sentences(view: View) -> Iterator[str]:
  """Which norm takes longest, and whether the rounds agree on it."""
  frame = rounds(view)
  if frame[NORM].nunique() < 2:
    return
  wide = frame.pivot(index='round', columns=NORM, values='seconds')
  centre = wide.median().sort_values()
  fast, slow = str(centre.index[0]), str(centre.index[-1])
  ratio = wide[slow] / wide[fast]
  yield (
    f'An epoch takes {1e3 * centre[slow]:.3g} ms with {words.norm_name(slow)}, the slowest, and '
    f'{1e3 * centre[fast]:.3g} ms with {words.norm_name(fast)}, the fastest (medians of '
    f'{len(wide)} interleaved rounds): {ratio.median():.2f} times as long, in single rounds '
    f'{ratio.min():.2f} to {ratio.max():.2f} times.'
  )


def _cells(
  norm: object, own: pd.Series, ratio: pd.Series, rows: pd.DataFrame, compiled: float | None
) -> list[str]:
  per_step = 1e6 * np.median(rows['seconds'] / rows['steps'])
  cells = [str(norm), str(len(own)), f'{1e3 * own.median():.4g}']
  cells += [f'{1e3 * own.min():.4g} to {1e3 * own.max():.4g}', f'{per_step:.4g}']
  cells += [f'{ratio.median():.2f}', f'{ratio.min():.2f} to {ratio.max():.2f}']
  return [*cells, tables.ABSENT if compiled is None else f'{compiled:.2f}']
