"""What a claim means: each rule compares rows of the records and says what it found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from norms.lab.statistics import cells, design, words
from norms.lab.statistics.intervals import Comparison, compare, decide, estimate

Finding = tuple[Comparison, str]  # the sentence ends where the outcome is to follow


def ranking(
  rows: pd.DataFrame, *, best: str | Sequence[str], metric: str = 'test_accuracy'
) -> Finding:
  """`best` is above every other norm; or, given several, each is above the next."""
  chain = [best] if isinstance(best, str) else list(best)
  others = [norm for norm in rows['norm'].unique() if norm not in chain]
  pairs = list(zip(chain, chain[1:], strict=False)) or [(chain[0], other) for other in others]
  if not pairs:
    return _nothing(f'{words.norm_name(chain[0])} is the only norm here to rank')
  level = 1 - 0.05 / len(pairs)  # Bonferroni: any of the pairs could refute by chance
  aside = f', its strongest rival of {len(pairs)},' if len(pairs) > 1 else ''
  aside = aside if len(chain) == 1 else ' (of the claimed order, the pair that fits it least)'
  found = [_above(rows, *pair, metric, level, aside) for pair in pairs]
  order = ('refuted', 'undecided', 'supported')  # one pair refutes, all must support
  return min(found, key=lambda finding: (order.index(finding[0].outcome), finding[0].effect))


def beats(rows: pd.DataFrame, *, norm: str, than: str, metric: str = 'test_accuracy') -> Finding:
  """`norm` is better than `than`, paired by seed, averaged over the cells both have."""
  return _above(rows, norm, than, metric, 0.95)


def wider_range(
  rows: pd.DataFrame, *, norm: str, than: str, axis: str = 'init_scale', by: float = 0.0
) -> Finding:
  """All seeds of `norm` train over more decades of `axis` (by at least `by`) than of `than`."""
  rows = _shared(rows, [norm, than], axis)
  if (grid := _decades(rows[axis].unique())) == 0:
    return _nothing(f'the two norms share only one value of {words.label(axis)}')
  ranges = {name: _trained_range(rows[rows['norm'] == name], axis) for name in (norm, than)}
  effect = _decades(ranges[norm]) - _decades(ranges[than])
  seeds = pd.DataFrame(
    {
      name: own.groupby('seed').apply(lambda part: _decades(_trained_range(part, axis)))
      for name, own in rows.groupby('norm')
    }
  ).dropna()
  each = seeds[norm] - seeds[than]
  censored = min(map(_decades, ranges.values())) >= grid
  holds = effect > 1e-9 and effect >= by - 1e-9 and each.min() > -1e-9
  fails = effect < -1e-9 or (by > 0 and effect < by - 1e-9 and not censored)
  _, low, high, kind, n = estimate(each)
  sentence = (
    f'all seeds of {words.norm_name(norm)} train over {_span(ranges[norm])} of '
    f'{words.label(axis)}, those of {words.norm_name(than)} over {_span(ranges[than])}'
  )
  why = 'to the steps of this sweep the two are equal' if abs(effect) < 1e-9 else 'seeds disagree'
  why = 'both reach the ends of the sweep, which cannot tell them apart' if censored else why
  return Comparison(decide(holds, fails, n), effect, low, high, kind, n, why=why), sentence


def depends_less(
  rows: pd.DataFrame,
  *,
  norm: str,
  than: str,
  axis: str = 'batch_size',
  metric: str = 'test_accuracy',
) -> Finding:
  """Over `axis`, the metric of `norm` varies less (max - min, seed by seed) than of `than`."""
  rows = _shared(rows, [norm, than], axis)
  if rows[axis].nunique() < 2:
    return _nothing(f'the two norms share only one value of {words.label(axis)}')
  at_each = {value: cells.by_seed(part, [norm, than], metric) for value, part in rows.groupby(axis)}
  stacked = pd.concat(at_each, names=[axis]).groupby('seed')
  spread = (stacked.max() - stacked.min())[stacked.size() == len(at_each)].fillna(0.0)
  comparison = compare(spread[than], spread[norm])
  own, other = (estimate(spread[name]).value for name in (norm, than))
  return comparison, (
    f'{words.label(metric)} varies by {words.score(own)} over the {len(at_each)} values of '
    f'{words.label(axis)} with {words.norm_name(norm)} and by {words.score(other)} with '
    f'{words.norm_name(than)}, paired by seed, that is less by {_spread(comparison)}'
  )


def trains(rows: pd.DataFrame, *, norm: str) -> Finding:
  """Every trial of `norm` trained."""
  comparison, sentence = _share_trained(rows[rows['norm'] == norm])
  outcome = 'refuted' if comparison.effect < 1 else decide(True, False, comparison.n)
  return comparison._replace(outcome=outcome), sentence


def fails(rows: pd.DataFrame, *, norm: str) -> Finding:
  """No trial of `norm` trained."""
  comparison, sentence = _share_trained(rows[rows['norm'] == norm])
  outcome = 'refuted' if comparison.effect > 0 else decide(True, False, comparison.n)
  return comparison._replace(outcome=outcome), sentence


def _above(
  rows: pd.DataFrame, norm: str, than: str, metric: str, level: float, aside: str = ''
) -> Finding:
  table = cells.by_seed(rows, [norm, than], metric) * cells.metric_sign(metric)
  comparison = compare(table[norm], table[than], level=level)
  own, other = (abs(estimate(table[name]).value) if len(table) else np.nan for name in table)
  verb = 'reaches' if cells.metric_sign(metric) > 0 else 'comes down to'
  return comparison, (
    f'{words.norm_name(norm)} {verb} {words.score(own)} in {words.label(metric)} and '
    f'{words.norm_name(than)}{aside} {words.score(other)}: paired by seed, the lead of '
    f'{words.norm_name(norm)} is {_spread(comparison)}'
  )


def _share_trained(rows: pd.DataFrame) -> Finding:
  """The share of trials that trained, seed by seed, and how many that is."""
  each = rows['trained'].astype(float).groupby(rows['seed']).mean()
  share = float(rows['trained'].mean())
  comparison = Comparison('undecided', share, each.min(), each.max(), 'range', len(each))
  return comparison, (
    f'{int(rows["trained"].sum())} of {words.count(len(rows), "trial")} of '
    f'{words.norm_name(rows["norm"].iloc[0])} trained'
  )


def _shared(rows: pd.DataFrame, norms: Sequence[str], axis: str) -> pd.DataFrame:
  """The rows of `norms` in the cells that all of them have."""
  if axis not in rows or not design.is_numeric(rows, axis) or axis in design.MEASURED:
    valid = [name for name in design.IDENTITY if name in rows and design.is_numeric(rows, name)]
    raise cells.SelectionError(cells.unknown('axis', axis, valid))
  rows = rows[rows['norm'].isin(norms) & rows[axis].notna()]
  keys = list(dict.fromkeys([axis, *design.axes(rows)]))
  keys = [key for key in keys if key != 'options']
  have = rows.groupby(keys, dropna=False)['norm'].transform('nunique')
  return rows[have == len(set(norms))]


def _trained_range(rows: pd.DataFrame, axis: str) -> list[float]:
  """The longest run of neighbouring values of `axis` at which every trial trained."""
  trained = rows.groupby(axis)['trained'].all()
  runs = [part.index for _, part in trained.groupby((~trained).cumsum()) if part.any()]
  runs = [values[trained[values]].tolist() for values in runs]
  return max(runs, key=_decades, default=[])


def _decades(values: Sequence[float]) -> float:
  return float(np.log10(max(values) / min(values))) if len(values) else 0.0


def _span(values: Sequence[float]) -> str:
  if len(values) == 0:
    return 'no value'
  if len(values) == 1:
    return f'the single value {words.number(values[0])}'
  ends = f'{words.number(min(values))} to {words.number(max(values))}'
  return f'{_decades(values):.1f} decades ({ends})'


def _spread(comparison: Comparison) -> str:
  """'+0.0044 (range +0.0010 to +0.0080)'."""
  effect, low, high, kind = comparison[1:5]
  if np.isnan(effect):
    return 'unknown size (no cell holds both)'
  centre = 'median' if kind == 'range' else 'mean'
  name = f'{centre}; {words.spread_name(kind, comparison.level)}'
  return f'{words.signed(effect)} ({name} {words.signed(low)} to {words.signed(high)})'


def _nothing(why: str) -> Finding:
  return Comparison('undecided', np.nan, np.nan, np.nan, 'range', 0), why
