"""Invented studies in which no norm, batch size or learning rate makes a difference."""

from collections.abc import Callable
import itertools

import numpy as np
import pandas as pd

from norms.lab import statistics
from norms.lab.statistics import rules

NORMS, BATCHES, RATES = ('layer', 'batch', 'rms'), (8, 64), (0.01, 0.1)
PAIR = {'norm': 'layer', 'than': 'batch'}
CLAIMS = (
  ('beats', PAIR),
  ('beats', {'norm': 'rms', 'than': 'batch'}),
  ('survives', {**PAIR, 'by': 0.01, 'at': {'batch_size': 8}}),
  ('ranking', {'best': 'layer'}),
  ('depends_less', PAIR),
  ('rises', {'norm': 'batch'}),
  ('best_against_best', {**PAIR, 'tuned': 'learning_rate'}),
)
# Noise of mean 0 and variance 1; the skewness of a gamma variable of shape k is 2 / sqrt(k).
NOISE: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
  'normal': lambda draws, shape: draws.normal(size=shape),
  'skewed (skewness 1)': lambda draws, shape: (draws.gamma(4.0, size=shape) - 4) / 2,
  'very skewed (skewness 2)': lambda draws, shape: draws.gamma(1.0, size=shape) - 1,
}


def design(norms: int, seeds: int, one_cell: bool = False) -> pd.DataFrame:
  """The last rows of a study's trials, without their scores."""
  names = [f'n{i}' for i in range(norms)] if one_cell else NORMS
  axes = (names, BATCHES[:1], RATES[:1]) if one_cell else (names, BATCHES, RATES)
  places = itertools.product(*axes, range(seeds))
  frame = pd.DataFrame(places, columns=['norm', 'batch_size', 'learning_rate', 'seed'])
  return frame.assign(trial=frame.index.astype(str), epoch=1)


def scored(frame: pd.DataFrame, draws: np.random.Generator, noise: str) -> pd.DataFrame:
  """With scores: a part that a seed gives to all its trials, and one of each trial's own."""
  seeds, drawn = frame['seed'].nunique(), NOISE[noise]
  shared = drawn(draws, (seeds,))[frame['seed']]
  return frame.assign(test_accuracy=0.8 + 0.01 * (shared + drawn(draws, (len(frame),))))


def share_with_a_claim(studies: int, seeds: int, noise: str) -> tuple[float, float]:
  """Of the studies, those that decide any of their claims: without a correction, and with it."""
  draws, frame = np.random.default_rng(seeds), design(len(NORMS), seeds)
  raw = corrected = 0
  for _ in range(studies):
    found = statistics.verdicts(scored(frame, draws, noise), CLAIMS)
    raw += any(verdict.p <= 0.05 for verdict in found)
    corrected += any(verdict.outcome != 'undecided' for verdict in found)
  return raw / studies, corrected / studies


def share_with_a_winner(studies: int, norms: int, seeds: int, noise: str) -> float:
  """Of studies of equal norms, those in which the best one is told from all others.

  It is chosen on the scores that judge it.
  """
  draws, frame, found = np.random.default_rng(norms), design(norms, seeds, one_cell=True), 0
  for _ in range(studies):
    rows = scored(frame, draws, noise)
    best = str(rows.groupby('norm')['test_accuracy'].mean().idxmax())
    found += rules.ranking(rows, best=best)[0].outcome == 'supported'
  return found / studies
