"""Saves parameters of a tile's trials as it is trained: what config.keep asks for."""

from collections.abc import Iterator, Mapping, Sequence
import os
import shutil
from typing import Any

import jax
import numpy as np

from norms.lab import columns, grouping, kept, records, tasks
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

  def __init__(self, workdir: str | os.PathLike, tile: grouping.Tile, level: str):
    self._tile, self._level = tile, level
    self._place = kept.staging(workdir, records.tile_hash(tile.trials))
    self._best: dict[Trial, int] = {}
    if level:
      shutil.rmtree(self._place, ignore_errors=True)  # of a run that was killed

  def __call__(self, blocks: Sequence[Block], carries: Sequence[State], curves: Curves) -> None:
    """Saves what is to be kept of the trials as they stand after the latest epoch of `curves`."""
    epoch = len(curves) - 1
    if not self._level:
      return
    best = improved(curves, chosen_by(self._tile.trials[0], curves[0]))
    self._best |= {trial: epoch for at, trial in self._tile.places() if best[at]}
    wanted = {at for at, trial in self._tile.places() if self._wants(trial, epoch)}
    for at, variables in variables_of(blocks, carries, wanted):
      place = self._place / self._trial(at).hash
      if self._level == 'best' and best[at]:
        shutil.rmtree(place, ignore_errors=True)  # of the one that was best before
      kept.save(place / str(epoch), variables)

  def _wants(self, trial: Trial, epoch: int) -> bool:
    best = self._level == 'best' and self._best[trial] == epoch
    return self._level == 'epochs' or best or epoch == trial.epochs

  def _trial(self, at: tuple[int, int]) -> Trial:
    trial = self._tile.rows[at[0]][at[1]]
    assert trial is not None, 'padding is not saved'
    return trial

  def commit(self, curves: Curves) -> None:
    """The tile is recorded: its parameters are kept."""
    if not self._level:
      return
    chosen = chosen_by(self._tile.trials[0], curves[0]).name
    for trial in self._tile.trials:
      facts = {'keep': self._level, 'final': trial.epochs, 'best': self._best[trial]}
      kept.commit(self._place / trial.hash, facts | {'chosen_by': chosen})
    shutil.rmtree(self._place, ignore_errors=True)


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


def improved(curves: Curves, column: Column) -> np.ndarray:
  """Where the latest epoch is better than all before it; NaN is the worst, and no epoch is a tie.

  Of the first epoch everywhere.
  """
  values = np.stack([epoch[column.name] for epoch in curves]).astype(float) * column.sign
  values = np.where(np.isnan(values), -np.inf, values)
  return np.ones(values.shape[1:], bool) if len(values) == 1 else values[-1] > values[:-1].max(0)


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
