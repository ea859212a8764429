"""Claims about norms, and the verdict of the records on each: a number, a spread, a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
import functools
import inspect
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from norms.lab.columns import NORM
from norms.lab.statistics import (
  across,
  cells,
  design,
  layers,
  option_types,
  own,
  ranges,
  reported,
  rules,
  tuned,
  words,
)
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
  'higher_limit': ranges.higher_limit,
  'depends_less': rules.depends_less,
  'trains': rules.trains,
  'fails': rules.fails,
  'reaches': reported.reaches,
  'survives': reported.survives,
  'rises': rules.rises,
  'passes_on': layers.passes_on,
  'best_against_best': tuned.best_against_best,
}
ON_FIRST_ROWS = ('passes_on',)  # which look at trials before their first step, not after their last
COMMON_OPTIONS = ('at', 'asks')  # options of every claim: a filter, and the question in words
NORM_OPTIONS = ('norm', 'than', 'best')  # options that name norms


def check(claims: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
  """Raises a ValueError of one line for a claim that no records could judge.

  That is one whose rule or option does not exist, one that lacks an option, one that compares a
  norm, or a value, with itself, and one over an axis that no study can have.
  """
  for name, options in claims:
    signature = inspect.signature(_rule(name))
    # The first parameter is the records, which no config gives.
    parameters = dict(list(signature.parameters.items())[1:])
    any_option = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    parameters = {n: p for n, p in parameters.items() if p.kind != p.VAR_KEYWORD}
    two_values = across.is_across_axis(options, parameters)
    needed = [n for n, p in parameters.items() if p.default is p.empty]
    valid = [*parameters, *across.options_of(parameters), *COMMON_OPTIONS]
    if two_values:
      # Two values of an axis stand in for the two norms.
      needed = [across.AXIS, across.VALUE, *(option for option in needed if option != NORM)]
      valid.remove(NORM)
    for option in options:
      if option not in valid and not any_option:
        raise cells.SelectionError(cells.unknown(f'option of claim {name!r}', option, valid))
    for option in needed:
      if option not in options:
        raise cells.SelectionError(
          f'claim {name!r} needs the option {option!r}: add it to its options'
        )
    if not own.is_own(name):
      sides = across.as_norms(options) if two_values else options
      option_types.check(name, sides, parameters)
      _check_axes(name, options)
      _check_sides(name, sides)


def _rule(claim: str) -> Callable[..., Any]:
  if own.is_own(claim):
    return own.load(claim)
  if claim not in RULES:
    raise cells.SelectionError(
      f'{cells.unknown("claim", claim, list(RULES))}, or package.module:function'
    )
  return RULES[claim]


def _check_axes(claim: str, options: Mapping[str, Any]) -> None:
  named = [options[key] for key in (across.AXIS, across.OVER) if key in options]
  if 'tuned' in options:
    named += tuned.axes(options['tuned'])
  for axis in named:
    across.check_axis(axis)


def _check_sides(claim: str, options: Mapping[str, Any]) -> None:
  """Nothing is better than itself: to compare it is a slip of the pen."""
  names = [norm for norm in _norms(options) if isinstance(norm, str)]
  repeated = next((norm for norm in names if names.count(norm) > 1), None)
  if repeated is not None:
    raise cells.SelectionError(f'claim {claim!r} compares {repeated!r} with itself: name another')


def verdict(claim: str, frame: pd.DataFrame, **options: Any) -> Verdict:
  """The verdict of the records on one claim: `at` filters the cells, `asks` is carried along.

  The claim is a name of RULES, or a rule of yours as package.module:function.

  A norm that the records do not hold leaves the claim undecided; a filter that no trial matches
  is a ValueError, as is a rule of yours that fails.
  """
  check([(claim, options)])
  at, asks = dict(options.pop('at', None) or {}), options.pop('asks', '')
  where = f'at {words.place(at)}' if at else 'over the whole sweep'
  if own.is_own(claim):
    result = own.judge(claim, cells.select(frame, at), options)
    if isinstance(result, Verdict):
      return result._replace(claim=claim, asks=asks)
    return _decided(claim, result, where, asks)
  rows = cells.select((layers.starts if claim in ON_FIRST_ROWS else cells.finals)(frame), at)
  if across.compares_values(options):
    rows, options = across.relabel(rows, options), across.as_norms(options)
  absent = [norm for norm in _norms(options) if norm not in set(rows[NORM])]
  if absent:
    recorded = words.listed(rows[NORM].unique())
    why = f'the records hold no trial of {words.listed(absent)} {where}, only of {recorded}'
    # A norm may be missing because its group failed. The other claims are still worth a verdict.
    return _undecided(claim, _sentence(why, 'undecided'), asks)
  if 'metric' in inspect.signature(RULES[claim]).parameters:
    # A task may compare norms by another column than the accuracy, the default of every rule.
    options = {'metric': design.score(frame), **options}
  return _decided(claim, RULES[claim](rows, **options), where, asks)


def _decided(claim: str, finding: Finding, where: str, asks: str) -> Verdict:
  comparison, sentence = finding
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
      results.append(_undecided(claim, f'Not judged: {error}.', options.get('asks', '')))
  return results


def _undecided(claim: str, sentence: str, asks: str) -> Verdict:
  return Verdict(claim, 'undecided', np.nan, (np.nan, np.nan, 'range'), 0, sentence, asks)


def _sentence(finding: str, outcome: str) -> str:
  return f'{finding[0].upper()}{finding[1:]}: {outcome}.'


def _norms(options: Mapping[str, Any]) -> list[str]:
  named = [options[key] for key in NORM_OPTIONS if key in options]
  return [norm for value in named for norm in ([value] if isinstance(value, str) else value)]


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
