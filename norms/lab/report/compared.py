"""Two results folders of a study: what changed in setting, in outcome and in verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import pandas as pd

from norms.lab.columns import TRIAL
from norms.lab.report import aligned, page, tables
from norms.lab.statistics import words
from norms.lab.values import Recorded

Verdicts: TypeAlias = Sequence[Recorded]  # of a summary.json
MOVED = ('better', 'worse', 'higher', 'lower')  # beyond the interval
NOTE = (
  'After less before, paired by seed. The intervals hold together at 95% (Bonferroni); below five '
  'seeds nothing is decided.'
)


class Side(NamedTuple):
  """One of the two: its folder, its records, and the verdicts of its report, None without one."""

  name: str
  frame: pd.DataFrame
  verdicts: Verdicts | None


def tables_of(before: Side, after: Side, changes: pd.DataFrame) -> list[tables.Table]:
  """What changed, without what did not.

  changes: what norms.lab.two_studies.compare returns.
  """
  settings = changes[changes['what'] == 'setting']
  moved = changes[changes['verdict'].isin(MOVED)]
  lone = changes[changes['verdict'].isin(['only before', 'only after'])]
  found = [
    tables.Table(
      'settings',
      'Settings that differ',
      f'{words.count(len(settings), "setting")} of the trials.',
      ['setting', 'before', 'after'],
      [_row(words.label(each['name']), each['before'], each['after']) for each in _lines(settings)],
    ),
    tables.Table(
      'moved',
      'Norms and settings whose outcome moved beyond its interval',
      NOTE,
      ['measurement', 'where', 'before', 'after', 'difference', 'interval', 'seeds', ''],
      [_moved(each) for each in _lines(moved)],
    ),
    tables.Table(
      'lone',
      'Norms and settings of one side alone',
      'They are compared with nothing.',
      ['measurement', 'where', 'before', 'after', ''],
      [
        _row(words.label(each['name']), each['where'], *_ends(each), each['verdict'])
        for each in _lines(lone)
      ],
    ),
    _verdicts(before.verdicts or [], after.verdicts or []),
  ]
  return [table for table in found if table.rows]


def summary(before: Side, after: Side, changes: pd.DataFrame) -> str:
  """Counts of trials, of outcomes and of verdicts, in sentences."""
  first, second = (set(side.frame[TRIAL]) for side in (before, after))
  outcomes = changes[changes['what'] == 'outcome']['verdict']
  counts = [f'{sum(outcomes == name)} {name}' for name in MOVED if (outcomes == name).any()]
  both = int((~outcomes.isin(['only before', 'only after'])).sum())
  says = [
    f'{before.name} (before) has {words.count(len(first), "trial")}, {after.name} (after) '
    f'{len(second)}: {len(first & second)} are in both, {len(first - second)} before alone and '
    f'{len(second - first)} after alone.',
    f'Of {both} norms and settings that both have, {words.listed(counts) or "none"} beyond the '
    f'interval, {sum(outcomes == "undecided")} undecided.',
  ]
  absent = [side.name for side in (before, after) if side.verdicts is None]
  if absent:
    verb = 'has' if len(absent) == 1 else 'have'
    says.append(f'{words.listed(absent)} {verb} no report, and so no verdicts to compare.')
  else:
    rows = len(_verdicts(before.verdicts or [], after.verdicts or []).rows)
    says.append(f'{words.count(rows, "verdict")} changed.')
  return ' '.join(says)


def markdown(before: Side, after: Side, changes: pd.DataFrame) -> str:
  """The small page."""
  shown = tables_of(before, after, changes)
  content = {'before': before.name, 'after': after.name, 'tables': shown}
  text = page.rendered('compared.md.j2', content | {'summary': summary(before, after, changes)})
  return text.rstrip() + '\n'


def terminal(before: Side, after: Side, changes: pd.DataFrame) -> str:
  """The same for a terminal, what matters most at its end."""
  shown = map(aligned.titled, tables_of(before, after, changes))
  return '\n\n'.join([*shown, summary(before, after, changes)])


def _verdicts(before: Verdicts, after: Verdicts) -> tables.Table:
  """The claims whose outcome changed, or that one side does not state."""
  first, second = _by_claim(before), _by_claim(after)
  rows = [
    _row(': '.join(filter(None, key[:2])), *outcomes)
    for key in dict.fromkeys([*first, *second])
    for outcomes in [[side.get(key, 'not claimed') for side in (first, second)]]
    if outcomes[0] != outcomes[1]
  ]
  columns = ['claim', 'before', 'after']
  return tables.Table('verdicts', 'Verdicts that changed', 'By the two reports.', columns, rows)


def _by_claim(verdicts: Verdicts) -> dict[tuple[str, str, int], str]:
  """{(rule, question, how many of these came before): outcome}: several may have one rule."""
  found: dict[tuple[str, str, int], str] = {}
  for verdict in verdicts:
    rule, asks = verdict['claim'], verdict.get('asks', '')
    number = sum(key[:2] == (rule, asks) for key in found)
    found[rule, asks, number] = verdict['outcome']
  return found


def _lines(frame: pd.DataFrame) -> list[Recorded]:
  return [dict(line) for line in frame.to_dict('records')]


def _moved(line: Recorded) -> tables.TableRow:
  spread = f'{words.signed(line["low"])} to {words.signed(line["high"])}'
  difference = words.signed(line['difference'])
  where = (words.label(line['name']), line['where'], *_ends(line))
  return _row(*where, difference, spread, words.number(line['seeds']), line['verdict'])


def _ends(line: Recorded) -> list[str]:
  return [tables.value(line[name]) for name in ('before', 'after')]


def _row(*cells: str) -> tables.TableRow:
  return tables.TableRow(list(cells), False)
