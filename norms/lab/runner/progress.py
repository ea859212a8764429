"""Progress of a sweep: one bar on a terminal, a line per finished group elsewhere."""

from collections.abc import Callable
import sys
import threading
import time
from typing import TextIO

import tqdm

from norms.lab import data as data_sets
from norms.lab.grouping import Group


class _Bar(tqdm.tqdm):
  """Of one process: a lock among several is a semaphore, whose name outlives a kill."""


_Bar.set_lock(threading.RLock())


class Progress:
  """Counts trial-steps of several groups that run at once; called from their threads."""

  def __init__(
    self,
    groups: tuple[Group, ...],
    *,
    stream: TextIO | None = None,
    shown: bool = True,
    heard: Callable[[int, int], None] | None = None,
  ):
    self._stream, self._shown = sys.stdout if stream is None else stream, shown
    self._groups, self._ended, self._heard = len(groups), 0, heard
    self._left = {group: sum(steps(group)) for group in groups}
    self._total = sum(self._left.values())
    self._diverged: dict[Group, int] = {}
    self._lock, self._begun = threading.Lock(), time.perf_counter()
    self._bar = _Bar(
      total=self._total, file=self._stream, unit='step', unit_scale=True,
      disable=not (shown and self._stream.isatty()), dynamic_ncols=True, smoothing=0.05,
      desc=f'group 0/{len(groups)}: compiling',
    )  # fmt: skip

  def __call__(self, group: Group, done: int, diverged: int) -> None:
    """`done` more trial-steps of a group, of whose lanes `diverged` have diverged."""
    with self._lock:
      before = self._left[group]
      self._left[group] -= done
      self._diverged[group] = diverged
      self._bar.update(done)
      if self._heard:
        self._heard(self._total - sum(self._left.values()), self._total)
      if self._left[group] <= 0 < before:
        self._ended += 1
        self._line(group, diverged)
      # Not drawn twice: what follows refreshes the bar.
      self._bar.set_description(f'group {self._ended}/{self._groups}: {group.label}', refresh=False)
      self._bar.set_postfix_str(f'diverged {sum(self._diverged.values())}')

  def _line(self, group: Group, diverged: int) -> None:
    if self._shown and self._bar.disable:
      seconds = time.perf_counter() - self._begun
      print(
        f'group {self._ended}/{self._groups}: {group.label}: {len(group.trials)} trials, '
        f'{diverged} diverged, {seconds:.1f} s',
        file=self._stream,
        flush=True,
      )

  def close(self) -> None:
    self._bar.close()


def steps(group: Group) -> list[int]:
  """Trial-steps of each tile."""
  examples = data_sets.sizes(group.static.data).train
  each = (group.static.epochs - group.start) * (examples // group.static.batch_size)
  return [each * len(tile.trials) for tile in group.tiles]
