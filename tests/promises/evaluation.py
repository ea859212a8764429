"""Promises 1, 2 and 4 in evaluation, by running statistics that differ from feature to feature.

The tolerance is 2e-6 of the largest entry, as in promise 1.
"""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from promises import devices, masks, measure, states

FLOAT32 = 2e-6


def call(row, x, params, stats, **more):
  """z alone."""
  return states.step(row, x, params, stats, training=False, **more)[0]


@functools.partial(jax.jit, static_argnums=0)
def ours(row, x, params, stats, ct, more):
  """z and the gradients of <ct, z>, also by the running statistics."""
  z, pull = jax.vjp(lambda *given: call(row, *given, **more), x, params, stats)
  dx, dparams, dstats = pull(ct.astype(z.dtype))
  return z, {'x': dx, 'mean': dstats.mean, 'var': dstats.var, **dparams}


@functools.partial(jax.jit, static_argnums=0)
def _plain(row, x, params, stats, ct, more):
  def f(*given):
    return row.plain_by(*given, xp=jnp, **more)

  z, pull = jax.vjp(f, x, params, stats.mean, stats.var)
  dx, dparams, dmean, dvar = pull(ct.astype(z.dtype))
  return z, {'x': dx, 'mean': dmean, 'var': dvar, **dparams}


def plain(row, x, params, stats, ct, **more):
  """The same of the oracle, in float64."""
  with jax.enable_x64(True):
    return jax.tree.map(np.asarray, _plain(row, *measure.double((x, params, stats, ct)), more))


def case(row, **options):
  """Input, parameters, running statistics and cotangent."""
  x, params, ct = measure.case(row, **options)
  return x, params, states.initial(row), ct


def check_oracle(row):
  """Value and gradients are the oracle's, with and without a mask; running statistics stay."""
  x, params, stats, ct = case(row)
  for more in ({}, *({'mask': mask} for mask in masks.various())):
    given = np.where(more.get('mask', True), x, np.float32(0))
    z, gradients = ours(row, given, params, stats, ct, more)
    expected, plainly = plain(row, given, params, stats, ct, **more)
    measure.assert_near(z, expected, FLOAT32, 'z')
    measure.assert_near_gradients(gradients, plainly, FLOAT32, ct)
  _, kept = states.step(row, x, params, stats, training=False)
  measure.assert_same(kept, stats, 'running statistics')


def check_nasty(row):
  """Offsets and magnitudes do no harm, also where a norm uses the instance's own statistics."""
  for name in ('offset_1e4', 'magnitude_1e-9', 'magnitude_1e9'):
    x, params, stats, ct = case(row, name=name)
    z, _ = ours(row, x, params, stats, ct, {})
    wide = measure.double((x, params, stats.mean, stats.var))
    measure.assert_near(z, row.plain_by(*wide), FLOAT32, f'z of {name}')


def check_mask(row):
  """Masked entries change no bit; z is the bias there, and only the bias has a gradient."""
  x, params, stats, ct = case(row)
  mask = measure.scattered(measure.SHAPE)

  def run(filling, ct, mask):
    return ours(row, np.where(mask, x, np.float32(filling)), params, stats, ct, {'mask': mask})

  z, gradients = run(0, ct, mask)
  for filling in (np.nan, np.inf, 3e38):
    filled = run(filling, ct, mask)
    measure.assert_same(filled, (z, gradients), f'z or a gradient with {filling} under the mask')
  for left_in in (mask, np.zeros_like(mask)):
    z, gradients = run(np.nan, np.where(left_in, np.float32(0), ct), left_in)
    bias = masks.bias_alone(row, params, z.shape)
    measure.assert_same(np.asarray(z)[~left_in], bias[~left_in], 'z under the mask')
    for name, a in gradients.items():
      assert np.any(a) == (name == 'bias'), f'a cotangent under the mask and {name}'


def check_axis(row):
  """An axis_name that does not exist is no error, since devices exchange nothing in evaluation."""
  x, params, stats, _ = case(row)
  f = jax.jit(functools.partial(call, row, axis_name=devices.AXIS))
  measure.assert_near(f(x, params, stats), call(row, x, params, stats), 1e-6, 'z')


def check_dtype(row):
  """z has the promoted dtype of x and the parameters, as in training."""
  stats = states.initial(row)
  for x_dtype, dtype in (('bfloat16', 'bfloat16'), ('bfloat16', 'float32'), ('float16', 'float16')):
    x, params = measure.draw(dtype=x_dtype), measure.parameters(row, dtype=dtype)
    z = jax.eval_shape(functools.partial(call, row), x, params, stats)
    chex.assert_type(z, jnp.result_type(x_dtype, dtype))


def check_nothing_known(row):
  x, params, _, _ = case(row)
  with pytest.raises(ValueError, match=f'{row.function.__name__}: batch_stats=None in evaluation'):
    call(row, x, params, None)


def _full(row):
  return row.state and not row.variant


PROMISES = (
  ('evaluation-oracle', check_oracle, lambda row: row.state),
  ('evaluation-nasty', check_nasty, _full),
  ('evaluation-mask', check_mask, lambda row: row.state),
  ('evaluation-named-axis', check_axis, lambda row: _full(row) and row.split is not None),
  ('evaluation-dtype', check_dtype, _full),
  ('evaluation-nothing-known', check_nothing_known, _full),
)
