"""A group of trials as one compiled function, called for each chunk of each seed's lanes."""

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from norms.lab import grouping
from norms.lab.data import Data
from norms.lab.engine import chunks, devices, own_probes, probes, starting, training
from norms.lab.engine import evaluation as judge
from norms.lab.engine.training import Named, State, TrainSetup
from norms.lab.xla_cpu import compiler
from norms.lab.xla_cpu.compact import compacted

Curves = Mapping[str, jax.Array]


@functools.partial(jax.jit, static_argnames='size')
def draws(seeds: np.ndarray, size: int) -> jax.Array:
  """Standard normal numbers for all the kernels of each seed, in one flat draw: (seeds, size)."""
  return jax.vmap(lambda seed: jax.random.normal(training.key(seed, 'init'), (size,)))(seeds)


@functools.partial(jax.jit, static_argnames='examples')
def order(seeds: np.ndarray, epoch: int, examples: int) -> jax.Array:
  """A fresh permutation of the examples per seed and epoch: (seeds, examples)."""
  return jax.vmap(
    lambda seed: jax.random.permutation(
      jax.random.fold_in(training.key(seed, 'order'), epoch), examples
    )
  )(seeds)


def segment(
  setup: TrainSetup, chunk: int, size: int, carry: State, data: Data, order: jax.Array, hyper: Named
) -> tuple[State, Curves]:
  """One epoch of a chunk of one seed's lanes: (carry, curves), a leading axis where chunk > 1.

  `order` is of all examples, and cut into batches of this size; what is left over is not seen.
  Each batch is taken, and augmented, once for all the lanes; a chunk of 1 is a trial alone, to the
  bit.
  """
  one = functools.partial(training.step, setup)
  step = one if chunk == 1 else jax.vmap(one, (0, None, 0))
  # A chunk's lanes are of one seed and take their steps together: the first says both for all.
  seed, begun, count = jnp.ravel(hyper['seed'])[0], carry.step, len(order) // size

  def body(at, _):
    carry, mean, first = at
    done = jnp.ravel(carry.step - begun)[0]
    rows = lax.dynamic_slice_in_dim(order, done * size, size)
    batch = jax.tree.map(lambda a: a[rows], data.train)
    batch = training.augmented(setup, batch, seed, jnp.ravel(carry.step)[0])
    batch = devices.share(batch, setup.devices)
    new, seen = step(carry, batch, hyper)
    return (new, *training.tally(mean, first, seen, (carry.step, begun, steps))), None

  # Means grow on the way: to keep each step's values and average them later is more to compile.
  zero, steps = jnp.zeros(begun.shape), jnp.float32(count)
  nothing = dict.fromkeys(training.SEEN, zero)
  with compacted(chunk == 1):
    (carry, mean, first), _ = lax.scan(body, (carry, nothing, zero), length=count)
  return carry, mean | {'first_loss': first}


def segments(
  setup: TrainSetup, chunk: int, sizes: tuple[int, ...], which: jax.Array, *args
) -> tuple[State, Curves]:
  """The segment of the batch size sizes[which], in one program with those of the others.

  Their loops over parameters are the same, which XLA compiles once where it sees them together.
  """
  each = [functools.partial(segment, setup, chunk, size) for size in sizes]
  of = [devices.over(setup.devices, one) for one in each]
  return lax.switch(which, of, *args)


def evaluation(setup: TrainSetup, chunk: int, carry: State, data: Data, inputs: tuple) -> Curves:
  """A chunk's losses and metrics as they stand; the same program for all batch sizes."""
  one = functools.partial(judge.evaluate, setup)
  return (one if chunk == 1 else jax.vmap(one, (0, None, None)))(carry, data, inputs)


