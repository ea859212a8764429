"""summary.json: what a report found, for programs and for the table in results/README.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import json
import math
import pathlib
from typing import Any

from norms.lab.columns import TRAINED
from norms.lab.report import answer, naming, origins
from norms.lab.report.naming import AnyStudy, AnyVerdict
from norms.lab.report.reference import comparison
from norms.lab.report.view import View
from norms.lab.statistics import Verdict
from norms.lab.values import Recorded


def text(
  view: View,
  verdicts: Iterable[AnyVerdict],
  provenance: Sequence[Recorded],
  *,
  figure: str = '',
  otherwise: Iterable[str] = (),
  advice: str = '',
) -> str:
  """The study, its verdicts and the reference's figures beside ours.

  figure: the path of the key figure from the report's folder.
  otherwise: what answers the question where there are no verdicts.
  """
  facts = {
    'figure': figure,
    'cost': origins.cost(provenance),
    'trials': len(view.rows),
    'seeds': view.seeds(),
    'did_not_train': int((~view.rows[TRAINED].astype(bool)).sum()),
  }
  lines = [_line(line) for line in comparison.compared(view)]
  says = naming.reference_statements(view.study)
  return plain(
    view.study, verdicts, says=says, lines=lines, facts=facts, otherwise=otherwise, advice=advice
  )


def plain(
  study: AnyStudy,
  verdicts: Iterable[AnyVerdict],
  *,
  says: Iterable[str] = (),
  lines: Iterable[Recorded] = (),
  facts: Recorded | None = None,
  otherwise: Iterable[str] = (),
  advice: str = '',
) -> str:
  """The same of any report: verdicts have claim, outcome and sentence, and may have asks.

  otherwise: what answers the question where there are no verdicts.
  """
  verdicts = list(verdicts)
  content = {
    'name': study.name,
    'question': study.question,
    'answer': [' '.join(filter(None, line)) for line in answer.lines(verdicts, otherwise)],
    'advice': advice,
    'command': _command(study),
    **(facts or {}),
    'verdicts': [_verdict(verdict) for verdict in verdicts],
    'reference_says': list(says),
    'reference': list(lines),
  }
  # JSON has no NaN, though Python writes it: other programs could not read the file.
  return json.dumps(content, indent=1, allow_nan=False) + '\n'


def lines(file: pathlib.Path) -> list[str]:
  """The verdicts, a line each, and the question with its answer: blocks for the terminal."""
  content = json.loads(file.read_text(encoding='utf-8'))
  verdicts = [_told(verdict) for verdict in content['verdicts']]
  do = [f'{answer.DO} {content["advice"]}'] * bool(content['advice'])
  answered = [content['question'] or content['name'], *content['answer'], *do]
  return ['\n'.join(block) for block in (verdicts, answered) if block]


def _told(verdict: Mapping[str, str]) -> str:
  """'supported  Does layer norm beat batch norm? At batch size 64, ...'."""
  asks = f'{verdict["asks"]} ' if verdict['asks'] else ''
  return f'{verdict["outcome"]:10}  {asks}{verdict["finding"]}'


def _command(study: AnyStudy) -> str:
  """The command of the study's own notes: that of a run may hold a machine's folders."""
  lines = [line.strip() for line in (getattr(study, 'doc', '') or '').splitlines()]
  command = next((line for line in lines if line.startswith('Command:')), '')
  return command.removeprefix('Command:').strip() or getattr(study, 'command', '')


def _verdict(verdict: AnyVerdict) -> dict[str, Any]:
  entry = {'claim': verdict.claim, 'asks': getattr(verdict, 'asks', '')}
  entry |= {'outcome': verdict.outcome, 'sentence': verdict.sentence}
  entry['finding'] = answer.found(verdict)
  if isinstance(verdict, Verdict):  # another library's comparison has no seeds, and no interval
    low, high, kind = verdict.interval
    numbers = {'effect': verdict.effect, 'low': low, 'high': high}
    entry |= {name: _finite(value) for name, value in numbers.items()}
    entry |= {'kind': kind, 'n': verdict.n}
    entry |= {'p': _finite(verdict.p), 'p_corrected': _finite(verdict.p_corrected)}
    entry |= {'tested': verdict.tested, 'expected': verdict.expected, 'known': verdict.known}
    entry |= {'confounds': list(verdict.confounds)}
  return entry


def _line(line: comparison.ReferenceComparison) -> dict[str, Any]:
  """One figure of the reference and ours: in full precision, and as the report prints them."""
  entry: dict[str, Any] = {'name': line.name, 'norm': line.norm, 'where': line.where}
  entry |= {'epoch': line.epoch, 'reference': line.value, 'trained': line.trained}
  entry['text'] = {'reference': comparison.like(line, line.value)}
  if line.ours:
    # Full precision for programs, and text as the report prints it, so that both agree.
    numbers = dict(zip(('ours', 'low', 'high'), line.ours[:3], strict=True))
    entry |= {name: _finite(value) for name, value in numbers.items()}
    entry['text'] |= {name: comparison.like(line, value) for name, value in numbers.items()}
    entry |= {'kind': line.ours.kind, 'n': line.ours.n}
  return entry


def _finite(value: float) -> float | None:
  return float(value) if math.isfinite(value) else None
