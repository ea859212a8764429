"""Promise 1: the value is the paper's, against a float64 oracle, on named nasty inputs.

Tolerances are relative to the oracle's largest entry. In float32 2e-6 is 17 ulp: a sum of n = 192
terms, one after the other, may lose n/2 ulp, and usually loses less. An offset gets no further
tolerance, since two passes see the deviations exactly. In bfloat16 and float16 the result is
rounded once, to one ulp.
"""

import functools
import math

import chex
import jax.numpy as jnp
import numpy as np

from promises import measure

FLOAT32 = 2e-6


def floor_of(row, name):
  """The error that flushing subnormal numbers to 0 may cause: they are divided by sqrt(epsilon)."""
  divisor = math.sqrt(row.epsilon or 1)
  if name == 'constant':  # the square of the rounding error of an offset of 1e3
    return min(1e-6, 1e-10 / divisor)
  return 10 * float(jnp.finfo('float32').tiny) / divisor if name == 'subnormal' else 0.0


def check_value(name, row):
  x, params, ct = measure.case(row, name=name)
  expected = row.plain(*measure.double((x, params)))
  # A program that has a derivative computes the value otherwise.
  with_derivative, _ = measure.ours(row, x, params, ct)
  for z in (with_derivative, measure.forward(row.call, x, params)):
    measure.assert_near(z, expected, FLOAT32, 'z', floor_of(row, name))


def check_coarse(dtype, name, row):
  """A 16-bit input with float32 parameters has float32's error: statistics are taken in float32."""
  x, params = measure.draw(dtype=dtype, name=name), measure.parameters(row)
  z = measure.forward(row.call, x, params)
  chex.assert_type(z, jnp.float32 if params else x.dtype)
  expected = row.plain(*measure.double((x, params)))
  exact = FLOAT32 if params else float(jnp.finfo(dtype).eps)
  fits = np.abs(expected) <= float(jnp.finfo(z.dtype).max)
  measure.assert_near(np.where(fits, z, 0), np.where(fits, expected, 0), exact, 'z')
  if dtype == 'float16':
    return
  rounded = {n: p.astype(x.dtype) for n, p in params.items()}
  z = measure.forward(row.call, x, rounded)
  chex.assert_type(z, x.dtype)
  expected = row.plain(*measure.double((x, rounded)))
  measure.assert_near(z, expected, float(jnp.finfo(dtype).eps), 'z')


def check_largest(dtype, row):
  """Up to the largest finite number there is no NaN, neither in the value nor in a gradient."""
  largest = float(jnp.finfo(dtype).max)
  x = np.random.default_rng(0).uniform(-largest, largest, measure.SHAPE)
  x.flat[:2] = largest, -largest
  x = x.astype(jnp.dtype(dtype))
  z, gradients = measure.ours(row, x, measure.parameters(row), measure.draw(seed=2))
  for what, a in {'z': z, **gradients}.items():
    assert not np.any(np.isnan(np.asarray(a, np.float64))), f'{what} holds a NaN'


def check_shape(shape, row):
  """One element, a batch of one and an empty batch give the oracle's value, and no NaN."""
  x, params, ct = measure.case(row, shape=shape)
  if measure.representative(row):
    z, gradients = measure.ours(row, x, params, ct)
  else:
    z, gradients = measure.forward(row.call, x, params), {}
  measure.assert_near(z, row.plain(*measure.double((x, params))), FLOAT32, 'z')
  chex.assert_tree_all_finite(gradients)


def _full(row):
  return not row.variant


PROMISES = (
  *(
    (f'formula-{name}', functools.partial(check_value, name), lambda row, n=name: n not in row.skip)
    for name in measure.NASTY
  ),
  *(
    (f'formula-{dtype}-{name}', functools.partial(check_coarse, dtype, name), _full)
    for dtype in ('bfloat16', 'float16')
    for name in measure.COARSE
  ),
  *(
    (
      f'no-nan-largest-{dtype}',
      functools.partial(check_largest, dtype),
      lambda row: _full(row) and 'largest' not in row.skip,
    )
    for dtype in ('float32', 'bfloat16')  # the squares of float16 do not overflow float32
  ),
  ('formula-one-element', functools.partial(check_shape, (1, 1, 1)), _full),
  ('formula-batch-of-one', functools.partial(check_shape, (1, 6, 8)), _full),
  (
    'formula-no-example',
    functools.partial(check_shape, (0, 6, 8)),
    lambda row: _full(row) and 'no-example' not in row.skip,
  ),
)
