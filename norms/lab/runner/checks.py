"""What is known before anything runs: whether a plan can run at all, and what it will take."""

import dataclasses
import functools
import os

import flax.linen as nn
import jax
import numpy as np

from norms import catalogue
from norms.lab import data as data_sets
from norms.lab import grouping, mistakes, records, tasks, trial
from norms.lab.data import Data, Sizes, augment
from norms.lab.engine import evaluation, own_probes, training
from norms.lab.engine.training import TrainSetup
from norms.lab.mistakes import LayerError
from norms.lab.runner import options
from norms.lab.study import Study
from norms.lab.trial import Trial

# A tile is one call and one file: what a kill can lose at most.
MOST_LANES = 256
NUMBERS = ('lanes', 'memory', 'run time')  # of the table of a dry run


def check(study: Study) -> int:
  """Builds every model on shapes alone; returns how many lanes a tile may hold.

  Raises:
    ValueError: at the first thing that is wrong.
  """
  options.check(study)
  largest = 1
  for static, one in {each.static: each for each in study.trials}.items():
    sizes = data_sets.sizes(static.data)
    _classified(static, sizes)
    examples = sizes.train
    augment.check(static.augment, sizes.shape)
    if static.batch_size > examples:
      raise ValueError(
        f'batch_size={static.batch_size} is more than the {examples} training examples of '
        f'{dict(static.data)["name"]}: use at most that'
      )
    if static.weight_scale is not None and ':' in static.model:
      raise ValueError(f'weight_scale is for the own models, not {static.model!r}: use init_scale')
    if catalogue.find(static.norm).exact:  # its statistics are of parts of the batch, or move
      shapes(TrainSetup.of(static, tasks.outputs(static)), sizes, examples=static.batch_size)
    if static.probes:
      _check_probes(one, sizes)
    largest = max(largest, lane_bytes(static))
  return max(1, min(MOST_LANES, memory() // 2 // largest))


def _classified(static: Trial, sizes: Sizes) -> None:
  """ValueError where targets are no classes, which is what classification learns to tell."""
  if static.task == trial.TASKS[0] and sizes.kind != 'classes':
    raise ValueError(
      f'data.name={dict(static.data)["name"]!r} has {sizes.kind} for targets, and the lab tells '
      'classes: give whole numbers from 0 on, one for each example'
    )


def _check_probes(one: Trial, sizes: Sizes) -> None:
  """Traces a trial's own probes on shapes; a ValueError of one line says what they may not give."""
  setup = TrainSetup.of(one.static, tasks.outputs(one.static))
  variables, _ = shapes(setup, sizes)
  draws = jax.ShapeDtypeStruct((training.kernel_size(variables['params']),), np.float32)
  hyper = one.hyper | {'seed': one.seed}
  state = jax.eval_shape(functools.partial(training.initial, setup), variables, draws, hyper)
  seen = functools.partial(tasks.shapes, setup.task, sizes)
  held_out = seen(sizes.validation) if sizes.validation else None
  data = Data(seen(sizes.train), seen(sizes.test), held_out)
  jax.eval_shape(functools.partial(own_probes.measure, setup), state, data)


def lane_bytes(static: Trial) -> int:
  """A lane's parameters, gradients and two slots of the optimizer, and its largest activations."""
  of_state, of_example = _bytes(dataclasses.replace(static, batch_size=1))
  judged = min(data_sets.sizes(static.data).train, evaluation.MOST)
  return of_state + of_example * max(static.batch_size, judged)


@functools.cache
def _bytes(static: Trial) -> tuple[int, int]:
  sizes = data_sets.sizes(static.data)
  variables, layers = shapes(TrainSetup.of(static, tasks.outputs(static)), sizes)
  return 4 * size(variables), 2 * size(layers)


def shapes(setup: TrainSetup, sizes: Sizes, examples: int = 1):
  """(variables, outputs of all layers) for so many, as shapes; a failing layer is named."""
  x = tasks.shapes(setup.task, sizes, examples).x

  def build(x):
    key = jax.random.key(0)
    variables = setup.train.init({'params': key, 'dropout': key}, x, train=True)
    everything = {'rngs': {'dropout': key}, 'mutable': True, 'capture_intermediates': True}
    outputs, seen = setup.train.apply(variables, x, train=True, **everything)
    return variables, seen['intermediates'], outputs

  with nn.intercept_methods(_name_the_layer):
    variables, layers, outputs = jax.eval_shape(build, x)
  tasks.check_outputs(setup.task, setup.metrics, sizes, examples, outputs)
  return variables, layers


def _name_the_layer(next_method, args, kwargs, context):
  try:
    return next_method(*args, **kwargs)
  except LayerError:
    raise
  except (ValueError, TypeError) as error:
    where = '/'.join(context.module.path) or type(context.module).__name__
    raise LayerError(f'layer {where}: {mistakes.line(error)}') from error


def size(tree) -> int:
  """Bytes of all leaves."""
  return sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def memory() -> int:
  """Bytes of the device, or of the machine where that is the device."""
  stats = jax.local_devices()[0].memory_stats() if jax.default_backend() != 'cpu' else None
  limit = (stats or {}).get('bytes_limit')
  return limit or os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')


def describe(study: Study, groups: tuple[grouping.Group, ...], workdir) -> str:
  """The plan in words, for --dry_run: arithmetic, and times of earlier runs where there are any."""
  wide = max((len(group.label) for group in groups), default=5)
  columns = ('group'.ljust(wide), f'{"trials":>6}', f'{"tiles":>5}', *map('{:>9}'.format, NUMBERS))
  lines = [' '.join(columns)]
  past, total = _seconds_per_trial(workdir), 0.0
  for group in groups:
    static, tile = group.static, group.tiles[0]
    shape = f'{len(tile.rows)}x{tile.width}'
    seconds = past[static.hash] * len(group.trials) if static.hash in past else None
    total += seconds or 0.0
    lines.append(
      f'{group.label:{wide}} {len(group.trials):6d} {len(group.tiles):5d} {shape:>9} '
      f'{lane_bytes(static) * len(tile.rows) * tile.width / 2**20:6.0f} MB '
      f'{"unknown" if seconds is None else f"{seconds:.1f} s":>9}'
    )
  trials = sum(len(group.trials) for group in groups)
  known = all(group.static.hash in past for group in groups)
  programs = {(group.family, group.sizes) for group in groups}
  lines.append(
    f'{study.name}: {len(study.trials)} trials, {len(study.trials) - trials} done, {trials} to run '
    f'in {len(groups)} groups, compiled as {len(programs)} programs; lanes are seeds x others; '
    f'estimated run time {f"{total:.0f} s" if known and groups else "unknown" if groups else "0 s"}'
  )
  return '\n'.join([*lines, *_again(study, groups, workdir), *records.unused(workdir)])


def _again(study: Study, groups: tuple[grouping.Group, ...], workdir) -> list[str]:
  """A line where trials run though they are on record."""
  done = records.done(workdir)
  again = sum(trial.hash in done for group in groups for trial in group.trials)
  if not again:
    return []
  return [
    f'{again} of these have a record and run again, since not all parameters that '
    f'config.keep={study.keep!r} asks for were kept'
  ]


def _seconds_per_trial(workdir) -> dict[str, float]:
  seen = [p for p in records.provenance(workdir) if p.get('trials') and 'program' in p]
  return {p['program']: p['run_seconds'] / p['trials'] for p in seen}
