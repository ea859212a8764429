"""The numbers of verdicts by another route: scipy.stats on the committed trials.csv, cell by cell.

Nothing of norms.lab.statistics is used. A rule gives effect, low, high and p, whether it holds or
fails but for p, and what its sentence must say.
"""

import itertools
import json
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

LOWER = ('minibatch_loss', 'train_loss', 'test_loss')  # of which less is better


class Numbers(NamedTuple):
  """What a rule gives; a p of NaN: trials are counted, and nothing is tested."""

  effect: float
  low: float
  high: float
  p: float
  holds: bool
  fails: bool
  says: tuple = ()


def read(folder):
  """(a row per trial, the rows before training) of a report's folder."""
  trials = pd.read_csv(folder / 'trials.csv')
  records = pd.read_parquet(folder / 'records.parquet')
  return tuple(_plain(frame) for frame in (trials, records[records['epoch'] == 0]))


def _plain(frame):
  """A list of equal widths, as text or array, is that width."""
  if 'replay' in frame:  # of a reference's own numbers, which no claim is about
    frame = frame[frame['replay'].isna() | (frame['replay'] == '')]
  frame = frame.copy()
  frame['norm'] = frame['norm'].replace('no norm', 'none')
  if 'model_options.features' in frame:
    widths = frame['model_options.features'].map(_list)
    frame['model_options.features'] = [
      each[0] if len(set(each)) == 1 else str(each) for each in widths
    ]
  return frame


def _list(widths):
  return json.loads(widths) if isinstance(widths, str) else list(np.ravel(widths))


def at(rows, places):
  """The rows of a claim."""
  for name, wanted in places.items():
    if isinstance(wanted, dict):
      low, high = wanted.get('from', -np.inf), wanted.get('to', np.inf)
      rows = rows[(rows[name] >= low * 0.999) & (rows[name] <= high * 1.001)]
    elif isinstance(wanted, str):
      rows = rows[rows[name] == wanted]
    else:
      rows = rows[np.isclose(rows[name].astype(float), wanted, rtol=1e-3)]
  assert len(rows)
  return rows


def by_seed(rows, norms, metric):
  """Mean over the cells that all norms have: a row per seed, a column per norm."""
  names = list(rows)[list(rows).index('norm') + 1 : list(rows).index('seed')]
  cells = [name for name in names if not name.startswith('norm_options.')]
  found = {}
  for norm, own in rows.groupby('norm'):
    keys = [own['seed'], *(own[name].map(str) for name in cells)]
    # Where a run diverged it has an accuracy of 0.
    found[norm] = own[metric].fillna(0.0).groupby(keys).mean()
  table = pd.concat([found[norm] for norm in norms], axis=1, keys=norms).dropna()
  return table.groupby(level='seed').mean() * (-1 if metric in LOWER else 1)


def student(values, at=0.0, alpha=0.05):
  """Mean, interval and p of Student's t."""
  assert 5 <= len(values) < 20  # from 20 on it is the bootstrap
  test = stats.ttest_1samp(values, at)
  interval = test.confidence_interval(1 - alpha)
  return float(np.mean(values)), float(interval.low), float(interval.high), float(test.pvalue)


def compared(a, b, says=()):
  """Numbers of a - b, paired by seed."""
  effect, low, high, p = student(a - b)
  return Numbers(effect, low, high, p, effect > 0, effect < 0, says)


def mean(values):
  """A mean as a sentence has it."""
  return f'{abs(np.mean(values)):.4f}'


def beats(rows, norm, than, metric='test_accuracy', by=None):
  table = by_seed(rows, [norm, than], metric)
  return compared(table[norm], table[than], (mean(table[norm]), mean(table[than])))


survives = beats


def ranking(rows, best, metric='test_accuracy'):
  others = [norm for norm in rows['norm'].unique() if norm != best]
  found = []
  for other in others:
    table = by_seed(rows, [best, other], metric)
    numbers = student(table[best] - table[other], alpha=0.05 / len(others))
    sure = numbers[3] <= 0.05 / len(others)
    found.append((sure * np.sign(numbers[0]), numbers))
  order, (effect, low, high, p) = min(found, key=lambda each: (each[0], each[1][0]))
  p = max(each[1][3] for each in found) if order > 0 else p
  return Numbers(effect, low, high, min(1.0, len(others) * p), order > 0, order < 0)


def depends_less(rows, norm, than, axis='batch_size', metric='test_accuracy'):
  each = [by_seed(part, [norm, than], metric) for _, part in rows.groupby(axis)]
  spread = np.max(each, axis=0) - np.min(each, axis=0)
  return compared(spread[:, 1], spread[:, 0], (mean(spread[:, 0]), mean(spread[:, 1])))


def rises(rows, norm, axis='batch_size', metric='test_accuracy'):
  ends = rows[axis].min(), rows[axis].max()
  first, last = (by_seed(rows[rows[axis] == end], [norm], metric)[norm] for end in ends)
  return compared(last, first, (mean(first), mean(last)))


def reaches(rows, norm, value, slack=0.01, examples=0, metric='test_accuracy'):
  own = by_seed(rows, [norm], metric)[norm]
  n, effect = len(own), float(own.mean() - value)
  noise = value * (1 - value) / examples if examples else 0.0
  t = stats.t(n - 1, scale=np.sqrt(own.var(ddof=1) * (1 + 1 / n) + noise))
  half = t.ppf(0.975)
  p = max(2 * t.sf(abs(effect - end)) for end in (-slack, slack))
  said = (mean(own),)
  return Numbers(effect, effect - half, effect + half, p, abs(effect) < slack, abs(effect) > slack,
                 said)  # fmt: skip


