"""Promise 4: masked entries influence nothing, even when they are NaN; y = 0 there."""

import chex
import jax
import numpy as np

from promises import measure


def _masked_case(row, mask, name='unit'):
  x, params, ct = measure.case(row, name=name)
  return np.where(mask, x, np.float32(0)), params, ct


def bias_alone(row, params, shape):
  """z where y = 0."""
  found = np.zeros(shape, np.float32)
  if 'bias' not in params:
    return found
  axes = [a % len(shape) for a in row.params['bias']]
  return found + params['bias'].reshape([n if a in axes else 1 for a, n in enumerate(shape)])


def check_value_and_gradient(row):
  """Value and gradient are the oracle's; masks of entries, examples, positions and a feature."""
  for mask in various():
    x, params, ct = _masked_case(row, mask)
    z, gradients = measure.ours(row, x, params, ct, mask=mask)
    expected, plain = measure.plain(row, x, params, ct, mask=mask)
    measure.assert_near(z, expected, 2e-6, 'z')
    measure.assert_near_gradients(gradients, plain, 2e-6, ct)


def check_broadcast(row):
  """A mask that broadcasts to x means the same as the broadcast mask."""
  mask = measure.scattered((4, 6, 1))
  x, params, ct = _masked_case(row, mask)
  z, _ = measure.ours(row, x, params, ct, mask=np.broadcast_to(mask, measure.SHAPE))
  measure.assert_near(measure.forward(row.call, x, params, mask=mask), z, 1e-6, 'z')


def various():
  """Masks of entries at random, of positions, of examples, and of all features but one."""
  narrow = [measure.scattered((4, 6, 1)), measure.scattered((4, 1, 1), seed=5), np.arange(8) > 0]
  return measure.scattered(measure.SHAPE), *(np.broadcast_to(m, measure.SHAPE) for m in narrow)


def check_nothing_leaks(row):
  """NaN, infinity and huge numbers under the mask change no bit of value and gradients."""
  mask = measure.scattered(measure.SHAPE)
  x, params, ct = _masked_case(row, mask)
  expected = measure.ours(row, x, params, ct, mask=mask)
  for filling in (np.nan, np.inf, 3e38):
    filled = measure.ours(row, np.where(mask, x, np.float32(filling)), params, ct, mask=mask)
    measure.assert_same(filled, expected, f'z or a gradient with {filling} under the mask')


def check_masked_positions(row):
  """Where masked, z is exactly the bias, and a cotangent reaches only the bias."""
  for name in ('unit', 'offset_1e4'):
    _check_masked_positions(row, name)


def _check_masked_positions(row, name):
  mask = measure.scattered(measure.SHAPE)
  x, params, ct = _masked_case(row, mask, name)
  hidden = np.where(mask, np.float32(0), ct)
  z, gradients = measure.ours(row, x, params, hidden, mask=mask)
  out = np.broadcast_to(~mask, z.shape)
  measure.assert_same(np.asarray(z)[out], bias_alone(row, params, z.shape)[out], 'z under the mask')
  _assert_zero_but_bias(gradients)
  if 'bias' in params:
    _, all_in = measure.ours(row, x, params, hidden, mask=np.ones_like(mask))
    measure.assert_near(gradients['bias'], all_in['bias'], 1e-6, 'gradient of bias')


def _assert_zero_but_bias(gradients):
  others = {name: a for name, a in gradients.items() if name != 'bias'}
  zeros, message = jax.tree.map(np.zeros_like, others), 'a cotangent under the mask'
  chex.assert_trees_all_equal(others, zeros, custom_message=message)


def check_empty(row):
  """A mask without any entry gives z = bias, and gradient 0 for all but the bias."""
  mask = np.zeros(measure.SHAPE, bool)
  _, params, ct = measure.case(row)
  x = np.full(measure.SHAPE, np.nan, np.float32)
  z, gradients = measure.ours(row, x, params, ct, mask=mask)
  measure.assert_same(z, bias_alone(row, params, z.shape), 'z')
  chex.assert_tree_all_finite(gradients)
  _assert_zero_but_bias(gradients)


def _masked(row):
  return row.masked


def _full(row):
  return row.masked and not row.variant


PROMISES = (
  ('mask-oracle', check_value_and_gradient, _masked),
  ('mask-broadcast', check_broadcast, _full),
  ('mask-nothing-leaks', check_nothing_leaks, _masked),
  ('mask-masked-positions', check_masked_positions, _masked),
  ('mask-empty', check_empty, _masked),
)
