"""momentum=None and zero_debias, for batches with different masks."""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
from promises import devices, measure
import pytest

import norms

SHAPE = (6, 4, 3)
OPTIONS = {
  'usual': {},
  'unbiased': {'unbiased': True},
  'zero-debias': {'zero_debias': True},
  'zero-debias-unbiased': {'zero_debias': True, 'unbiased': True},
  'exact': {'momentum': None},
  'exact-unbiased': {'momentum': None, 'unbiased': True},
}
AXES = {-1: (2,), 1: (1,), (2, 0): (0, 2)}


def _batches(dtype):
  """Three batches and masks; in one of them a feature has no entry, and another has one."""
  masks = [measure.scattered(SHAPE, seed=seed) for seed in range(3)]
  masks[1][..., 0], masks[1][:, 0], masks[1][0] = False, False, False
  masks[2][..., 1] = np.arange(24).reshape(6, 4) == 5
  return [(measure.draw(SHAPE, dtype, seed=i) * (i + 1) + i, masks[i]) for i in range(3)]


def _oracle(batches, start, axes, momentum=0.9, unbiased=False, zero_debias=False):
  """Statistics, weights and counts, feature by feature, in float64."""
  mean, var, count = (np.array(a) for a in measure.double(start))
  entries: dict = {}
  for x, mask in batches:
    for at in np.ndindex(mean.shape):
      left, where = list(at), [slice(None)] * 3
      for a in range(3):
        if a not in axes:
          where[a] = left.pop(0)
      seen = x[tuple(where)][mask[tuple(where)]].astype(np.complex128)
      if not len(seen):
        continue
      entries[at] = np.concatenate([entries.get(at, []), seen])
      if momentum is None:
        seen, kept, gained, count[at] = entries[at], 0, 1, len(entries[at])
      elif zero_debias:
        count[at] = momentum * count[at] + 1
        kept, gained = 1 - 1 / count[at], 1 / count[at]
      else:
        kept, gained = momentum, 1 - momentum
      n = max(len(seen), 2) if unbiased else 1
      found = np.mean(np.abs(seen - seen.mean()) ** 2) * (n / (n - 1) if unbiased else 1)
      mean[at] = kept * mean[at] + gained * (
        seen.mean() if np.iscomplexobj(x) else seen.mean().real
      )
      var[at] = kept * var[at] + gained * found
  return norms.BatchStats(mean, var, count)


def _start(features, dtype):
  shape = [SHAPE[a] for a in features]
  return norms.BatchStats(jnp.full(shape, 0.3, dtype), jnp.full(shape, 1.7), jnp.zeros(shape))


@pytest.mark.parametrize('axis', AXES, ids=str)
@pytest.mark.parametrize('options', OPTIONS)
def test_three_batches_with_masks(options, axis):
  """A feature without an entry keeps its statistics and its weight; a single entry has no n - 1."""
  given, features = {'momentum': 0.9, **OPTIONS[options]}, AXES[axis]
  step = jax.jit(lambda x, stats, mask: norms.batch_norm(
    x, None, None, stats, axis=axis, mask=mask, **given)[1])  # fmt: skip
  for dtype in ('float32', 'complex64') if axis == -1 else ('float32',):
    stats = _start(features, dtype)
    axes = [a for a in range(3) if a not in features]
    expected = _oracle(_batches(dtype), stats, axes, **given)
    for x, mask in _batches(dtype):
      stats = step(np.where(mask, x, np.nan), stats, mask)
    measure.assert_near(stats, expected, 1e-6, 'running statistics')


@pytest.mark.parametrize('options', OPTIONS)
def test_two_devices_keep_what_one_keeps(options):
  given = {'momentum': 0.9, **OPTIONS[options]}

  def step(x, stats, mask, axis_name=None):
    return norms.batch_norm(x, None, None, stats, mask=mask, axis_name=axis_name, **given)[1]

  named = devices.MODES['vmap'](functools.partial(step, axis_name=devices.AXIS))
  one = jax.jit(step)
  alone = _start((2,), 'float32')
  shared = devices.both(alone)
  for x, mask in _batches('float32'):
    shared = named(np.stack(np.split(x, 2)), shared, np.stack(np.split(mask, 2)))
    alone = one(x, alone, mask)
  for device in range(2):
    each = jax.tree.map(operator.itemgetter(device), shared)
    measure.assert_near(each, alone, 1e-6, f'running statistics of device {device}')


@pytest.mark.parametrize('name', ('batch_norm', 'ghost_batch_norm'))
def test_a_real_input_is_not_evaluated_by_a_complex_mean(name):
  """A real x with a complex running mean is an error: z would be complex."""
  stats = norms.BatchStats(jnp.full(3, 1 + 2j, 'complex64'), jnp.ones(3))
  with pytest.raises(ValueError, match=f'{name}: batch_stats.mean is complex64, but x is float32'):
    getattr(norms, name)(jnp.ones((4, 3)), batch_stats=stats, training=False)
