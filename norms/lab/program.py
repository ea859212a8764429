"""A group of trials as one compiled function: seeds x lanes, a segment of steps at a time."""

from collections.abc import Callable, Mapping
from concurrent import futures
import functools
import threading
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from norms.lab import plan, training
from norms.lab.data import Data
from norms.lab.training import Setting, State

Curves = Mapping[str, jax.Array]


@functools.partial(jax.jit, static_argnames='size')
def draws(seeds, size: int):
  """Standard normal numbers for all the kernels of each seed, in one flat draw: (seeds, size)."""
  return jax.vmap(lambda seed: jax.random.normal(training.key(seed, 'init'), (size,)))(seeds)


@functools.partial(jax.jit, static_argnames=('examples', 'batch_size'))
def order(seeds, epoch, examples: int, batch_size: int):
  """A fresh permutation per seed and epoch, cut into batches: (seeds, steps, batch_size)."""
  steps = examples // batch_size

  def one(seed):
    key = jax.random.fold_in(training.key(seed, 'order'), epoch)
    return jax.random.permutation(key, examples)[: steps * batch_size].reshape(steps, batch_size)

  return jax.vmap(one)(seeds)


def segment(setting: Setting, chunk: int, carry: State, data: Data, order, hyper):
  """One epoch of every lane: (carry, curves), each with leading axes (seeds, lanes).

  Lanes of a seed share each batch, which is taken once for the `chunk` of them that is computed at
  a time; with chunk 1 every lane is computed as it would be alone, to the bit.
  """
  one = functools.partial(training.step, setting)
  step = one if chunk == 1 else jax.vmap(one, (0, None, 0))

  def train(lanes, order):
    carry, hyper = lanes

    def body(state, rows):
      carry, total = state
      batch = jax.tree.map(lambda a: a[rows], data.train)
      carry, seen = step(carry, batch, hyper)
      return (carry, jax.tree.map(jnp.add, total, seen)), None

    zero = jnp.zeros_like(carry.step, jnp.float32)
    (carry, total), _ = lax.scan(body, (carry, {'minibatch_loss': zero, 'grad_norm': zero}), order)
    return carry, jax.tree.map(lambda a: a / len(order), total)

  return over_lanes(train, chunk, (carry, hyper), order)


def evaluation(setting: Setting, chunk: int, carry: State, data: Data) -> Curves:
  """Every lane's losses and accuracies as they stand; compiled once for all batch sizes."""
  one = functools.partial(training.evaluate, setting)
  evaluate = one if chunk == 1 else jax.vmap(one, (0, None))
  return over_lanes(lambda carry, data: evaluate(carry, data), chunk, carry, data, shared=True)


def over_lanes(f, chunk: int, lanes, given, *, shared: bool = False):
  """f(lanes, given) for a chunk of lanes at a time; `given` is by seed unless shared."""
  seeds, width = jax.tree.leaves(lanes)[0].shape[:2]
  lead = (seeds * width,) if chunk == 1 else (seeds * width // chunk, chunk)
  flat = jax.tree.map(lambda a: a.reshape(*lead, *a.shape[2:]), lanes)
  which = jnp.repeat(jnp.arange(seeds), width // chunk)
  of = (lambda seed: given) if shared else lambda seed: jax.tree.map(lambda a: a[seed], given)
  out = lax.map(lambda inputs: f(inputs[0], of(inputs[1])), (flat, which))
  return jax.tree.map(lambda a: a.reshape(seeds, width, *a.shape[len(lead) :]), out)


def chunk_size(wanted: int, width: int) -> int:
  """The largest divisor of a tile's width that is not above the wanted number of lanes."""
  limit = width if wanted == 0 else wanted
  return max(d for d in range(1, width + 1) if width % d == 0 and d <= limit)


class Shared(NamedTuple):
  """What groups that differ in batch size alone have in common."""

  template: Callable[[np.ndarray], training.Variables]  # seeds -> the model's own variables
  kernel_size: int  # how many numbers its kernels take
  start: Callable[..., State]
  evaluate: Callable[..., Curves]


class Once:
  """Makes each key's value once, however many threads ask for it at the same time."""

  def __init__(self):
    self._lock = threading.Lock()
    self._made: dict[Any, futures.Future] = {}

  def __call__(self, key, make: Callable[[], Any]):
    with self._lock:
      first = key not in self._made
      future = self._made.setdefault(key, futures.Future())
    if first:
      try:
        future.set_result(make())
      except BaseException as error:
        future.set_exception(error)
    return future.result()


def shared(setting: Setting, tile: plan.Tile, data: Data, *, chunk: int) -> Shared:
  """Compiles what does not depend on the batch size.

  A user's model draws its own kernels by the seed (a leading axis); the lab's draw nothing.
  """
  x, (seeds, hyper) = data.train.x[:1], lanes(tile)

  def init(seed):
    key = training.key(seed, 'init')
    return setting.train.init({'params': key, 'dropout': key}, x, train=True)

  by_seed = None if setting.own else 0
  template = jax.jit(init if setting.own else jax.vmap(init))
  variables = template(0 if setting.own else seeds)
  size = training.kernel_size(jax.eval_shape(init, 0)['params'])
  initial = jax.vmap(functools.partial(training.initial, setting), (None, None, 0))
  start = jax.jit(jax.vmap(initial, (by_seed, 0, 0)))
  carry = jax.eval_shape(start, variables, draws(seeds, size), hyper)
  evaluate = jax.jit(functools.partial(evaluation, setting, chunk_size(chunk, tile.width)))
  return Shared(
    template=(lambda seeds: variables) if setting.own else template,
    kernel_size=size,
    start=start,
    evaluate=evaluate.lower(carry, data).compile(compiler_options()),
  )


def compiler_options() -> dict[str, str | bool] | None:
  """Groups run side by side, a thread each: threads inside a product only get in their way."""
  return {'xla_cpu_multi_thread_eigen': False} if jax.default_backend() == 'cpu' else None


def begin(parts: Shared, tile: plan.Tile):
  """A tile's state before the first step, its seeds and what is traced."""
  seeds, hyper = lanes(tile)
  return parts.start(parts.template(seeds), draws(seeds, parts.kernel_size), hyper), seeds, hyper


def compiled(setting: Setting, group: plan.Group, data: Data, parts: Shared, *, chunk: int):
  """The group's segment, compiled from shapes alone."""
  tile, static = group.tiles[0], group.static
  carry, seeds, hyper = jax.eval_shape(lambda: begin(parts, tile))
  rows = jax.eval_shape(lambda s: order(s, 0, len(data.train.y), static.batch_size), seeds)
  run = functools.partial(segment, setting, chunk_size(chunk, tile.width))
  return jax.jit(run, donate_argnums=0).lower(carry, data, rows, hyper).compile(compiler_options())


def lanes(tile: plan.Tile) -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """A tile's seeds (seeds,) and what is traced (seeds, lanes); padding repeats a lane."""
  spare = tile.trials[0]
  rows = [[trial or next(filter(None, row), spare) for trial in row] for row in tile.rows]
  seeds = np.array([row[0].seed for row in rows], np.uint32)
  hyper = {
    name: np.array([[trial.hyper[name] for trial in row] for row in rows], np.float32)
    for name in spare.hyper
  }
  return seeds, hyper | {'seed': np.broadcast_to(seeds[:, None], (len(rows), tile.width))}
