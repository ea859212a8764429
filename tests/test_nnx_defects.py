"""Defects of flax.nnx 0.12.8 that norms.nnx does not have; each test is named after one."""

import chex
from flax import nnx
import jax
import jax.numpy as jnp
from modules import draw
import numpy as np
import optax
from promises import measure
import pytest

import norms.nnx

X = draw(shape=(20, 6))


def test_group_norm_over_channels_alone_is_wrong_by_494():
  x = 100 + draw(shape=(4, 6, 8))
  module = norms.nnx.GroupNorm(8, 4, reduction_axes=(-1,), epsilon=1e-3, rngs=nnx.Rngs(0))
  groups = np.asarray(x, np.float64).reshape(4, 6, 4, 2)
  mean, var = groups.mean(-1, keepdims=True), groups.var(-1, keepdims=True)
  expected = ((groups - mean) / np.sqrt(var + 1e-3)).reshape(x.shape)
  chex.assert_trees_all_close(module(x), expected, rtol=0, atol=1e-4)  # 100 has an ulp of 8e-6


def test_batch_norm_in_bfloat16_rounds_its_statistics():
  """100.3 in bfloat16 is 100.5; the output's own rounding is at most 2^-9 of it."""
  module = norms.nnx.BatchNorm(3, dtype=jnp.bfloat16, rngs=nnx.Rngs(0), use_running_average=True)
  module.mean[...], module.var[...] = jnp.full(3, 100.3), jnp.full(3, 1.1)
  x = jnp.array([[99.0, 100.0, 101.5]], jnp.bfloat16)
  expected = (np.asarray(x, np.float64) - 100.3) / np.sqrt(1.1 + 1e-5)
  chex.assert_trees_all_close(np.asarray(module(x), np.float64), expected, rtol=2**-8)


WRAPPERS = pytest.mark.parametrize('name', ('WeightNorm', 'SpectralNorm'))


def _wrapped(name, library=norms.nnx, **options):
  rngs = nnx.Rngs(0)
  return getattr(library, name)(nnx.Linear(6, 3, rngs=rngs), **options, rngs=rngs)


@WRAPPERS
def test_the_kernel_is_overwritten(name):
  module, theirs = _wrapped(name), _wrapped(name, nnx)
  kernel = module.layer_instance.kernel
  before = kernel[...]
  y = module(X)
  assert module.layer_instance.kernel is kernel
  measure.assert_same(kernel[...], before)
  chex.assert_trees_all_close(y, theirs(X), rtol=1e-6, atol=1e-6)  # the first call is Flax's


def test_weight_norms_lengths_never_train():
  """Ours are Params: they learn a map whose columns have the lengths 1, 2 and 3."""
  module = _wrapped('WeightNorm')
  kernel = module.layer_instance.kernel
  target = X @ (jnp.arange(1.0, 4) * kernel[...] / jnp.linalg.norm(kernel[...], axis=0))
  optimizer = nnx.Optimizer(module, optax.adam(0.1), wrt=nnx.Param)

  @nnx.jit
  def step(module, optimizer):
    def loss(m):
      return jnp.mean(jnp.square(m(X) - target))

    value, gradients = nnx.value_and_grad(loss)(module)
    optimizer.update(module, gradients)
    return value

  losses = [step(module, optimizer) for _ in range(100)]
  assert losses[-1] < 1e-2 * losses[0]
  scales = module.scales[('kernel',)][...]
  chex.assert_trees_all_close(scales, np.array([1.0, 2, 3]), rtol=1e-7, atol=0.1)


@WRAPPERS
def test_a_gradient_of_the_input_with_the_model_closed_over_is_an_error(name):
  """A gradient penalty needs it; Flax writes to a variable of another trace there."""
  module = _wrapped(name)
  call = {'update_stats': False} if name == 'SpectralNorm' else {}
  gradient = jax.jit(jax.grad(lambda x: jnp.sum(jnp.square(module(x, **call)))))(X)
  chex.assert_tree_all_finite(gradient)
  assert np.any(gradient != 0)


def test_random_lengths_can_be_drawn():
  """Flax hands its initialiser a stream in place of a key, which only constants accept."""
  module = _wrapped('WeightNorm', scale_init=nnx.initializers.normal(1.0))
  assert len(set(np.asarray(module.scales[('kernel',)][...]).tolist())) == 3
