"""Tables of a report: the norms at the usual cell, the norms over the sweep, every cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab import statistics
from norms.lab.columns import NORM, RUNNING, TRAINED
from norms.lab.report import naming
from norms.lab.report.view import View
from norms.lab.statistics import selection, words

ABSENT = '\N{EN DASH}'
SORTED = " Choose a column's title to sort by it."
LONG, MOST = 1000, 200  # lines: of a longer table a page shows the best ones
Line: TypeAlias = Mapping[str, Any] | pd.Series  # of a summary: low, high, kind, n, share_trained


class TableRow(NamedTuple):
  """The texts of a line, and whether something in it did not train."""

  cells: list[str]
  failed: bool


class Table(NamedTuple):
  """A table as text, for the page, for Markdown and for the terminal."""

  name: str
  title: str
  note: str
  columns: list[str]
  rows: list[TableRow]


def usual(view: View) -> Table:
  """A line per norm at the usual cell."""
  rows = view.at_usual(view.rows, free=tuple(view.texts))
  fixed = view.fixed(tuple(view.texts))
  title = f'Norms at {words.place(fixed)}' if fixed else 'Norms'
  table = _of_cells(view, 'usual', title, rows, view.texts)
  absent = [norm for norm in view.norms if norm not in set(rows[NORM])]
  note = f'{table.note} No trial here: {words.listed(absent)}.' if absent else table.note
  return table._replace(note=note)


def everything(view: View) -> Table:
  """A line per cell of the sweep, of a large one per cell of the best."""
  if view.cells <= LONG:
    table = _of_cells(view, 'cells', 'Every cell', view.rows, view.axes)
    return table._replace(note=table.note + SORTED)
  title = f'The best {MOST} of {view.cells} cells'
  table = _of_cells(view, 'cells', title, best_rows(view, [NORM, *view.axes]), view.axes)
  chosen = f'Chosen {view.chosen_on} with the seeds that are shown, which flatters them'
  return table._replace(note=f'{chosen}; summary.csv has every cell. {table.note}')


def best_rows(view: View, keys: Sequence[str]) -> pd.DataFrame:
  """The final rows of the MOST best combinations of `keys`, the best first."""
  scores = view.sign * statistics.scores(view.rows, view.choice)
  centres = scores.groupby([view.rows[key] for key in keys], dropna=False).transform('mean')
  rows = view.rows.loc[centres.sort_values(ascending=False, kind='stable').index]
  number = rows.groupby(list(keys), dropna=False, sort=False).ngroup()
  return rows[number < MOST]


def sweep(view: View) -> Table:
  """A line per norm, over all its cells."""
  scored = best_cells(view)
  tables = {key: part for key, part in scored.groupby([NORM, *view.texts])}
  # The best cell is chosen on validation data where there are any, and shown by its test score.
  by_choice = statistics.summary(view.rows, [NORM, *view.axes], view.choice)['value']
  rows = []
  for key in sorted(tables, key=lambda key: view.norms.index(key[0])):
    own, trials = tables[key], _matching(view, key)
    best = own.loc[(view.sign * by_choice[own.index]).idxmax()]
    place = list(map(words.number, key))  # a switch is an axis of texts, too
    over = [*_over_cells(view, own, trials, best), _chosen_by_others(view, trials)]
    rows.append(TableRow(place + over, not trials[TRAINED].all()))
  score = words.label(view.score)
  columns = [NORM, *map(words.label, view.texts), 'cells trained', 'trials trained']
  columns += ['diverged', f"{score}, mean of the cells' {_centres(scored)}"]
  columns += [f'best cell {view.chosen_on}', 'at', 'by others']
  note = (
    f'A cell is trained if every seed in it trained. The best cell is chosen {view.chosen_on} with '
    f'the seeds whose {score} is shown, which flatters it. By others: each seed in turn judges the '
    'cell that is best for the other seeds; the mean.'
  )
  return Table('sweep', 'Norms over the whole sweep', note, columns, rows)


def _centres(table: pd.DataFrame) -> str:
  """What the centres of the lines of a table are."""
  names = {'range': 'medians', 'interval': 'means'}
  return ' or '.join(names[kind] for kind in sorted(set(table['kind'])))


def best_cells(view: View) -> pd.DataFrame:
  """The score of every cell, by norm."""
  return statistics.summary(view.rows, [NORM, *view.axes], view.score)


def summary(view: View) -> pd.DataFrame:
  """Every metric of every cell: what summary.csv holds."""
  parts = []
  for metric in view.recorded(
    schema.measurements(view.rows, schema.TABLE, schema.SUMMARY, schema.OWN)
  ):
    table = statistics.summary(view.rows, [NORM, *view.axes], metric)
    # A cell without a value, as of running statistics that a norm has not, is no line of the file.
    table = table[table['value'].notna()].drop(columns='value')
    table.insert(len(view.axes) + 1, 'metric', metric)
    parts.append(table)
  order = [NORM, *view.axes, 'metric', 'median', 'mean', 'low', 'high', 'kind', 'n']
  table = pd.concat(parts, ignore_index=True)[[*order, 'share_trained', 'diverged']]
  return naming.as_configured(table)


def _of_cells(view: View, name: str, title: str, rows: pd.DataFrame, keys: Sequence[str]) -> Table:
  """A line per norm and combination of `keys`."""
  by = [NORM, *keys]
  running = [view.score + RUNNING] * view.running
  metrics = view.recorded(schema.measurements(view.rows, schema.TABLE))
  metrics = [*running, *(name for name in metrics if name not in (view.score, *running))]
  # One call per metric: each line of `others` has the index of its line in `main`.
  main, *others = (statistics.summary(rows, by, metric) for metric in (view.score, *metrics))
  columns = [NORM, *map(words.label, keys), 'seeds', words.label(view.score), 'spread over seeds']
  columns += ['with running statistics'] * view.running
  columns += [*(words.label(name) for name in metrics if name not in running), TRAINED, 'diverged']
  lines = []
  for i, line in main.iterrows():
    place = [line[NORM], *(words.number(line[key]) for key in keys), str(line['n'])]
    measured = [
      words.score(line['value']),
      spread(line),
      *(value(other['value'][i]) for other in others),
    ]
    texts = [*place, *measured, trained(line), str(line['diverged'])]
    lines.append(TableRow(texts, bool(line['share_trained'] < 1)))
  return Table(name, title, _note(view, main), columns, lines)


def spread(line: Line) -> str:
  """'0.8912 to 0.8990 (range)'."""
  kind = words.spread_name(line['kind'])
  return f'{words.score(line["low"])} to {words.score(line["high"])} ({kind})'


def trained(line: Line) -> str:
  """'all', or how many seeds did not train."""
  failed = round((1 - line['share_trained']) * line['n'])
  return f'did not train: {failed} of {line["n"]}' if failed else f'all {line["n"]}'


def _over_cells(
  view: View, own: pd.DataFrame, trials: pd.DataFrame, best: pd.Series
) -> Iterable[str]:
  cells_trained = int((own['share_trained'] == 1).sum())
  trained, count = int(trials[TRAINED].sum()), len(trials)
  place = {axis: best[axis] for axis in view.axes if axis not in view.texts}
  yield f'{cells_trained} of {len(own)}'
  yield f'{trained / count:.0%} of {count}'
  yield str(int(own['diverged'].sum()))
  yield words.score(own['value'].mean())
  yield words.score(best['value'])
  yield words.place(place) if place else ABSENT


def _chosen_by_others(view: View, trials: pd.DataFrame) -> str:
  axes = [axis for axis in view.axes if axis not in view.texts] or [NORM]
  found = selection.scores(*selection.tables(trials, axes, view.choice, view.score))
  return words.score(view.sign * float(found.mean())) if len(found) else ABSENT


def _matching(view: View, key: tuple[words.Scalar, ...]) -> pd.DataFrame:
  rows = view.rows
  for column, value in zip([NORM, *view.texts], key, strict=True):
    rows = rows[rows[column] == value]
  return rows


def _note(view: View, table: pd.DataFrame) -> str:
  """Which centre and spread a table shows."""
  kinds = set(table['kind'])
  meanings = {
    'range': 'the median of the seeds and their range, min to max',
    'interval': "the mean of the seeds and its 95% interval (Student's t)",
  }
  score = words.sentence(words.label(view.score))
  return f'{score} is {words.listed(meanings[kind] for kind in sorted(kinds))}.'


def value(value: float) -> str:
  """A measured value, a dash where there is none."""
  return ABSENT if np.isnan(value) else words.score(value)
