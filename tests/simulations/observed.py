"""How skewed paired differences are: those of the committed studies beside invented ones."""

from collections.abc import Iterator
import itertools
import pathlib

import numpy as np
import pandas as pd
from scipy import stats

from tests.simulations.studies import NOISE

RESULTS = pathlib.Path(__file__).parents[2] / 'results'


def skewness(differences: np.ndarray) -> np.ndarray:
  """Of each row, a difference per seed; without its sign, which depends on who comes first."""
  return np.abs(stats.skew(differences, axis=-1))


def invented(number: int, seeds: int, noise: str) -> np.ndarray:
  """That of so few differences from a population whose skewness is known: it is biased alike."""
  return skewness(NOISE[noise](np.random.default_rng(seeds), (number, seeds)))


def observed(seeds: int) -> list[np.ndarray]:
  """Of test accuracy, norm against norm, where every seed trained: an array per setting."""
  return [
    skewness(np.array(differences))
    for file in sorted(RESULTS.glob('*/re*/trials.csv'))
    for differences in _settings(pd.read_csv(file), seeds)
  ]


def mean_and_interval(settings: list[np.ndarray], resamples: int = 2000) -> tuple[float, ...]:
  """Their mean, and 95% of a bootstrap of whole settings, in which a norm is in several pairs."""
  draws = np.random.default_rng(0)
  sums, counts = (np.array(list(map(f, settings))) for f in (np.sum, len))
  picked = draws.integers(len(settings), size=(resamples, len(settings)))
  means = sums[picked].sum(axis=1) / counts[picked].sum(axis=1)
  return (sums.sum() / counts.sum(), *np.quantile(means, (0.025, 0.975)))


def _settings(trials: pd.DataFrame, seeds: int) -> Iterator[list[np.ndarray]]:
  if 'replay' in trials:  # a reference's own numbers, of one seed
    trials = trials[trials['replay'].isna()]
  names = list(trials)[list(trials).index('norm') + 1 : list(trials).index('seed')]
  settings = [name for name in names if not name.startswith('norm_options.')]
  for _, rows in trials.groupby(settings, dropna=False):
    scores = rows.pivot(index='norm', columns='seed', values='test_accuracy')
    scores = scores[rows.groupby('norm')['trained'].all()].dropna()
    pairs = itertools.combinations(scores.to_numpy(), 2)
    differences = [one - other for one, other in pairs if np.ptp(one - other) > 0]
    if scores.shape[1] == seeds and differences:
      yield differences
