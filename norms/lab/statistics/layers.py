"""What probes recorded of each layer before the first step, and the claim about it."""

from __future__ import annotations

from collections.abc import Sequence
import re

import numpy as np
import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import EPOCH, NORM, PROBE, SEED
from norms.lab.statistics import cells, words
from norms.lab.statistics.comparing import Finding, undecided
from norms.lab.statistics.intervals import Comparison, decide, estimates

SIGNAL, GRADIENT, RELATIVE = schema.PROBED


def layers(frame: pd.DataFrame) -> list[str]:
  """The layers that were probed, from the input to the last: layer_2 before layer_10."""
  names = [name.partition('.')[2] for name in frame if name.startswith(f'{SIGNAL}.')]
  parts = {name: re.split(r'(\d+)', name) for name in names}
  return sorted(names, key=lambda name: [int(s) if s.isdigit() else s for s in parts[name]])


def starts(frame: pd.DataFrame) -> pd.DataFrame:
  """The row of every trial before its first step.

  Raises:
    SelectionError: where the records hold no probe.
  """
  if not layers(frame):
    raise cells.SelectionError(
      'the records hold no probe of the layers: set config.probe to a number of training examples, '
      'and run the study again'
    )
  return frame[(frame[EPOCH] == 0) & frame[PROBE].notna()]


def of(rows: pd.DataFrame, quantity: str) -> pd.DataFrame:
  """A quantity of each row: a column per layer, in their order."""
  names = layers(rows)
  return rows[[f'{quantity}.{layer}' for layer in names]].set_axis(names, axis=1).astype(float)


def passed_on(rows: pd.DataFrame) -> pd.Series:
  """By which factor the signal changes from one hidden layer to the next, their geometric mean.

  Hidden are all layers but a net's last; NaN where fewer than two of them were seen.
  """
  return pd.Series([_factor(line) for line in of(rows, SIGNAL).to_numpy()], rows.index, float)


def _factor(signals: np.ndarray) -> float:
  hidden = signals[~np.isnan(signals)][:-1]  # a net may have fewer layers than others of its study
  if len(hidden) < 2:
    return np.nan
  # Nothing from nothing is nothing: a signal that is 0 from the first layer on vanishes too.
  return (hidden[-1] / hidden[0]) ** (1 / (len(hidden) - 1)) if hidden[-1] else 0.0


def summary(rows: pd.DataFrame, keys: Sequence[str], column: str) -> pd.DataFrame:
  """One line per combination of `keys`: centre and spread of a quantity, on the scale of logs.

  The geometric mean and its interval from five seeds on, below that the median and the range; of
  lines without any value there is none.
  """
  with np.errstate(divide='ignore'):
    # The log of a signal of 0 is -inf, which becomes 0 again below. The warning says nothing.
    logs = np.log10(rows[column].astype(float)).dropna()
  table = estimates(logs, by=[rows.loc[logs.index, key] for key in keys])
  centre = ['value', 'low', 'high']
  table[centre] = 10.0 ** table[centre]
  return table[[*centre, 'kind', 'n']].reset_index()


def passes_on(
  rows: pd.DataFrame, *, norm: str, least: float = 0.0, most: float = np.inf
) -> Finding:
  """From one hidden layer to the next the signal changes by a factor of `least` to `most`.

  It is the geometric mean over a trial's layers. A seed is against the claim if one of its trials
  is.
  """
  rows = rows[rows[NORM] == norm]
  factors = passed_on(rows)
  if factors.isna().all():
    return undecided(f'{words.norm_name(norm)} has no two hidden layers that were probed')
  by_seed = factors.groupby(rows[SEED])
  low, high = by_seed.min(), by_seed.max()
  within = (low >= least) & (high <= most)
  # One seed against the claim leaves it undecided. Only if all are against it is it refuted.
  outcome, n = decide(within.all(), not within.any(), len(within)), len(within)
  ends = float(factors.median()), float(low.min()), float(high.max())
  comparison = Comparison(outcome, *ends, 'range', n, why='seeds disagree')
  bounds = ' and '.join(
    [f'at least {words.number(least)}'] * (least > 0)
    + [f'at most {words.number(most)}'] * bool(np.isfinite(most))
  )
  return comparison, (
    f'before the first step the signal of {words.norm_name(norm)} changes from one hidden layer to '
    f'the next by a factor of {" to ".join(dict.fromkeys(map(words.number, ends[1:])))} (claimed: '
    f'{bounds})'
  )
