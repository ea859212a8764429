"""Inputs at the edge: batches of one entry, and axes and sizes that are NumPy integers."""

import chex
from flax import nnx
import jax
import jax.numpy as jnp
import modules
from modules import draw
import numpy as np
import pytest

import norms
from norms import core
import norms.linen
import norms.nnx

X, KEY = draw(), jax.random.key(0)
LIBRARIES = pytest.mark.parametrize('library', ('function', 'linen', 'nnx'))


def _batch_norm(library, features, x, **options):
  """A function of x alone, in training; `features` is nnx's size."""
  if library == 'function':
    return lambda x: norms.batch_norm(x, **options)[0]
  if library == 'nnx':
    module = norms.nnx.BatchNorm(features, **options, rngs=nnx.Rngs(0))
    return lambda x: nnx.clone(module)(x)
  module = norms.linen.BatchNorm(use_running_average=False, **options)
  variables = module.init(KEY, x)
  return lambda x: module.apply(variables, x, mutable=['batch_stats'])[0]


@LIBRARIES
@pytest.mark.parametrize('shape', ((1, 8), (1, 1, 3), (1,)))
@pytest.mark.parametrize('compiled', (False, True), ids=('eager', 'jit'))
def test_a_batch_of_one_entry_has_no_gradient(library, shape, compiled):
  """One entry is its own mean, so z is the bias. In Flax rounding leaves up to 3e-5."""
  x, ct = draw(shape=shape), draw(1, shape=shape)
  f = _batch_norm(library, shape[-1], x)
  gradient = jax.grad(lambda x: jnp.sum(ct * f(x)))
  found = (jax.jit(gradient) if compiled else gradient)(x)
  chex.assert_trees_all_close(found, 0, rtol=0, atol=1e-7 * np.max(np.abs(ct)))
  chex.assert_trees_all_equal(f(x), 0)


ONE, BOTH = np.int64(-1), (np.int32(1), np.int64(2))
OPTIONS = {  # integers of Python and of NumPy
  'batch': ({'axis': -1}, {'axis': ONE}),
  'batch-two': ({'axis': (1, 2)}, {'axis': BOTH}),
  'layer': ({'reduction_axes': -1, 'feature_axes': -1},
            {'reduction_axes': ONE, 'feature_axes': ONE}),
  'layer-two': ({'reduction_axes': (1, 2), 'feature_axes': (1, 2)},
                {'reduction_axes': BOTH, 'feature_axes': BOTH}),
  'rms': ({'reduction_axes': -1, 'feature_axes': -1},
          {'reduction_axes': ONE, 'feature_axes': ONE}),
  'group': ({'num_groups': 4, 'reduction_axes': (1, 2)},
            {'num_groups': np.int64(4), 'reduction_axes': BOTH}),
  'group-size': ({'num_groups': None, 'group_size': 2, 'reduction_axes': -1},
                 {'num_groups': None, 'group_size': np.int32(2), 'reduction_axes': ONE}),
  'instance': ({'feature_axes': -1}, {'feature_axes': ONE}),
  'unit': ({'reduction_axes': -1}, {'reduction_axes': ONE}),
}  # fmt: skip
AXES = pytest.mark.parametrize('id', OPTIONS)


def _features(id):
  return 48 if id.endswith('-two') else 8


@AXES
def test_axes_of_a_function_may_be_numpys(id):
  row = norms.NORMS[id.split('-')[0]]
  found = [row.function(X, **options) for options in OPTIONS[id]]
  found.append(row.function(X, **{name: _array(v) for name, v in OPTIONS[id][1].items()}))
  first, *others = (jax.tree.map(modules.bits, f) for f in found)
  assert others == [first, first]


def _array(value):
  return np.array(value) if isinstance(value, tuple) else value


@AXES
def test_axes_of_a_module_may_be_numpys(id):
  """Modules take NumPy's integers as axes, with the same variables."""
  row = norms.NORMS[id.split('-')[0]]
  state, linen, other = {'use_running_average': False} if row.state else {}, [], []
  for options in OPTIONS[id]:
    linen.append(norms.linen.module(row)(**state, **options).init_with_output(KEY, X))
    module = norms.nnx.module(row)(_features(id), **options, rngs=nnx.Rngs(0))
    other.append((module(X), nnx.to_pure_dict(nnx.state(module))))
  for found in (linen, other):
    first, second = (jax.tree.map(modules.bits, f) for f in found)
    assert first == second


