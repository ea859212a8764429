"""Where a trial's initial kernels and its batches come from.

`Keyed` draws them from the trial's seed and a purpose, so that trials of one seed share them.
`Legacy` replays the experiments of NumPy's legacy generator, which trials share in turn; where
running statistics start is settled in `starting.initial`.
"""

from collections.abc import Iterable
import functools
from typing import Protocol

import jax
import numpy as np

from norms.lab import data as data_sets
from norms.lab import grouping, tasks
from norms.lab.engine import chunks, program, starting, training
from norms.lab.trial import Trial


class Source(Protocol):
  """What a tile starts from and in which order it sees the training examples, by row."""

  def draws(self, tile: grouping.Tile, size: int) -> list[jax.Array]:
    """Standard normal numbers for all kernels, flat."""

  def order(self, tile: grouping.Tile, epoch: int, examples: int) -> list[np.ndarray]:
    """The examples of an epoch, from 1 on, one batch after the other: (examples,)."""


class Keyed:
  """By keys of the seed: kernels by purpose 'init', a fresh permutation each epoch by 'order'."""

  def draws(self, tile, size):
    return list(program.draws(chunks.seeds(tile), size))

  def order(self, tile, epoch, examples):
    return list(np.asarray(program.order(chunks.seeds(tile), epoch, examples)))


class Legacy:
  """NumPy's legacy generator, seeded once: first the kernels of all trials of that seed are drawn,
  in the study's order, then the batches of one trial after the other, each with replacement."""

  def __init__(self, trials: Iterable[Trial]):
    self._trials = tuple(t for t in trials if t.replay)

  def draws(self, tile, size):
    return [self._drawn(trial.seed)[trial][0] for trial in tile.trials]

  def order(self, tile, epoch, examples):
    return [self._drawn(trial.seed)[trial][1][epoch - 1] for trial in tile.trials]

  @functools.lru_cache(maxsize=2)  # noqa: B019 (one object per run)
  def _drawn(self, seed: int) -> dict[Trial, tuple[np.ndarray, np.ndarray]]:
    """(kernels, batches) of each trial of a seed."""
    generator = np.random.RandomState(seed)
    line = [trial for trial in self._trials if trial.seed == seed]
    kernels = [generator.randn(kernel_size(trial)).astype(np.float32) for trial in line]
    return {
      trial: (drawn, batches(generator, trial)) for trial, drawn in zip(line, kernels, strict=True)
    }


def kernel_size(trial: Trial) -> int:
  """How many numbers the kernels of a trial's model take."""
  sizes = data_sets.sizes(trial.data)
  setup = training.TrainSetup.of(trial.static, tasks.outputs(trial.static))
  x = tasks.shapes(setup.task, sizes, 1).x
  return starting.kernel_size(jax.eval_shape(program.init(setup), 0, x)['params'])


def batches(generator: np.random.RandomState, trial: Trial) -> np.ndarray:
  """A draw with replacement for each step, then zeros that no step takes: (epochs, examples)."""
  n = data_sets.sizes(trial.data).train
  steps = n // trial.batch_size
  drawn = [generator.choice(n, trial.batch_size) for _ in range(trial.epochs * steps)]
  cut = np.array(drawn, np.int32).reshape(trial.epochs, -1)
  return np.pad(cut, ((0, 0), (0, n - cut.shape[1])))


def source(trials: Iterable[Trial], group: grouping.Group) -> Source:
  """What a group's trials start from; all the study's trials, since replayed ones take turns."""
  return Legacy(trials) if group.static.replay else Keyed()
