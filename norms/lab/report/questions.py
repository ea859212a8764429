"""Figures by question: which of them show what the study's claims are about, those first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import fnmatch
from typing import NamedTuple

from norms.lab.report import answer
from norms.lab.report.figures.writing import WrittenFigure
from norms.lab.report.naming import AnyVerdict


class Question(NamedTuple):
  """What some rules of claims ask, and the names of the figures that show it."""

  title: str
  claims: tuple[str, ...]
  figures: tuple[str, ...]  # patterns; the first shows the answer best


class Group(NamedTuple):
  """The figures of one question, and what the verdicts on it say."""

  title: str
  finding: str
  figures: list[WrittenFigure]


MATTERS, WHERE, BETTER, ALONG, ELSE = (
  'Which settings matter?',
  'Where does each norm train?',
  'Which norm is better?',
  'What changes along an axis?',
  'What else was measured?',
)
COMPARING = ('beats', 'ranking', 'best_against_best', 'survives')
# A figure belongs to the first question that has its name.
QUESTIONS = (
  Question(MATTERS, (), ('importance',)),
  Question('How near is the reference?', ('reaches',), ('reference_*',)),
  Question(
    'What was recorded in the layers?', ('passes_on',),
    ('layers_*', 'activation_*', 'gradient_*', 'relative_gradient_*'),
  ),
  Question('What does it cost?', (), ('time_per_epoch',)),
  Question(
    WHERE, ('wider_range', 'higher_limit', 'trains', 'fails'),
    ('did_not_train_by_*', 'heat_*', 'grad_norm_by_*', 'loss_curves'),
  ),
  Question(
    BETTER, COMPARING,
    ('*_by_seed', 'bests_by_*', 'training_curves'),
  ),
  Question(ALONG, ('depends_less', 'rises'), ('*accuracy_by_*', 'curves_by_*', '*_loss_by_*')),
  Question(ELSE, (), ('*',)),
)  # fmt: skip


def arranged(
  figures: Iterable[WrittenFigure],
  verdicts: Sequence[AnyVerdict],
  otherwise: Mapping[str, str],
  metric: str = '',
) -> list[Group]:
  """The figures by question, those of the first verdict first, those of none last.

  otherwise: {title: what the records say} of questions on which there is no verdict.
  metric: what the first claim is about; of figures alike that of it comes first.
  """
  order = {verdict.claim: rank for rank, verdict in reversed(list(enumerate(verdicts)))}

  def rank(question: Question) -> tuple[float, int]:
    ranks = [order[claim] for claim in question.claims if claim in order]
    return min(ranks, default=float('inf')), QUESTIONS.index(question)

  by_title: dict[str, list[WrittenFigure]] = {}
  for figure in figures:
    by_title.setdefault(_question(figure.name).title, []).append(figure)
  return [
    Group(
      question.title,
      _finding(question, verdicts, otherwise),
      sorted(
        by_title[question.title],
        key=lambda figure: (_place(question, figure.name), not figure.name.startswith(metric)),
      ),
    )
    for question in sorted(QUESTIONS, key=rank)
    if question.title in by_title
  ]


def with_key_figure(groups: Sequence[Group]) -> tuple[WrittenFigure | None, str, list[Group]]:
  """The figure to look at first, its finding, and the groups without it."""
  if not groups:
    return None, '', []
  first, *rest = groups
  key, *others = first.figures
  return key, first.finding, [*[first._replace(figures=others)] * bool(others), *rest]


def _question(name: str) -> Question:
  return next(q for q in QUESTIONS if _place(q, name) < len(q.figures))


def _place(question: Question, name: str) -> int:
  """The number of the first pattern that the name fits; that of all patterns, if it fits none."""
  fits = (i for i, p in enumerate(question.figures) if fnmatch.fnmatchcase(name, p))
  return next(fits, len(question.figures))


def _finding(
  question: Question, verdicts: Sequence[AnyVerdict], otherwise: Mapping[str, str]
) -> str:
  judged = (answer.found(verdict) for verdict in verdicts if verdict.claim in question.claims)
  return next(judged, otherwise.get(question.title, ''))
