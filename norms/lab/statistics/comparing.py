"""What the rules of claims have in common: a comparison, its cells and its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import NORM
from norms.lab.statistics import cells, design, words
from norms.lab.statistics.intervals import Comparison, compare, estimate

Finding = tuple[Comparison, str]  # the sentence ends where the outcome is to follow


def above(
  rows: pd.DataFrame,
  norm: str,
  than: str,
  metric: str,
  *,
  level: float = 0.95,
  margin: float = 0.0,
  aside: str = '',
) -> Finding:
  """`norm` is better than `than` in `metric`, paired by seed; `aside` goes after `than`.

  With a margin they may be found equivalent within it.
  """
  table = cells.by_seed(rows, [norm, than], metric) * cells.metric_sign(metric)
  comparison = compare(table[norm], table[than], level=level, margin=margin)
  own, other = (abs(estimate(table[name]).value) if len(table) else np.nan for name in table)
  verb = 'reaches' if cells.metric_sign(metric) > 0 else 'comes down to'
  return comparison, (
    f'{words.norm_name(norm)} {verb} {words.score(own)} in {words.label(metric)} and '
    f'{words.norm_name(than)}{aside} {words.score(other)}: paired by seed, '
    f'{lead(comparison, norm, than)}{within(margin)}'
  )


def within(margin: float) -> str:
  """The margin in the words of a claim that has one."""
  return f', where less than {words.score(margin)} counts as equal' if margin else ''


def shared(rows: pd.DataFrame, norms: Sequence[str], axis: str) -> pd.DataFrame:
  """The rows of `norms` in the cells that all of them have."""
  valid = [name for name in schema.settings(rows) if design.is_numeric(rows, name)]
  if axis not in valid:
    raise cells.SelectionError(cells.unknown('axis', axis, valid))
  rows = rows[rows[NORM].isin(norms) & rows[axis].notna()]
  keys = list(dict.fromkeys([axis, *design.axes(rows)]))
  # Cells that only one norm has would compare the axis, not the norms.
  have = rows.groupby(keys, dropna=False)[NORM].transform('nunique')
  return rows[have == len(set(norms))]


def spread_of(comparison: Comparison, text: Callable[[float], str] = words.signed) -> str:
  """'+0.0044 (median; range +0.0010 to +0.0080)'; text: how its numbers are written."""
  effect, low, high, kind = comparison[1:5]
  if np.isnan(effect):
    return 'unknown size (no cell holds both)'
  centre = 'median' if kind == 'range' else 'mean'
  name = f'{centre}; {words.spread_name(kind, comparison.level)}'
  return f'{text(effect)} ({name} {text(low)} to {text(high)})'


def direction(comparison: Comparison, more: str, less: str) -> str:
  """'better by 0.0044 (...)', or where that would have a minus 'worse by 0.0044 (...)'."""
  word = less if comparison.effect < 0 else more
  return f'{word} by {spread_of(_ahead(comparison), words.score)}'


def lead(comparison: Comparison, norm: str, than: str) -> str:
  """'the lead of batch norm is +0.0044 (...)', of the side that is ahead."""
  ahead = than if comparison.effect < 0 else norm
  return f'the lead of {words.norm_name(ahead)} is {spread_of(_ahead(comparison))}'


def _ahead(comparison: Comparison) -> Comparison:
  """The comparison as the side sees it that is ahead."""
  if not comparison.effect < 0:
    return comparison
  low, high = -comparison.high, -comparison.low
  return comparison._replace(effect=-comparison.effect, low=low, high=high)


def undecided(why: str) -> Finding:
  """Nothing to compare, and why."""
  return Comparison('undecided', np.nan, np.nan, np.nan, 'range', 0), why
