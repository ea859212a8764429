"""What a Dask worker does for a study: it has groups run, and gives back what they wrote."""

from collections.abc import Mapping
import os
import pathlib
import pickle
import time
from typing import Any, NamedTuple

import distributed

from norms.lab.cluster import parcel, seats
from norms.lab.runner import limits
from norms.lab.runner.memory import OutOfMemory

THREADS = 'NPROC'  # in a worker's environment: how many threads each of its tasks may use
REFUSED = '{}: install the same there, or give --allow_versions'
GPU = 'GPU'  # what a worker with a device of its own announces, as `--resources GPU=1`


class Task(NamedTuple):
  """A few groups of a study that one process runs after the other."""

  job: str  # the study, and the topic under which is told how far it is
  part: int  # by which the driver knows it
  groups: tuple[bytes, ...]  # pickled, since a worker need not know what they hold
  workdir: str  # where its process writes; '': in a folder of its own, whose files come back
  facts: Mapping[str, Any]  # what this worker must have in common with the driver; {}: nothing
  time_limit: float = 0  # seconds that a group may take; 0: for ever


class Ended(NamedTuple):
  """A group that ran."""

  failure: str  # one line, or ''
  diverged: int  # of its lanes
  files: dict[str, bytes]  # by their paths in the study's folder of results


def run(packed: bytes, task: Task) -> list[Ended]:
  """Runs the groups of a task, and tells of it as of ('part', 'group', 'done', 'diverged').

  Raises:
    seats.Refused: where this worker would find other figures, or cannot write.
    seats.Gone: where the process that ran a group has ended.
  """
  worker = distributed.get_worker()
  check(task, worker.address)
  ended = []
  for i, group in enumerate(task.groups):
    goes_on = _Watch(worker, task, i)
    try:
      with seats.seat(task.job, packed, task.workdir, _threads(worker)) as seat:
        goes_on.limit = limits.Limit(task.time_limit)
        try:
          failure = seat.run(group, goes_on)
        except limits.TooLong as error:
          seat.kill()
          failure = f'{pickle.loads(group).label}: {error}'
        except seats.Killed as error:
          failure = OutOfMemory(f'{pickle.loads(group).label}: {error}')
        if failure is None:  # nobody waits for it any more
          raise seats.Gone('it was stopped')
        ended.append(Ended(failure, goes_on.diverged, {} if task.workdir else seat.taken()))
    except seats.Refused as error:
      raise seats.Refused(f'{worker.address}: {error}') from error
  return ended


def check(task: Task, worker: str) -> None:
  """Raises Refused where this worker would find other figures, or has not the driver's folder."""
  if other := parcel.differences(task.facts, parcel.facts()):
    raise seats.Refused(f'{worker}: {REFUSED.format(other)}')
  if task.workdir and not pathlib.Path(task.workdir, 'records').is_dir():
    raise seats.Refused(f'{worker}: has no {task.workdir}: give --write=driver')


def _threads(worker: distributed.Worker) -> int:
  """What XLA is to take for the number of cores: on a CPU one for a task, since tasks run side by
  side; 0, all that there are, where the work is a device's."""
  if GPU in worker.state.total_resources:
    return 0
  return int(os.environ.get(THREADS) or 1)


class _Watch:
  """Tells how far a group is, now and then; false where its task was cancelled.

  It raises limits.TooLong where the group takes longer than it may.
  """

  def __init__(self, worker: distributed.Worker, task: Task, group: int):
    self._worker, self._key = worker, worker.get_current_task()
    self._topic, self._group = task.job, {'part': task.part, 'group': group}
    self._done, self._last, self._going = 0, 0.0, True
    self.limit = limits.Limit(0)  # until its process has started
    self.diverged = 0
    self(0, 0)

  def __call__(self, done: int, diverged: int) -> bool:
    self.limit.left()
    self._done, self.diverged = self._done + done, diverged
    if time.monotonic() - self._last >= seats.OFTEN:
      self._last = time.monotonic()
      told = {**self._group, 'done': self._done, 'diverged': diverged}
      self._worker.log_event(self._topic, {**told, 'worker': self._worker.address})
      # Cancelled by the driver, or with it: the scheduler lets go of what a lost client asked for.
      state = self._worker.state.tasks.get(self._key)
      self._going = state is not None and state.state != 'cancelled'
    return self._going
