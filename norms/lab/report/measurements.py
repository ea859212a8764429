"""Measurements that have no other place in a report, such as a user's: a table and figures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab import statistics
from norms.lab.columns import EPOCH, NORM, TRIAL
from norms.lab.report import tables
from norms.lab.report.figures import against_axis, curves, drawn_points, scales, sheets
from norms.lab.report.figures.drawing import Drawing, caption
from norms.lab.report.view import View
from norms.lab.statistics import words


def names(view: View) -> list[str]:
  """The columns of the records that are measurements without a place of their own."""
  return schema.measurements(view.frame, schema.OWN)


def table(view: View) -> tables.Table | None:
  """A line per measurement and norm: its centre at the usual cell, and what its values are like."""
  if not names(view) or view.is_random:  # of which no cell is usual
    return None
  usual_rows = view.at_usual(view.rows)
  rows = [
    tables.TableRow(
      [words.label(name), norm, *_centre(usual_rows[usual_rows[NORM] == norm], name), remark], False
    )
    for name in names(view)
    for norm in view.norms
    for remark in [remarks(view.frame[view.frame[NORM] == norm], name) or 'finite']
  ]
  at = words.place(view.fixed())
  title = f'Further measurements{f" at {at}" if at else ""}'
  note = (
    'After the last epoch. The last column is about all trials and epochs; what is not finite is '
    'in no figure.'
  )
  columns = ['measurement', NORM, 'seeds', 'centre', 'spread over seeds', 'values']
  return tables.Table('measured', title, note, columns, rows)


def _centre(rows: pd.DataFrame, name: str) -> list[str]:
  if not len(rows) or not _is_number(rows, name):
    return ['0', tables.ABSENT, tables.ABSENT]
  (line,) = statistics.summary(rows, [NORM], name).to_dict('records')
  if np.isnan(line['value']):
    return [str(line['n']), tables.ABSENT, tables.ABSENT]
  return [str(line['n']), words.score(line['value']), tables.spread(line)]


def remarks(frame: pd.DataFrame, name: str) -> str:
  """What is unusual about the values of a measurement, '' where nothing is."""
  if not _is_number(frame, name):
    return 'no numbers'
  values, trials = statistics.numbers(frame[name]), frame[TRIAL].nunique()
  if values.isna().all():
    return 'no value in any trial: all are NaN'
  texts = []
  for kind, affected in (('NaN', values.isna()), ('infinite', np.isinf(values))):
    if count := frame.loc[affected, TRIAL].nunique():
      texts.append(f'{kind} in {count} of {words.count(trials, "trial")}')
  if np.isfinite(values).any() and is_constant(frame, name):
    texts.append('the same at every epoch of a trial')
  return ', '.join(texts)


def is_constant(frame: pd.DataFrame, name: str) -> bool:
  """Whether a measurement stays the same throughout each trial, and so has no curve."""
  return bool(frame.groupby(TRIAL)[name].nunique(dropna=False).max() == 1)


def draw(view: View) -> Iterator[Drawing]:
  """Each measurement by epoch, where it changes, and against each axis; only if it is finite."""
  for name in names(view):
    if not _is_number(view.frame, name):
      continue
    rows = view.at_usual(view.frame)
    # A constant has no curve to show, but may still differ from cell to cell.
    curved = np.isfinite(statistics.numbers(rows[name])).any() and not is_constant(rows, name)
    if curved and not view.is_random:
      yield by_epoch(view, rows, name)
    if np.isfinite(statistics.numbers(view.rows[name])).any():
      for axis in view.numeric:
        yield (
          drawn_points.scatter(view, axis, name)
          if view.is_random
          else against_axis.against(view, axis, None, name)
        )


def by_epoch(view: View, rows: pd.DataFrame, name: str) -> Drawing:
  """A measurement over the epochs at the usual cell."""
  top = sheets.legend_height(view.norms, hollow=False)
  figure, (ax,) = sheets.sheet(1, columns=1, high=2.6, top=top, width=7.2)
  summary = statistics.summary(rows, [NORM, EPOCH], name)
  curves.epochs(ax, summary, view.looks)
  notes = [scales.fit_y([ax], name, summary)]
  ax.set_xlabel(words.label(EPOCH))
  ax.set_ylabel(words.label(name))
  sheets.legend(figure, view.looks)
  title = f'{words.label(name).capitalize()} by epoch'
  return Drawing(f'{name}_by_epoch', title, caption(view, 'By epoch', (), notes=notes), figure)


def sentences(view: View) -> Iterator[str]:
  """Why a measurement has no curve, or gaps in its figures."""
  for name in names(view):
    if remark := remarks(view.frame, name):
      yield f'Of the measurement {words.label(name)}: {remark}.'


def _is_number(frame: pd.DataFrame, name: str) -> bool:
  return pd.api.types.is_numeric_dtype(frame[name].dtype)
