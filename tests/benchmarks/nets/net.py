"""A model with its data as a training step, whichever library its norms are from."""

from collections.abc import Callable, Sequence
import dataclasses
import types
from typing import Any, NamedTuple

from flax import nnx
import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax

import norms.linen
import norms.nnx

CLASSES = 'BatchNorm', 'GroupNorm', 'LayerNorm', 'RMSNorm'
LEARNING_RATE = 1e-3  # a step of plain SGD: what is measured is the model, not the optimizer
QUICK = {'xla_backend_optimization_level': 0}  # XLA's options where compiling takes the time


def same(x):
  """In the place of a norm: what a step takes without it."""
  return x


# A class, since a field of a linen module may have to be hashable.
Identity = type('Identity', (), dict.fromkeys(CLASSES, staticmethod(lambda *a, **k: same)))
LIBRARIES = {
  'linen': {'ours': norms.linen, 'flax': flax.linen, 'none': Identity},
  'nnx': {'ours': norms.nnx, 'flax': nnx, 'none': Identity},
}


class Built(NamedTuple):
  """loss(params, state, *data) is (loss, new state); all of its arguments are here, too."""

  loss: Callable
  params: Any
  state: Any  # running statistics
  data: tuple


@dataclasses.dataclass(frozen=True)
class Net:
  """A model: `build` takes norms, the dtype it computes in, and whether it is to be tiny."""

  library: str
  build: Callable[..., Built]

  def built(self, norms_of, dtype=jnp.float32, *, tiny: bool = False) -> Built:
    """The model with the norms of 'ours', 'flax', 'none', or of a namespace."""
    if isinstance(norms_of, str):
      norms_of = LIBRARIES[self.library][norms_of]
    return self.build(norms_of, dtype, tiny)

  def make(self, norms_of, dtype=jnp.float32, tiny: bool = False) -> tuple[Callable, tuple]:
    """step, and its arguments: step(params, state, *data) is (params, state, loss).

    Nothing is donated: every call of a step takes the same arguments, and so does the same work.
    """
    loss, params, state, data = self.built(norms_of, dtype, tiny=tiny)

    def step(params, state, *data):
      (value, state), grads = jax.value_and_grad(loss, has_aux=True)(params, state, *data)
      params = jax.tree.map(lambda p, g: p - LEARNING_RATE * g.astype(p.dtype), params, grads)
      return params, state, value

    return step, (params, state, *data)


def from_linen(model: flax.linen.Module, inputs: Sequence, labels, **call) -> Built:
  """A linen module whose outputs are logits of the labels."""
  # Compiled, since one by one the operations of a whole model take longer than its compilation,
  # which is most of the cost of random bits: they are drawn once.
  initialise = jax.jit(lambda key: model.init(key, *inputs, **call), compiler_options=QUICK)
  variables = initialise(jax.random.key(0))

  def loss(params, state, *data):
    *inputs, labels = data
    logits, state = model.apply({'params': params, **state}, *inputs, **call, mutable=[*state])
    return cross_entropy(logits, labels), state

  state = {name: value for name, value in variables.items() if name != 'params'}
  return Built(loss, variables['params'], state, (*inputs, labels))


def from_nnx(construct: Callable, inputs: Sequence, labels) -> Built:
  """The same of an nnx module, of Rngs; split once, as Flax's guide to performance has it."""
  initialise = jax.jit(
    lambda: nnx.split(construct(nnx.Rngs(0)), nnx.Param, ...), compiler_options=QUICK
  )
  graph, params, state = initialise()

  def loss(params, state, *data):
    *inputs, labels = data
    merged = nnx.merge(graph, params, state, copy=True)
    logits = merged(*inputs)
    return cross_entropy(logits, labels), nnx.state(merged, nnx.Not(nnx.Param))

  return Built(loss, params, state, (*inputs, labels))


def cross_entropy(logits, labels):
  """Its mean over all labels, in float32."""
  wide = logits.astype(jnp.float32)
  return optax.softmax_cross_entropy_with_integer_labels(wide, labels).mean()


def images(batch: int, side: int, classes: int) -> tuple[jax.Array, jax.Array]:
  """Random ones of three channels, and labels."""
  draw = np.random.default_rng(0)
  x = draw.normal(size=(batch, side, side, 3)).astype(np.float32)
  return jnp.asarray(x), jnp.asarray(draw.integers(0, classes, batch))


def tokens(batch: int, length: int, vocabulary: int, seed: int = 0) -> jax.Array:
  """Random ones but 0, which would be padding."""
  return jnp.asarray(np.random.default_rng(seed).integers(1, vocabulary, (batch, length)))


def sizes(tiny: bool, full: dict, small: dict) -> types.SimpleNamespace:
  """The numbers of a model; the small ones in the place of some."""
  return types.SimpleNamespace(**{**full, **(small if tiny else {})})
