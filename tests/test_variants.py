"""Every norm has one value: eager, jitted, for arrays of the host or a device, on all devices.

chex names the variants. The tolerances are those of promises 1 and 2.
"""

import functools

from absl.testing import parameterized
import chex
import jax
import numpy as np
from promises import devices, evaluation, formula, measure, states
from rows import ROWS


def _named(rows):
  return parameterized.named_parameters(*((f'_{row.id}', row) for row in rows))


def _value_and_gradients(row, x, params, ct):
  z, pull = jax.vjp(row.call, x, params)
  dx, dparams = pull(ct)
  return z, {'x': dx, **dparams}


class VariantsTest(chex.TestCase):
  """Each test runs once for each variant."""

  @chex.all_variants
  @_named(row for row in ROWS if measure.representative(row))
  def test_value_and_gradients(self, row):
    self._hold_value_and_gradients(row)

  # Jitted, promises 1 and 2 hold them; a call without jit is that of arrays of the host.
  @chex.variants(with_device=True, without_device=True, with_pmap=True)
  @_named(row for row in ROWS if not row.variant and not measure.representative(row))
  def test_value_and_gradients_of_the_others(self, row):
    self._hold_value_and_gradients(row)

  def _hold_value_and_gradients(self, row):
    x, params, ct = measure.case(row)
    z, gradients = self.variant(functools.partial(_value_and_gradients, row))(x, params, ct)
    expected, expected_gradients = measure.plain(row, x, params, ct)
    alone = self.variant(row.call)(
      x, params
    )  # the value alone, since a derivative sees tracers only
    chex.assert_shape([z, alone], x.shape)
    chex.assert_trees_all_equal_shapes_and_dtypes(gradients, {'x': x, **params})
    measure.assert_near((z, alone), (expected, expected), formula.FLOAT32, 'z')
    measure.assert_near_gradients(gradients, expected_gradients, formula.FLOAT32, ct)

  @chex.all_variants
  @_named(row for row in ROWS if row.state and not row.variant)
  def test_running_statistics(self, row):
    x, params, _ = measure.case(row)
    stats = states.initial(row)
    _, new = self.variant(functools.partial(states.step, row))(x, params, stats)
    chex.assert_trees_all_equal_shapes_and_dtypes(new, stats)
    states.assert_stats(new, states.moved(row, *measure.double((x, stats))))

    z = self.variant(functools.partial(evaluation.call, row))(x, params, stats)
    wide = measure.double((x, params, stats.mean, stats.var))
    measure.assert_near(z, row.plain_by(*wide), evaluation.FLOAT32, 'z in evaluation')

  @chex.all_variants
  @_named(row for row in ROWS if row.masked and measure.representative(row))
  def test_mask(self, row):
    x, params, _ = measure.case(row)
    mask = measure.scattered(x.shape)

    def masked(x, params, mask):
      return row.call(x, params, mask=mask)

    z = self.variant(masked)(np.where(mask, x, np.float32(np.nan)), params, mask)
    expected = row.plain(*measure.double((np.where(mask, x, 0), params)), mask=mask)
    measure.assert_near(z, expected, formula.FLOAT32, 'z')


class FakePmapTest(chex.TestCase):
  """A user's tests may replace pmap by chex.fake_pmap_and_jit: norms are the same under it."""

  @_named(row for row in ROWS if row.split is not None and measure.representative(row))
  def test_one_device_on_the_whole_batch(self, row):
    x, params, _ = measure.case(row)
    z = measure.forward(row.call, x, params)
    parts = devices.parts(row, x), devices.shared(row, params)
    with chex.fake_pmap_and_jit():
      f = jax.pmap(functools.partial(row.call, axis_name=devices.AXIS), devices.AXIS)
      found = f(*parts)
    measure.assert_near(devices.whole(row, found), z, formula.FLOAT32, 'z')
