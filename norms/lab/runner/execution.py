"""One group: its programs compiled once, its tiles run one after the other, a file for each."""

from collections.abc import Callable, Iterator
import contextlib
import functools
from typing import NamedTuple

import jax
import numpy as np

from norms.lab import data as data_sets
from norms.lab import (
  grouping,
  tasks,
)
from norms.lab.data import Data
from norms.lab.engine import chunks, devices, evaluation, program, replay
from norms.lab.engine.training import State, TrainSetup
from norms.lab.runner import identity
from norms.lab.runner.epochs import last_epochs
from norms.lab.runner.once import Once
from norms.lab.runner.resuming import Resumed
from norms.lab.runner.rows import Changes, rectangle
from norms.lab.study import Study

# Called with (group, trial-steps done, lanes that have diverged) as a group goes on.
Tick = Callable[[grouping.Group, int, int], None]


class Stopped(Exception):
  """A group was asked to end before its time; its tile has no record and runs again."""


class CompiledGroup(NamedTuple):
  """A group's programs, and what they are given."""

  source: replay.Source
  chunk: int
  host: Data
  data: Data  # on the device, as are the inputs that it is judged by
  inputs: tuple[jax.Array, ...]
  parts: program.Shared
  segment: Callable
  devices: int  # that share each batch

  def begin(self, tile: grouping.Tile) -> list[State]:
    """Each block's state before the first step."""
    draws = self.source.draws(tile, self.parts.kernel_size)
    draws = [devices.placed(each, self.devices) for each in draws]
    return program.begin(self.parts, tile, chunks.blocks(tile, self.chunk), draws)

  def judge(self, carries: list[State]) -> list[program.Curves]:
    """Losses and metrics of each block as it stands."""
    return [self.parts.evaluate(carry, self.data, self.inputs) for carry in carries]


def compile_group(group: grouping.Group, study: Study, once: Once, device) -> CompiledGroup:
  """Loads and compiles; what groups share is made once."""
  static, first = group.static, group.tiles[0]
  device = devices.placement(static.devices, device)
  identity.check_objects(static)
  setup = TrainSetup.of(static, tasks.outputs(static))
  host = tasks.examples(setup.task, data_sets.load(static.data, study.manual_dir))
  shown = (static.data, static.task, static.task_options, device)
  data = once(shown, lambda: jax.device_put(host, device))
  judged = (*shown, static.eval_examples, setup.state)
  inputs = once(judged, lambda: evaluation.eval_inputs(setup, data))
  chunk = chunks.size(group.chunk or study.chunk, first.width)
  parts = once((group.family, device), lambda: program.shared(setup, first, data, chunk=chunk))
  compiled = functools.partial(program.compiled, setup, tile=first, data=data, parts=parts)
  segment = _segment(group, functools.partial(compiled, chunk=chunk), once, device)
  source = replay.source(study.trials, group)
  return CompiledGroup(source, chunk, host, data, inputs, parts, segment, static.devices)


def _segment(group: grouping.Group, compiled: Callable, once: Once, device) -> Callable:
  """The group's part of the program of its family; alone where that is asked for, or fails."""
  size = group.static.batch_size
  if len(group.sizes) > 1:
    with contextlib.suppress(Exception):  # of another size, perhaps: then it is that group's error
      return once((group.family, group.sizes, device), lambda: compiled(group.sizes))[size]
  return compiled((size,))[size]


class Stand(NamedTuple):
  """A tile after an epoch. The next epoch takes the memory of its carries: copy what is to stay."""

  blocks: list[chunks.Block]
  carries: list[State]  # of each block
  curves: dict[str, np.ndarray]  # what was measured: (seeds, lanes)


def train(
  group: grouping.Group,
  tile: grouping.Tile,
  compiled: CompiledGroup,
  tick: Tick,
  resumed: Resumed | None = None,
) -> Iterator[Stand]:
  """How a tile stands at each epoch, from epoch 0 on, or from where it was trained before, until
  each of its trials has ended."""
  cut, examples = chunks.blocks(tile, compiled.chunk), len(compiled.data.train.y)
  steps, changes = examples // group.static.batch_size, Changes()
  if resumed:
    start, history = resumed.epoch, list(resumed.curves)
    tick(group, (start - group.start) * steps * len(tile.trials), 0)
    carries = [devices.placed(carry, compiled.devices) for carry in resumed.carries]
    changes(jax.device_get(compiled.judge(compiled.begin(tile))))
    yield Stand(cut, carries, resumed.curves[-1])
  else:
    start, carries, history = -1, compiled.begin(tile), []
  diverged = 0
  seen = [dict.fromkeys(('minibatch_loss', 'first_loss', 'grad_norm'), np.nan) for _ in cut]
  for epoch in range(start + 1, group.static.epochs + 1):
    if history and len(last_epochs(tile, history)) == len(tile.trials):
      tick(group, (group.static.epochs + 1 - epoch) * steps * len(tile.trials), diverged)
      return
    if epoch:
      # A row per seed, sliced off the array once and not for each of the seed's lanes.
      rows = compiled.source.order(tile, epoch, examples)
      for i, block in enumerate(cut):
        carries[i], seen[i] = compiled.segment(
          carries[i], compiled.data, rows[block.row], block.hyper
        )
    # All are asked for before the first is waited for.
    judged = compiled.judge(carries)
    probed = [compiled.parts.probe(carry, compiled.data) for carry in carries]
    stand = [{'step': c.step, 'diverged_at': c.diverged_at} for c in carries]
    stand, seen, judged, probed = jax.device_get((stand, seen, judged, probed))
    found = list(zip(stand, seen, changes(judged), probed, strict=True))
    curves = rectangle(tile, cut, found)
    done = len(tile.trials) * steps if epoch else 0
    diverged = int(sum(curves['diverged_at'][at] >= 0 for at, _ in tile.places()))
    tick(group, done, diverged)
    history.append(curves)
    yield Stand(cut, carries, curves)