def _count(rows, norm):
  own = rows[rows['norm'] == norm]
  shares = [part['trained'].mean() for _, part in own.groupby('seed')]
  share, n = own['trained'].mean(), len(own)
  said = (f'{own["trained"].sum()} of {n} trial',)
  return Numbers(share, min(shares), max(shares), np.nan, share == 1, share < 1, said)


def trains(rows, norm):
  return _count(rows, norm)


def fails(rows, norm):
  found = _count(rows, norm)
  return found._replace(holds=found.effect == 0, fails=found.effect > 0)


def longest(rows, axis):
  """The ends of the longest run of neighbouring values at which all trials trained."""
  at_each = [(value, part['trained'].all()) for value, part in rows.groupby(axis)]
  runs = [[value for value, _ in run] for works, run in itertools.groupby(at_each, lambda x: x[1])
          if works]  # fmt: skip
  return max(((run[0], run[-1]) for run in runs), key=lambda ends: ends[1] / ends[0], default=None)


def wider_range(rows, norm, than, axis='init_scale', by=0.0):
  return _longer(rows, norm, than, axis, by, lambda ends: np.log10(ends[1] / ends[0]), 2)


def higher_limit(rows, norm, than, axis='learning_rate', by=0.0):
  smallest = rows[axis].min()
  return _longer(rows, norm, than, axis, by, lambda ends: np.log10(ends[1] / smallest), 1)


def _longer(rows, norm, than, axis, by, length, edges):
  def of(part):
    ends = longest(part, axis)
    return 0.0 if ends is None else float(length(ends))

  sides = [rows[rows['norm'] == name] for name in (norm, than)]
  whole = [of(side) for side in sides]
  effect = whole[0] - whole[1]
  seeds = np.array([[of(part) for _, part in side.groupby('seed')] for side in sides])
  difference = seeds[0] - seeds[1]
  low, high = student(difference)[1:3] if np.ptp(difference) else [difference[0]] * 2
  values = np.sort(rows[axis].unique())
  grid, step = np.log10(values[-1] / values[0]), np.diff(np.log10(values)).max()
  short = effect < -1e-9 or (by > 0 and effect < by - 1e-9 and whole[0] < grid - 1e-9)
  # Each edge of both ranges is rounded to a step, which has the variance h^2 / 12.
  variance = np.var(difference, ddof=1) + 2 * edges * step**2 / 12
  n = len(difference)
  p = 2 * stats.t.sf(abs(difference.mean() - by * short) / np.sqrt(variance / n), n - 1)
  holds = effect > 1e-9 and effect >= by - 1e-9 and difference.min() > -1e-9
  return Numbers(effect, low, high, p, holds, short and difference.max() < by + 1e-9)


def best_against_best(rows, norm, than, tuned, metric='test_accuracy'):
  (axis,) = tuned
  values = sorted(rows[axis].unique())

  def table(metric):
    return {value: by_seed(rows[rows[axis] == value], [norm, than], metric) for value in values}

  choosing, judging = table(metric.replace('test', 'validation')), table(metric)
  half = rows['seed'].nunique() // 2
  best = {
    name: max(values, key=lambda value: choosing[value][name].iloc[:half].mean())
    for name in (norm, than)
  }
  ours, theirs = (judging[best[name]][name].iloc[half:] for name in (norm, than))
  found = compared(ours, theirs, (mean(ours), mean(theirs)))
  ahead, rival = (ours, than) if found.effect > 0 else (theirs, norm)
  against = [student(ahead - judging[value][rival].iloc[half:]) for value in values]
  p = max(each[3] if each[0] > 0 else 1.0 for each in against)
  return found._replace(p=p)


def passes_on(rows, norm, least=0.0, most=np.inf):
  own = rows[rows['norm'] == norm]
  signal = own[[name for name in own if name.startswith('activation.')]].astype(float)
  order = sorted(signal, key=lambda name: int(name.rpartition('_')[2]))
  factors = []
  for line in signal[order].to_numpy():
    hidden = line[~np.isnan(line)][:-1]
    steps = hidden[1:] / np.where(hidden[:-1] == 0, 1.0, hidden[:-1])
    factors.append(0.0 if hidden[-1] == 0 else float(stats.gmean(steps)))
  factors = pd.Series(factors, own.index)
  inside = (factors >= least) & (factors <= most)
  seeds = inside.groupby(own['seed']).all()
  ends = float(factors.min()), float(factors.max())
  return Numbers(float(factors.median()), *ends, np.nan, seeds.all(), not seeds.any())


def holm(p_values):
  """By its definition: the hypotheses in order, each against alpha / (how many are left)."""
  tested = sorted((p, i) for i, p in enumerate(p_values) if not np.isnan(p))
  found, largest = [np.nan] * len(p_values), 0.0
  for rank, (p, i) in enumerate(tested):
    largest = max(largest, (len(tested) - rank) * p)
    found[i] = min(1.0, largest)
  return found


def two_digits(value):
  """A difference between libraries as a page prints it."""
  rounded = f'{value:.1e}'
  return f'{float(rounded):g}' if 0.1 <= value < 1000 else rounded
