"""A group for which memory does not suffice runs again, as what takes less of it."""

from collections.abc import Callable
import dataclasses
import os
import sys
from typing import NamedTuple

from norms.lab import grouping
from norms.lab.engine import chunks
from norms.lab.runner import progress
from norms.lab.runner.execution import Tick
from norms.lab.runner.memory import OutOfMemory
from norms.lab.study import Study
from norms.lab.workdir import failures, kept


def run(
  worker: Callable[[grouping.Group, Tick], str],
  group: grouping.Group,
  tick: Tick,
  study: Study,
  workdir: str | os.PathLike,
) -> str:
  """Has a worker run a group: '', or its failure as one line.

  Where memory does not suffice, what has no record yet runs again with less at once, down to one
  trial at a time; each time it is said in a line on stderr.
  """
  part, told = group, _Told(group, tick)
  while isinstance(line := worker(part, told), OutOfMemory):
    line, again = after(line, part, study, workdir)
    if not again:
      break
    told.begins_again(again)
    part = again
  return line


def after(
  line: str, group: grouping.Group, study: Study, workdir: str | os.PathLike
) -> tuple[str, grouping.Group | None]:
  """What is to be run of a group whose memory did not suffice, where there is anything; else its
  failure as one line, '' where all of it is recorded."""
  hashes = {trial.hash for trial in group.trials}
  left = grouping.only([group], hashes - kept.done(workdir, group.trials, study.keep))
  less = smaller(left[0], study.chunk) if left else None
  if left and not less:
    line += (
      ', with one trial at a time: use a smaller batch_size or model, or run the same command '
      'again where more memory is free'
    )
    return line, None
  failures.forget(workdir, group.trials)
  if not less:  # it was killed after its last record
    return '', None
  print(f'{line}; again with {less.how}', file=sys.stderr, flush=True)
  return line, less.group


class Smaller(NamedTuple):
  """A group as what takes less memory, and how."""

  group: grouping.Group
  how: str


def smaller(group: grouping.Group, chunk: int) -> Smaller | None:
  """The group as what takes less memory; None where it is one trial at a time.

  That is half the chunk, of which activations are computed at once; at one, half of a tile, whose
  trials' parameters are there at once.
  """
  tile = group.tiles[0]
  size, places = chunks.size(group.chunk or chunk, tile.width), len(tile.rows) * tile.width
  if size > 1:
    fewer = chunks.size(size // 2, tile.width)
    return Smaller(dataclasses.replace(group.alone, chunk=fewer), f'chunk {fewer}, not {size}')
  if places == 1:
    return None
  tiles = grouping.tiles(group.trials, places // 2)
  lanes = len(tiles[0].rows) * tiles[0].width
  return Smaller(dataclasses.replace(group.alone, tiles=tiles), f'tiles of {lanes}, not {places}')


class _Told:
  """Tells how far a group is; what begins again does not fall behind what was told of it."""

  def __init__(self, group: grouping.Group, tick: Tick):
    self._group, self._tick = group, tick
    self._done = self._most = 0

  def __call__(self, _: grouping.Group, done: int, diverged: int) -> None:
    self._done += done
    more = max(0, self._done - self._most)
    self._most += more
    self._tick(self._group, more, diverged)

  def begins_again(self, left: grouping.Group) -> None:
    """All but what is left is done."""
    self._done = sum(progress.steps(self._group)) - sum(progress.steps(left))
