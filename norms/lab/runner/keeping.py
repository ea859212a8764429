"""Saves parameters of a tile's trials as it is trained: what config.keep asks for."""

from collections.abc import Iterator, Sequence
import os
import shutil

import jax

from norms.lab import grouping
from norms.lab.engine.chunks import Block
from norms.lab.engine.training import State, Variables
from norms.lab.runner.epochs import Curves, best_so_far, chosen_by, last_epochs
from norms.lab.workdir import kept


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
    best = best_so_far(curves, chosen_by(self._tile.trials[0], curves[0]))[-1]
    last = last_epochs(self._tile, curves)
    wanted = {}
    for at, trial in self._tile.places():
      now = self._level == 'epochs' or (self._level == 'best' and best[at] == epoch)
      if last.get(trial) == epoch or (now and trial not in last):
        wanted[at] = trial
    for at, variables in variables_of(blocks, carries, set(wanted)):
      kept.save(self._places[wanted[at]] / str(epoch), variables)

  def commit(self, curves: Curves) -> None:
    """The tile is recorded: parameters are kept, without those that were best only for a while."""
    if not self._level:
      return
    column = chosen_by(self._tile.trials[0], curves[0])
    best, last = best_so_far(curves, column), last_epochs(self._tile, curves)
    for (row, lane), trial in self._tile.places():
      ends = {'final': last[trial], 'best': int(best[last[trial], row, lane])}
      wanted = {str(epoch) for epoch in ends.values()}
      # What was best for a while was saved, since nobody knew then what was to come.
      for place in self._places[trial].iterdir():
        if self._level != 'epochs' and place.name not in wanted:
          shutil.rmtree(place)
      facts = {'keep': self._level, **ends, 'chosen_by': column.name}
      kept.commit(self._places[trial], kept.folder_of(self._workdir, trial), facts)


def variables_of(
  blocks: Sequence[Block], carries: Sequence[State], wanted: set[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], Variables]]:
  """(place, variables as NumPy arrays) of the lanes that are wanted; a block is fetched once."""
  for block, carry in zip(blocks, carries, strict=True):
    lanes = range(block.lanes.start, block.lanes.stop)
    here = [(i, (block.row, lane)) for i, lane in enumerate(lanes) if (block.row, lane) in wanted]
    if here:
      variables = jax.device_get(carry.variables)
      for i, at in here:
        alone = len(lanes) == 1  # a block of one has no axis of lanes
        yield at, variables if alone else jax.tree.map(lambda a, i=i: a[i], variables)
