"""The reference's figures beside ours: the same quantity, place and epoch, and the difference."""

from __future__ import annotations

from collections.abc import Iterator
import math
from typing import NamedTuple

import pandas as pd

from norms.lab import statistics
from norms.lab.columns import EPOCH, EPOCH_SECONDS, NORM, REPLAY, SEED, TRAINED, TRIAL
from norms.lab.report import naming, tables
from norms.lab.report.view import View
from norms.lab.statistics import cells, words
from norms.lab.statistics.intervals import Estimate
from norms.lab.values import Settings


class ReferenceComparison(NamedTuple):
  """One figure of the reference, and ours where the records have it."""

  name: str
  norm: str
  where: str
  epoch: int | str  # a number, or 'best'; -1 is the last
  value: float
  ours: Estimate | None
  trained: bool
  source: str
  elsewhere: str  # where ours is, if not in this study
  digits: int  # decimals that its quantity is given with, four at least
  column: str  # of the records, where ours is in them

  @property
  def difference(self) -> float:
    """Ours less the reference's; 0 below what a mean of float32 accuracies can tell."""
    difference = self.ours.value - self.value if self.ours else math.nan
    return 0.0 if abs(difference) < 1e-8 * abs(self.value) else difference


def compared(view: View) -> list[ReferenceComparison]:
  """Every figure that the study's config names, in its order."""
  return [line for entry in naming.references(view.study) for line in _lines(view, entry)]


def groups(view: View) -> dict[tuple[str, str], list[ReferenceComparison]]:
  """The same by (name, where): what belongs into one panel or sentence."""
  by_place: dict[tuple[str, str], list[ReferenceComparison]] = {}
  for line in compared(view):
    by_place.setdefault((line.name, line.where), []).append(line)
  return by_place


def table(view: View) -> tables.Table | None:
  """A line per figure of the reference."""
  lines = compared(view)
  if not lines:
    return None
  columns = [NORM, 'quantity', 'where', EPOCH, 'reference', 'ours', 'spread', 'runs']
  rows = [tables.TableRow(_cells(line), not line.trained) for line in lines]
  sources = words.listed(dict.fromkeys(line.source for line in lines if line.source))
  note = f'Reference: {sources}. ' if sources else ''
  note += "Ours is the mean of the runs and its 95% interval (Student's t), below "
  note += f'{statistics.INTERVAL_FROM} runs their median and range; difference = ours - reference.'
  if any(line.epoch == 'best' for line in lines):
    note += ' The best epoch is chosen on the data that are shown, as the reference did.'
  return tables.Table('reference', 'Reference beside ours', note, [*columns, 'difference'], rows)


def sentences(view: View) -> Iterator[str]:
  """Each quantity of the reference in a sentence."""
  for (name, where), lines in groups(view).items():
    known = [line for line in lines if line.ours]
    what = f'{name}{f" ({where})" if where else ""}'
    if not known:
      elsewhere = next((line.elsewhere for line in lines if line.elsewhere), '')
      yield f'{what}: ours is in {elsewhere}.' if elsewhere else f'{what}: no run of ours here.'
    elif any(sum(other.norm == line.norm for other in known) > 1 for line in known):
      yield f'{what}: the largest difference from the reference is {_furthest(known)}.'
    else:
      each = (f'{line.norm} {_against(line)}' for line in known)
      yield f'{what}, ours against the reference: {"; ".join(each)}.'


