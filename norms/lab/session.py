"""A study step by step from Python: what train.py does, for a notebook or a script."""

from collections.abc import Callable
import contextlib
import dataclasses
import functools
import multiprocessing
import os
import sys
import tempfile

import pandas as pd

from norms.lab import columns, job, left, records, statistics, sweep
from norms.lab.runner import limits, planned, timing
from norms.lab.runner.progress import Progress
from norms.lab.study import Study
from norms.lab.trial import Trial, one_per_setting
from norms.lab.workdir import claims, failures, shards

# Called as sweep.run is, without `spawn`.
Engine = Callable[..., list[str]]


def plan(study: Study, workdir: str | os.PathLike | None = None) -> pd.DataFrame:
  """What `run` would train: a row for each group of trials that share a program.

  Trials that have a record in `workdir` are left out. Nothing is trained, but every model is built
  on shapes, so that what cannot run is said here.

  Args:
    study: what is asked.
    workdir: where its results go; by default results/<name>.

  Returns:
    A frame with the columns group (a label), trials, tiles (each one call and one file), seeds and
    lanes (the shape of a tile), memory_mb (2**20 bytes, of one tile), and seconds, estimated from
    earlier runs of the same program, NaN where there are none.

  Raises:
    ValueError: of one line, at the first thing that is wrong.
  """
  workdir = study.folder(workdir)
  return planned.table(sweep.pending(study, workdir), workdir)


def describe(
  study: Study,
  workdir: str | os.PathLike | None = None,
  *,
  elsewhere: bool = False,
  shard: str = '',
) -> str:
  """The same in words, with what it comes to, as --dry_run prints it.

  elsewhere: whether other machines are to run it. shard: of which part, as for `run`.
  """
  workdir = study.folder(workdir)
  lines = [
    f'{file} is damaged or foreign: its trials run again' for file in records.damaged(workdir)
  ]
  lines += _not_judged(study)
  if shard:
    part = tuple(shards.part(study.trials, shard))
    lines.append(f'shard {shard} has {len(part)} of {len(study.trials)} trials')
    study = dataclasses.replace(study, trials=part)
  groups = sweep.pending(study, workdir, elsewhere=elsewhere)
  return '\n'.join([planned.describe(study, groups, workdir), *lines])


