"""Which claims were stated when which trials ran: their hashes are kept with the records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import hashlib
import json
from typing import Any

from norms.lab.statistics import intervals, means, several, words
from norms.lab.statistics.judging import Verdict
from norms.lab.values import Recorded, Settings

Claims = Iterable[tuple[str, Settings]]

# To be raised by whoever changes what a rule of these files decides.
RULES = 2
STATED = 'stated'  # the entry of a file's provenance


def record(claims: Claims, metric: str) -> dict[str, Any]:
  """What a file of records keeps: a hash of each claim, and one of how they are judged.

  metric: the column by which norms are compared where a claim names none.
  """
  return {'claims': [digest(claim) for claim in claims], 'judged_by': judged_by(metric)}


def digest(claim: tuple[str, Settings]) -> str:
  """The hash of a claim: its rule, its options with their thresholds, what is expected."""
  return _hash(list(claim))


def judged_by(metric: str) -> str:
  """The hash of what decides besides: primary metric, tests, level, least number of seeds."""
  numbers = (several.ALPHA, intervals.VERDICT_FROM, means.BOOTSTRAP_FROM, means.RESAMPLES)
  return _hash([metric, RULES, *numbers])


def told(
  verdicts: Sequence[Verdict],
  claims: Claims,
  metric: str,
  provenance: Iterable[Recorded],
) -> list[Verdict]:
  """The verdicts, each with a sentence on when its claim was stated, in `known` and at its end.

  provenance: norms.lab.records.provenance of the study's files. Files from before hashes were kept
  say nothing, and then neither does the verdict.
  """
  files = [line for line in provenance if STATED in line]
  found = []
  for verdict, claim in zip(verdicts, claims, strict=True):
    known = _known(digest(claim), judged_by(metric), files)
    sentence = ' '.join(filter(None, [verdict.sentence, known]))
    found.append(verdict._replace(known=known, sentence=sentence))
  return found


def _known(claim: str, judged: str, files: Sequence[Recorded]) -> str:
  trials = sum(line.get('trials') or 0 for line in files)
  before = [line for line in files if claim in line[STATED]['claims']]
  first = sum(line.get('trials') or 0 for line in before)
  if not trials:
    return ''
  when = (
    'Stated before its trials ran'
    if first == trials
    else f'Stated before {first} of {words.count(trials, "trial")} ran'
  )
  same = all(line[STATED]['judged_by'] == judged for line in before)
  return f'{when}{"" if same else "; how claims are judged has changed since"}.'


def _hash(content: object) -> str:
  # Tuples and lists are one, as a config may have either; what JSON lacks goes by its text.
  text = json.dumps(content, sort_keys=True, default=str)
  return hashlib.sha256(text.encode()).hexdigest()[:16]