def _lines(view: View, entry: Settings) -> Iterator[ReferenceComparison]:
  at = dict(entry['at'])
  rows = _rows(view, at) if entry.get('column') not in (None, EPOCH_SECONDS) else None
  norm, replay = str(at.pop(NORM, '')), at.pop(REPLAY, '')
  place = [words.place(at)] if at else []
  place += [f'replayed with {replay}'] if replay else ['our seeds'] * (not view.replayed.empty)
  digits = max(4, *(len(f'{value:.7g}'.partition('.')[2]) for value in entry['values'].values()))
  for epoch, value in entry['values'].items():
    ours = None
    if entry.get('column') == EPOCH_SECONDS:
      ours = _seconds(view, norm)
    elif rows is not None:
      ours = _ours(rows, entry['column'], epoch, float(entry.get('factor', 1.0)))
    trained = rows is None or bool(rows[TRAINED].all())
    about = (entry.get('source', ''), entry.get('see', ''), digits, entry.get('column', ''))
    yield ReferenceComparison(
      entry['name'], norm, ', '.join(place), epoch, value, ours, trained, *about
    )


def _rows(view: View, at: Settings) -> pd.DataFrame | None:
  """The records of a place; None where no trial was run there."""
  try:
    return cells.select(view.replayed if at.get(REPLAY) else view.records, at)
  except cells.SelectionError:
    return None


def _ours(rows: pd.DataFrame, column: str, epoch: int | str, factor: float) -> Estimate | None:
  """The centre over the seeds, of the last row, of an epoch, or of the best epoch."""
  if column not in rows:
    return None
  if epoch == 'best':
    rows = rows.assign(**{column: rows.groupby(TRIAL)[column].transform('max')})
  rows = cells.finals(rows) if epoch in (-1, 'best') else rows[rows[EPOCH] == epoch]
  if rows.empty:
    return None
  by_seed = cells.scores(rows, column).groupby(rows[SEED]).mean()
  return statistics.estimate(factor * by_seed)


def _seconds(view: View, norm: str) -> Estimate | None:
  rounds = [row['seconds'] for row in view.timing.get('rows', ()) if row[NORM] == norm]
  return statistics.estimate(rounds) if rounds else None


def _cells(line: ReferenceComparison) -> list[str]:
  epoch = 'last' if line.epoch == -1 else str(line.epoch)
  cells = [line.norm, line.name, line.where or tables.ABSENT, epoch, like(line, line.value)]
  if line.ours is None:
    return [*cells, line.elsewhere or 'no run', tables.ABSENT, tables.ABSENT, tables.ABSENT]
  low, high = (like(line, end) for end in (line.ours.low, line.ours.high))
  spread = f'{low} to {high} ({words.spread_name(line.ours.kind)})' if line.ours.n > 1 else ''
  flag = '' if line.trained else ' (did not train)'
  cells += [like(line, line.ours.value) + flag, spread or tables.ABSENT, str(line.ours.n)]
  return [*cells, _difference(line)]


def like(line: ReferenceComparison, value: float) -> str:
  """A value with as many decimals as the reference gives."""
  return f'{value:.{line.digits}f}' if _is_plain(value) else words.score(value)


def _is_plain(value: float) -> bool:
  """Neither too small for decimals, nor not a number."""
  return 1e-3 <= abs(value) < 1e3


def _difference(line: ReferenceComparison) -> str:
  """With a sign, and with the decimals of the two that it is between."""
  if not (math.isfinite(line.difference) and _is_plain(line.value)):
    return words.signed(line.difference)
  text = f'{line.difference:+.{line.digits}f}'
  return text if float(text) else text[1:]


def _against(line: ReferenceComparison) -> str:
  flag = '' if line.trained else ', did not train'
  assert line.ours is not None
  return (
    f'{like(line, line.ours.value)} against {like(line, line.value)} ({_difference(line)}{flag})'
  )


def _furthest(lines: list[ReferenceComparison]) -> str:
  """Per norm, the epoch at which the two differ most."""
  by_norm: dict[str, list[ReferenceComparison]] = {}
  for line in lines:
    by_norm.setdefault(line.norm, []).append(line)
  worst = [
    max(own, key=lambda line: abs(line.difference) if math.isfinite(line.difference) else math.inf)
    for own in by_norm.values()
  ]
  return words.listed(
    f'{_difference(line)} with {words.norm_name(line.norm)} '
    f'(epoch {line.epoch}: {_against(line).partition(" (")[0]})'
    for line in worst
  )
