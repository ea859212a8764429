"""A rule of your own, which a claim names as package.module:function.

Its arguments are the records that the claim's `at` selects, a row per trial and epoch, and the
claim's other options by keyword. It returns a Verdict, or what the rules of this package return: a
Comparison and the start of a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
import pathlib
import sys
import traceback
from typing import Any

import pandas as pd

from norms import catalogue
from norms.lab.statistics.cells import SelectionError
from norms.lab.statistics.intervals import Comparison
from norms.lab.values import Settings

OUTCOMES = ('supported', 'refuted', 'equivalent', 'undecided')


def is_own(claim: str) -> bool:
  """Whether a claim names a rule of a user."""
  return ':' in claim


def load(claim: str) -> Callable[..., object]:
  """The rule; a ValueError of one line where there is none."""
  try:
    rule = catalogue.load(claim, 'claim')
  except ValueError as error:
    raise SelectionError(str(error)) from error
  if not callable(rule):
    raise SelectionError(
      f'claim {claim!r} is a {type(rule).__name__}: name a function of the records and options'
    )
  return rule


def judge(claim: str, frame: pd.DataFrame, options: Settings) -> Any:  # one of two classes
  """What the rule says: a Verdict or a Finding.

  Raises:
    SelectionError: where the rule fails, or returns something else; it names the rule's file.
  """
  rule = load(claim)
  # Only lines of the user's own file help to mend the rule.
  source = getattr(sys.modules[claim.partition(':')[0]], '__file__', None) or ''
  name = pathlib.Path(source).name
  try:
    result = rule(frame, **options)
  except Exception as error:  # any kind: a mistake in one rule must not end the other verdicts
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == source]
    where = f'{name}, line {lines[-1]}' if lines else name
    message = next(iter(str(error).splitlines()), '')
    raise SelectionError(
      f'claim {claim!r} failed in {where}: {type(error).__name__}: {message}'
    ) from error
  if not is_verdict(result) and not is_finding(result):
    raise SelectionError(
      f'claim {claim!r} in {name} returned {str(result)[:60]!r}: return a '
      f'norms.lab.statistics.Verdict whose outcome is one of {", ".join(OUTCOMES)}, with an '
      'interval of (low, high, kind), or a Comparison and a sentence'
    )
  return result


def is_verdict(result: Any) -> bool:  # of a user's rule: it may be anything
  """Whether a rule returned a Verdict that a report can print."""
  try:
    low, high, kind = result.interval
    for number in (result.effect, low, high, result.n):
      float(number)
  except (AttributeError, TypeError, ValueError):
    return False
  known_words = result.outcome in OUTCOMES and kind in ('interval', 'range')
  return known_words and isinstance(result.sentence, str) and bool(result.sentence)


def is_finding(result: object) -> bool:
  """Whether a rule returned a Comparison and the start of a sentence."""
  if not (isinstance(result, tuple) and len(result) == 2):
    return False
  comparison, sentence = result
  known_outcome = isinstance(comparison, Comparison) and comparison.outcome in OUTCOMES
  return known_outcome and isinstance(sentence, str) and bool(sentence)
