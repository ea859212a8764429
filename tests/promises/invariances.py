"""Promise 3: the invariances that the papers claim, for factors and shifts from hypothesis.

epsilon is 0, and factors and shifts may differ wherever the statistics do.
"""

import functools

from hypothesis import given, settings, strategies
import jax
import numpy as np

from promises import measure

# The same examples every time: a test must not fail on another commit than the one that broke it.
_SETTINGS = settings(max_examples=15, deadline=None, derandomize=True, database=None)
_SEEDS = strategies.integers(0, 2**32 - 1)


@functools.cache
def _exact(row):
  """The norm with epsilon 0, compiled once for all examples."""
  return jax.jit(row.call if row.epsilon is None else functools.partial(row.call, epsilon=0.0))


def _own(axes, values):
  """Values that differ along `axes` and are the same along the other axes."""
  shape = [n if a in axes else 1 for a, n in enumerate(measure.SHAPE)]
  return values(shape)


def check_scale(row):
  params = measure.parameters(row)

  @_SETTINGS
  @given(seed=_SEEDS, decades=strategies.floats(0, 12))
  def scaled(seed, decades):
    rng = np.random.default_rng(seed)
    x = measure.draw(seed=seed)
    factor = _own(row.scale_free, lambda shape: 10 ** rng.uniform(-decades, decades, shape))
    x_scaled = (x * factor).astype('float32')
    # Rounding x * factor moves x by half an ulp: 1e-6 of the largest entry.
    measure.assert_near(_exact(row)(x_scaled, params), _exact(row)(x, params), 3e-6, 'z')

  scaled()


def check_shift(row):
  params = measure.parameters(row)

  @_SETTINGS
  @given(seed=_SEEDS, decades=strategies.floats(-2, 3))
  def shifted(seed, decades):
    rng = np.random.default_rng(seed)
    # A grid of 2^-10 keeps x + shift exact in float32, so that only the norm's own error is left.
    x = np.round(measure.draw(seed=seed) * 1024) / np.float32(1024)
    shift = _own(row.shift_free, lambda s: np.round(10**decades * rng.standard_normal(s)))
    x_shifted = (x + shift).astype('float32')
    measure.assert_near(_exact(row)(x_shifted, params), _exact(row)(x, params), 3e-6, 'z')

  shifted()


def check_weights(row):
  """A layer's output does not depend on the length of its kernel when a norm follows."""
  params, rng = measure.parameters(row), np.random.default_rng(0)
  inputs, kernel = rng.standard_normal((4, 6, 5)), rng.standard_normal((5, 8))
  free = [a for a in row.scale_free if a == 2]
  length = 10 ** rng.uniform(-3, 3, [8 if free else 1])
  after = [(inputs @ (kernel * a)).astype('float32') for a in (1, length)]
  one, other = (_exact(row)(x, params) for x in after)
  measure.assert_near(other, one, 3e-6, 'z')


PROMISES = (
  ('invariant-scale', check_scale, lambda row: row.scale_free is not None),
  ('invariant-shift', check_shift, lambda row: row.shift_free is not None),
  ('invariant-weights', check_weights, lambda row: row.scale_free is not None and not row.variant),
)
