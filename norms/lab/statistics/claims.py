"""Claims about norms, and the verdict of the records on each: a number, a spread, a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
import functools
import inspect
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from norms.lab.columns import NORM
from norms.lab.statistics import cells, design, layers, ranges, reported, rules, words
from norms.lab.statistics.comparing import Finding
from norms.lab.statistics.intervals import INTERVAL_FROM, VERDICT_FROM, Comparison


class Verdict(NamedTuple):
  """What the records say of one claim."""

  claim: str
  outcome: str  # 'supported' | 'refuted' | 'undecided'
  effect: float
  interval: tuple[float, float, str]  # low, high, 'interval' | 'range'
  n: int  # seeds
  sentence: str
  asks: str = ''  # the question that it answers, where the study puts one


RULES: dict[str, Callable[..., Finding]] = {
  'ranking': rules.ranking,
  'beats': rules.beats,
  'wider_range': ranges.wider_range,
  'depends_less': rules.depends_less,
  'trains': rules.trains,
  'fails': rules.fails,
  'reaches': reported.reaches,
  'survives': reported.survives,
  'rises': rules.rises,
  'passes_on': layers.passes_on,
}
OF_STARTS = ('passes_on',)  # which look at trials before their first step, not after their last
EVERYWHERE = ('at', 'asks')  # options of every claim: a filter, and the question in words


def check(claims: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
  """Raises a ValueError of one line for a claim or option that does not exist, or is missing."""
  for name, options in claims:
    if name not in RULES:
      raise cells.SelectionError(cells.unknown('claim', name, list(RULES)))
    parameters = dict(list(inspect.signature(RULES[name]).parameters.items())[1:])
    for option in options:
      if option not in parameters and option not in EVERYWHERE:
        valid = [*parameters, *EVERYWHERE]
        raise cells.SelectionError(cells.unknown(f'option of claim {name!r}', option, valid))
    for option, parameter in parameters.items():
      if parameter.default is parameter.empty and option not in options:
        raise cells.SelectionError(
          f'claim {name!r} needs the option {option!r}: add it to its options'
        )


def verdict(claim: str, frame: pd.DataFrame, **options: Any) -> Verdict:
  """The verdict of the records on one claim: `at` filters the cells, `asks` is carried along.

  A norm that the records do not hold leaves the claim undecided; a filter that no trial matches
  is a ValueError.
  """
  check([(claim, options)])
  at, asks = dict(options.pop('at', None) or {}), options.pop('asks', '')
  rows = cells.select((layers.starts if claim in OF_STARTS else cells.finals)(frame), at)
  where = f'at {words.place(at)}' if at else 'over the whole sweep'
  absent = [norm for norm in _norms(options) if norm not in set(rows[NORM])]
  if absent:
    held = words.listed(rows[NORM].unique())
    why = f'the records hold no trial of {words.listed(absent)} {where}, only of {held}'
    return _unjudged(claim, _sentence(why, 'undecided'), asks)
  if 'metric' in inspect.signature(RULES[claim]).parameters:
    options = {'metric': design.score(frame), **options}
  comparison, sentence = RULES[claim](rows, **options)
  sentence = _sentence(f'{where}, {sentence}', f'{comparison.outcome} {_seeds(comparison)}')
  outcome, effect, low, high, kind, n = comparison[:6]
  return Verdict(claim, outcome, float(effect), (float(low), float(high), kind), n, sentence, asks)


CLAIMS: dict[str, Callable[..., Verdict]] = {
  name: functools.partial(verdict, name) for name in RULES
}


def verdicts(frame: pd.DataFrame, claims: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Verdict]:
  """All verdicts; a claim that these records cannot judge is undecided and says why."""
  results = []
  for claim, options in claims:
    try:
      results.append(verdict(claim, frame, **options))
    except cells.SelectionError as error:
      results.append(_unjudged(claim, f'Not judged: {error}.', options.get('asks', '')))
  return results


def _unjudged(claim: str, sentence: str, asks: str) -> Verdict:
  return Verdict(claim, 'undecided', np.nan, (np.nan, np.nan, 'range'), 0, sentence, asks)


def _sentence(finding: str, outcome: str) -> str:
  return f'{finding[0].upper()}{finding[1:]}: {outcome}.'


def _norms(options: Mapping[str, Any]) -> list[str]:
  named = [options[key] for key in ('norm', 'than', 'best') if key in options]
  return [norm for each in named for norm in ([each] if isinstance(each, str) else each)]


def _seeds(comparison: Comparison) -> str:
  """'(3 seeds)', and why an undecided claim is one."""
  seeds = words.count(comparison.n, 'seed')
  if comparison.outcome != 'undecided':
    return f'({seeds}{"" if comparison.n >= INTERVAL_FROM else ", range"})'
  if comparison.n < VERDICT_FROM:
    return f'({seeds}; fewer than {VERDICT_FROM} decide nothing)'
  spread = 'the interval contains zero' if comparison.kind == 'interval' else 'the ranges overlap'
  why = comparison.why or spread
  return f'({seeds}; {why})'
