"""Promise 5: statistics are taken in at least float32, and the output has the documented dtype.

That 16-bit inputs have float32 statistics shows in promise 1, in the error of the value.
"""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np

from promises import measure

# Pairs of dtypes: of the input and of the parameters.
_MIXED = (
  ('bfloat16', 'bfloat16'),
  ('bfloat16', 'float32'),
  ('float32', 'bfloat16'),
  ('float64', 'float32'),
)


def check_output(row):
  """z has the promoted dtype of input and parameters, each gradient that of its primal."""
  with jax.enable_x64(True):
    for x_dtype, dtype in _MIXED:
      x, params = measure.draw(dtype=x_dtype), measure.parameters(row, dtype=dtype)
      f = functools.partial(measure.evaluate, row.call)
      z, gradients = jax.eval_shape(f, x, params, measure.draw(), {})
      chex.assert_type(z, jnp.result_type(x, *params.values()))
      chex.assert_equal_shape([z, x])
      chex.assert_trees_all_equal_shapes_and_dtypes(gradients, {'x': x, **params})


def check_integers(row):
  """Integers become float32."""
  x = np.arange(np.prod(measure.SHAPE)).reshape(measure.SHAPE)
  params = measure.parameters(row)
  chex.assert_type(jax.eval_shape(row.call, x, params), jnp.float32)


def check_complex(row):
  """Complex input has a real variance, and Re<conj(y) dx> in the rule, as plain autodiff says."""
  with jax.enable_x64(True):
    x, params, ct = measure.case(row, dtype='complex128')
    params = measure.parameters(row, dtype='float64')
    z, ours = measure.ours(row, x, params, ct)
  expected, plain = measure.plain(row, x, params, ct)
  measure.assert_near(z, expected, 1e-12, 'z')
  measure.assert_near_relatively(ours, plain, 1e-12, 'a gradient')


PROMISES = (
  ('dtype-output', check_output, lambda row: True),
  ('dtype-integers', check_integers, lambda row: not row.variant),
  ('dtype-complex', check_complex, lambda row: row.complex and not row.variant),
)
