"""Promises 1, 4, 5 and 6 for running statistics."""

import functools

import chex
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import oracles

import norms
from promises import measure

MOMENTUM = 0.8


def initial(row, dtype='float32'):
  """Running statistics that differ from feature to feature; complex means have imaginary parts."""
  shape = [measure.SHAPE[a] for a in row.features]
  mean, var = (
    np.linspace(*ends, np.prod(shape)).reshape(shape) for ends in ((-0.4, 0.9), (0.5, 2.5))
  )
  mean = mean * (1 + 0.5j * mean) if np.issubdtype(dtype, np.complexfloating) else mean
  real = np.zeros((), dtype).real.dtype
  return norms.BatchStats(jnp.asarray(mean, dtype), jnp.asarray(var, real))


def axes(row):
  """The axes that the statistics are taken over."""
  return tuple(a for a in range(3) if a not in row.features)


def step(row, x, params, stats, **more):
  options = {**row.options, 'momentum': MOMENTUM, **more}
  return row.function(x, **params, batch_stats=stats, **options)


def moved(row, x, stats, mask=None, xp=np):
  """s <- momentum s + (1 - momentum) s_batch, for each part of the batch in turn."""
  mask = np.broadcast_to(True if mask is None else mask, x.shape)
  mean, var = (xp.asarray(s) for s in stats[:2])
  for part, kept in zip(xp.split(x, row.parts), np.split(mask, row.parts), strict=True):
    new_mean, new_var, _ = oracles.moments(part, axes(row), kept, xp)
    # A feature without an entry keeps its statistics.
    share = np.where(np.any(kept, axes(row)), 1 - MOMENTUM, 0).reshape(mean.shape)
    mean = mean + share * (new_mean.reshape(mean.shape) - mean) * ('mean' in row.state)
    var = var + share * (new_var.reshape(var.shape) - var) * ('var' in row.state)
  return norms.BatchStats(mean, var)


def assert_stats(found, expected):
  """The statistics are near, of the old dtypes; only the mean of complex entries is complex."""
  assert [np.iscomplexobj(a) for a in found[:2]] == [np.iscomplexobj(b) for b in expected[:2]]
  measure.assert_near(found[:2], expected[:2], 1e-6, 'running statistics')


@functools.cache
def compiled(row):
  return jax.jit(lambda x, params, stats, mask: step(row, x, params, stats, mask=mask))


def _without_first_feature(row):
  mask = np.ones(measure.SHAPE, bool)
  mask[tuple(0 if a in row.features else slice(None) for a in range(3))] = False
  return mask


def check_update(row):
  """A batch, a masked batch, and one without entries for a feature give the oracle's statistics."""
  for name in ('unit', 'offset_1e4', 'magnitude_1e9'):
    x, params, _ = measure.case(row, name=name)
    for mask in (None, measure.scattered(measure.SHAPE), _without_first_feature(row)):
      _, stats = compiled(row)(x, params, initial(row), mask)
      assert_stats(stats, moved(row, *measure.double((x, initial(row))), mask))


def check_empty(row):
  """A batch without entries keeps the running statistics, to the bit."""
  x, params, _ = measure.case(row)
  _, stats = compiled(row)(x, params, initial(row), np.zeros(measure.SHAPE, bool))
  measure.assert_same(stats, initial(row), 'running statistics')


def check_carry(row):
  """Dtypes and shapes never change, for any input dtype: so lax.scan can carry the statistics."""
  with jax.enable_x64(True):
    for dtype in ('bfloat16', 'float32', 'float64', 'complex64')[: None if row.complex else 3]:
      x, params = measure.draw(dtype=dtype), measure.parameters(row)
      stats = initial(row, dtype if dtype == 'complex64' else 'float32')

      def one(stats, x, params=params):
        return step(row, x, params, stats)[::-1]

      scan = functools.partial(lax.scan, one)
      found, _ = jax.eval_shape(scan, stats, np.stack([x, x]))
      chex.assert_trees_all_equal_shapes_and_dtypes(found, stats)


def check_scan(row):
  """Three steps of a scan give the statistics of three calls."""
  x, params, _ = measure.case(row)
  inputs = np.stack([x, 2 * x + 1, x - 3])

  def one(stats, x):
    return step(row, x, params, stats)[::-1]

  found, outputs = jax.jit(lambda s, x: lax.scan(one, s, x))(initial(row), inputs)
  stats = initial(row)
  for x, z in zip(inputs, outputs, strict=True):
    expected, stats = compiled(row)(x, params, stats, None)
    measure.assert_near(z, expected, 1e-6, 'z')
  assert_stats(found, stats)


def check_gradient(row):
  """The new running statistics have the right gradients: the moments have tangents, too."""
  with jax.enable_x64(True):
    x, params, _ = measure.case(row, dtype='float64')
    weights = np.random.default_rng(5).standard_normal((2, *initial(row).mean.shape))

    def ours(x):
      stats = step(row, x, params, initial(row, 'float64'))[1]
      return jnp.sum(weights[0] * stats.mean + weights[1] * stats.var)

    def plain(x):
      stats = moved(row, x, initial(row, 'float64'), xp=jnp)
      return jnp.sum(weights[0] * stats.mean + weights[1] * stats.var)

    # In float64, both differ by rounding only.
    found, expected = (jax.jit(jax.grad(f))(x) for f in (ours, plain))
    measure.assert_near_relatively(found, expected, 1e-12, 'the gradient of x')


def check_constant(row):
  """In training z has gradient 0 by the old statistics; the new ones have gradient momentum."""
  x, params, ct = measure.case(row)
  old, mask = initial(row), _without_first_feature(row)

  @jax.jit
  def pulled(stats):
    _, pull = jax.vjp(lambda stats: step(row, x, params, stats, mask=mask), stats)
    of_z = pull((ct, jax.tree.map(jnp.zeros_like, stats)))
    of_new = pull((jnp.zeros_like(ct), jax.tree.map(jnp.ones_like, stats)))
    return of_z[0], of_new[0]

  of_z, of_new = pulled(old)
  seen = np.any(mask, axes(row)).reshape(old.mean.shape)
  message = 'z depends on the running statistics'
  chex.assert_trees_all_equal(of_z, jax.tree.map(np.zeros_like, of_z), custom_message=message)
  shares = [np.where(seen & (n in row.state), MOMENTUM**row.parts, 1) for n in ('mean', 'var')]
  measure.assert_near(of_new, norms.BatchStats(*shares), 1e-6, 'the share of the old statistics')


def check_no_statistics(row):
  """Training without running statistics returns none."""
  x, params, _ = measure.case(row)
  assert step(row, x, params, None)[1] is None


def _full(row):
  return row.state and not row.variant


PROMISES = (
  ('state-update', check_update, lambda row: row.state),
  ('state-empty-batch', check_empty, _full),
  ('state-carry', check_carry, _full),
  ('state-scan', check_scan, _full),
  ('state-gradient', check_gradient, _full),
  ('state-constant', check_constant, lambda row: row.state),
  (
    'state-none-kept',
    check_no_statistics,
    lambda row: _full(row) and 'batch_stats' not in row.drawn(measure.SHAPE),
  ),
)