def probed(setup: TrainSetup, chunk: int, carry: State, data: Data) -> Curves:
  """What norms.lab.engine.probes, and probes of one's own, see of a chunk as it stands."""

  def one(carry, data):
    of_layers = probes.probe(setup, carry, data.train) if setup.probe else {}
    return of_layers | own_probes.measure(setup, carry, data)

  return (one if chunk == 1 else jax.vmap(one, (0, None)))(carry, data)


class Shared(NamedTuple):
  """What groups that differ in batch size alone have in common."""

  template: Callable[..., training.Variables]  # seed -> the model's own variables
  kernel_size: int  # how many numbers its kernels take
  start: Callable[..., State]
  state: State  # of a chunk, as shapes
  evaluate: Callable[..., Curves]
  probe: Callable[..., Curves]


def init(setup: TrainSetup) -> Callable[..., training.Variables]:
  """(seed, one example) -> the model's own variables."""

  def variables(seed, x):
    key = training.key(seed, 'init')
    return setup.train.init({'params': key, 'dropout': key}, x, train=True)

  return variables


def shared(setup: TrainSetup, tile: grouping.Tile, data: Data, *, chunk: int) -> Shared:
  """Compiles what does not depend on the batch size."""
  x, chunk = data.train.x[:1], chunks.size(chunk, tile.width)
  block, variables = chunks.blocks(tile, chunk)[0], init(setup)
  own = jax.jit(variables)  # the lab's models draw nothing: one template serves every seed
  zero: training.Variables = own(np.uint32(0), x) if setup.own else {}
  shapes = jax.eval_shape(variables, 0, x)
  size = starting.kernel_size(shapes['params'])
  initial = functools.partial(starting.initial, setup)
  start = devices.jit(initial if chunk == 1 else jax.vmap(initial, (None, None, 0)), setup.devices)
  drawn = jax.ShapeDtypeStruct((size,), jnp.float32)
  carry = devices.shapes(jax.eval_shape(start, shapes, drawn, block.hyper), setup.devices)
  inputs = jax.eval_shape(functools.partial(judge.eval_inputs, setup), data)
  inputs = devices.shapes(inputs, setup.devices)
  judged = devices.jit(functools.partial(evaluation, setup, chunk), setup.devices)
  # A program of its own: with a probe all else stays as it is without, to the bit.
  probe = jax.jit(functools.partial(probed, setup, chunk)) if setup.probe or setup.probes else None
  return Shared(
    template=(lambda seed: zero) if setup.own else functools.partial(own, x=x),
    kernel_size=size,
    start=start,
    state=carry,
    evaluate=judged.lower(carry, data, inputs).compile(compiler.options()),
    probe=probe.lower(carry, data).compile(compiler.options()) if probe else lambda *_: {},
  )


def compiled(
  setup: TrainSetup,
  sizes: tuple[int, ...],
  tile: grouping.Tile,
  data: Data,
  parts: Shared,
  *,
  chunk: int,
) -> dict[int, Callable]:
  """Batch size -> its segment, all of them one program, compiled from shapes alone."""
  chunk = chunks.size(chunk, tile.width)
  both = [jax.ShapeDtypeStruct(s, jnp.int32) for s in ((), data.train.y.shape[:1])]
  which, order = devices.shapes(both, setup.devices)
  # The old state is given away: XLA may write the new one in its place.
  run = jax.jit(functools.partial(segments, setup, chunk, sizes), donate_argnums=1)
  lowered = run.lower(which, parts.state, data, order, chunks.blocks(tile, chunk)[0].hyper)
  made = lowered.compile(compiler.options())
  return {size: functools.partial(made, np.int32(i)) for i, size in enumerate(sizes)}


def begin(
  parts: Shared, tile: grouping.Tile, cut: list[chunks.Block], drawn: Sequence[jax.Array]
) -> list[State]:
  """Each block's state before the first step; what a seed draws is drawn once for its lanes."""
  templates = [parts.template(seed) for seed in chunks.seeds(tile)]
  return [parts.start(templates[b.row], drawn[b.row], b.hyper) for b in cut]
