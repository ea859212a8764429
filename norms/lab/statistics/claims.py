"""Claims about norms: the rules that judge them, and what a claim may say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
import inspect

from norms.lab.columns import NORM
from norms.lab.statistics import (
  across,
  cells,
  layers,
  option_types,
  own,
  ranges,
  reported,
  rules,
  tuned,
)
from norms.lab.statistics.comparing import Finding
from norms.lab.values import Settings

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
# Options of every claim: a filter, the question in words, and the outcome that is expected.
COMMON_OPTIONS = ('at', 'asks', 'expects')
NORM_OPTIONS = ('norm', 'than', 'best')  # options that name norms


def check(claims: Iterable[tuple[str, Settings]]) -> None:
  """Raises a ValueError of one line for a claim that no records could judge.

  That is one whose rule or option does not exist, one that lacks an option, one that compares a
  norm, or a value, with itself, and one over an axis that no study can have.
  """
  for name, options in claims:
    signature = inspect.signature(rule(name))
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
    expects = options.get('expects', 'supported')
    if expects not in own.OUTCOMES:
      raise cells.SelectionError(
        cells.unknown(f'outcome that {name!r} expects', expects, own.OUTCOMES)
      )
    if not own.is_own(name):
      sides = across.as_norms(options) if two_values else options
      option_types.check(name, sides, parameters)
      _check_axes(name, options)
      _check_sides(name, sides)


def rule(claim: str) -> Callable[..., object]:
  """The function that judges a claim; a ValueError of one line where there is none."""
  if own.is_own(claim):
    return own.load(claim)
  if claim not in RULES:
    raise cells.SelectionError(
      f'{cells.unknown("claim", claim, list(RULES))}, or package.module:function'
    )
  return RULES[claim]


def _check_axes(claim: str, options: Settings) -> None:
  named = [options[key] for key in (across.AXIS, across.OVER) if key in options]
  if 'tuned' in options:
    named += tuned.axes(options['tuned'])
  for axis in named:
    across.check_axis(axis)


def _check_sides(claim: str, options: Settings) -> None:
  """Nothing is better than itself: to compare it is a slip of the pen."""
  names = [norm for norm in norms(options) if isinstance(norm, str)]
  repeated = next((norm for norm in names if names.count(norm) > 1), None)
  if repeated is not None:
    raise cells.SelectionError(f'claim {claim!r} compares {repeated!r} with itself: name another')


def norms(options: Settings) -> list[str]:
  """All norms that a claim names."""
  named = [options[key] for key in NORM_OPTIONS if key in options]
  return [norm for value in named for norm in ([value] if isinstance(value, str) else value)]