def run(
  study: Study,
  workdir: str | os.PathLike | None = None,
  *,
  processes: bool | None = None,
  fail_fast: bool = False,
  progress: bool = True,
  heard: Callable[[int, int], None] | None = None,
  engine: Engine | None = None,
  shard: str = '',
  time_limit: float = 0,
) -> pd.DataFrame:
  """Trains what has no record yet, a file of records for each tile, and returns all records.

  The same call again trains only what is missing. Progress is a bar on a terminal, and elsewhere,
  as in a notebook, a line for each group that has ended.

  Args:
    study: what is asked.
    workdir: where results go; by default results/<name>.
    processes: whether groups run in worker processes, which is faster on a CPU. Each imports
      `__main__` if that is a file, so that a script which asks for them needs an
      `if __name__ == '__main__':`. By default they are used where `__main__` is no file, as in a
      notebook, and nothing of the study is defined there; else groups run in threads.
    fail_fast: whether the first group that fails ends all.
    progress: whether progress is shown.
    heard: called after each segment with how many of all trial-steps are done: (done, all).
    shard: 'i/n': the i-th of n parts of the study, for so many processes on one workdir. Without it
      several share what is missing, tile by tile.
    engine: what runs the groups in place of this machine, as norms.lab.cluster.cluster.Cluster.
    time_limit: seconds that a group may run, compiling included; 0: for ever. One that takes longer
      has failed. A worker process is killed; a thread ends at its next epoch, not where it hangs.

  Returns:
    The frame of norms.lab.records.load, of this study's trials alone. `frame.attrs['failed']` is a
    list with a line for each group that failed; their tracebacks are beside the records.
    `frame.attrs['left']` has a line where other processes run, or are to run, what is missing.

  Raises:
    ValueError: of one line, at the first thing that is wrong, before anything is trained.
    OSError: where nothing can be written to workdir; also before that.
  """
  workdir = study.folder(workdir)
  limits.check(time_limit)
  if study.shares_batches and engine is None:
    of_one = {'config.checkpoint': study.checkpoint, 'config.timing': study.timing}
    job.join(of_one | {'time_limit': time_limit})
  if job.leads():
    set_aside(workdir)
  job.agree('records are whole')
  part = shards.part(study.trials, shard) if shard else study.trials
  groups = sweep.pending(study, workdir, part, elsewhere=engine is not None)
  job.agree(' '.join(trial.hash for group in groups for trial in group.trials))
  if not job.leads():
    with tempfile.TemporaryDirectory() as aside:  # what the leader writes, too
      failed = sweep.run(study, groups, aside, tick=lambda *_: None, fail_fast=fail_fast)
    return _nothing(failed)
  for line in [*records.unused(workdir), *_not_judged(study)] if groups and progress else ():
    print(line)
  spawn = _workers_can_start(study) if processes is None else processes
  runs = engine or functools.partial(sweep.run, spawn=spawn)
  if time_limit:
    runs = functools.partial(runs, time_limit=time_limit)
  with contextlib.closing(Progress(groups, shown=progress, heard=heard)) as tick:
    failed = runs(study, groups, workdir, tick=tick, fail_fast=fail_fast)
  # What another process began, and left when it ended, is taken over.
  while not failed and (more := left.behind(workdir, part, study.keep)):
    again = sweep.pending(study, workdir, more, elsewhere=engine is not None)
    with contextlib.closing(Progress(again, shown=progress)) as tick:
      failed = runs(study, again, workdir, tick=tick, fail_fast=fail_fast)
  by_label: dict[str, list[Trial]] = {}
  for group in groups:  # groups of other models may have one label
    by_label.setdefault(group.label, []).extend(group.trials)
  failures.forget_mended(workdir, by_label)
  others = left.lines(study.name, workdir, study.trials)  # before what is read: it may end now
  frame = sweep.results(study, workdir)
  if not frame.empty and not others:
    with claims.alone(workdir, claims.TIMING):
      failed += timing.guarded(study, workdir)
  if groups:
    with claims.alone(workdir, claims.ROWS):
      records.tidy(workdir)
  frame.attrs |= {columns.FAILED: failed, columns.LEFT: others}
  tell(failed, workdir)
  for line in frame.attrs[columns.LEFT] if progress else ():
    print(line)
  return frame


def _nothing(failed: list[str]) -> pd.DataFrame:
  """What a process returns that writes no records."""
  frame = pd.DataFrame()
  frame.attrs |= {columns.FAILED: failed, columns.LEFT: []}
  return frame


def _not_judged(study: Study) -> list[str]:
  # A claim may ask for a seed; else many seeds say what one of them says.
  by_seed = any(columns.SEED in (options.get('at') or {}) for _, options in study.claims)
  trials = study.trials if by_seed else one_per_setting(study.trials)
  return statistics.not_judged(study.claims, (trial.columns() for trial in trials))


def set_aside(workdir: str | os.PathLike) -> None:
  """Gives damaged files of records another name, and says so on stderr; their trials run again."""
  for line in records.set_aside(workdir):
    print(line, file=sys.stderr)


def tell(failed: list[str], workdir: str | os.PathLike) -> None:
  """Says on stderr which groups failed, and where their tracebacks are."""
  for line in failed:
    print(f'failed: {line} (traceback in {records.folder(workdir)})', file=sys.stderr)


def _workers_can_start(study: Study) -> bool:
  """Whether worker processes find all that the study names, and run nothing twice.

  A worker imports `__main__` anew where that is a file; what a notebook defines, no worker has.
  """
  # A daemon may start no processes of its own.
  if multiprocessing.current_process().daemon or hasattr(sys.modules['__main__'], '__file__'):
    return False
  return not any('__main__:' in repr(trial) for trial in study.trials)
