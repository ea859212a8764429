"""Claims that hold the records against figures which a reference reported of single runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from norms.lab.columns import NORM, TEST_ACCURACY
from norms.lab.statistics import cells, words
from norms.lab.statistics.comparing import Finding, above, spread_of
from norms.lab.statistics.intervals import compare, estimate

KEYS = ('name', 'column', 'at', 'values', 'factor', 'source', 'see', 'says')


def check_references(entries: Sequence[Mapping[str, Any]]) -> None:
  """Raises a ValueError of one line for an entry of config.references that cannot be shown."""
  for entry in entries:
    for key in entry:
      if key not in KEYS:
        raise cells.SelectionError(cells.unknown('key of config.references', key, KEYS))
    if 'says' in entry:
      continue
    values, name = entry.get('values'), entry.get('name')
    if not name or not isinstance(entry.get('at'), Mapping) or NORM not in entry['at']:
      raise cells.SelectionError(
        f'config.references: {dict(entry)} needs name and at={{norm: ...}}'
      )
    if not isinstance(values, Mapping) or not values or not all(map(_is_number, values.values())):
      raise cells.SelectionError(f'config.references: {name!r} needs values={{epoch: number}}')
    wrong = [epoch for epoch in values if epoch != 'best' and not isinstance(epoch, int)]
    if wrong:
      raise cells.SelectionError(
        f'config.references: {name!r} has epoch {wrong[0]!r}: use a number, -1 (last) or "best"'
      )
    if not entry.get('column') and not entry.get('see'):
      raise cells.SelectionError(f'config.references: {name!r} needs column, or see (where it is)')


def _is_number(value: Any) -> bool:
  return isinstance(value, int | float) and not isinstance(value, bool)


def reaches(
  rows: pd.DataFrame,
  *,
  norm: str,
  value: float,
  slack: float = 0.0,
  metric: str = TEST_ACCURACY,
) -> Finding:
  """The mean of `norm` is at least `value` less `slack`; of a loss, at most `value` and `slack`."""
  sign = cells.metric_sign(metric)
  own = cells.by_seed(rows, [norm], metric)[norm]
  # The bound is the same for every seed, so a paired comparison tests the mean against it.
  reported = pd.Series(value - sign * slack, own.index)
  comparison = compare(sign * own, sign * reported)
  difference = compare(own, pd.Series(value, own.index))
  allowed = f', {words.score(slack)} are allowed' if slack else ''
  return comparison._replace(why='the bound lies within the spread'), (
    f'{words.norm_name(norm)} has {words.score(estimate(own).value)} in {words.label(metric)}, the '
    f'reference {words.score(value)}: a difference of {spread_of(difference)}{allowed}'
  )


def survives(
  rows: pd.DataFrame, *, norm: str, than: str, by: float, metric: str = TEST_ACCURACY
) -> Finding:
  """That `norm` is better than `than`, as single runs of the reference had it, `by` so much.

  How far one run can be trusted is counted too: all pairs of runs of two different seeds.
  """
  comparison, sentence = above(rows, norm, than, metric, 0.95)
  table = cells.by_seed(rows, [norm, than], metric) * cells.metric_sign(metric)
  # Runs of one seed share their draws, which a reference's two runs did not.
  pairs = [a - b for i, a in table[norm].items() for j, b in table[than].items() if i != j]
  same_order = sum(difference > 0 for difference in pairs)
  single_runs = (
    f'; one run of each would show that order in {same_order} of {len(pairs)} cases'
    if pairs
    else ''
  )
  return comparison, (
    f'the reference has {words.norm_name(norm)} ahead of {words.norm_name(than)} by '
    f'{words.score(by)}, a run each; over our seeds {sentence}{single_runs}'
  )
