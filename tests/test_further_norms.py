"""What the table does not test: how the norms beyond Flax's are related, and their helpers."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import oracles
from promises import measure
import pytest

import norms

X = measure.draw((12, 5, 8))
SCALE, BIAS = np.linspace(0.5, 1.5, 8, dtype='float32'), np.linspace(-1, 1, 8, dtype='float32')
STATS = norms.BatchStats(np.full(8, 0.3, 'float32'), np.full(8, 1.7, 'float32'))


@pytest.mark.parametrize('mask', [None, measure.scattered((12, 5, 8))], ids=['all', 'masked'])
def test_ghosts_are_batches_one_after_the_other(mask):
  z, stats = norms.ghost_batch_norm(X, SCALE, BIAS, STATS, ghost_size=4, momentum=0.8, mask=mask)
  expected = STATS
  for i in range(0, 12, 4):
    part = None if mask is None else mask[i : i + 4]
    one, expected = norms.batch_norm(X[i : i + 4], SCALE, BIAS, expected, momentum=0.8, mask=part)
    measure.assert_near(z[i : i + 4], one, 1e-6, 'z')
  measure.assert_near(stats, expected, 1e-6, 'running statistics')


def test_a_small_batch_is_one_ghost():
  z, _ = norms.ghost_batch_norm(X, ghost_size=64)
  measure.assert_near(z, norms.batch_norm(X)[0], 1e-6, 'z')


def test_ghosts_in_evaluation_are_batch_norm():
  found = norms.ghost_batch_norm(X, SCALE, BIAS, STATS, training=False)[0]
  measure.assert_same(found, norms.batch_norm(X, SCALE, BIAS, STATS, training=False)[0], 'z')


@pytest.mark.parametrize('epsilon', [0.0, 1e-3])
def test_a_learnt_epsilon_counts_by_its_magnitude_and_makes_nothing_of_nothing(epsilon):
  learnt = np.linspace(-2, 2, 8, dtype='float32')
  x = X.copy()
  x[:, :, 3] = 0  # a channel of zeros, where y is 0 for any epsilon

  def norm(e):
    return norms.filter_response_norm(x, SCALE, BIAS, None, e, epsilon=epsilon)

  z, pull = jax.vjp(norm, learnt)
  square = np.mean(np.square(x, dtype='float64'), 1, keepdims=True) + epsilon + np.abs(learnt)
  measure.assert_near(z, x / np.sqrt(square) * SCALE + BIAS, 1e-6, 'z')
  (gradient,) = pull(jnp.ones_like(z))
  chex.assert_tree_all_finite(gradient)
  assert gradient[3] == 0


def test_renorm_within_its_bounds_gives_what_evaluation_gives():
  z, _ = norms.batch_renorm(X, SCALE, BIAS, STATS, r_max=1e6, d_max=1e6)
  expected, _ = norms.batch_norm(X, SCALE, BIAS, STATS, training=False)
  measure.assert_near(z, expected, 2e-6, 'z')


def test_renorm_without_room_is_batch_norm():
  for mask in (None, measure.scattered(X.shape)):
    z, stats = norms.batch_renorm(X, SCALE, BIAS, STATS, r_max=1.0, d_max=0.0, mask=mask)
    expected, expected_stats = norms.batch_norm(X, SCALE, BIAS, STATS, mask=mask)
    measure.assert_near(z, expected, 1e-6, 'z')
    measure.assert_near(stats.mean, expected_stats.mean, 1e-6, 'running mean')


def test_renorms_bounds_may_be_traced():
  chex.clear_trace_counter()

  @jax.jit
  @chex.assert_max_traces(n=1)
  def f(r_max, d_max):
    return norms.batch_renorm(X, None, None, STATS, r_max=r_max, d_max=d_max)

  f(1.0, 0.0)
  f(3.0, 5.0)


def test_the_moment_shortcut_restores_x():
  y, mean, std = norms.positional_norm(X)
  chex.assert_shape([mean, std], (12, 5, 1))
  measure.assert_near(norms.moment_shortcut(y, mean, std), X, 1e-6, 'x')


def test_weight_norm_starts_with_outputs_of_variance_1():
  inputs = measure.draw((64, 16), name='magnitude_1e9') + 3e9
  v = measure.draw((16, 8), seed=1)
  g, bias = norms.weight_norm_init(inputs @ norms.weight_norm(v))
  outputs = inputs @ norms.weight_norm(v, g) + bias
  # float32 products of numbers near 1e10: 1e-5 of their size, which the deviation divides.
  chex.assert_trees_all_close(outputs.mean(0), 0, rtol=0, atol=1e-4)
  chex.assert_trees_all_close(outputs.std(0), 1, rtol=0, atol=1e-4)


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16', 'complex64'])
@pytest.mark.parametrize('axes', [-1, 1, (2, 0)], ids=str)
def test_positional_moments_are_those_of_the_named_axes(axes, dtype):
  """Moments are in at least float32 and respect the mask, and they restore x."""
  x, mask = measure.draw((12, 5, 8), dtype), measure.scattered((12, 5, 8))
  features = tuple(sorted(a % 3 for a in ((axes,) if isinstance(axes, int) else axes)))
  y, mean, std = norms.positional_norm(x, feature_axes=axes, mask=mask)
  expected_mean, var, _ = oracles.moments(measure.double(x), features, mask)
  measure.assert_near(mean, expected_mean, 1e-6, 'mean')
  measure.assert_near(std, np.sqrt(var + 1e-5), 1e-6, 'std')
  chex.assert_type([y, mean, std], [x.dtype, jnp.promote_types(dtype, 'float32'), jnp.float32])
  # The tolerance is half an ulp of y, times std.
  restored, ulp = norms.moment_shortcut(y, mean, std), float(jnp.finfo(dtype).eps)
  chex.assert_type(restored, x.dtype)

  def wide(a):
    return np.where(mask, measure.double(a), 0)

  measure.assert_near(wide(restored), wide(x), 4 * ulp, 'x')


@pytest.mark.parametrize(
  'axes, found', [((-1, 1), (1, 3)), ((3, 2), (2, 3)), ((2, -1, 1), (1, 2, 3))]
)
def test_groups_over_some_positions(axes, found):
  """Statistics for each index of the positions that reduction_axes leaves out."""
  x, mask = measure.draw((4, 3, 5, 8)), measure.scattered((4, 3, 5, 8))
  for given in ({}, {'mask': mask}):
    z = norms.group_norm(x, SCALE, BIAS, num_groups=4, reduction_axes=axes, **given)
    wide = measure.double((x, SCALE, BIAS))
    expected = oracles.group(*wide, num_groups=4, axes=found, epsilon=1e-6, **given)
    measure.assert_near(z, expected, 2e-6, 'z')


@pytest.mark.parametrize('axis', [-1, 1, (2, 0)], ids=str)
def test_weight_norm_starts_by_features_on_any_axis_and_by_what_a_mask_leaves_in(axis):
  features = tuple(sorted(a % 3 for a in ((axis,) if isinstance(axis, int) else axis)))
  rest = tuple(a for a in range(3) if a not in features)
  for mask in (None, measure.scattered(X.shape)):
    g, bias = norms.weight_norm_init(3 * X + 1, axis=axis, epsilon=0.1, mask=mask)
    mean, var, _ = oracles.moments(measure.double(3 * X + 1), rest, mask)
    expected = 1 / np.sqrt(np.squeeze(var, rest) + 0.1)
    measure.assert_near(g, expected, 1e-6, 'g')
    measure.assert_near(bias, -np.squeeze(mean, rest) * expected, 1e-6, 'bias')


@pytest.mark.parametrize(
  'activation, gain',
  [
    (lambda x: x, 1.0),
    (jax.nn.relu, np.sqrt(2 / (1 - 1 / np.pi))),
    (jnp.abs, 1 / np.sqrt(1 - 2 / np.pi)),
    (jnp.square, 1 / np.sqrt(2)),
    (lambda x: jnp.where(x > 0, 1.0, -1.0), 1.0),
  ],
  ids=['identity', 'relu', 'abs', 'square', 'sign'],
)
def test_activation_gains(activation, gain):
  """Gains agree with moments of the normal distribution; a kink costs a grid point, 1e-6."""
  assert norms.activation_gain(activation) == pytest.approx(gain, rel=1e-6)


def test_scaled_standardization_keeps_the_variance_of_activations():
  """Twenty layers deep, with the gain of the activation between them."""
  rng, gamma = np.random.default_rng(0), norms.activation_gain(jax.nn.relu)
  a = rng.standard_normal((512, 256)).astype('float32')
  for layer in range(20):
    w = rng.uniform(0, 3, (256, 256)).astype('float32')
    factor = gamma if layer else 1.0
    a = a @ norms.scaled_weight_standardization(w, gamma=factor)
    assert 0.5 < a.var() < 2
    a = jax.nn.relu(a)


_BAD = {
  'ghost': (lambda: norms.ghost_batch_norm(X, ghost_size=5), 'ghost_size=5 does not divide'),
  'ghost axis': (lambda: norms.ghost_batch_norm(X, axis=0), 'axis=0 without axis 0'),
  'renorm': (lambda: norms.batch_renorm(X), 'batch_renorm: batch_stats=None'),
  'switchable': (
    lambda: norms.switchable_norm(X, mean_weights=jnp.ones(2)),
    r'mean_weights has shape \(2,\)',
  ),
  'local': (lambda: norms.local_response_norm(X, size=0), 'size=0'),
  'groups': (lambda: norms.evonorm_s0(X, num_groups=3), 'num_groups=3 does not divide 8'),
  'frn': (lambda: norms.filter_response_norm(X, feature_axes=0), 'leave out axis 0'),
  'threshold': (lambda: norms.tlu(X, np.ones(3)), r'threshold has shape \(3,\)'),
  'alpha': (lambda: norms.dyt(X, alpha=np.ones(8)), r'alpha has shape \(8,\)'),
  'axis': (lambda: norms.weight_standardization(X, axis=3), 'axis=3 is out of range for 3 axes'),
}


@pytest.mark.parametrize('bad', _BAD)
def test_bad_input_is_named(bad):
  call, message = _BAD[bad]
  with pytest.raises(ValueError, match=message):
    call()
