"""Time per epoch and norm, fairly: compiled apart, one lane each, an epoch of each norm in turn."""

from collections.abc import Iterator
import os
import time
import traceback
from typing import Any

import jax
import numpy as np

from norms.lab import data as data_sets
from norms.lab import grouping, tasks, timed
from norms.lab.engine import chunks, program
from norms.lab.engine.training import TrainSetup
from norms.lab.runner.provenance import provenance
from norms.lab.study import Study
from norms.lab.trial import Trial
from norms.lab.workdir import failures
from norms.lab.xla_cpu import compiler

LABEL = 'timing'


def measure(study: Study, workdir: str | os.PathLike) -> dict[str, Any]:
  """Times what the study asks for, unless that was done; returns it and keeps it in the records.

  Every round runs one epoch of each norm, so that whatever slows the machine for a while slows
  all of them. Neither compilation nor evaluation is in it. In odd rounds the order is reversed.
  """
  trials = first_of_each(study)
  asked = {'rounds': study.timing, 'trials': [trial.hash for trial in trials]}
  found = timed.load(workdir)
  if not study.timing or {key: found.get(key) for key in asked} == asked:
    return found
  lanes = [Lane(trial, study.manual_dir) for trial in trials]
  rows = list(_rounds(lanes, study.timing))
  seconds = {lane.norm: lane.compile_seconds for lane in lanes}
  threads = 'one thread' if compiler.options() else "the device's own threads"
  origin = provenance(study.command, threads=threads, compile_seconds=seconds)
  found = {**asked, **origin, 'rows': rows}
  timed.write(workdir, found)
  return found


def guarded(study: Study, workdir: str | os.PathLike) -> list[str]:
  """Times as `measure` does; its failure as a line, since a report can do without."""
  try:
    measure(study, workdir)
  except Exception as error:
    failures.write(workdir, first_of_each(study), LABEL, traceback.format_exc())
    return [failures.line(LABEL, error)]
  failures.forget(workdir, first_of_each(study))
  return []


def first_of_each(study: Study) -> list[Trial]:
  """The first trial of each norm: all that is timed."""
  found: dict[str, Trial] = {}
  for trial in study.trials:
    found.setdefault(trial.norm, trial)
  return list(found.values())


class Lane:
  """One trial, ready to train epoch by epoch."""

  def __init__(self, trial: Trial, manual_dir: str):
    (group,) = grouping.groups([trial])
    self.norm, self._tile = trial.norm, group.tiles[0]
    setup = TrainSetup.of(group.static, tasks.outputs(group.static))
    seen = tasks.examples(setup.task, data_sets.load(trial.data, manual_dir))
    self._data = jax.device_put(seen)
    self._batch = trial.batch_size
    begun = time.perf_counter()
    parts = program.shared(setup, self._tile, self._data, chunk=1)
    made = program.compiled(setup, (self._batch,), self._tile, self._data, parts, chunk=1)
    self._segment = made[self._batch]
    self.compile_seconds = time.perf_counter() - begun
    (self._block,) = chunks.blocks(self._tile, 1)
    drawn = program.draws(chunks.seeds(self._tile), parts.kernel_size)
    (self._carry,) = program.begin(parts, self._tile, [self._block], drawn)

  def epoch(self, index: int) -> tuple[float, int]:
    """(seconds, steps) of one more epoch; its batches are drawn before the clock starts."""
    seeds, examples = chunks.seeds(self._tile), len(self._data.train.y)
    (order,) = np.asarray(program.order(seeds, index, examples))
    begun = time.perf_counter()
    self._carry, _ = self._segment(self._carry, self._data, order, self._block.hyper)
    jax.block_until_ready(self._carry)
    return time.perf_counter() - begun, examples // self._batch


def _rounds(lanes: list[Lane], rounds: int) -> Iterator[dict[str, str | float]]:
  for lane in lanes:
    lane.epoch(1)  # a program's first call allocates what later ones use again
  for i in range(rounds):
    for lane in reversed(lanes) if i % 2 else lanes:
      seconds, steps = lane.epoch(i + 2)
      yield {'norm': lane.norm, 'round': i, 'seconds': seconds, 'steps': steps}