def test_axes_that_are_no_integers_are_an_error():
  with pytest.raises(TypeError):
    norms.layer_norm(X, reduction_axes=1.0)
  with pytest.raises(ValueError, match='out of range'):
    norms.layer_norm(X, reduction_axes=np.int64(3))


@pytest.mark.parametrize('norm', ('evonorm_b0', 'evonorm_s0'))
@pytest.mark.parametrize('magnitude', (1.0, 1e12, 1e19, 1e25, 1e30))
def test_an_instance_without_deviation_is_finite_at_any_magnitude(norm, magnitude):
  """From entries of about 1e19 on, epsilon in units of x underflows to 0."""
  x = draw(shape=(3, 4, 4, 8)).at[0].set(1.0) * magnitude

  def f(x):
    if norm == 'evonorm_b0':
      return norms.evonorm_b0(x, epsilon=1e-5)[0]
    return norms.evonorm_s0(x, num_groups=4, epsilon=1e-5)

  z, gradient = f(x), jax.grad(lambda x: jnp.sum(f(x)))(x)
  assert np.all(np.isfinite(z)) and np.all(np.isfinite(gradient))
  if norm == 'evonorm_s0':  # x sigmoid(x) / sqrt(0 + epsilon)
    gate = 1 / (1 + np.exp(-magnitude))
    np.testing.assert_allclose(z[0], np.float32(magnitude * gate / np.sqrt(1e-5)), rtol=1e-5)


@pytest.mark.parametrize('magnitude', (1e17, 1e18))
@pytest.mark.parametrize('axes', ((0, 1, 2), (1, 2), (3,)), ids=('batch', 'instance', 'layer'))
def test_the_gradient_of_large_inputs_is_exact(axes, magnitude):
  """rstd^2 is 1e-36 there: multiplied by a small mean it is less than the least float."""
  x = jnp.clip(draw(shape=(16, 8, 8, 32)), -1, 1) * magnitude  # the sum of squares is a float
  ct = draw(1, shape=x.shape)

  def normalize(x):
    return core.normalize(x, axes=axes, epsilon=1e-6)[0]

  found = jax.jit(lambda x: jax.vjp(normalize, x)[1](ct)[0])(x)
  wide, g = np.asarray(x, 'float64'), np.asarray(ct, 'float64')
  mean, std = wide.mean(axes, keepdims=True), wide.std(axes, keepdims=True)
  y = (wide - mean) / std
  mean_g, mean_gy = (a.mean(axes, keepdims=True) for a in (g, g * y))
  expected = (g - mean_g - y * mean_gy) / std
  np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.max(np.abs(expected)))


def test_a_running_variance_in_bfloat16_is_used_in_float32():
  """Its root is not rounded to bfloat16 once more, which would change z by up to 0.4%."""
  x, var = draw(shape=(2, 3, 3, 4)), jnp.asarray([0.7, 1.3, 2.9, 5.1], 'bfloat16')

  def evaluate(var):
    stats = norms.BatchStats(jnp.zeros(4), var)
    return norms.evonorm_b0(x, batch_stats=stats, training=False)[0]

  np.testing.assert_allclose(evaluate(var), evaluate(var.astype('float32')), rtol=1e-6)


@pytest.mark.parametrize('magnitude', (1.0, 1e19, 1e25, 1e30))
def test_switchable_norm_of_equal_entries_is_finite_at_any_magnitude(magnitude):
  """Every variance is 0 then, and epsilon in units of the largest entry underflows."""
  x, ct = jnp.full((3, 4, 4, 8), magnitude), draw(shape=(3, 4, 4, 8))
  z, pull = jax.vjp(lambda x: norms.switchable_norm(x)[0], x)
  assert np.all(z == 0) and np.all(np.isfinite(pull(ct)[0]))
