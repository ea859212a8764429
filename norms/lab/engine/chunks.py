"""A tile cut into chunks: how many of its lanes are computed at once, and what each is given."""

from typing import NamedTuple

import jax
import numpy as np

from norms.lab import grouping
from norms.lab.engine import schedules
from norms.lab.trial import Trial


class Block(NamedTuple):
  """A chunk of one seed's lanes: what is computed at once."""

  row: int  # of the tile: which seed
  lanes: slice
  hyper: dict[str, np.ndarray]


def size(wanted: int, width: int) -> int:
  """The largest divisor of a tile's width that is not above the wanted number of lanes.

  Left to choose (0): on a CPU one lane at a time, since many small products make a slow batched
  one there; elsewhere all lanes at once, since one small product leaves an accelerator idle.
  """
  limit = wanted or (1 if jax.default_backend() == 'cpu' else width)
  return max(d for d in range(1, width + 1) if width % d == 0 and d <= limit)


def seeds(tile: grouping.Tile) -> np.ndarray:
  """The seed of each row; a row of padding repeats one."""
  spare = tile.trials[0]
  return np.array([next(filter(None, row), spare).seed for row in tile.rows], np.uint32)


def traced(trial: Trial) -> dict[str, float | np.ndarray]:
  """What a trial's program is given of it, by name: its hyper, its rates and its seed."""
  return trial.hyper | schedules.table(trial) | {'seed': trial.seed}


def blocks(tile: grouping.Tile, chunk: int) -> list[Block]:
  """A tile cut into chunks, what is traced stacked; padding repeats a lane or is left out."""
  made = []
  for i, row in enumerate(tile.rows):
    for j in range(0, tile.width, chunk):
      trials = row[j : j + chunk]
      spare = next(filter(None, trials), None)
      if spare is None:
        continue
      values = [traced(trial or spare) for trial in trials]
      stacked = {k: np.array([v[k] for v in values], _dtype(k)) for k in values[0]}
      hyper = {k: v[0] for k, v in stacked.items()} if chunk == 1 else stacked
      made.append(Block(i, slice(j, j + chunk), hyper))
  return made


def _dtype(name: str):
  # Beyond 2**24 float32 does not hold every whole number: two seeds would become one.
  return np.uint32 if name == 'seed' else np.float32
