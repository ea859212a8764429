"""The verdict of the records on each claim: outcome, size, spread, p, and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
import functools
import inspect
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from norms.lab.columns import NORM
from norms.lab.statistics import (
  across,
  cells,
  claims,
  confounds,
  design,
  layers,
  own,
  several,
  words,
)
from norms.lab.statistics.comparing import Finding
from norms.lab.statistics.intervals import INTERVAL_FROM, VERDICT_FROM, Comparison
from norms.lab.values import Settings

AS_EXPECTED, AGAINST = 'as expected', 'against the expectation'


class Verdict(NamedTuple):
  """What the records say of one claim."""

  claim: str
  outcome: str  # 'supported' | 'refuted' | 'equivalent' | 'undecided'
  effect: float
  interval: tuple[float, float, str]  # low, high, 'interval' | 'range'
  n: int  # seeds
  sentence: str
  asks: str = ''  # the question that it answers, where the study puts one
  p: float = np.nan  # two-sided, of this claim alone; NaN where trials are counted, not tested
  p_corrected: float = np.nan  # over all claims of the study, by Holm; this one decides
  tested: int = 0  # the claims over which it is corrected
  expected: str = ''  # 'as expected' | 'against the expectation'; '' where it is undecided
  confounds: tuple[str, ...] = ()  # what else differs, and may be the reason
  known: str = ''  # when the claim was stated, in a sentence; '' where the records do not say


class _Judged(NamedTuple):
  """One claim held against the records, before the others are known."""

  claim: str
  comparison: Comparison
  finding: str
  asks: str
  expects: str
  confounds: tuple[str, ...] = ()


def verdict(
  claim: str,
  frame: pd.DataFrame,
  **options: Any,  # of the claim's rule, each of a type of its own
) -> Verdict:
  """The verdict of the records on one claim alone: `at` filters the cells, `asks` is carried along.

  The claim is a name of claims.RULES, or a rule of yours as package.module:function.

  A norm that the records do not hold leaves the claim undecided; a filter that no trial matches
  is a ValueError, as is a rule of yours that fails.
  """
  return _decided([_judged(claim, options, frame, _ends(frame))])[0]


CLAIMS: dict[str, Callable[..., Verdict]] = {
  name: functools.partial(verdict, name) for name in claims.RULES
}


def verdicts(frame: pd.DataFrame, stated: Iterable[tuple[str, Settings]]) -> list[Verdict]:
  """All verdicts, with p corrected over them; a claim that these records cannot judge says why."""
  found: list[_Judged | Verdict] = []
  ends = _ends(frame)
  for claim, options in stated:
    try:
      found.append(_judged(claim, dict(options), frame, ends))
    except cells.SelectionError as error:
      found.append(_undecided(claim, f'Not judged: {error}.', options.get('asks', '')))
  return _decided(found)


def _ends(frame: pd.DataFrame) -> Callable[[], pd.DataFrame]:
  """The last rows of the trials, which all claims share, once the first asks for them."""
  return functools.cache(lambda: cells.finals(frame))


def _judged(
  claim: str, options: dict[str, Any], frame: pd.DataFrame, ends: Callable[[], pd.DataFrame]
) -> _Judged | Verdict:
  claims.check([(claim, options)])
  at, asks = dict(options.pop('at', None) or {}), options.pop('asks', '')
  expects = options.pop('expects', 'supported')
  where = f'at {words.place(at)}' if at else 'over the whole sweep'
  if own.is_own(claim):
    result = own.judge(claim, cells.select(frame, at), options)
    if isinstance(result, Verdict):
      expected = result.expected or _expected(result.outcome, expects)
      return result._replace(claim=claim, asks=asks, expected=expected)
    return _Judged(claim, result[0], f'{where}, {result[1]}', asks, expects)
  on_first = claim in claims.ON_FIRST_ROWS
  rows = cells.select(layers.starts(frame) if on_first else ends(), at)
  beside = () if on_first else confounds.of(rows, claims.rule(claim), options)
  if across.compares_values(options):
    rows, options = across.relabel(rows, options), across.as_norms(options)
  absent = [norm for norm in claims.norms(options) if norm not in set(rows[NORM])]
  if absent:
    recorded = words.listed(rows[NORM].unique())
    why = f'the records hold no trial of {words.listed(absent)} {where}, only of {recorded}'
    # A norm may be missing because its group failed. The other claims are still worth a verdict.
    return _undecided(claim, f'{words.sentence(why)}: undecided.', asks)
  if 'metric' in inspect.signature(claims.RULES[claim]).parameters:
    # A task may compare norms by another column than the accuracy, the default of every rule.
    options = {'metric': design.score(frame), **options}
  finding: Finding = claims.RULES[claim](rows, **options)
  return _Judged(claim, finding[0], f'{where}, {finding[1]}', asks, expects, beside)


def _decided(found: Sequence[_Judged | Verdict]) -> list[Verdict]:
  """The verdicts, once all p-values are known; a verdict of a user's own rule stays as it is."""
  p_values = [each.comparison.p if isinstance(each, _Judged) else each.p for each in found]
  corrected, tested = several.holm(p_values), int(np.sum(~np.isnan(p_values)))
  return [
    _verdict(each, p, tested) if isinstance(each, _Judged) else each
    for each, p in zip(found, corrected, strict=True)
  ]


def _verdict(judged: _Judged, p: float, tested: int) -> Verdict:
  comparison = judged.comparison
  if comparison.outcome != 'undecided' and p > several.ALPHA:
    why = f'of {tested} claims one as sure as this may be chance'
    comparison = comparison._replace(outcome='undecided', why=why)
  outcome, effect, low, high, kind, n = comparison[:6]
  expected = _expected(outcome, judged.expects)
  says = ', '.join(filter(None, [outcome, expected]))
  first = f'{words.sentence(judged.finding)}: {says} ({_grounds(comparison, p, tested)}).'
  sentence = ' '.join(filter(None, [first, confounds.told(judged.confounds)]))
  return Verdict(
    judged.claim,
    outcome,
    float(effect),
    (float(low), float(high), kind),
    n,
    sentence,
    judged.asks,
    comparison.p,
    p,
    0 if np.isnan(p) else tested,
    expected,
    judged.confounds,
  )


def _undecided(claim: str, sentence: str, asks: str) -> Verdict:
  return Verdict(claim, 'undecided', np.nan, (np.nan, np.nan, 'range'), 0, sentence, asks)


def _expected(outcome: str, expects: str) -> str:
  if outcome == 'undecided':
    return ''
  return AS_EXPECTED if outcome == expects else AGAINST


def _grounds(comparison: Comparison, p: float, tested: int) -> str:
  """'5 seeds; p = 0.012, corrected for 4 claims', and why an undecided claim is one."""
  grounds = [words.count(comparison.n, 'seed')]
  if comparison.outcome == 'undecided' and comparison.n < VERDICT_FROM:
    grounds.append(f'fewer than {VERDICT_FROM} describe and decide nothing')
  elif comparison.outcome == 'undecided':
    ranges = comparison.kind == 'range' and comparison.n >= INTERVAL_FROM
    grounds.append(
      comparison.why or ('the ranges overlap' if ranges else 'the interval contains zero')
    )
  if not np.isnan(p):
    grounds.append(words.p_value(p) + (f', corrected for {tested} claims' if tested > 1 else ''))
  return '; '.join(grounds)
