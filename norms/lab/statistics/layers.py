"""What probes recorded of each layer before the first step, and the claim about it."""

from __future__ import annotations

from collections.abc import Sequence
import re

import numpy as np
import pandas as pd

from norms.lab.statistics import cells, design, words
from norms.lab.statistics.comparing import Finding, nothing
from norms.lab.statistics.intervals import Comparison, decide, estimate, estimates

SIGNAL, GRADIENT, RELATIVE = design.PROBED


def layers(frame: pd.DataFrame) -> list[str]:
  """The layers that were probed, from the input to the last: layer_2 before layer_10."""
  found = [name.partition('.')[2] for name in frame if name.startswith(f'{SIGNAL}.')]
  return sorted(found, key=lambda name: [int(s) if s.isdigit() else s for s in _parts(name)])


def starts(frame: pd.DataFrame) -> pd.DataFrame:
  """The row of every trial before its first step.

  Raises:
    SelectionError: where the records hold no probe.
  """
  found = layers(frame)
  if not found:
    raise cells.SelectionError(
      'the records hold no probe of the layers: set config.probe to a number of training examples, '
      'and run the study again'
    )
  rows = frame[frame['epoch'] == 0]
  return rows[rows[f'{SIGNAL}.{found[0]}'].notna() | rows[f'{SIGNAL}.{found[-1]}'].notna()]


def of(rows: pd.DataFrame, quantity: str) -> pd.DataFrame:
  """A quantity of each row: a column per layer, in their order."""
  found = layers(rows)
  return rows[[f'{quantity}.{layer}' for layer in found]].set_axis(found, axis=1).astype(float)


def passed_on(rows: pd.DataFrame) -> pd.Series:
  """By which factor the signal changes from one hidden layer to the next, their geometric mean."""
  hidden = of(rows, SIGNAL).iloc[:, :-1]
  if hidden.shape[1] < 2:
    return pd.Series(np.nan, rows.index)
  with np.errstate(divide='ignore', invalid='ignore'):
    ratio = hidden.iloc[:, -1] / hidden.iloc[:, 0]
  # Nothing from nothing is nothing: a signal that is 0 from the first layer on vanishes too.
  return ratio.where(hidden.iloc[:, -1] != 0, 0.0) ** (1 / (hidden.shape[1] - 1))


def summary(rows: pd.DataFrame, keys: Sequence[str], column: str) -> pd.DataFrame:
  """One line per combination of `keys`: centre and spread of a quantity, on the scale of logs.

  The geometric mean and its interval from five seeds on, below that the median and the range; of
  lines without any value there is none.
  """
  with np.errstate(divide='ignore'):
    logs = np.log10(rows[column].astype(float)).dropna()
  table = estimates(logs, by=[rows.loc[logs.index, key] for key in keys])
  centre = ['value', 'low', 'high']
  table[centre] = 10.0 ** table[centre]
  return table[[*centre, 'kind', 'n']].reset_index()


def passes_on(
  rows: pd.DataFrame, *, norm: str, least: float = 0.0, most: float = np.inf
) -> Finding:
  """From one hidden layer to the next the signal changes by a factor of `least` to `most`.

  It is the geometric mean over a trial's layers; every trial of a seed must keep to it, and a seed
  is against it if one does not.
  """
  rows = rows[rows['norm'] == norm]
  factors = passed_on(rows)
  if factors.isna().all():
    return nothing(f'{words.norm_name(norm)} has no two hidden layers that were probed')
  by_seed = factors.groupby(rows['seed'])
  low, high = by_seed.min(), by_seed.max()
  keeps = (low >= least) & (high <= most)
  centre = estimate(10.0 ** np.log10(factors).groupby(rows['seed']).mean())
  comparison = Comparison(
    decide(bool(keeps.all()), bool((~keeps).all()), len(keeps)),
    centre.value, low.min(), high.max(), 'range', len(keeps), why='seeds disagree',
  )  # fmt: skip
  wanted = ' and '.join(
    [f'at least {words.number(least)}'] * (least > 0)
    + [f'at most {words.number(most)}'] * bool(np.isfinite(most))
  )
  return comparison, (
    f'before the first step the signal of {words.norm_name(norm)} changes from one hidden layer to '
    f'the next by a factor of {words.number(low.min())} to {words.number(high.max())} (claimed: '
    f'{wanted})'
  )


def _parts(name: str) -> list[str]:
  return re.split(r'(\d+)', name)
