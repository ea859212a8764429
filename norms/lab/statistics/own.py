"""A rule of your own, which a claim names as package.module:function.

It is given the records that the claim's `at` selects, a row per trial and epoch, and the claim's
other options by keyword. It returns a Verdict, or what the rules of this package return: a
Comparison and the start of a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import pathlib
import sys
import traceback
from typing import Any

import pandas as pd

from norms import catalogue
from norms.lab.statistics.cells import SelectionError
from norms.lab.statistics.intervals import Comparison

OUTCOMES = ('supported', 'refuted', 'undecided')


def is_own(claim: str) -> bool:
  """Whether a claim names a rule of a user."""
  return ':' in claim


def load(claim: str) -> Callable[..., Any]:
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


def judge(claim: str, frame: pd.DataFrame, options: Mapping[str, Any]) -> Any:
  """What the rule says: a Verdict or a Finding.

  Raises:
    SelectionError: where the rule fails, or returns something else; it names the rule's file.
  """
  rule = load(claim)
  source = getattr(sys.modules[claim.partition(':')[0]], '__file__', None) or ''
  name = pathlib.Path(source).name
  try:
    found = rule(frame, **options)
  except Exception as error:  # of whatever kind: the other claims are judged all the same
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == source]
    where = f'{name}, line {lines[-1]}' if lines else name
    said = next(iter(str(error).splitlines()), '')
    raise SelectionError(
      f'claim {claim!r} failed in {where}: {type(error).__name__}: {said}'
    ) from error
  if not is_verdict(found) and not is_finding(found):
    raise SelectionError(
      f'claim {claim!r} in {name} returned {str(found)[:60]!r}: return a '
      f'norms.lab.statistics.Verdict whose outcome is one of {", ".join(OUTCOMES)}, with an '
      'interval of (low, high, kind), or a Comparison and a sentence'
    )
  return found


def is_verdict(found: Any) -> bool:
  """Whether a rule returned a Verdict that a report can print."""
  try:
    low, high, kind = found.interval
    for number in (found.effect, low, high, found.n):
      float(number)
  except (AttributeError, TypeError, ValueError):
    return False
  right = found.outcome in OUTCOMES and kind in ('interval', 'range')
  return right and isinstance(found.sentence, str) and bool(found.sentence)


def is_finding(found: Any) -> bool:
  """Whether a rule returned a Comparison and the start of a sentence."""
  if not (isinstance(found, tuple) and len(found) == 2):
    return False
  comparison, sentence = found
  right = isinstance(comparison, Comparison) and comparison.outcome in OUTCOMES
  return right and isinstance(sentence, str) and bool(sentence)
