"""A group of trials as one compiled function, called for each chunk of each seed's lanes."""

from collections.abc import Callable, Mapping
import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from norms.lab import compiler, plan, probes, training
from norms.lab import evaluation as judge
from norms.lab.compact import compacted
from norms.lab.data import Data
from norms.lab.training import Setting, State

Curves = Mapping[str, jax.Array]


@functools.partial(jax.jit, static_argnames='size')
def draws(seeds, size: int):
  """Standard normal numbers for all the kernels of each seed, in one flat draw: (seeds, size)."""
  return jax.vmap(lambda seed: jax.random.normal(training.key(seed, 'init'), (size,)))(seeds)


@functools.partial(jax.jit, static_argnames='examples')
def permutations(seeds, epoch, examples: int):
  """A fresh permutation of the examples per seed and epoch: (seeds, examples)."""
  return jax.vmap(
    lambda seed: jax.random.permutation(
      jax.random.fold_in(training.key(seed, 'order'), epoch), examples
    )
  )(seeds)


def order(seeds, epoch: int, examples: int, batch_size: int) -> np.ndarray:
  """The examples of each step, a permutation cut into batches: (seeds, steps, batch_size)."""
  steps = examples // batch_size
  # Cut on the host: one program serves all batch sizes.
  mixed = np.asarray(permutations(seeds, epoch, examples))[:, : steps * batch_size]
  return mixed.reshape(len(mixed), steps, batch_size)


def segment(setting: Setting, chunk: int, carry: State, data: Data, order, hyper):
  """One epoch of a chunk of one seed's lanes: (carry, curves), a leading axis where chunk > 1.

  Each batch is taken, and augmented, once for all the lanes; a chunk of 1 is a trial alone, to the
  bit.
  """
  one = functools.partial(training.step, setting)
  step = one if chunk == 1 else jax.vmap(one, (0, None, 0))
  seed, begun = jnp.ravel(hyper['seed'])[0], carry.step

  def body(at, rows):
    carry, mean, first = at
    batch = jax.tree.map(lambda a: a[rows], data.train)
    batch = training.augmented(setting, batch, seed, jnp.ravel(carry.step)[0])
    new, seen = step(carry, batch, hyper)
    return (new, *training.tally(mean, first, seen, (carry.step, begun, steps))), None

  # Means grow on the way: to keep each step's values and average them later is more to compile.
  zero, steps = jnp.zeros(begun.shape), jnp.float32(len(order))
  nothing = dict.fromkeys(training.SEEN, zero)
  with compacted(chunk == 1):
    (carry, mean, first), _ = lax.scan(body, (carry, nothing, zero), order)
  return carry, mean | {'first_loss': first}


def evaluation(setting: Setting, chunk: int, carry: State, data: Data, views: tuple) -> Curves:
  """A chunk's losses and accuracies as they stand; the same program for all batch sizes."""
  one = functools.partial(judge.evaluate, setting)
  return (one if chunk == 1 else jax.vmap(one, (0, None, None)))(carry, data, views)


def probed(setting: Setting, chunk: int, carry: State, data: Data) -> Curves:
  """What norms.lab.probes sees of a chunk as it stands."""
  one = functools.partial(probes.probe, setting)
  return (one if chunk == 1 else jax.vmap(one, (0, None)))(carry, data.train)


def chunk_size(wanted: int, width: int) -> int:
  """The largest divisor of a tile's width that is not above the wanted number of lanes.

  Left to choose (0): on a CPU one lane at a time, since many small products make a slow batched
  one there; elsewhere all lanes at once, since one small product leaves an accelerator idle.
  """
  limit = wanted or (1 if jax.default_backend() == 'cpu' else width)
  return max(d for d in range(1, width + 1) if width % d == 0 and d <= limit)


class Shared(NamedTuple):
  """What groups that differ in batch size alone have in common."""

  template: Callable[..., training.Variables]  # seed -> the model's own variables
  kernel_size: int  # how many numbers its kernels take
  start: Callable[..., State]
  state: State  # of a chunk, as shapes
  evaluate: Callable[..., Curves]
  probe: Callable[..., Curves]


