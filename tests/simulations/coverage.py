"""How often an interval holds the mean that it is about."""

import numpy as np
import pandas as pd

from norms.lab.statistics import means, reported
from tests.simulations.studies import NOISE

CELLS = 16


def coverage(studies: int, seeds: int, noise: str) -> float:
  """Of 95% intervals of a mean paired difference, those that hold it."""
  drawn = NOISE[noise](np.random.default_rng(seeds), (studies, seeds))
  ends = np.array([means.interval(differences) for differences in drawn])
  return float(np.mean((ends[:, 0] <= 0) & (ends[:, 1] >= 0)))


def over_cells(studies: int, seeds: int, resamples: int = 500) -> tuple[float, float]:
  """Of intervals over 16 cells: a seed counted once, and a bootstrap stratified by cell.

  Half of a difference's variance is the seed's own, the same in all cells.
  """
  draws = np.random.default_rng(seeds)
  own, shared = draws.normal(size=(studies, CELLS, seeds)), draws.normal(size=(studies, 1, seeds))
  once = stratified = 0
  for values in (own + shared) / np.sqrt(2):
    low, high = means.interval(values.mean(axis=0))
    once += low <= 0 <= high
    picked = draws.integers(seeds, size=(resamples, CELLS, seeds))
    resampled = np.take_along_axis(values[None], picked, axis=-1).mean(axis=(1, 2))
    low, high = np.quantile(resampled, (0.025, 0.975))
    stratified += low <= 0 <= high
  return once / studies, stratified / studies


def reproduced(studies: int, seeds: int, examples: int = 10_000) -> tuple[float, float]:
  """Where the reference differs from ours by just the margin: called within it, and beyond it."""
  draws, value, slack, deviation = np.random.default_rng(seeds), 0.9, 0.03, 0.003
  outcomes = []
  for _ in range(studies):
    theirs = value + deviation * draws.normal()
    theirs = draws.binomial(examples, theirs) / examples
    ours = pd.Series(value + slack + deviation * draws.normal(size=seeds))
    noise = theirs * (1 - theirs) / examples
    outcomes.append(reported.reproduced(ours, theirs, slack, noise).outcome)
  return outcomes.count('supported') / studies, outcomes.count('refuted') / studies
