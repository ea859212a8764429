"""The loop: plan, skip what is done, run the groups side by side, record, tell."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent import futures
import contextlib
import contextvars
import dataclasses
import functools
import os
import threading

import jax
import pandas as pd

from norms.lab import grouping, records, spreading, statistics, tasks
from norms.lab.columns import AXES, COMPARED_BY, TRIAL
from norms.lab.runner import checks, same_files, sparing, workers
from norms.lab.runner.execution import Stopped, Tick
from norms.lab.runner.once import Once
from norms.lab.startup import cores
from norms.lab.study import Study
from norms.lab.trial import Trial
from norms.lab.workdir import checkpoints, claims, failures, kept

Worker = workers.Thread | workers.Process


def pending(
  study: Study,
  workdir: str | os.PathLike,
  part: Collection[Trial] | None = None,
  *,
  elsewhere: bool = False,
) -> tuple[grouping.Group, ...]:
  """The groups of the trials that have no record yet, or not the parameters that are to be kept;
  checked, so that they can be run.

  part: those of the trials that this process is to run; None: all. elsewhere: whether other
  machines run them.
  """
  mine = study.trials if part is None else part
  same_files.check(((t.hash, t.data) for t in study.trials), study.manual_dir, workdir)
  done = kept.done(workdir, mine, study.keep)
  # Checks are for what is still to be run: a finished trial may use data that are gone by now.
  missing = dataclasses.replace(study, trials=tuple(t for t in mine if t.hash not in done))
  statistics.check(study.claims)
  statistics.check_references(study.references)
  starts = checkpoints.starts(workdir, missing.trials, study.keep) if study.checkpoint else {}
  lanes = checks.check(missing, elsewhere=elsewhere)
  groups = grouping.groups(missing.trials, lanes=lanes, starts=starts)
  if not (elsewhere or missing.shares_batches):
    groups = spreading.spread(groups, len(devices()), lanes=lanes)
  if jax.default_backend() != 'cpu':  # what it saves was measured there
    return groups
  before = [group for group in groups if failures.there_is(workdir, group.trials)]
  return grouping.share_programs(groups, at_once(groups), apart=before)


def results(study: Study, workdir: str | os.PathLike) -> pd.DataFrame:
  """The records of this study's trials, and of no other that the folder may hold."""
  frame = records.load(workdir)
  if frame.empty:
    return frame
  frame = frame[frame[TRIAL].isin({t.hash for t in study.trials})].reset_index(drop=True)
  # The folder may hold files of a wider study, or from before they told of their study's axes.
  frame.attrs[AXES] = statistics.study_axes(study)
  frame.attrs[COMPARED_BY] = tasks.score(study.trials[0].static)
  return frame


def run(
  study: Study,
  groups: tuple[grouping.Group, ...],
  workdir: str | os.PathLike,
  *,
  tick: Tick,
  fail_fast: bool = False,
  spawn: bool = False,
  time_limit: float = 0,
) -> list[str]:
  """Runs the groups and records each tile as it ends; returns a line per group that failed.

  Several run at once, so that their compilations and their small steps overlap: in threads, or
  with `spawn` on a CPU in processes, where small steps are faster. These start as Python's
  multiprocessing has it: a script that asks for them needs an `if __name__ == '__main__':`, and
  they see JAX's settings in the environment, not those of jax.config.update.

  What runs longer than `time_limit` seconds, 0 for ever, has failed: a process is killed, a thread
  ends at its next epoch.
  """
  checks.prepare(study, groups, workdir)
  failed: list[str] = []
  others = functools.partial(claims.at_work, workdir, others=True)
  waiting, stop = Waiting(groups, others), threading.Event()

  def tick_unless_stopped(*progress) -> None:
    if stop.is_set():
      raise Stopped
    tick(*progress)

  def work(worker: Worker) -> None:
    families: dict[tuple, bool] = {}
    while not stop.is_set() and (group := waiting.take(families)) is not None:
      if line := sparing.run(worker, group, tick_unless_stopped, study, workdir):
        families[group.family] = False  # the rest of the family is compiled group by group
        failed.append(line)
        if fail_fast:
          stop.set()

  with contextlib.ExitStack() as stack:
    if groups:
      stack.enter_context(claims.present(workdir))
    idle = _team(study, workdir, at_once(groups), spawn, time_limit)
    team = [stack.enter_context(contextlib.closing(worker)) for worker in idle]
    with futures.ThreadPoolExecutor(max(1, len(team))) as pool:
      try:  # from the first job on: the pool waits for what was begun
        # Each in a copy of this thread's context, which has the switch norms.plain_formulas.
        contexts = [(contextvars.copy_context(), worker) for worker in team]
        jobs = [pool.submit(context.run, work, worker) for context, worker in contexts]
        for job in futures.as_completed(jobs):
          job.result()
      except BaseException:  # an error, or Ctrl-C
        stop.set()
        for worker in team:
          worker.end()
        raise
  return failed


def devices() -> list[jax.Device]:
  """Those that each run a group of their own: a CPU is one, unless XLA_FLAGS makes it several."""
  return jax.local_devices()


def at_once(groups: Sequence[grouping.Group]) -> int:
  """How many groups run at once: one per device, and on a CPU one per core."""
  if any(group.static.devices > 1 for group in groups):
    return 1  # two that wait for each other's devices would wait for ever
  most = cores() if jax.default_backend() == 'cpu' else 0
  return min(len(groups), max(most, len(devices())))


def _team(
  study: Study, workdir: str | os.PathLike, size: int, spawn: bool, time_limit: float
) -> list[Worker]:
  """So many workers."""
  # A worker process would be no part of the job whose devices such a trial needs.
  if spawn and size and jax.default_backend() == 'cpu' and not study.shares_batches:
    # How sums are split among threads shows in their last bits: exact mode takes one thread always.
    threads = 1 if study.chunk == 1 else max(1, cores() // size)
    if threads < cores() or time_limit:  # no thread can be ended
      return [workers.Process(study, workdir, threads, time_limit) for _ in range(size)]
  once, places = Once(), devices()
  return [
    workers.Thread(study, workdir, once, places[i % len(places)], time_limit) for i in range(size)
  ]


class Waiting:
  """The groups that nobody runs yet, the longest first.

  others: what other processes on the folder are at work on, hashes by who that is.
  """

  def __init__(
    self, groups: tuple[grouping.Group, ...], others: Callable[[], Mapping[str, set[str]]] = dict
  ):
    self._groups, self._lock = list(groups), threading.Lock()
    self._begun: set[tuple] = set()
    self._others = others
    families = ((group.family, group.trials) for group in groups)
    self._families = {trial.hash: family for family, trials in families for trial in trials}

  def take(self, mine: dict[tuple, bool]) -> grouping.Group | None:
    """The next group for a worker with the families `mine`, to which that of the group is added.

    First of these, whose programs it has; then of those that nobody has; last of those that another
    process is at work on. `mine` says of each family whether this worker was the first: another one
    compiles what is left of it, group by group.
    """
    with self._lock:
      if not self._groups:
        return None
      held = [self._families.get(trial) for each in self._others().values() for trial in each]
      theirs, begun = set(held), self._begun
      group = min(
        self._groups, key=lambda g: (g.family in theirs, g.family not in mine, g.family in begun)
      )
      self._groups.remove(group)
      first = mine.setdefault(group.family, group.family not in begun | theirs)
      self._begun.add(group.family)
      return group if first else group.alone
