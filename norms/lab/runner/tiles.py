"""A group's tiles: each claimed, so that one process runs it, then trained and recorded."""

import contextlib
import functools
import gc
import time
import traceback
from typing import Any

import jax

from norms.lab import data as data_sets
from norms.lab import grouping, measured, records, statistics, tasks
from norms.lab.engine import chunks
from norms.lab.runner import execution, memory
from norms.lab.runner.keeping import Keeping
from norms.lab.runner.once import Once
from norms.lab.runner.provenance import provenance
from norms.lab.runner.resuming import Checkpoints, restored
from norms.lab.runner.rows import frame
from norms.lab.statistics import stated
from norms.lab.study import Study
from norms.lab.workdir import checkpoints, claims, failures, kept, superseded


def guarded(
  group: grouping.Group, study: Study, workdir, once: Once, device, tick: execution.Tick
) -> str:
  """Runs a group; its failure as one line, the traceback on record, so that others run on.

  A memory.OutOfMemory is the line of one that may not fail with less at once.
  """
  try:
    with jax.default_device(device):
      run(group, study, workdir, once, device, tick)
    return ''
  except execution.Stopped:
    return ''
  except (Exception, SystemExit) as error:  # a norm of one's own may even exit
    failures.write(workdir, group.trials, group.label, traceback.format_exc())
    line = failures.line(group.label, error)
    if memory.failed(error):
      line = memory.OutOfMemory(line)
  gc.collect()  # what is left of it, since frames and errors hold each other
  return line


def run(
  group: grouping.Group, study: Study, workdir, once: Once, device, tick: execution.Tick
) -> None:
  """Compiles a group and runs its tiles, one file each, but for what other processes run."""
  compiled: execution.CompiledGroup | None = None
  for tile in group.tiles:
    with _claimed(tile, study, workdir) as mine:
      if left := len(tile.trials) - len(mine):
        each = len(data_sets.load(group.static.data, study.manual_dir).train.y)
        steps = (group.static.epochs - group.start) * (each // group.static.batch_size)
        tick(group, left * steps, 0)
      if not mine:
        continue
      begun = time.perf_counter()
      # Only now: another process may have taken all of the group, and its program is not needed.
      compiled = compiled or execution.compile_group(group, study, once, device)
      seconds = time.perf_counter() - begun
      _run_tile(group, tile.only(mine), compiled, seconds, study, workdir, once, tick)
  if compiled:
    failures.forget(workdir, group.trials)


def _claimed(
  tile: grouping.Tile, study: Study, workdir
) -> contextlib.AbstractContextManager[set[str]]:
  """The hashes of the tile's trials that this process is to run, and nobody else meanwhile."""
  if jax.distributed.is_initialized():  # processes of one job train each tile together
    return contextlib.nullcontext({trial.hash for trial in tile.trials})
  done = functools.partial(kept.done, workdir, tile.trials, study.keep)
  return claims.held(workdir, tile.trials, done)


def _run_tile(
  group: grouping.Group,
  tile: grouping.Tile,
  compiled: execution.CompiledGroup,
  compile_seconds: float,
  study: Study,
  workdir,
  once: Once,
  tick: execution.Tick,
) -> None:
  """Trains a tile's trials and records them."""
  source = data_sets.origin(group.static.data, study.manual_dir)
  axes = once('axes', lambda: statistics.study_axes(study))
  measures = measured.Measured(tasks.score(group.static), tuple(tasks.rows(group.static)))
  told: dict[str, Any] = {'group': group.label, 'program': group.static.hash, 'data': source}
  told |= {'chunk': compiled.chunk}
  told[stated.STATED] = stated.record(study.claims, tasks.score(group.static))
  begun = time.perf_counter()
  blocks, like = chunks.blocks(tile, compiled.chunk), compiled.parts.state
  # Asked for again, or after another process, it goes on from what was saved since it was planned.
  saved = checkpoints.newest(workdir, tile.trials, study.keep) if study.checkpoint else 0
  resumed = restored(workdir, tile, max(group.start, saved), blocks, like, study.keep)
  keeping = Keeping(workdir, tile, study.keep, anew=resumed is None)
  saving = Checkpoints(workdir, tile, study.checkpoint, study.keep)
  curves = resumed.curves[:-1] if resumed else []
  for stand in execution.train(group, tile, compiled, tick, resumed):
    curves.append(stand.curves)
    keeping(stand.blocks, stand.carries, curves)
    saving(stand.blocks, stand.carries, curves)
  seconds = {'compile_seconds': compile_seconds, 'run_seconds': time.perf_counter() - begun}
  origin = provenance(study.command, trials=len(tile.trials), **told, **seconds)
  rows = frame(tile, curves, compiled.host)
  # Some may be on record, without parameters.
  older = superseded.withdrawn(workdir, tile.trials) if study.keep else contextlib.nullcontext()
  with older:
    records.write(workdir, tile.trials, rows, origin, axes, measures)
  keeping.commit(curves)
  saving.recorded()
