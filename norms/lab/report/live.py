"""The page of a run that is not finished: results so far, what is missing, how long it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import math
import time
from typing import TYPE_CHECKING, Any

import pandas as pd

from norms.lab.columns import NORM, TRIAL
from norms.lab.report import naming, page, tables, view
from norms.lab.statistics import words

if TYPE_CHECKING:
  from norms.lab.study import Study

MOST = 200  # lines of a table: the page is for a look


def contents(frame: pd.DataFrame, study: Study) -> dict[str, Any]:
  """What the page says of the records so far; `text` adds the time.

  Figures and verdicts are left to the report: a figure takes the processor that trains.
  """
  seen = view.of(frame, study)
  cells = tables.everything(seen) if seen.axes else tables.usual(seen)
  done = set(frame[TRIAL])
  missing = [trial.columns() for trial in study.trials if trial.hash not in done]
  note = cells.note.removesuffix(tables.SORTED)  # this page has no script
  shown = [_first(cells._replace(title='Results so far', note=note))]
  if missing:
    shown.append(_missing(pd.DataFrame(missing), naming.labels(study), seen.axes))
  return {
    'study': study,
    'tables': shown,
    'done': sum(trial.hash in done for trial in study.trials),
    'planned': len(study.trials),
  }


def text(content: Mapping[str, Any], *, seconds: float, every: float, goes_on: bool = True) -> str:
  """The page, as HTML.

  seconds: how long it still takes, NaN where nobody knows yet.
  every: after how many seconds it is loaded again.
  goes_on: whether the run does.
  """
  written = time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())
  left = f'About {_duration(seconds)} left.' if math.isfinite(seconds) else ''
  return page.rendered(
    'live.html.j2',
    {
      **content,
      'left': left if goes_on else 'The run was stopped.',
      'written': written,
      'every': max(1, round(every)),
      'goes_on': goes_on,
    },
  )


def _missing(trials: pd.DataFrame, names: Mapping[str, str], axes: Iterable[str]) -> tables.Table:
  """A line per norm and setting of the axes, with how many trials it lacks."""
  keys = [NORM, *(axis for axis in axes if axis in trials)]
  counts = trials.groupby(keys, dropna=False, sort=False).size()
  rows = [
    tables.TableRow(
      [names.get(norm, norm), *map(words.number, values), str(count)],
      False,
    )
    for (norm, *values), count in zip(
      (key if isinstance(key, tuple) else (key,) for key in counts.index), counts, strict=True
    )
  ]
  columns = [*map(words.label, keys), 'trials']
  note = f'{words.count(len(trials), "trial")} without a result.'
  return _first(tables.Table('missing', 'What is missing', note, columns, rows))


def _first(table: tables.Table) -> tables.Table:
  if len(table.rows) <= MOST:
    return table
  note = f'The first {MOST} of {len(table.rows)} lines. {table.note}'
  return table._replace(note=note, rows=table.rows[:MOST])


def _duration(seconds: float) -> str:
  if seconds < 90:
    return f'{max(1, round(seconds))} s'
  minutes = round(seconds / 60)
  return f'{minutes} min' if minutes < 120 else f'{minutes / 60:.1f} h'
