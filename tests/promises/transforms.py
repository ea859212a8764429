"""Promise 6, on one device: jit, vmap, scan and remat change nothing; one compilation is enough.

The tolerance is 1e-6 of the largest entry, or 8 ulp, since XLA may add in another order.
"""

import functools
import operator

import chex
import jax
from jax import lax
import numpy as np

from promises import measure


def check_jit(row):
  """A second input of the same shape is not traced again."""
  chex.clear_trace_counter()  # chex knows a function by its source, which all rows share

  @jax.jit
  @chex.assert_max_traces(n=1)
  def f(x, params):
    return row.call(x, params)

  x, params, ct = measure.case(row)
  measure.assert_near(f(x, params), measure.ours(row, x, params, ct)[0], 1e-6, 'z')
  f(3 * x, params)


def check_eager(row):
  """The result without jit is the same."""
  x, params, ct = measure.case(row)
  measure.assert_near(row.call(x, params), measure.ours(row, x, params, ct)[0], 1e-6, 'z')


def check_lanes(row):
  """The same in a scan over steps of a vmap over lanes, as in the lab's sweeps."""
  factors = np.asarray([[1.0, -0.5, 3.0], [0.1, 2.0, -1.0]], np.float32)
  lanes = jax.tree.map(lambda a: np.multiply.outer(factors, a), measure.case(row))

  def step(carry, lane):
    return (carry, jax.vmap(functools.partial(measure.ours, row))(*lane))

  _, (z, gradients) = jax.jit(lambda lanes: lax.scan(step, 0, lanes))(lanes)
  for lane in np.ndindex(factors.shape):
    alone = jax.tree.map(operator.itemgetter(lane), lanes)
    found = jax.tree.map(operator.itemgetter(lane), (z, gradients))
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
