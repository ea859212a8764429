"""Promise 6, on one device: jit, vmap, scan and remat change nothing, and one compilation serves.

1e-6 of the largest entry is 8 ulp: XLA may add in another order.
"""

import functools

import chex
import jax
from jax import lax
import numpy as np

from promises import measure


def check_jit(row):
  """Other numbers of the same shapes are traced no second time."""
  chex.clear_trace_counter()  # it knows a function by its source, which is that of every row

  @jax.jit
  @chex.assert_max_traces(n=1)
  def f(x, params):
    return row.call(x, params)

  x, params, ct = measure.case(row)
  measure.assert_near(f(x, params), measure.ours(row, x, params, ct)[0], 1e-6, 'z')
  f(3 * x, params)


def check_eager(row):
  """Without jit, operation by operation."""
  x, params, ct = measure.case(row)
  measure.assert_near(row.call(x, params), measure.ours(row, x, params, ct)[0], 1e-6, 'z')


def check_lanes(row):
  """A scan over steps of a vmap over lanes, as in a sweep: inputs and parameters at once."""
  factors = np.asarray([[1.0, -0.5, 3.0], [0.1, 2.0, -1.0]], np.float32)
  lanes = jax.tree.map(lambda a: np.multiply.outer(factors, a), measure.case(row))
  step = lambda carry, lane: (carry, jax.vmap(functools.partial(measure.ours, row))(*lane))  # noqa: E731
  _, (z, gradients) = jax.jit(lambda lanes: lax.scan(step, 0, lanes))(lanes)
  for lane in np.ndindex(factors.shape):
    alone = jax.tree.map(lambda a: a[lane], lanes)  # noqa: B023
    found = jax.tree.map(lambda a: a[lane], (z, gradients))  # noqa: B023
    expected = measure.ours(row, *alone)
    sums = 1e-6 * np.linalg.norm(alone[2])
    floors = 0.0, {name: 0.0 if name == 'x' else sums for name in expected[1]}
    measure.assert_near(found, expected, 1e-6, f'lane {lane}: ', floors)


def check_remat(row):
  x, params, ct = measure.case(row)
  z, gradients = measure.ours(row, x, params, ct)
  z_remat, gradients_remat = measure.evaluate(jax.checkpoint(row.call), x, params, ct, {})
  measure.assert_near(z_remat, z, 1e-6, 'z')
  measure.assert_near(gradients_remat, gradients, 2e-6, 'gradient of ')


def _full(row):
  return not row.variant


PROMISES = (
  ('transform-jit', check_jit, _full),
  ('transform-vmap-in-scan', check_lanes, _full),
  ('transform-remat', check_remat, measure.representative),
  ('transform-eager', check_eager, measure.representative),
  ('slow-remat', check_remat, _full),
  ('slow-eager', check_eager, _full),
)