class Block(NamedTuple):
  """A chunk of one seed's lanes: what is computed at once."""

  row: int  # of the tile: which seed
  lanes: slice
  hyper: dict[str, np.ndarray]


def init(setting: Setting):
  """(seed, one example) -> the model's own variables."""

  def variables(seed, x):
    key = training.key(seed, 'init')
    return setting.train.init({'params': key, 'dropout': key}, x, train=True)

  return variables


def shared(setting: Setting, tile: plan.Tile, data: Data, *, chunk: int) -> Shared:
  """Compiles what does not depend on the batch size."""
  x, chunk = data.train.x[:1], chunk_size(chunk, tile.width)
  block, variables = blocks(tile, chunk)[0], init(setting)
  own = jax.jit(variables)  # the lab's models draw nothing: one template serves every seed
  zero: training.Variables = own(np.uint32(0), x) if setting.own else {}
  shapes = jax.eval_shape(variables, 0, x)
  size = training.kernel_size(shapes['params'])
  initial = functools.partial(training.initial, setting)
  start = jax.jit(initial if chunk == 1 else jax.vmap(initial, (None, None, 0)))
  drawn = jax.ShapeDtypeStruct((size,), jnp.float32)
  carry = jax.eval_shape(start, shapes, drawn, block.hyper)
  views = jax.eval_shape(functools.partial(judge.views, setting), data)
  evaluate = jax.jit(functools.partial(evaluation, setting, chunk)).lower(carry, data, views)
  # A program of its own: with a probe all else stays as it is without, to the bit.
  probe = jax.jit(functools.partial(probed, setting, chunk)) if setting.probe else None
  return Shared(
    template=(lambda seed: zero) if setting.own else functools.partial(own, x=x),
    kernel_size=size,
    start=start,
    state=carry,
    evaluate=evaluate.compile(compiler.options()),
    probe=probe.lower(carry, data).compile(compiler.options()) if probe else lambda *_: {},
  )


def compiled(setting: Setting, group: plan.Group, data: Data, parts: Shared, *, chunk: int):
  """The group's segment, compiled from shapes alone."""
  tile = group.tiles[0]
  chunk = chunk_size(chunk, tile.width)
  block = blocks(tile, chunk)[0]
  steps = len(data.train.y) // group.static.batch_size
  rows = jax.ShapeDtypeStruct((steps, group.static.batch_size), jnp.int32)
  run = jax.jit(functools.partial(segment, setting, chunk), donate_argnums=0)
  return run.lower(parts.state, data, rows, block.hyper).compile(compiler.options())


def begin(parts: Shared, tile: plan.Tile, cut: list[Block], drawn) -> list[State]:
  """Each block's state before the first step; what a seed draws is drawn once for its lanes."""
  templates = [parts.template(seed) for seed in seeds(tile)]
  return [parts.start(templates[b.row], drawn[b.row], b.hyper) for b in cut]


def seeds(tile: plan.Tile) -> np.ndarray:
  """The seed of each row; a row of padding repeats one."""
  spare = tile.trials[0]
  return np.array([next(filter(None, row), spare).seed for row in tile.rows], np.uint32)


def blocks(tile: plan.Tile, chunk: int) -> list[Block]:
  """A tile cut into chunks, what is traced stacked; padding repeats a lane or is left out."""
  made = []
  for i, row in enumerate(tile.rows):
    for j in range(0, tile.width, chunk):
      trials = row[j : j + chunk]
      spare = next(filter(None, trials), None)
      if spare is None:
        continue
      values = [(trial or spare).hyper | {'seed': spare.seed} for trial in trials]
      stacked = {k: np.array([v[k] for v in values], _dtype(k)) for k in values[0]}
      hyper = {k: v[0] for k, v in stacked.items()} if chunk == 1 else stacked
      made.append(Block(i, slice(j, j + chunk), hyper))
  return made


def _dtype(name: str):
  return np.uint32 if name == 'seed' else np.float32
