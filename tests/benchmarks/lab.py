"""The lab: compile and run seconds of each group of configs/sweep.py, and the same in PyTorch."""

import collections
import contextlib
import gc
import statistics
import tempfile
import time

import jax

from norms.lab import data as data_sets
from norms.lab import records, study, sweep
from norms.lab.engine import program
from norms.lab.engine.training import TrainSetup
from norms.lab.runner.once import Once


def config(tiny: bool):
  """The default sweep; cut to a few cells for the tiny size."""
  from configs import sweep as default

  made = default.get_config()
  if tiny:
    made.sweep.norm, made.sweep.batch_size = ('none', 'batch'), (256,)
    made.sweep.init_scale, made.sweep.seed, made.epochs = (1.0,), (0,), 1
  return made


def run(*, tiny: bool) -> None:
  """Prints per group, then the totals and the ratio."""
  asked = study.from_config(config(tiny))
  with tempfile.TemporaryDirectory() as folder:
    groups = sweep.pending(asked, folder)
    training = _Training()
    begun = time.perf_counter()
    failed = sweep.run(asked, groups, folder, tick=training, spawn=True)
    seconds = time.perf_counter() - begun
    assert not failed, failed
    origins = records.provenance(folder)
  gc.freeze()  # as the processes of a sweep have it: no pass over all that JAX has imported
  rounds = [_compiled(groups) for _ in range(1 if tiny else 5)]
  single = [_compiled([group.alone for group in groups]) for _ in rounds]
  share, alone = _least(rounds), _least(single)
  wide = max(map(len, share))
  print(f'{"group":{wide}}{"compile s":>11}{"by itself":>11}{"run s":>8}')
  for origin in origins:
    label = origin['group']
    print(f'{label:{wide}}{share[label]:11.2f}{alone[label]:11.2f}{origin["run_seconds"]:8.2f}')
  each = ', '.join(f'{statistics.median(found.values()):.2f}' for found in rounds)
  compiles, apart = (statistics.median(found.values()) for found in (share, alone))
  print(f'compilation, median per group: {compiles:.2f} s on all cores ({each} s in each round,')
  print('  of which a group has its least): its share of the program of its family, the same norm')
  print(f'  at other batch sizes; in a program by itself {apart:.2f} s')
  print(f'{len(asked.trials)} trials, compilation, training and evaluation: {seconds:.1f} s')
  with contextlib.suppress(ImportError):
    _against_torch(asked, groups, training.seconds(groups), tiny)


def _compiled(groups) -> dict[str, float]:
  """Seconds by group, in the order of a sweep; nothing is known of an earlier round."""
  jax.clear_caches()
  once = Once()
  return {g.label: once((g.family, g.sizes), lambda g=g: _compile(g, once)) for g in groups}


def _least(rounds: list[dict[str, float]]) -> dict[str, float]:
  """Each group's least: what else a machine does only ever adds to it."""
  return {label: min(found[label] for found in rounds) for label in rounds[0]}


def _compile(group, once: Once) -> float:
  """Seconds from a group to its program, traced and compiled anew, with nothing beside it.

  A group's share of them, where others are compiled with it.
  """
  data, tile = data_sets.load(group.static.data), group.tiles[0]
  setup = TrainSetup.of(group.static, data.classes)
  parts = once(group.family, lambda: program.shared(setup, tile, data, chunk=0))
  begun = time.perf_counter()
  program.compiled(setup, group.sizes, tile, data, parts, chunk=0)
  return (time.perf_counter() - begun) / len(group.sizes)


class _Training:
  """Wall seconds during which groups trained, from their ticks; compilation is not among them."""

  def __init__(self):
    self.spans = collections.defaultdict(list)

  def __call__(self, group, done, diverged):
    self.spans[group].append(time.perf_counter())

  def seconds(self, groups) -> float:
    """The sum over groups, shared by the processes that ran them side by side."""
    return sum(times[-1] - times[0] for times in self.spans.values()) / sweep.at_once(groups)


def _against_torch(asked, groups, ours: float, tiny: bool) -> None:
  """The same steps as a PyTorch loop, on one thread: a sample of each cell, scaled up."""
  import torch

  from tests.benchmarks import torch_loop

  torch.set_num_threads(1)  # faster for these sizes, and what leaves a core for a second process
  split = data_sets.load(asked.trials[0].data).train
  x, y = torch.from_numpy(split.x), torch.from_numpy(split.y).long()
  total = 0.0
  for group in groups:
    static = group.static
    sample = 3 if tiny else 100
    torch_loop.train(static.norm, x, y, static.batch_size, 3)
    begun = time.perf_counter()
    torch_loop.train(static.norm, x, y, static.batch_size, sample)
    each = (time.perf_counter() - begun) / sample
    total += each * static.epochs * (len(y) // static.batch_size) * len(group.trials)
    print(f'{group.label}: {each * 1e6:.0f} us a step in PyTorch')
  processes = sweep.at_once(groups)
  print(
    f'training alone: ours {ours:.1f} s, PyTorch {total:.1f} s: {total / ours:.1f} times as long'
  )
  print(f'  in {processes} PyTorch processes at full speed: {total / processes / ours:.1f} times')
