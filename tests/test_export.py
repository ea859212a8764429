"""Exported programs of whole nets: with symbolic sizes and running statistics.

The table (tests/promises/export.py) exports each norm by itself.
"""

import functools
import pathlib

import chex
import flax.linen as nn
import jax
import jax.export
import jax.numpy as jnp
from modules import close, draw
import pytest

import norms
import norms.linen

# A program for another size may sum in another order; layers amplify the difference.
TOLERANCE = 1e-5


class Net(nn.Module):
  """A convolution and a dense layer, with a norm of activations and one of kernels."""

  @nn.compact
  def __call__(self, x, train):
    x = nn.Conv(8, (3, 3))(x)
    x = nn.relu(norms.linen.BatchNorm(use_running_average=not train, momentum=0.5)(x))
    x = nn.relu(norms.linen.GroupNorm(num_groups=4)(x))
    x = norms.linen.WeightNorm(nn.Dense(8))(jnp.mean(x, (1, 2)))
    return nn.Dense(3)(norms.linen.RMSNorm()(norms.linen.LayerNorm()(x)))


def train(variables, x):
  """Loss, gradients of the parameters, and the new running statistics."""

  def loss(params):
    z, new = Net().apply({**variables, 'params': params}, x, True, mutable=['batch_stats'])
    return jnp.mean(jnp.sin(z)), new['batch_stats']

  (value, stats), gradients = jax.value_and_grad(loss, has_aux=True)(variables['params'])
  return value, stats, gradients


def infer(variables, x):
  """The output in evaluation, as a deployed net gives it."""
  return Net().apply(variables, x, False)


def described(tree):
  """Shapes and dtypes of a tree's arrays."""
  return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), tree)


@pytest.mark.parametrize(
  ('f', 'shapes'), [(train, [(5, 7, 6, 3)]), (infer, [(1, 4, 4, 3), (32, 7, 6, 3)])]
)
def test_a_net_for_batches_and_images_of_any_size(f, shapes):
  """One file serves all sizes, on several platforms."""
  variables = Net().init(jax.random.key(0), draw(shape=(2, 6, 5, 3)), True)
  shape = jax.export.symbolic_shape('b, h, w, 3')
  avals = described(variables), jax.ShapeDtypeStruct(shape, jnp.float32)
  made = jax.export.export(jax.jit(f), platforms=['cpu', 'cuda', 'tpu'])(*avals)
  call = jax.export.deserialize(made.serialize()).call
  for shape in shapes:
    x = draw(shape=shape)
    close(call(variables, x), jax.jit(f)(variables, x), TOLERANCE)


def test_running_statistics_are_known_to_a_file():
  """A file has BatchStats as arguments and results, which jax.export must know."""

  def step(x, stats):
    return norms.batch_norm(x, batch_stats=stats, momentum=0.5)

  x, stats = draw(), norms.BatchStats(jnp.zeros(8), jnp.ones(8))
  open_batch = jax.ShapeDtypeStruct(jax.export.symbolic_shape('b, 6, 8'), x.dtype)
  made = jax.export.export(jax.jit(step))(open_batch, described(stats))
  z, new = jax.export.deserialize(made.serialize()).call(x, stats)
  assert isinstance(new, norms.BatchStats) and new.count is None
  close((z, new), jax.jit(step)(x, stats))


@pytest.mark.parametrize('norm', ['batch', 'batch_renorm', 'ghost', 'mean_only'])
def test_evaluation_needs_no_size(norm):
  """Evaluation treats each entry by itself, so that sizes may be open and without an order."""
  stats = norms.BatchStats(jnp.full(8, 0.3), jnp.full(8, 1.7))
  shape = jax.export.symbolic_shape('b, n, m, 8')
  f = functools.partial(norms.NORMS[norm].function, batch_stats=stats, training=False)
  z, _ = jax.eval_shape(f, jax.ShapeDtypeStruct(shape, jnp.float32))
  chex.assert_shape(z, shape)


def test_the_library_asks_for_no_machine():
  """The library does not ask for the backend while it is traced: a file may be for another."""
  for path in pathlib.Path(norms.__file__).parent.rglob('*.py'):
    if 'lab' not in path.relative_to(pathlib.Path(norms.__file__).parent).parts:
      text = path.read_text()
      asked = [name for name in ('default_backend', 'jax.devices', 'local_devices') if name in text]
      assert not asked, f'{path.name} asks for this machine: {asked}'
