"""The driver of a study on a cluster: asks workers for all parts, counts losses, writes results."""

import contextlib
import pickle
import queue
import secrets
import sys
import time
from typing import Any
import warnings

from norms.lab import grouping, mistakes, records
from norms.lab.cluster import member, parcel, parts, received, seats
from norms.lab.cluster.parts import Part
from norms.lab.grouping import Group
from norms.lab.runner import progress, sparing
from norms.lab.runner.execution import Tick
from norms.lab.runner.memory import OutOfMemory
from norms.lab.store import checked
from norms.lab.study import Study
from norms.lab.workdir import failures

LOST = 3  # so many workers may be lost with a task, which then is given up
QUIET = 5  # seconds after which is said that there is no worker


class Run:
  """One run of a study: what workers are asked for, and what they say.

  groups: what is planned. mine: the hashes of what no other process runs of it. folder: where
  workers write; '': in folders of their own, whose files come back. facts: what they must have in
  common with this process; {}: nothing. limit: seconds that a group may take; 0: for ever.
  """

  def __init__(
    self, client, study: Study, groups, mine, workdir, tick: Tick, *, folder: str, facts, limit=0.0
  ):
    self._client, self._study, self._workdir, self._tick = client, study, workdir, tick
    self._folder, self._facts, self._limit = folder, facts, limit
    self._job = f'{parts.key(study.name)}-{secrets.token_hex(4)}'
    self._said: queue.Queue = queue.Queue()  # futures that have ended, and what is told of progress
    self._asked: dict[Any, tuple[int, Part]] = {}
    self._workers: list[list[str]] = []  # of each part that was asked for: who began it
    self._done: dict[Group, int] = {}  # trial-steps that were told of a part's group
    self._whole = {(group.static, group.start): group for group in groups}
    together = not self._resources()  # measured on CPUs, where it saves time
    to_run = grouping.only(groups, mine)
    self._waiting = parts.Waiting(to_run, records.provenance(workdir), together)
    for group in groups:  # what others run of it is not waited for
      for theirs in grouping.only([group], {trial.hash for trial in group.trials} - mine):
        tick(group, sum(progress.steps(theirs)), 0)
    self._failed: list[str] = []

  def all(self, *, fail_fast: bool) -> list[str]:
    """Runs all groups; a line for each that failed.

    Raises:
      ValueError: of one line, where a worker cannot be used, or the scheduler is gone.
    """
    self._check_workers()
    self._client.subscribe_topic(self._job, lambda event: self._said.put(event[1]))
    packed, key = parcel.pack(self._study), f'{self._job}-study'
    with warnings.catch_warnings(action='ignore'):  # of data that are large, and sent once
      self._packed = self._client.submit(bytes, packed, key=key)
    self._quiet_until: float | None = time.monotonic() + QUIET
    try:
      self._ask(self._waiting.ready())
      while self._asked and not (fail_fast and self._failed):
        self._hear()
    finally:
      with contextlib.suppress(Exception):  # of a scheduler that is gone
        self._client.cancel(list(self._asked))
        self._client.run(seats.leave, self._job, wait=False, on_error='ignore')
    return self._failed

  def _check_workers(self) -> None:
    """Those that have joined have what this process has; others are asked by their tasks."""
    found = self._client.run(parcel.facts, on_error='return') if self._facts else {}
    for worker, there in found.items():
      if isinstance(there, OSError):
        continue  # it is gone by now
      if isinstance(there, Exception):
        raise ValueError(
          f'worker {worker}: {mistakes.first_line(there)}: install there what is installed here'
        )
      if other := parcel.differences(self._facts, there):
        raise ValueError(f'worker {worker}: {member.REFUSED.format(other)}')

  def _resources(self) -> dict[str, int]:
    """What a task takes: a device, where workers announce theirs."""
    workers = self._client.scheduler_info()['workers'].values()
    return {member.GPU: 1} if any(member.GPU in w['resources'] for w in workers) else {}

  def _ask(self, some: list[Part]) -> None:
    resources = self._resources() if some else {}
    for part in some:
      number = len(self._workers)
      self._workers.append([])
      groups = tuple(map(pickle.dumps, part.groups))
      task = member.Task(self._job, number, groups, self._folder, self._facts, self._limit)
      # A dashboard shows how it begins, up to what looks like a number.
      key = f'{parts.key(part.label)}-{self._job.rpartition("-")[2]}-{number}'
      future = self._client.submit(member.run, self._packed, task, key=key, resources=resources)
      self._asked[future] = number, part
      future.add_done_callback(self._said.put)

  def _hear(self) -> None:
    """Waits for what is said next, and does what follows."""
    try:
      said = self._said.get(timeout=1)
    except queue.Empty:
      self._check_scheduler()
      return
    if isinstance(said, dict):
      self._hear_of_progress(**said)
    elif said in self._asked:
      number, part = self._asked.pop(said)
      self._end(said, part, max(1, len(self._workers[number])))

  def _check_scheduler(self) -> None:
    if self._client.status != 'running':
      raise seats.no_scheduler(self._client.scheduler.address)
    if self._quiet_until and time.monotonic() > self._quiet_until:
      self._quiet_until = None
      if not self._client.scheduler_info()['workers']:
        print('no worker has joined the scheduler yet: waiting', file=sys.stderr, flush=True)

  def _hear_of_progress(self, part: int, group: int, done: int, diverged: int, worker: str) -> None:
    asked = {number: (future, mine) for future, (number, mine) in self._asked.items()}
    if part not in asked:
      return
    future, mine = asked[part]
    if worker not in self._workers[part]:
      self._workers[part].append(worker)
    self._count(mine.groups[group], done, diverged)
    if mine.lost + len(self._workers[part]) > LOST:
      future.cancel()

  def _count(self, group: Group, done: int, diverged: int) -> None:
    """Tells how far a group is; what begins again does not fall behind what was told of it."""
    before = self._done.get(group, 0)
    self._done[group] = max(before, done)
    self._tick(self._whole[group.static, group.start], self._done[group] - before, diverged)

  def _end(self, future, part: Part, times: int) -> None:
    """A task has ended: its results are written, or it is asked for once more."""
    try:
      found = future.result()
    except seats.Refused as error:
      raise ValueError(f'worker {error}') from error
    except Exception as error:  # as distributed has it
      self._check_scheduler()
      self._lose(part, part.lost + times, mistakes.first_line(error))
      return
    try:
      for group, ended in zip(part.groups, found, strict=True):
        self._store(group, ended)
    except checked.Damaged as error:
      self._lose(part, part.lost + times, str(error))
      return
    self._ask(self._waiting.ready(part))

  def _store(self, group: Group, ended: member.Ended) -> None:
    if self._folder:
      origins = received.written(self._workdir, group, whole=not ended.failure)
    else:
      origins = received.store(self._workdir, group, ended.files)
    for origin in origins:
      self._waiting.learn(group, origin)
    line = ended.failure
    if isinstance(line, OutOfMemory):
      line, again = sparing.after(line, group, self._study, self._workdir)
      if again:
        done = sum(progress.steps(group)) - sum(progress.steps(again))
        self._done[again] = self._done.get(group, 0) - done
        self._ask([Part((again,))])
        return
    if line:
      if not failures.there_is(self._workdir, group.trials):  # of what was killed
        failures.write(self._workdir, group.trials, group.label, line)
      self._failed.append(line)
    else:
      self._count(group, sum(progress.steps(group)), ended.diverged)

  def _lose(self, part: Part, lost: int, reason: str) -> None:
    """Asks for a part again, its groups apart; the one with which too many were lost failed."""
    if lost < LOST or len(part.groups) > 1:
      again = [Part((group.alone,), min(lost, LOST - 1)) for group in part.groups]
      self._ask(again)
      return
    (group,) = part.groups
    said = f'{lost} workers were lost with it, the last since {reason}'
    failures.write(self._workdir, group.trials, group.label, said)
    self._failed.append(f'{group.label}: {said}')
    self._ask(self._waiting.ready(part))
