"""The loop: plan, skip what is done, run the groups side by side, record, tell."""

from concurrent import futures
import dataclasses
import os
import threading
import traceback

import jax
import pandas as pd

from norms.lab import checks, execution, plan, records, statistics
from norms.lab import data as data_sets
from norms.lab.execution import Tick
from norms.lab.once import Once
from norms.lab.study import Study


class Stopped(Exception):
  """A group was asked to end before its time; its tile has no record and runs again."""


def pending(study: Study, workdir) -> tuple[plan.Group, ...]:
  """The groups of the trials that have no record yet; checked, so that they can be run."""
  done = records.done(workdir)
  missing = dataclasses.replace(study, trials=tuple(t for t in study.trials if t.hash not in done))
  statistics.check(study.claims)
  statistics.check_references(study.references)
  return plan.groups(missing.trials, lanes=checks.check(missing))


def results(study: Study, workdir) -> pd.DataFrame:
  """The records of this study's trials, and of no other that the folder may hold."""
  frame = records.load(workdir)
  if frame.empty:
    return frame
  return frame[frame['trial'].isin({t.hash for t in study.trials})].reset_index(drop=True)


def run(
  study: Study, groups: tuple[plan.Group, ...], workdir, *, tick: Tick, fail_fast: bool = False
) -> list[str]:
  """Runs the groups and records each tile as it ends; returns a line per group that failed.

  Several groups run at once, a thread each: their compilations and their small steps overlap.
  """
  for options in dict.fromkeys(group.static.data for group in groups):
    data_sets.load(options, study.manual_dir)  # what is wrong with it stops all groups alike
  failed: list[str] = []
  once, stop = Once(), threading.Event()

  def watched(*progress) -> None:
    if stop.is_set():
      raise Stopped
    tick(*progress)

  with futures.ThreadPoolExecutor(workers(len(groups))) as pool:
    devices = jax.local_devices()
    jobs = {
      pool.submit(_guarded, group, study, workdir, once, devices[i % len(devices)], watched): group
      for i, group in enumerate(groups)
    }
    try:
      for job in futures.as_completed(jobs):
        if job.result():
          failed.append(job.result())
          if fail_fast:
            break
    finally:
      # After an error or Ctrl-C what runs ends at its next epoch, and what waits never starts.
      stop.set()
      pool.shutdown(wait=True, cancel_futures=True)
  return failed


def workers(groups: int) -> int:
  """Threads: one per core on a CPU, one per device elsewhere."""
  if jax.default_backend() == 'cpu':
    return max(1, min(groups, len(os.sched_getaffinity(0))))
  return max(1, min(groups, jax.local_device_count()))


def _guarded(group, study, workdir, once, device, tick) -> str:
  """A group's failure as one line, its traceback on record; the others run on."""
  try:
    with jax.default_device(device):
      execution.run(group, study, workdir, once, device, tick)
    return ''
  except Stopped:
    return ''
  except Exception as error:
    records.write_error(workdir, group.trials, group.label, traceback.format_exc())
    return f'{group.label}: {type(error).__name__}: {str(error).splitlines()[0]}'
