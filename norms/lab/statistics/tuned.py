"""Best against best: each norm at its own best value of the axes that are tuned.

The best of several values is partly the luckiest, so that its score on the data that chose it says
too much. Here the first half of the seeds chooses, on validation data where there are any, and the
other half judges, on test data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from norms.lab.columns import NORM, SEED, TEST_ACCURACY, VALIDATION_ACCURACY, settings
from norms.lab.statistics import cells, design, words
from norms.lab.statistics.comparing import Finding, lead, undecided
from norms.lab.statistics.intervals import Comparison, compare, estimate

Point = tuple[Any, ...]  # a value of each tuned axis


class Scores(NamedTuple):
  """Scores by seed (rows) and by norm and point (columns), more is better; which seeds choose."""

  choosing: pd.DataFrame
  judging: pd.DataFrame
  points: list[Point]  # that the numbers in the columns stand for
  chosen_by: str  # a column of the records

  def best(self, norm: str) -> int:
    """The point at which `norm` is best for the seeds that choose."""
    return int(self.choosing[norm].mean().idxmax())


def scores(rows: pd.DataFrame, norms: Sequence[str], tuned: Sequence[str], metric: str) -> Scores:
  """The scores of `norms` over all values of `tuned`, averaged over the cells that all have."""
  for axis in tuned:
    if axis not in rows:
      raise cells.SelectionError(cells.unknown('axis', axis, settings(rows)))
  rows = rows[rows[NORM].isin(norms)]
  # NaN is unequal to itself. None, which is not, lets equal places be found.
  plain = rows[list(tuned)].astype(object)
  places = list(plain.where(plain.notna(), None).itertuples(index=False, name=None))
  points = list(dict.fromkeys(places))
  number = pd.Series([points.index(place) for place in places], rows.index, name='point')
  others = [axis for axis in design.axes(rows) if axis not in tuned]
  keys = [*(rows[key] for key in (SEED, *others, NORM)), number]

  def by_seed(name: str) -> pd.DataFrame:
    values = cells.metric_sign(name) * cells.scores(rows, name)
    table = values.groupby(keys, dropna=False).mean().unstack([NORM, 'point']).dropna()
    return table.groupby(level=SEED).mean()

  validation = validation_of(metric)
  held_out = validation in rows and rows[validation].notna().any()
  chosen_by = validation if held_out else metric
  choosing, judging = by_seed(chosen_by), by_seed(metric)
  # The seeds that choose do not judge: what was chosen by luck has no luck with the others.
  half = len(judging) // 2
  return Scores(choosing.iloc[:half], judging.iloc[half:], points, chosen_by)


def best_against_best(
  rows: pd.DataFrame,
  *,
  norm: str,
  than: str,
  tuned: str | Sequence[str],
  metric: str = TEST_ACCURACY,
) -> Finding:
  """At its own best value of `tuned`, `norm` is better than `than` at its own.

  The first half of the seeds chooses a value for each norm, on validation data where the records
  have them, and the other half judges, on test data. The claim is supported if `norm` at the value
  chosen for it is above `than` at every value, and refuted if it is the other way round. So a value
  of `than` that was chosen by bad luck supports nothing: if the best of `than` is as good as the
  best of `norm`, then one of these comparisons is of two equals, or of a worse with a better, and
  they all have to hold. Hence without an effect a claim is supported as rarely as one comparison
  errs (Berger 1982, https://doi.org/10.1080/00401706.1982.10487790), however much was tuned.
  """
  tuned = axes(tuned)
  scored = scores(rows, [norm, than], tuned, metric)
  names = words.listed(map(words.label, tuned))
  if len(scored.points) < 2:
    return undecided(f'the records hold one value of {names}, which leaves nothing to choose')
  if scored.choosing.empty:
    return undecided(f'no two seeds have all values of {names} in one cell, to choose and to judge')
  comparison, sign = judge(scored, norm, than), cells.metric_sign(metric)
  sides = []
  for name in (norm, than):
    point = scored.best(name)
    place = words.place(dict(zip(tuned, scored.points[point], strict=True)))
    score = words.score(sign * estimate(scored.judging[name][point]).value)
    sides.append((f'{words.norm_name(name)} ({place})', score))
  (own, reached), (other, rival) = sides
  verb = 'reaches' if sign > 0 else 'comes down to'
  others = words.count(len(scored.choosing), 'other seed')
  return comparison, (
    f'each at its own best {names}, chosen by {words.label(scored.chosen_by)} with {others}: {own} '
    f'{verb} {reached} in {words.label(metric)} and {other} {rival}; paired by seed, '
    f'{lead(comparison, norm, than)}'
  )


def judge(scored: Scores, norm: str, than: str) -> Comparison:
  """The two at their chosen points; decided if one side is above the other at all its points."""
  ours, theirs = scored.judging[norm], scored.judging[than]
  own, other = ours[scored.best(norm)], theirs[scored.best(than)]
  comparison = compare(own, other)
  left, rivals = (own, theirs) if comparison.effect > 0 else (other, ours)
  against_each = [compare(left, rivals[point]) for point in rivals]
  # All have to hold, so that the weakest of them decides; one that is behind holds nothing.
  # An effect of NaN is not <= 0, so that its p stays what it is: NaN, not tested.
  p = float(np.max([found.p if not found.effect <= 0 else 1.0 for found in against_each]))
  if comparison.outcome == 'undecided' or p <= 1 - comparison.level:
    return comparison._replace(p=p)
  why = 'at another of its values the norm behind is not behind'
  return comparison._replace(outcome='undecided', why=why, p=p)


def validation_of(metric: str) -> str:
  """The same measurement on validation data: 'validation_loss' of 'test_loss', else itself."""
  test, validation = (name.partition('_')[0] for name in (TEST_ACCURACY, VALIDATION_ACCURACY))
  split, _, rest = metric.partition('_')
  return f'{validation}_{rest}' if split == test and rest else metric


def axes(tuned: str | Sequence[str]) -> list[str]:
  """The axes that a claim names in `tuned`, one or several."""
  return [tuned] if isinstance(tuned, str) else list(tuned)
