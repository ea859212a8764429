"""Promise 6, on one device: jit, vmap, scan and remat change nothing, and one compilation serves.

1e-6 of the largest entry is 8 ulp: XLA may add in another order.
"""

import functools

import jax
from jax import lax
import numpy as np

from promises import measure


def check_jit(row):
  """Other numbers of the same shapes are traced no second time."""
  traces = []

  @jax.jit
  def f(x, params):
    traces.append(1)
    return row.call(x, params)

  x, params, ct = measure.case(row)
  measure.assert_near(f(x, params), measure.ours(row, x, params, ct)[0], 1e-6, 'z')
  f(3 * x, params)
  assert len(traces) == 1


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
    expected, expected_gradients = measure.ours(row, *alone)
    measure.assert_near(z[lane], expected, 1e-6, f'z of lane {lane}')
    for name, a in expected_gradients.items():
      floor = 1e-6 * np.linalg.norm(alone[2]) if name != 'x' else 0
      measure.assert_near(gradients[name][lane], a, 1e-6, f'gradient of {name}, {lane}', floor)


def check_remat(row):
  x, params, ct = measure.case(row)
  z, gradients = measure.ours(row, x, params, ct)
  z_remat, gradients_remat = measure.evaluate(jax.checkpoint(row.call), x, params, ct, {})
  measure.assert_near(z_remat, z, 1e-6, 'z')
  for name, a in gradients.items():
    measure.assert_near(gradients_remat[name], a, 2e-6, f'gradient of {name}')


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
