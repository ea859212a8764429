"""The table: every norm (tests/rows.py) times every promise (tests/promises) that it owes."""

import jax
import jax.numpy as jnp
import numpy as np
from promises import PROMISES
import pytest
from rows import ROWS

import norms


def _table():
  for row in ROWS:
    for name, check, applies in PROMISES:
      marks = [pytest.mark.slow] if name.startswith('slow-') else []
      if applies(row):
        yield pytest.param(row, check, id=f'{row.id}-{name}', marks=marks)


@pytest.mark.parametrize('row, check', list(_table()))
def test_promise(row, check):
  check(row)


def test_a_zero_kernel_keeps_still():
  """Flax's WeightNorm has a gradient of 1e6 there, and the first step makes w jump."""
  v, g = np.zeros((3, 4), np.float32), np.ones(4, np.float32)
  v[:, 1:] = 1
  loss = lambda v, g: jnp.sum(jnp.sin(1 + norms.weight_norm(v, g)))  # noqa: E731
  dv, dg = jax.grad(loss, (0, 1))(v, g)
  np.testing.assert_array_equal(norms.weight_norm(v, g)[:, 0], 0)
  np.testing.assert_array_equal(dv[:, 0], 0)
  assert dg[0] == 0 and np.all(np.isfinite(dv)) and np.all(dg[1:])


def test_the_table_has_every_norm_of_the_catalogue():
  assert {row.norm for row in ROWS} == set(norms.NORMS) - {'none'}


def test_every_row_is_tried_with_its_catalogue_function():
  for row in ROWS:
    assert norms.NORMS[row.norm].function is row.function
