"""Exact statistics: of one batch, over devices, and of batches together."""

import functools
import operator

import chex
import jax
import jax.numpy as jnp
import numpy as np
import oracles
from promises import devices, measure
import pytest
from rows import SHAPE

import norms

X, MASK = measure.draw((12, 5, 8)), measure.scattered((12, 5, 8))
STATS = norms.BatchStats(np.full(8, 0.3, 'float32'), np.full(8, 1.7, 'float32'))


def _of(x, features, mask=None):
  """Mean, biased variance and count in float64, over the features in ascending order."""
  axes = tuple(a for a in range(x.ndim) if a not in features)
  mean, var, present = oracles.moments(measure.double(x), axes, mask)
  shape = [x.shape[a] for a in features]
  return norms.BatchStats(mean.reshape(shape), var.reshape(shape), present.sum(axes))


def _assert_near(found, expected, floor=0.0):
  measure.assert_near(found.mean, expected.mean, 1e-6, 'mean')
  measure.assert_near(found.var, expected.var, 1e-6, 'variance', floor)
  chex.assert_trees_all_equal(found.count, expected.count)
  assert not np.iscomplexobj(found.var)


@pytest.mark.parametrize('axis', [-1, 0, 1, (2, 0), (-2, -3)], ids=str)
@pytest.mark.parametrize('dtype', ['float32', 'complex64'])
def test_a_batch_has_statistics_for_each_index_of_the_named_axes(axis, dtype):
  x = measure.draw((12, 5, 8), dtype)
  features = sorted(a % 3 for a in (axis if isinstance(axis, tuple) else (axis,)))
  run = jax.jit(functools.partial(norms.batch_statistics, axis=axis))
  _assert_near(run(x), _of(x, features))
  _assert_near(run(np.where(MASK, x, np.nan), mask=MASK), _of(x, features, MASK))


@pytest.mark.parametrize('axis', [-1, (1, 2)], ids=str)
@pytest.mark.parametrize('mode', devices.MODES)
def test_devices_find_the_statistics_of_all_their_entries(mode, axis):
  """Devices are weighted by their counts, and one without an entry has weight 0."""
  x, features = measure.draw(), [1, 2] if axis == (1, 2) else [2]
  f = devices.MODES[mode](
    lambda x, mask: norms.batch_statistics(x, axis=axis, mask=mask, axis_name=devices.AXIS)
  )
  uneven = measure.scattered(SHAPE) & (np.arange(4) < 3).reshape(4, 1, 1)
  for mask in (np.ones(SHAPE, bool), uneven, uneven & (np.arange(4) < 2).reshape(4, 1, 1)):
    found = f(*(np.stack(np.split(a, 2)) for a in (x, mask)))
    for device in range(2):
      _assert_near(jax.tree.map(operator.itemgetter(device), found), _of(x, features, mask))


def test_devices_in_groups_of_their_own_share_nothing():
  x, groups = np.stack(np.split(measure.draw(), 2)), [[0], [1]]
  f = devices.MODES['shard_map-unchecked'](
    lambda x: norms.batch_statistics(x, axis_name=devices.AXIS, axis_index_groups=groups)
  )
  for device, found in enumerate(zip(*f(x), strict=True)):
    _assert_near(norms.BatchStats(*found), _of(x[device], [2]))


@pytest.mark.parametrize('dtype', ['float32', 'complex64'])
def test_sets_merge_in_any_order_and_an_empty_one_changes_nothing(dtype):
  x = measure.draw((12, 5, 8), dtype) + 3
  parts = [jax.jit(norms.batch_statistics)(part) for part in np.split(x, (2, 7))]
  zeros = norms.BatchStats(jnp.zeros(8, dtype), jnp.zeros(8), jnp.zeros(8))
  merge = jax.jit(norms.merge_statistics)
  left = merge(merge(merge(zeros, parts[0]), parts[1]), parts[2])
  right = merge(parts[2], merge(parts[1], merge(parts[0], zeros)))
  for found in (left, right):
    _assert_near(found, _of(x, [2]))


def test_precise_statistics_of_mapped_batches():
  """Each batch lies on two devices, and the first one's statistics are those of all."""
  f = devices.MODES['vmap'](
    lambda x, mask: norms.batch_statistics(x, mask=mask, axis_name=devices.AXIS)
  )
  batches = [[np.stack(np.split(a, 2)) for a in (X[i : i + 4], MASK[i : i + 4])] for i in (0, 4, 8)]
  found = norms.precise_statistics(lambda batch: jax.tree.map(lambda a: a[0], f(*batch)), batches)
  _assert_near(found, _of(X, [2], MASK))


@pytest.mark.parametrize('offset', [0, 1e4])
@pytest.mark.parametrize('cuts', [(4, 8), (1, 2), (11,), (3, 3, 7)])
def test_precise_statistics_do_not_depend_on_the_batches(cuts, offset):
  """Batches differ in size, and one is empty; each entry counts once."""
  data = X + np.float32(offset)
  found = norms.precise_statistics(jax.jit(norms.batch_statistics), np.split(data, cuts))
  mean, var, _ = oracles.moments(measure.double(data), (0, 1))
  measure.assert_near(found.mean, mean.reshape(8), 1e-6, 'mean')
  # Means of batches are rounded to an ulp of the offset, and lie about 1 apart.
  measure.assert_near(found.var, var.reshape(8), 2e-6, 'variance', floor=1.2e-7 * offset)
  chex.assert_trees_all_equal(found.count, 60)


def test_precise_statistics_of_a_tree_of_norms_and_masks():
  mask = measure.scattered(X.shape)

  def collect(batch):
    counted = norms.BatchStats(STATS.mean, STATS.var, np.ones(8, 'float32'))
    return {'a': norms.batch_statistics(batch[0], mask=batch[1]), 'b': [counted]}

  found = norms.precise_statistics(collect, zip(np.split(X, 3), np.split(mask, 3), strict=True))
  mean, var, present = oracles.moments(measure.double(X), (0, 1), mask)
  expected = norms.BatchStats(mean.reshape(8), var.reshape(8), present.sum((0, 1)))
  _assert_near(found['a'], expected)
  chex.assert_trees_all_equal(found['b'][0].count, 3)


def test_precise_statistics_need_a_batch():
  with pytest.raises(ValueError, match='batches is empty'):
    norms.precise_statistics(norms.batch_statistics, [])
