"""Promises 1, 4, 5 and 6 for running statistics."""

import functools

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import norms
from promises import devices, measure

MOMENTUM = 0.8


def _features(row):
  """The feature axes: all that the parameters have."""
  return [a % 3 for a in row.params['bias']]


def _axes(row):
  return tuple(a for a in range(3) if a not in _features(row))


def _initial(row, dtype='float32', mean=0.3, var=1.7):
  shape = [measure.SHAPE[a] for a in _features(row)]
  return norms.BatchStats(jnp.full(shape, mean, dtype), jnp.full(shape, var, 'float32'))


def _step(row, x, params, stats, **more):
  options = {**row.options, 'momentum': MOMENTUM, **more}
  return row.function(x, **params, batch_stats=stats, **options)


def _moved(row, x, stats, mask=None):
  """s <- momentum s + (1 - momentum) s_batch, in float64."""
  mean, var, present = oracles.moments(measure.double(x), _axes(row), mask)
  seen = np.any(present, _axes(row)).reshape(stats.mean.shape)
  new = {'mean': mean.reshape(stats.mean.shape), 'var': var.reshape(stats.var.shape)}
  old = {name: np.float64(getattr(stats, name)) for name in new}
  moved = {n: np.where(seen, MOMENTUM * old[n] + (1 - MOMENTUM) * new[n], old[n]) for n in new}
  return norms.BatchStats(**{n: moved[n] if n in row.state else old[n] for n in new})


def _assert_near(found, expected):
  measure.assert_near(found.mean, expected.mean, 1e-6, 'running mean')
  measure.assert_near(found.var, expected.var, 1e-6, 'running variance')


@functools.cache
def _compiled(row):
  return jax.jit(lambda x, params, stats, mask: _step(row, x, params, stats, mask=mask))


def _without_first_feature(row):
  mask = np.ones(measure.SHAPE, bool)
  mask[tuple(0 if a in _features(row) else slice(None) for a in range(3))] = False
  return mask


def check_update(row):
  """By a batch, by part of one, and feature by feature where one has no entry."""
  for name in ('unit', 'offset_1e4', 'magnitude_1e9'):
    x, params, _ = measure.case(row, name=name)
    for mask in (None, measure.scattered(measure.SHAPE), _without_first_feature(row)):
      _, stats = _compiled(row)(x, params, _initial(row), mask)
      _assert_near(stats, _moved(row, x, _initial(row), mask))


def check_empty(row):
  """A batch without entries keeps the running statistics, to the bit."""
  x, params, _ = measure.case(row)
  _, stats = _compiled(row)(x, params, _initial(row), np.zeros(measure.SHAPE, bool))
  for found, before in zip(stats[:2], _initial(row)[:2], strict=True):
    measure.assert_same(found, before, 'running statistics')


def check_carry(row):
  """A carry of lax.scan, whatever the input's dtype: no dtype or shape changes."""
  with jax.enable_x64(True):
    for dtype in ('bfloat16', 'float32', 'float64', 'complex64')[: None if row.complex else 3]:
      x, params = measure.draw(dtype=dtype), measure.parameters(row)
      stats = _initial(row, dtype if dtype == 'complex64' else 'float32')
      step = lambda stats, x: _step(row, x, params, stats)[::-1]  # noqa: E731,B023
      found, _ = jax.eval_shape(lambda s, x: lax.scan(step, s, x), stats, np.stack([x, x]))  # noqa: B023
      assert jax.tree.map(lambda a: (a.shape, a.dtype), (found.mean, found.var)) == (
        jax.tree.map(lambda a: (a.shape, a.dtype), (stats.mean, stats.var))
      )


def check_scan(row):
  """Three steps of a scan = three calls."""
  x, params, _ = measure.case(row)
  inputs = np.stack([x, 2 * x + 1, x - 3])
  step = lambda stats, x: _step(row, x, params, stats)[::-1]  # noqa: E731
  found, outputs = jax.jit(lambda s, x: lax.scan(step, s, x))(_initial(row), inputs)
  stats = _initial(row)
  for x, z in zip(inputs, outputs, strict=True):
    expected, stats = _compiled(row)(x, params, stats, None)
    measure.assert_near(z, expected, 1e-6, 'z')
  _assert_near(found, stats)


def _evaluated(row, x, params):
  if row.evaluation is not None:
    return row.evaluation(x, mean=0.3, var=1.7, **params, epsilon=row.epsilon)
  y = (x - 0.3) / np.sqrt(1.7 + row.epsilon)
  return oracles.affine(y, params['scale'], params['bias'], _features(row))


def check_evaluation(row):
  """By the running statistics alone, which stay as they are; without them, an error."""
  x, params, _ = measure.case(row)
  z, stats = _step(row, x, params, _initial(row), training=False)
  expected = _evaluated(row, *measure.double((x, params)))
  measure.assert_near(z, expected, 1e-6, 'z')
  for found, before in zip(stats[:2], _initial(row)[:2], strict=True):
    measure.assert_same(found, before, 'running statistics')
  with pytest.raises(ValueError, match='batch_stats=None in evaluation'):
    _step(row, x, params, None, training=False)


def check_gradient(row):
  """The new running statistics may be differentiated: the moments have tangents, too."""
  with jax.enable_x64(True):
    x, params, _ = measure.case(row, dtype='float64')
    weights = np.random.default_rng(5).standard_normal((2, *_initial(row).mean.shape))
    weights[1] *= 'var' in row.state

    def ours(x):
      stats = _step(row, x, params, _initial(row, 'float64'))[1]
      return jnp.sum(weights[0] * stats.mean + weights[1] * stats.var)

    def plain(x):
      mean, var, _ = oracles.moments(x, _axes(row), xp=jnp)
      shape = weights[0].shape
      return 0.2 * jnp.sum(weights[0] * mean.reshape(shape) + weights[1] * var.reshape(shape))

    assert measure.relative(jax.jit(jax.grad(ours))(x), jax.jit(jax.grad(plain))(x)) <= 1e-6


def check_no_statistics(row):
  """Training without running statistics keeps none."""
  x, params, _ = measure.case(row)
  assert _step(row, x, params, None)[1] is None


def check_synchronised(mode, row):
  """Uneven counts are merged by their counts: all devices get the whole batch's statistics."""
  x, params, _ = measure.case(row)
  step = functools.partial(_step, row, axis_name=devices.AXIS)
  f = devices.MODES[mode](lambda x, params, stats, mask: step(x, params, stats, mask=mask)[1])
  for mask in devices.masks(row):
    _, expected = _compiled(row)(x, params, _initial(row), mask)
    found = f(
      devices.parts(row, x), *devices.both((params, _initial(row))), devices.parts(row, mask)
    )
    for device in range(2):
      _assert_near(jax.tree.map(lambda a: a[device], found), expected)  # noqa: B023


def _full(row):
  return row.state and not row.variant


PROMISES = (
  ('state-update', check_update, lambda row: row.state),
  ('state-empty-batch', check_empty, _full),
  ('state-carry', check_carry, _full),
  ('state-scan', check_scan, _full),
  ('state-evaluation', check_evaluation, lambda row: row.state),
  ('state-gradient', check_gradient, _full),
  (
    'state-none-kept',
    check_no_statistics,
    lambda row: _full(row) and 'batch_stats' not in row.drawn(measure.SHAPE),
  ),
  *(
    (f'state-synchronised-{m}', functools.partial(check_synchronised, m), _full)
    for m in ('pmap', 'shard_map')
  ),
)
