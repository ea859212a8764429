"""Claims that hold the records against figures which a reference reported of single runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import special

from norms.lab import columns as schema
from norms.lab.columns import NORM, TEST_ACCURACY
from norms.lab.statistics import cells, means, words
from norms.lab.statistics.comparing import Finding, above, spread_of
from norms.lab.statistics.intervals import Comparison, decide, estimate
from norms.lab.statistics.several import ALPHA
from norms.lab.values import Settings

KEYS = ('name', 'column', 'at', 'values', 'factor', 'source', 'see', 'says')


def check_references(entries: Sequence[Settings]) -> None:
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


def _is_number(value: object) -> bool:
  return isinstance(value, int | float) and not isinstance(value, bool)


def reaches(
  rows: pd.DataFrame,
  *,
  norm: str,
  value: float,
  slack: float = 0.0,
  examples: int = 0,
  metric: str = TEST_ACCURACY,
) -> Finding:
  """The mean of `norm` is that of the reference, of which `value` is a single run, within `slack`.

  Supported if the 95% interval of the difference lies within -slack and slack, refuted if it lies
  beyond one of them, to either side. Its variance is s^2 / n of our n seeds, s^2 of the reference's
  one, and that of a share of `examples` test examples, value (1 - value) / examples; Student's t
  has n - 1 degrees of freedom. Without a `slack` it is 0.01 of a share, 1% of another metric.
  """
  own = cells.by_seed(rows, [norm], metric)[norm]
  of_share = schema.of(metric).limits == schema.SHARE
  slack = slack or (0.01 if of_share else 0.01 * abs(value))
  noise = value * (1 - value) / examples if examples and of_share else 0.0
  comparison = reproduced(own, value, slack, noise)
  counted = f' on {examples} test examples' if noise else ''
  return comparison, (
    f'{words.norm_name(norm)} has {words.score(estimate(own).value)} in {words.label(metric)}, the '
    f'reference, a single run{counted}, {words.score(value)}: a difference of '
    f'{spread_of(comparison)}; within {words.score(slack)} it counts as reproduced'
  )


def reproduced(own: pd.Series, value: float, slack: float, noise: float) -> Comparison:
  """Whether the mean of `own` is that of which `value` is a single run, within `slack`.

  noise: the variance of `value` that comes from its finite test set.
  """
  effect, low, high, kind, n = estimate(own - value)
  if kind != 'interval':
    return Comparison('undecided', effect, low, high, kind, n, why='not all runs are finite')
  error = float(np.sqrt(own.var() * (1 + 1 / n) + noise))
  half = float(special.stdtrit(n - 1, 1 - ALPHA / 2)) * error
  # To lie within, both ends must be ruled out; to lie beyond, the nearer one: the less sure of two.
  p = max(means.student_p(effect - end, error, n - 1) for end in (-slack, slack))
  outcome = decide(p <= ALPHA and abs(effect) < slack, p <= ALPHA and abs(effect) > slack, n)
  why = 'a single run of the reference cannot tell'
  return Comparison(outcome, effect, effect - half, effect + half, kind, n, why=why, p=p)


def survives(
  rows: pd.DataFrame,
  *,
  norm: str,
  than: str,
  by: float,
  metric: str = TEST_ACCURACY,
  margin: float = 0.0,
) -> Finding:
  """That `norm` is better than `than`, as single runs of the reference had it, `by` so much.

  How far one run can be trusted is counted too: all pairs of runs of two different seeds.
  """
  comparison, sentence = above(rows, norm, than, metric, margin=margin)
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
