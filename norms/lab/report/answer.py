"""The answer of a study in at most three sentences, from its verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from norms.lab.report.naming import AnyVerdict
from norms.lab.statistics import confounds as confounding
from norms.lab.statistics import words

MOST = 3  # sentences
DO = 'What to do in such a case?'
# A claim is put as a question that its outcome answers.
SAYS = {
  'supported': 'Yes',
  'refuted': 'No',
  'equivalent': 'No difference that matters',
  'undecided': 'Not decided',
}


class Line(NamedTuple):
  """A sentence, and the question that it answers, '' where there is none."""

  asks: str
  text: str


def lines(
  verdicts: Sequence[AnyVerdict], otherwise: Iterable[str] = (), advice: str = ''
) -> list[Line]:
  """The first verdict, the first that came out otherwise, and what to do.

  otherwise: what the records say, where the study claims nothing.
  """
  if not verdicts:
    return [Line('', sentence) for sentence in otherwise][:MOST]
  first = verdicts[0]
  # A reader who stops here must not take one verdict for all of them.
  other = next((verdict for verdict in verdicts if verdict.outcome != first.outcome), None)
  told = [_line(verdict) for verdict in (first, other) if verdict]
  return [*told, *[Line(DO, advice)] * bool(advice)]


def counts(verdicts: Sequence[AnyVerdict]) -> str:
  """'Of 7 claims, 5 are supported, 1 is refuted and 1 is undecided.'"""
  outcomes = [verdict.outcome for verdict in verdicts]
  each = (
    f'{outcomes.count(outcome)} {"is" if outcomes.count(outcome) == 1 else "are"} {outcome}'
    for outcome in dict.fromkeys(outcomes)
  )
  return f'Of {words.count(len(verdicts), "claim")}, {words.listed(each)}.'


def found(verdict: AnyVerdict) -> str:
  """What a verdict found and how sure it is, in its first sentence."""
  whole: str = verdict.sentence
  return whole.removesuffix(beside(verdict)).rstrip()


def beside(verdict: AnyVerdict) -> str:
  """What a verdict says after that: what else may be the reason, and when the claim was stated."""
  # A comparison with other libraries has neither.
  confounds, known = getattr(verdict, 'confounds', ()), getattr(verdict, 'known', '')
  return ' '.join(filter(None, [confounding.told(confounds), known]))


def _line(verdict: AnyVerdict) -> Line:
  if not verdict.asks:
    return Line('', found(verdict))
  # 'Yes' has said that it is supported.
  finding, told, grounds = found(verdict).rpartition(f': {verdict.outcome}')
  said = f'{finding}{grounds}' if told else grounds
  return Line(
    verdict.asks, f'{SAYS.get(verdict.outcome, verdict.outcome)}: {said[:1].lower()}{said[1:]}'
  )
