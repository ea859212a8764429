"""Saves how a tile stands, and goes on from there: states as arrays with an axis of trials."""

from collections.abc import Mapping, Sequence
import os
import sys
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from norms.lab import grouping, mistakes
from norms.lab.engine.chunks import Block
from norms.lab.engine.training import State
from norms.lab.runner.epochs import last_epochs
from norms.lab.trial import Trial
from norms.lab.workdir import checkpoints

Curves = dict[str, np.ndarray]  # of one epoch, each (seeds, lanes)


class Resumed(NamedTuple):
  """A tile that was trained for some epochs."""

  epoch: int
  carries: list[State]  # of each block
  curves: list[Curves]  # of each epoch from 0 on


class Checkpoints:
  """Saves a tile as it is trained: after `minutes`, and at the end; never where these are 0."""

  def __init__(self, workdir: str | os.PathLike, tile: grouping.Tile, minutes: float, keep: str):
    self._workdir, self._tile, self._keep = workdir, tile, keep
    # A monotonic clock, which nobody sets back in the middle of a run.
    self._seconds, self._last = 60 * minutes, time.monotonic()

  def __call__(
    self, blocks: Sequence[Block], carries: Sequence[State], curves: Sequence[Curves]
  ) -> None:
    """Saves the tile as it stands after the latest epoch of `curves`, if it is time."""
    epoch = len(curves) - 1
    end = len(last_epochs(self._tile, curves)) == len(self._tile.trials)
    if not self._seconds or not (end or time.monotonic() - self._last >= self._seconds):
      return
    tree = packed(self._tile, blocks, carries, curves)
    checkpoints.save(self._workdir, self._tile.trials, epoch, self._keep, tree)
    self._last = time.monotonic()

  def recorded(self) -> None:
    """The tile is on record: what was saved half-way is no longer needed."""
    if self._seconds:
      checkpoints.forget(self._workdir, self._tile.trials)


def packed(
  tile: grouping.Tile,
  blocks: Sequence[Block],
  carries: Sequence[State],
  curves: Sequence[Mapping[str, np.ndarray]],
) -> dict[str, dict[str, np.ndarray]]:
  """States and curves of a tile's trials, a row each in the order of `tile.trials`."""
  leaves: dict[tuple[int, int], list[np.ndarray]] = {}
  for block, carry in zip(blocks, carries, strict=True):
    lanes = range(block.lanes.start, block.lanes.stop)
    # A file has leaves by their number. The program that goes on from it brings the tree.
    found = [np.asarray(leaf) for leaf in jax.tree.leaves(jax.device_get(carry))]
    for i, lane in enumerate(lanes):
      leaves[block.row, lane] = found if len(lanes) == 1 else [leaf[i] for leaf in found]
  at = [place for place, _ in tile.places()]
  states = [np.stack(each) for each in zip(*(leaves[place] for place in at), strict=True)]
  by_name = {name: np.stack([epoch[name] for epoch in curves], -1) for name in curves[0]}
  return {
    'states': {_name(i): leaf for i, leaf in enumerate(states)},
    'curves': {name: np.stack([a[place] for place in at]) for name, a in by_name.items()},
  }


def _name(leaf: int) -> str:
  return f'leaf_{leaf}'


def restored(
  workdir: str | os.PathLike,
  tile: grouping.Tile,
  start: int,
  blocks: Sequence[Block],
  like: State,
  keep: str,
) -> Resumed | None:
  """The tile after `start` epochs, by checkpoints that may be of other tiles; None where that is 0,
  and, with a line on stderr, where one cannot be read.

  like: the shapes of one block's state.
  """
  if not start:
    return None
  rows, place = {}, None
  try:
    for entry in checkpoints.entries(workdir):
      # Trials of a tile may lie in several checkpoints: another number of lanes cuts other tiles.
      here = {t: entry.start(t, keep) for t in tile.trials if t not in rows}
      if start not in here.values():
        continue
      place = entry.place
      tree = entry.load()
      for trial in (trial for trial, epoch in here.items() if epoch == start):
        names = (entry.trials, trial.hash), (entry.lineages, checkpoints.lineage(trial))
        row = next(among.index(name) for among, name in names if name in among)
        rows[trial] = jax.tree.map(lambda a, row=row: a[row], tree)
    if gone := len(tile.trials) - len(rows):  # later ones took their place since this was planned
      raise ValueError(f'that of {gone} trials after {start} epochs is there no more')
    return _unpacked(tile, start, blocks, like, rows)
  except Exception as error:  # whatever Orbax says of a damaged file
    reason = mistakes.first_line(error)[:200]
    print(
      f'checkpoint {place or "of an earlier start"} cannot be read ({reason}): its trials are '
      'trained anew',
      file=sys.stderr, flush=True,
    )  # fmt: skip
    return None


def _unpacked(
  tile: grouping.Tile,
  start: int,
  blocks: Sequence[Block],
  like: State,
  rows: Mapping[Trial, Any],  # as kept.restore
) -> Resumed:
  shapes, tree = jax.tree.flatten(like)
  carries = []
  for block in blocks:
    trials = tile.rows[block.row][block.lanes]
    spare = next(filter(None, trials))
    lanes = [
      [rows[trial or spare]['states'][_name(i)] for i in range(len(shapes))] for trial in trials
    ]
    found = lanes[0] if len(trials) == 1 else [np.stack(each) for each in zip(*lanes, strict=True)]
    for leaf, shape in zip(found, shapes, strict=True):
      # A program of another version may have a state of other leaves.
      if (leaf.shape, leaf.dtype) != (shape.shape, shape.dtype):
        raise ValueError(f'it has {leaf.dtype}{leaf.shape} for {shape.dtype}{shape.shape}')
    carries.append(jax.device_put(jax.tree.unflatten(tree, found)))
  first = rows[tile.trials[0]]['curves']
  curves = [{name: np.zeros((len(tile.rows), tile.width), a.dtype) for name, a in first.items()}
            for _ in range(start + 1)]  # fmt: skip
  for at, trial in tile.places():
    for name, values in rows[trial]['curves'].items():
      for epoch, value in enumerate(values[: start + 1]):
        curves[epoch][name][at] = value
  return Resumed(start, carries, curves)
