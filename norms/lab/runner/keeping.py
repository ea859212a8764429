"""Saves parameters of a tile's trials as it is trained: what config.keep asks for."""

from collections.abc import Iterator, Mapping, Sequence
import os
import shutil
from typing import Any

import jax
import numpy as np

from norms.lab import columns, grouping, kept, tasks
from norms.lab.columns import Column
from norms.lab.engine.chunks import Block
from norms.lab.engine.training import State
from norms.lab.statistics.tuned import validation_of
from norms.lab.trial import Trial

Curves = Sequence[Mapping[str, np.ndarray]]  # by epoch, each (seeds, lanes)


class Keeping:
  """Keeps what `level`, one of norms.lab.trial.KEPT, asks of a tile.

  Parameters are staged until `commit`, which follows the tile's record: so those that are kept
  always belong to what is recorded.
  """

  def __init__(self, workdir: str | os.PathLike, tile: grouping.Tile, level: str, *, anew: bool):
    self._workdir, self._tile, self._level = workdir, tile, level
    self._places = {trial: kept.staging(workdir, trial) for trial in tile.trials}
    if level and anew:  # what a run left that was killed is of no use
      for place in self._places.values():
        shutil.rmtree(place, ignore_errors=True)

  def __call__(self, blocks: Sequence[Block], carries: Sequence[State], curves: Curves) -> None:
    """Saves what is to be kept of the trials as they stand after the latest epoch of `curves`."""
    epoch = len(curves) - 1
    if not self._level:
      return
    best = best_epochs(curves, chosen_by(self._tile.trials[0], curves[0]))
    wanted = {
      at: trial
      for at, trial in self._tile.places()
      if self._level == 'epochs'
      or (self._level == 'best' and best[at] == epoch)
      or epoch == trial.epochs
    }
    for at, variables in variables_of(blocks, carries, set(wanted)):
      kept.save(self._places[wanted[at]] / str(epoch), variables)

  def commit(self, curves: Curves) -> None:
    """The tile is recorded: parameters are kept, without those that were best only for a while."""
    if not self._level:
      return
    column = chosen_by(self._tile.trials[0], curves[0])
    best = best_epochs(curves, column)
    for at, trial in self._tile.places():
      ends = {'final': trial.epochs, 'best': int(best[at])}
      wanted = {str(epoch) for epoch in ends.values()}
      for place in self._places[trial].iterdir():
        if self._level != 'epochs' and place.name not in wanted:
          shutil.rmtree(place)
      facts = {'keep': self._level, **ends, 'chosen_by': column.name}
      kept.commit(self._places[trial], kept.folder_of(self._workdir, trial), facts)


def chosen_by(trial: Trial, measured: Mapping[str, Any]) -> Column:
  """The column by which a trial's best epoch is chosen: its score on validation data, on test data
  where there are no others; the loss, where the score has no direction."""
  known = {row.name: row for row in tasks.rows(trial.static)}
  for score in (tasks.score(trial.static), columns.TEST_LOSS):
    name = next(each for each in (validation_of(score), score) if each in measured)
    row = known.get(name, columns.of(name))
    if row.better:
      break
  return row._replace(name=name)


def best_epochs(curves: Curves, column: Column) -> np.ndarray:
  """The epoch so far at which each trial is best, the first of several; NaN is the worst."""
  values = np.stack([epoch[column.name] for epoch in curves]).astype(float) * column.sign
  return np.argmax(np.where(np.isnan(values), -np.inf, values), 0)


def variables_of(
  blocks: Sequence[Block], carries: Sequence[State], wanted: set[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Any]]:
  """(place, variables as NumPy arrays) of the lanes that are wanted; a block is fetched once."""
  for block, carry in zip(blocks, carries, strict=True):
    lanes = range(block.lanes.start, block.lanes.stop)
    here = [(i, (block.row, lane)) for i, lane in enumerate(lanes) if (block.row, lane) in wanted]
    if here:
      variables = jax.device_get(carry.variables)
      for i, at in here:
        alone = len(lanes) == 1  # a block of one has no axis of lanes
        yield at, variables if alone else jax.tree.map(lambda a, i=i: a[i], variables)
