"""What is known before anything runs: whether a plan can run at all, and what it will take."""

from collections.abc import Sequence
import dataclasses
import functools
import os

import flax.linen as nn
import jax
import numpy as np

from norms import catalogue
from norms.lab import data as data_sets
from norms.lab import mistakes, records, tasks
from norms.lab.data import Data, Sizes, augment
from norms.lab.engine import chunks, evaluation, own_probes, starting
from norms.lab.engine.training import TrainSetup
from norms.lab.grouping import Group
from norms.lab.mistakes import LayerError
from norms.lab.runner import identity, memory, options
from norms.lab.study import Study
from norms.lab.trial import Trial

# A tile is one call and one file: what a kill can lose at most.
MOST_LANES = 256


def check(study: Study, *, elsewhere: bool = False) -> int:
  """Builds every model on shapes alone; returns how many lanes a tile may hold.

  elsewhere: whether other machines are to run it, which count their devices themselves.

  Raises:
    ValueError: at the first thing that is wrong.
  """
  identity.check_settings()
  options.check(study)
  if not elsewhere:
    check_devices(study)
  largest = 1
  for static, one in {each.static: each for each in study.trials}.items():
    sizes = data_sets.sizes(static.data)
    outputs = tasks.outputs(static)  # which says where data and task do not fit
    examples = sizes.train
    if static.patience and not sizes.validation:
      raise ValueError(
        f'patience={static.patience} needs validation data, since test data must not choose when a '
        'trial ends: set config.data.validation'
      )
    augment.check(static.augment, sizes.shape)
    if static.batch_size > examples:
      raise ValueError(
        f'batch_size={static.batch_size} is more than the {examples} training examples of '
        f'{dict(static.data)["name"]}: use at most that'
      )
    if static.batch_size % static.devices:
      raise ValueError(f'batch_size={static.batch_size} is no multiple of devices={static.devices}')
    if static.weight_scale is not None and ':' in static.model:
      raise ValueError(f'weight_scale is for the own models, not {static.model!r}: use init_scale')
    if catalogue.find(static.norm).exact:  # its statistics are of parts of the batch, or move
      shapes(_setup(static, outputs), sizes, examples=static.batch_size)
    if static.probes:
      _check_probes(one, sizes)
    largest = max(largest, lane_bytes(static))
    identity.check_objects(static)
  return max(1, min(MOST_LANES, memory.size() // 2 // largest))


def check_devices(study: Study) -> None:
  """Raises ValueError where JAX has fewer devices here than share a batch of some trial."""
  most = max((trial.devices for trial in study.trials), default=1)
  if most > 1 and most > jax.device_count():
    raise ValueError(
      f'devices={most}, and JAX has {jax.device_count()}: use at most that; on a CPU '
      f'XLA_FLAGS=--xla_force_host_platform_device_count={most} makes more'
    )


def prepare(study: Study, groups: Sequence[Group], workdir: str | os.PathLike) -> None:
  """Makes ready what groups need; OSError or ValueError before anything is trained."""
  if groups:
    records.prepare(workdir)
  for data in dict.fromkeys(group.static.data for group in groups):
    data_sets.load(data, study.manual_dir)  # what is wrong with it stops all groups alike


def _check_probes(one: Trial, sizes: Sizes) -> None:
  """Traces a trial's own probes on shapes; a ValueError of one line says what they may not give."""
  setup = _setup(one.static, tasks.outputs(one.static))
  variables, _ = shapes(setup, sizes)
  draws = jax.ShapeDtypeStruct((starting.kernel_size(variables['params']),), np.float32)
  start = functools.partial(starting.initial, setup)
  state = jax.eval_shape(start, variables, draws, chunks.traced(one))
  seen = functools.partial(tasks.shapes, setup.task, sizes)
  held_out = seen(sizes.validation) if sizes.validation else None
  data = Data(seen(sizes.train), seen(sizes.test), held_out)
  jax.eval_shape(functools.partial(own_probes.measure, setup), state, data)


def _setup(static: Trial, outputs: int) -> TrainSetup:
  """Of one device, since shapes are looked at outside of a mesh."""
  return TrainSetup.of(dataclasses.replace(static, devices=1), outputs)


def lane_bytes(static: Trial) -> int:
  """A lane's parameters, gradients and two slots of the optimizer, and its largest activations."""
  # Of one example: models are built once for all batch sizes.
  of_state, of_example = _bytes(dataclasses.replace(static, batch_size=1))
  judged = min(data_sets.sizes(static.data).train, evaluation.MOST)
  return of_state + of_example * max(static.batch_size, judged)


@functools.cache
def _bytes(static: Trial) -> tuple[int, int]:
  sizes = data_sets.sizes(static.data)
  variables, layers = shapes(_setup(static, tasks.outputs(static)), sizes)
  return 4 * size(variables), 2 * size(layers)


def shapes(setup: TrainSetup, sizes: Sizes, examples: int = 1):
  """(variables, outputs of all layers) for so many, as shapes; a failing layer is named.

  Raises:
    ValueError: also where a norm changes the shape of its input.
  """
  x = tasks.shapes(setup.task, sizes, examples).x

  def build(x):
    key = jax.random.key(0)
    variables = setup.train.init({'params': key, 'dropout': key}, x, train=True)
    everything = {'rngs': {'dropout': key}, 'mutable': True, 'capture_intermediates': True}
    outputs, seen = setup.train.apply(variables, x, train=True, **everything)
    return variables, seen['intermediates'], outputs

  with nn.intercept_methods(functools.partial(_checked, setup.normalizer or ())):
    variables, layers, outputs = jax.eval_shape(build, x)
  tasks.check_outputs(setup.task, setup.metrics, sizes, examples, outputs)
  return variables, layers


def _checked(norms, next_method, args, kwargs, context):
  """A layer's call: what ends it names the layer, and one of `norms` keeps its input's shape."""
  try:
    z = next_method(*args, **kwargs)
    if isinstance(context.module, norms) and context.method_name == '__call__' and args:
      _check_norm(context.module, args[0], z)
    return z
  except LayerError:
    raise  # the innermost layer has its name in it
  except (ValueError, TypeError) as error:
    where = '/'.join(context.module.path) or type(context.module).__name__
    raise LayerError(f'layer {where}: {mistakes.line(error)}') from error


def _check_norm(module: nn.Module, x: jax.Array, z: object) -> None:
  # Else broadcasting or a dense layer makes of it what nobody asked for, and it trains.
  given = type(z).__name__
  if isinstance(z, jax.Array):
    if z.shape == x.shape and jax.numpy.issubdtype(z.dtype, jax.numpy.inexact):
      return
    given = f'{z.dtype} of shape {z.shape}'
  kind, row = type(module), getattr(module, 'row', None)  # of a class that was made from one
  name = row.name if row else f'{kind.__module__}:{kind.__qualname__}'
  place = mistakes.definition(row.function if row else kind.__call__)
  raise ValueError(
    f'norm {name!r} gives {given} for {x.dtype} of shape {x.shape}: let it return an array of '
    f"its input's shape, of floating-point numbers ({place})"
  )


def size(tree: object) -> int:
  """Bytes of all leaves."""
  return sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
