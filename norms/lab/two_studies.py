"""Two studies compared: which settings changed, and what that did to each cell that both have."""

import os
from typing import TypeAlias

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab import records, statistics
from norms.lab.columns import NORM, SEED
from norms.lab.statistics import design, words
from norms.lab.values import one_of

Source: TypeAlias = pd.DataFrame | str | os.PathLike
# What an outcome of "after is above before" is called, where more is better, and where less is.
VERDICTS = {
  +1: {'supported': 'better', 'refuted': 'worse', 'undecided': 'undecided'},
  -1: {'supported': 'worse', 'refuted': 'better', 'undecided': 'undecided'},
  0: {'supported': 'higher', 'refuted': 'lower', 'undecided': 'undecided'},
}
COLUMNS = ['what', 'name', 'where', 'before', 'after', 'difference', 'low', 'high', 'spread',
           'seeds', 'verdict']  # fmt: skip


def compare(before: Source, after: Source, metric: str | None = None) -> pd.DataFrame:
  """What changed from one study to another, in settings and in outcome.

  Args:
    before: records as norms.lab.load returns them, or the folder of a study's results.
    after: the same of the other study.
    metric: the column to compare; by default the one by which both compare norms.

  Returns:
    A frame. A row whose `what` is 'setting' is a setting of trials whose values differ: `name` is
    its column, `before` and `after` list its values. A row whose `what` is 'outcome' is a norm at
    one value of each axis that both studies share, as `where` says: `before` and `after` are means
    over the seeds (below five, medians, which decide nothing), and `difference` is after less
    before, paired by seed, with its spread from `low` to `high`. The intervals hold together at 95%
    (Bonferroni). `verdict` is 'better', 'worse' or 'undecided' ('higher' or 'lower' of a
    measurement of which norms.lab.columns does not say which is better); 'only before' or 'only
    after' where one study has no such trial; 'changed' of a setting.

  Raises:
    ValueError: of one line, where a study has no records, there is no such measurement in both, or
      the two compare norms by different ones and none is named.
  """
  first, second = _records(before), _records(after)
  names = {design.score(first), design.score(second)}
  if metric is None and len(names) > 1:
    raise ValueError(f'the two are compared by {words.listed(sorted(names))}: name one in `metric`')
  metric = names.pop() if metric is None else metric
  measured = [name for name in first if schema.of(name).kind == schema.MEASUREMENT]
  one_of('metric', metric, [name for name in measured if name in second])
  rows = [*_settings(first, second), *_outcomes(first, second, metric)]
  return pd.DataFrame(rows, columns=COLUMNS)


def _records(source: Source) -> pd.DataFrame:
  frame = source if isinstance(source, pd.DataFrame) else records.load(source)
  if frame.empty:
    where = 'the frame' if isinstance(source, pd.DataFrame) else str(records.folder(source))
    raise ValueError(f'{where} holds no trial: run the study first')
  return frame


def _settings(before: pd.DataFrame, after: pd.DataFrame) -> list[dict[str, object]]:
  """The settings whose values differ."""
  found = []
  for name in dict.fromkeys([*before, *after]):
    if schema.of(name).kind == schema.SETTING:
      held = [_values(frame, name) for frame in (before, after)]
      if set(held[0]) != set(held[1]):
        texts = dict(zip(('before', 'after'), map(_listed, held), strict=True))
        found.append({'what': 'setting', 'name': name, 'where': '', **texts, 'verdict': 'changed'})
  return found


def _values(frame: pd.DataFrame, name: str) -> list[words.Scalar]:
  return [None if pd.isna(v) else v for v in frame[name].unique()] if name in frame else [None]


def _listed(values: list[words.Scalar]) -> str:
  return ', '.join('none' if value is None else words.number(value) for value in values)


def _outcomes(before: pd.DataFrame, after: pd.DataFrame, metric: str) -> list[dict[str, object]]:
  """A row per cell; the sides of a cell are compared where both have it."""
  axes = dict.fromkeys([*design.axes(before), *design.axes(after)])
  keys = [NORM, *(axis for axis in axes if _shared(before, after, axis))]
  old, new = _by_cell(before, keys, metric), _by_cell(after, keys, metric)
  both = sum(cell in new for cell in old)
  level = 1 - 0.05 / max(both, 1)
  return [
    {'what': 'outcome', 'name': metric, 'where': _where(keys, cell)}
    | _compared(old.get(cell), new.get(cell), schema.of(metric).sign, level)
    for cell in sorted(old | new, key=_order)
  ]


def _order(cell: tuple) -> list[tuple]:
  """Norms by name, numbers by size."""
  return [(value is None, isinstance(value, str), value) for value in cell]


def _shared(before: pd.DataFrame, after: pd.DataFrame, axis: str) -> bool:
  return bool(set(_values(before, axis)) & set(_values(after, axis)))


def _by_cell(frame: pd.DataFrame, keys: list[str], metric: str) -> dict[tuple, pd.Series]:
  """The measurement by seed in each cell, averaged over what is no key."""
  rows = statistics.finals(frame).reset_index(drop=True)
  # An axis that only the other study has is NaN here. None in place of it, since NaN is unequal to
  # itself: so equal cells are found equal.
  plain = rows.reindex(columns=keys).astype(object)
  cells_of = list(plain.where(plain.notna(), None).itertuples(index=False, name=None))
  scores, found = statistics.scores(rows, metric), dict[tuple, list[int]]()
  for row, cell in enumerate(cells_of):
    found.setdefault(cell, []).append(row)
  return {
    cell: scores[own].groupby(rows.loc[own, SEED], dropna=False).mean()
    for cell, own in found.items()
  }


def _where(keys: list[str], cell: tuple) -> str:
  norm, *values = cell
  at = words.place({key: v for key, v in zip(keys[1:], values, strict=True) if v is not None})
  return ', '.join(filter(None, [words.norm_name(norm), at]))


def _compared(
  before: pd.Series | None, after: pd.Series | None, sign: int, level: float
) -> dict[str, object]:
  centres = {
    name: np.nan if side is None else statistics.estimate(side).value
    for name, side in (('before', before), ('after', after))
  }
  if before is None or after is None:
    return centres | {'verdict': 'only after' if before is None else 'only before'}
  found = statistics.compare(after, before, level=level)
  return centres | {
    'difference': found.effect, 'low': found.low, 'high': found.high, 'spread': found.kind,
    'seeds': found.n, 'verdict': VERDICTS[sign][found.outcome],
  }  # fmt: skip
