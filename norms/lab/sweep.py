"""The loop: plan, skip what is done, run the groups side by side, record, tell."""

from collections.abc import Callable, Iterator
from concurrent import futures
import dataclasses
import os
import threading
import time
import traceback

import jax
import numpy as np
import pandas as pd

from norms.lab import checks, plan, program, records, statistics
from norms.lab import data as data_sets
from norms.lab.data import Data
from norms.lab.program import Once
from norms.lab.provenance import provenance
from norms.lab.study import Study
from norms.lab.training import Setting

# Called with (group, trial-steps done, lanes that have diverged) as a group goes on.
Tick = Callable[[plan.Group, int, int], None]


class Stopped(Exception):
  """A group was asked to end before its time; its tile has no record and runs again."""


def pending(study: Study, workdir) -> tuple[plan.Group, ...]:
  """The groups of the trials that have no record yet; checked, so that they can be run."""
  done = records.done(workdir)
  missing = dataclasses.replace(study, trials=tuple(t for t in study.trials if t.hash not in done))
  statistics.check(study.claims)
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
      run_group(group, study, workdir, once, device, tick)
    return ''
  except Stopped:
    return ''
  except Exception as error:
    records.write_error(workdir, group.trials, group.label, traceback.format_exc())
    return f'{group.label}: {type(error).__name__}: {str(error).splitlines()[0]}'


def run_group(group: plan.Group, study: Study, workdir, once: Once, device, tick: Tick) -> None:
  """Compiles a group and runs its tiles, one file each."""
  static, first = group.static, group.tiles[0]
  host = data_sets.load(static.data)
  data = once((static.data, device), lambda: jax.device_put(host, device))
  setting = Setting.of(static, host.classes)
  begun = time.perf_counter()
  regardless = (dataclasses.replace(static, batch_size=0), first.width, device)
  parts = once(regardless, lambda: program.shared(setting, first, data, chunk=study.chunk))
  segment = program.compiled(setting, group, data, parts, chunk=study.chunk)
  compile_seconds = time.perf_counter() - begun
  chunk = program.chunk_size(study.chunk, first.width)
  for tile in group.tiles:
    begun = time.perf_counter()
    curves = list(train(group, tile, chunk, data, parts, segment, tick))
    seconds = {'compile_seconds': compile_seconds, 'run_seconds': time.perf_counter() - begun}
    origin = provenance(study.command, group=group.label, trials=len(tile.trials), **seconds)
    records.write(workdir, tile.trials, frame(tile, curves, host), origin)
    compile_seconds = 0.0
  records.forget_error(workdir, group.trials)


def train(group, tile, chunk: int, data, parts, segment, tick) -> Iterator[dict[str, np.ndarray]]:
  """A tile's curves, an entry per epoch from epoch 0 on, each (seeds, lanes)."""
  seeds, cut = program.seeds(tile), program.blocks(tile, chunk)
  carries = program.begin(parts, tile, cut)
  seen = [dict.fromkeys(('minibatch_loss', 'grad_norm'), np.nan) for _ in cut]
  for epoch in range(group.static.epochs + 1):
    if epoch:
      # A row per seed, sliced off the array once and not for each of the seed's lanes.
      rows = list(program.order(seeds, epoch, len(data.train.y), group.static.batch_size))
      for i, block in enumerate(cut):
        carries[i], seen[i] = segment(carries[i], data, rows[block.row], block.hyper)
    shape = (len(tile.rows), tile.width)
    curves: dict[str, np.ndarray] = {}
    for block, carry, means in zip(cut, carries, seen, strict=True):
      now = {'step': carry.step, 'diverged_at': carry.diverged_at, **means}
      for name, values in {**now, **parts.evaluate(carry, data)}.items():
        values = np.asarray(values)
        curves.setdefault(name, np.zeros(shape, values.dtype))[block.row, block.lanes] = values
    done = len(tile.trials) * len(rows[0]) if epoch else 0
    tick(group, done, int(sum(curves['diverged_at'][at] >= 0 for at, _ in tile.places())))
    yield curves


def frame(tile: plan.Tile, curves: list[dict[str, np.ndarray]], data: Data) -> pd.DataFrame:
  """A tile's records: a row per trial and epoch."""
  by_name = {name: np.stack([c[name] for c in curves], -1) for name in curves[0]}
  n, chance = len(data.test.y), data.chance
  parts = []
  for at, trial in tile.places():
    rows = {name: values[at] for name, values in by_name.items()}
    loss, diverged = rows['train_loss'], int(rows.pop('diverged_at')[-1])
    parts.append(pd.DataFrame({**trial.columns(), 'epoch': np.arange(len(curves)), **rows}))
    parts[-1]['diverged_at'] = pd.array(
      [diverged if diverged >= 0 else pd.NA] * len(curves), 'Int64'
    )
    parts[-1]['trained'] = statistics.trained(
      rows['test_accuracy'][-1], n, chance, loss[0], loss[-1]
    )
  return pd.concat(parts, ignore_index=True)
