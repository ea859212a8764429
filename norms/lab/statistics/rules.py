"""What a claim means: each rule compares rows of the records and says what it found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from norms.lab.columns import BATCH_SIZE, NORM, SEED, TEST_ACCURACY, TRAINED
from norms.lab.statistics import cells, words
from norms.lab.statistics.comparing import Finding, above, direction, shared, undecided, within
from norms.lab.statistics.intervals import Comparison, compare, decide, estimate
from norms.lab.statistics.several import ALPHA


def ranking(
  rows: pd.DataFrame, *, best: str | Sequence[str], metric: str = TEST_ACCURACY
) -> Finding:
  """`best` is above every other norm; or, given several, each is above the next."""
  chain = [best] if isinstance(best, str) else list(best)
  others = [norm for norm in rows[NORM].unique() if norm not in chain]
  pairs = list(zip(chain, chain[1:], strict=False)) or [(chain[0], other) for other in others]
  if not pairs:
    return undecided(f'{words.norm_name(chain[0])} is the only norm here to rank')
  level = 1 - ALPHA / len(pairs)  # Bonferroni: any of the pairs could refute by chance
  aside = f', its strongest rival of {len(pairs)},' if len(pairs) > 1 else ''
  aside = aside if len(chain) == 1 else ' (of the claimed order, the pair that fits it least)'
  findings = [above(rows, *pair, metric, level=level, aside=aside) for pair in pairs]
  order = ('refuted', 'undecided', 'supported')  # one pair refutes, all must support
  weakest, sentence = min(findings, key=lambda f: (order.index(f[0].outcome), f[0].effect))
  # As sure as the least sure pair if all support it, else as the pair that decides.
  all_support = weakest.outcome == 'supported'
  p = max(found.p for found, _ in findings) if all_support else weakest.p
  # np.minimum keeps a NaN, of what is not tested; min would make 1 of it.
  return weakest._replace(p=float(np.minimum(1.0, len(pairs) * p))), sentence


def beats(
  rows: pd.DataFrame, *, norm: str, than: str, metric: str = TEST_ACCURACY, margin: float = 0.0
) -> Finding:
  """`norm` is better than `than`, paired by seed, averaged over the cells both have.

  With a `margin` the two may be found equivalent: less apart than it.
  """
  return above(rows, norm, than, metric, margin=margin)


def depends_less(
  rows: pd.DataFrame,
  *,
  norm: str,
  than: str,
  axis: str = BATCH_SIZE,
  metric: str = TEST_ACCURACY,
  margin: float = 0.0,
) -> Finding:
  """Over `axis`, the metric of `norm` varies less (max - min, seed by seed) than of `than`."""
  rows = shared(rows, [norm, than], axis)
  if rows[axis].nunique() < 2:
    return undecided(f'the two norms share only one value of {words.label(axis)}')
  at_each = {value: cells.by_seed(part, [norm, than], metric) for value, part in rows.groupby(axis)}
  stacked = pd.concat(at_each, names=[axis]).groupby(SEED)
  # A seed that lacks a value of the axis would look steadier than it is. inf - inf counts as 0.
  spread = (stacked.max() - stacked.min())[stacked.size() == len(at_each)].fillna(0.0)
  comparison = compare(spread[than], spread[norm], margin=margin)
  own, other = (estimate(spread[name]).value for name in (norm, than))
  return comparison, (
    f'{words.label(metric)} varies by {words.score(own)} over the {len(at_each)} values of '
    f'{words.label(axis)} with {words.norm_name(norm)} and by {words.score(other)} with '
    f'{words.norm_name(than)}: with {words.norm_name(norm)} it varies '
    f'{direction(comparison, "less", "more")}, paired by seed{within(margin)}'
  )


def rises(
  rows: pd.DataFrame,
  *,
  norm: str,
  axis: str = BATCH_SIZE,
  metric: str = TEST_ACCURACY,
  margin: float = 0.0,
) -> Finding:
  """From the least to the greatest value of `axis`, the metric of `norm` becomes better.

  Only the two ends are compared; the sentence says where the metric becomes worse between them.
  """
  rows = shared(rows, [norm], axis)
  low, high = rows[axis].min(), rows[axis].max()
  if not low < high:
    return undecided(f'{words.norm_name(norm)} has only one value of {words.label(axis)}')
  values = sorted(rows[axis].unique())
  by_value = [cells.by_seed(rows[rows[axis] == x], [norm], metric)[norm] for x in values]
  first, last, sign = by_value[0], by_value[-1], cells.metric_sign(metric)
  comparison = compare(sign * last, sign * first, margin=margin)
  steps = zip(pairwise(values), np.diff([sign * own.mean() for own in by_value]), strict=True)
  worse = [f'{words.number(x)} to {words.number(y)}' for (x, y), gain in steps if gain < 0]
  falls = f'; between neighbours it becomes worse from {words.listed(worse)}' if worse else ''
  return comparison, (
    f'from {words.place({axis: low})} to {words.number(high)}, {words.label(metric)} of '
    f'{words.norm_name(norm)} goes from {words.score(estimate(first).value)} to '
    f'{words.score(estimate(last).value)}, which is {direction(comparison, "better", "worse")}, '
    f'paired by seed{within(margin)}{falls}'
  )


def trains(rows: pd.DataFrame, *, norm: str) -> Finding:
  """Every trial of `norm` trained."""
  comparison, sentence = _share_trained(rows[rows[NORM] == norm])
  # A count, and no test: one trial refutes that all of them trained.
  outcome = decide(comparison.effect == 1, comparison.effect < 1, comparison.n)
  return comparison._replace(outcome=outcome), sentence


def fails(rows: pd.DataFrame, *, norm: str) -> Finding:
  """No trial of `norm` trained."""
  comparison, sentence = _share_trained(rows[rows[NORM] == norm])
  outcome = decide(comparison.effect == 0, comparison.effect > 0, comparison.n)
  return comparison._replace(outcome=outcome), sentence


def _share_trained(rows: pd.DataFrame) -> Finding:
  """The share of trials that trained, seed by seed, and how many that is."""
  shares = rows[TRAINED].astype(float).groupby(rows[SEED]).mean()
  share = float(rows[TRAINED].mean())
  comparison = Comparison('undecided', share, shares.min(), shares.max(), 'range', len(shares))
  return comparison, (
    f'{int(rows[TRAINED].sum())} of {words.count(len(rows), "trial")} of '
    f'{words.norm_name(rows[NORM].iloc[0])} trained'
  )
