"""What was found of a tile: arrays of its shape at each epoch, and of these rows of the records."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from norms.lab import grouping, tasks
from norms.lab.columns import TEST_GAINED, TEST_LOST
from norms.lab.data import Data
from norms.lab.engine.chunks import Block
from norms.lab.runner.epochs import last_epochs

Found = Mapping[str, np.ndarray]  # of a block


class Changes:
  """Puts the counts test_gained and test_lost in place of which test examples are right.

    gained = |{right now, wrong before}|, lost = |{right before, wrong now}|

  Before is what it is called with first: the evaluations of the blocks before the first step. These
  follow from the trials alone, so that no checkpoint has them.
  """

  def __init__(self) -> None:
    self._before: list[np.ndarray | None] = []

  def __call__(self, judged: Sequence[Found]) -> list[Found]:
    """The evaluations of all blocks, in their order, with counts."""
    now = [each.get(tasks.RIGHT) for each in judged]
    self._before = self._before or now
    return list(map(_counted, judged, self._before, now))


def _counted(judged: Found, before: np.ndarray | None, now: np.ndarray | None) -> Found:
  if before is None or now is None:  # a task that calls no example right or wrong
    return judged
  rest = {name: value for name, value in judged.items() if name != tasks.RIGHT}
  gained, lost = (np.sum(a & ~b, -1) for a, b in ((now, before), (before, now)))
  return {**rest, TEST_GAINED: gained, TEST_LOST: lost}


def rectangle(
  tile: grouping.Tile, cut: Sequence[Block], found: Sequence[Sequence[Found]]
) -> dict[str, np.ndarray]:
  """What was found of each block, as arrays of the tile's shape."""
  curves: dict[str, np.ndarray] = {}
  for block, parts in zip(cut, found, strict=True):
    for name, values in (item for part in parts for item in part.items()):
      blank = np.zeros((len(tile.rows), tile.width), np.asarray(values).dtype)
      curves.setdefault(name, blank)[block.row, block.lanes] = values
  return curves


def frame(tile: grouping.Tile, curves: list[dict[str, np.ndarray]], data: Data) -> pd.DataFrame:
  """A tile's records: a row per trial and epoch."""
  # In the order of the latest: that of a checkpoint is another.
  by_name = {name: np.stack([c[name] for c in curves], -1) for name in curves[-1]}
  task, last = tasks.of(tile.trials[0]), last_epochs(tile, curves)
  parts = []
  for at, trial in tile.places():
    length = last.get(trial, len(curves) - 1) + 1
    rows = {name: values[at][:length] for name, values in by_name.items()}
    diverged, trained = int(rows.pop('diverged_at')[-1]), task.trained(rows, data)
    for name in tasks.EVIDENCE:
      rows.pop(name, None)
    parts.append(pd.DataFrame({**trial.columns(), 'epoch': np.arange(length), **rows}))
    parts[-1]['diverged_at'] = pd.array([diverged if diverged >= 0 else pd.NA] * length, 'Int64')
    parts[-1]['trained'] = trained
  return pd.concat(parts, ignore_index=True)
