"""Tables of single trials: all of them, and those that failed, with when and why."""

from __future__ import annotations

from norms.lab.columns import (
  BEST,
  DIVERGED_AT,
  EPOCH,
  NORM,
  SEED,
  STEP,
  TRAIN_LOSS,
  TRAINED,
  TRIAL,
)
from norms.lab.report import tables, trained_rule
from norms.lab.report.view import View
from norms.lab.statistics import words


def table(view: View) -> tables.Table:
  """A line per trial, as trials.csv has it."""
  best, ended, n = BEST + view.choice, ends(view), len(view.rows)
  shown = view.rows if n <= tables.LONG else tables.best_rows(view, [TRIAL])
  measured = [view.score, *[best] * (best in view.rows)]
  rows = [
    tables.TableRow(
      [
        *_place(view, line),
        *(tables.value(line[name]) for name in measured),
        'yes' if line[TRAINED] else 'no',
        words.number(ended[line[TRIAL]]) if line[TRIAL] in ended else tables.ABSENT,
        line[TRIAL],
      ],
      not line[TRAINED],
    )
    for line in shown.to_dict('records')
  ]
  columns = [*_titles(view), *map(words.label, measured), TRAINED, 'diverged in epoch', TRIAL]
  title, note = 'Every trial', f'{words.count(n, "trial")}; trials.csv has all their figures.'
  if n > tables.LONG:
    title = f'The best {tables.MOST} of {n} trials'
    note = f'Chosen {view.chosen_on}; trials.csv has every trial.'
  return tables.Table('trials', title, note, columns, rows)


def failures(view: View) -> tables.Table:
  """A line per trial that did not train or diverged: in which epoch, and why."""
  failed = view.rows[~view.rows[TRAINED].astype(bool) | view.rows[DIVERGED_AT].notna()]
  first = view.frame[view.frame[EPOCH] == 0].set_index(TRIAL)
  ended, n = ends(view), len(failed)
  rows = [
    tables.TableRow(
      [
        *_place(view, line),
        words.number(ended.get(line[TRIAL], line[EPOCH])),
        trained_rule.broken(line, first[TRAIN_LOSS].get(line[TRIAL])),
        tables.value(line[view.score]),
        line[TRIAL],
      ],
      True,
    )
    for line in failed.iloc[: tables.MOST if n > tables.LONG else n].to_dict('records')
  ]
  columns = [*_titles(view), EPOCH, 'what happened', words.label(view.score), TRIAL]
  note = 'The epoch is that in which the loss was lost, else the last. '
  note += f'{trained_rule.of(view.rows)} '
  count = words.count(n, 'trial')
  if n > tables.LONG:
    note += f'The first {tables.MOST} of {count}; trials.csv has all.'
  else:
    note += f'{count}; trials.csv has all their figures.'
  return tables.Table('failures', 'Trials that did not train or diverged', note, columns, rows)


def ends(view: View) -> dict[str, int]:
  """The epoch in which each trial that diverged did so."""
  lost = view.rows[view.rows[DIVERGED_AT].notna()]
  rows = view.frame[view.frame[DIVERGED_AT].notna()]
  rows = rows[rows[STEP] >= rows[DIVERGED_AT]]
  # A record may end before the step that was lost: then it is in the epoch that comes last.
  last: dict[str, int] = dict(zip(lost[TRIAL], lost[EPOCH], strict=True))
  return last | rows.groupby(TRIAL)[EPOCH].min().to_dict()


def _titles(view: View) -> list[str]:
  return [NORM, *map(words.label, view.axes), SEED]


def _place(view: View, line: tables.Line) -> list[str]:
  return [line[NORM], *(words.number(line[name]) for name in (*view.axes, SEED))]
