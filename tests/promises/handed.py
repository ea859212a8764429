"""Promise 7, further: what modules are told reaches the function, and what they keep is constant.

Function, linen and nnx stand in one program, so that XLA computes equal parts once; 1e-6 all the
same, since it may add in another order.
"""

import functools
import math

from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import norms
import norms.linen
import norms.nnx
from promises import devices, layouts, measure, states

# None of them a default; r and d are clipped by these bounds.
_OTHERS = {
  'epsilon': 0.1,
  'momentum': states.MOMENTUM,
  'unbiased': True,
  'r_max': 1.2,
  'd_max': 0.3,
}


def _known(row):
  return norms.NORMS[row.norm]


def _options(row, **more):
  """What function and modules get alike."""
  found = {**_OTHERS, **row.options, **row.drawn(measure.SHAPE), **more}
  return {name: value for name, value in found.items() if name in _known(row).settings}


def _made(row, options, x, params):
  """(linen module, nnx module) with the row's parameters."""
  known, used = _known(row), {f'use_{name}': name in row.params for name in _known(row).parameters}
  features = known.features(x.ndim, {**known.settings, **options})
  number = math.prod(x.shape[a] for a in features)
  linen = norms.linen.module(known)(**options, **used)
  return linen, norms.nnx.module(known)(number, **options, **used, rngs=nnx.Rngs(0))


def _kept(row, stats):
  return {name: getattr(stats, name) for name in _known(row).keeps} if _known(row).state else {}


def every(row, options, x, params, stats, mode, **call):
  """(z, statistics) of the function, of linen and of nnx, in one trace."""
  known, (linen, module) = _known(row), _made(row, options, x, params)
  state = {'batch_stats': stats, 'training': not mode} if known.state else {}
  found = row.function(x, **params, **options, **state, **call)
  z, new = found[:2] if isinstance(found, tuple) else (found, None)
  pure = z, _kept(row, new)

  call = {**call, 'use_running_average': mode} if known.state else call
  variables = {'params': params, 'batch_stats': _kept(row, stats)}
  z, new = linen.apply(variables, x, mutable=['batch_stats'], **call)
  by_linen = z, new.get('batch_stats', {})

  for name, value in {**params, **_kept(row, stats)}.items():
    variable = getattr(module, name)
    variable[...] = value.reshape(variable.shape)
  z = module(x, **call)
  new = {n: getattr(module, n)[...].reshape(a.shape) for n, a in _kept(row, stats).items()}
  return pure, by_linen, (z, new)


def _assert_alike(found):
  pure, *others = found
  for library, other in zip(('linen', 'nnx'), others, strict=True):
    assert jax.tree.structure(other) == jax.tree.structure(pure)
    for (path, a), b in zip(jax.tree.leaves_with_path(other), jax.tree.leaves(pure), strict=True):
      measure.assert_near(a, b, 1e-6, f'{library}{jax.tree_util.keystr(path)}')


def _statistics(row):
  return states.initial(row) if _known(row).state else None


def check_layout(name, mode, row):
  """Options that name axes, and others that are no defaults, with a mask; parameters lie flat."""
  layout = layouts.LAYOUTS[name](row)
  x, params, _ = measure.case(row)
  moved = {n: layout.parameter(row, n, p) for n, p in params.items()}
  mask = {'mask': layout.move(measure.scattered(measure.SHAPE))} if row.masked else {}
  stats = layout.statistics(row, _statistics(row)) if _known(row).state else None
  options = _options(row, **layout.options(row))
  f = jax.jit(lambda x, params, stats: every(row, options, x, params, stats, mode, **mask))
  _assert_alike(f(layout.move(x), moved, stats))


def check_named(row):
  """The statistics of devices together, which no module takes alone."""
  x, params, _ = measure.case(row)
  options, mask = _options(row, axis_name=devices.AXIS), devices.masks(row)[1]
  f = devices.MODES['vmap'](
    lambda x, params, stats, mask: every(row, options, x, params, stats, False, mask=mask)
  )
  stats = devices.both(_statistics(row))
  given = devices.parts(row, x), devices.shared(row, params), stats, devices.parts(row, mask)
  pure, by_linen, by_nnx = f(*given)
  _assert_alike((pure, by_linen, by_nnx))
  z, _ = jax.jit(lambda *given: every(row, _options(row), *given, False, mask=mask)[0])(
    x, params, _statistics(row)
  )
  measure.assert_near(devices.whole(row, pure[0]), z, 2e-6, 'z')


def check_groups(row):
  """Groups of devices reach the sum over them: it refuses them under vmap."""
  x, params, _ = measure.case(row)
  options = _options(row, axis_name=devices.AXIS, axis_index_groups=[[0], [1]])
  part, params = jax.tree.map(lambda a: a[0], (devices.parts(row, x), devices.shared(row, params)))
  linen, module = _made(row, options, part, params)
  state = {'use_running_average': False} if _known(row).state else {}
  variables = {'params': params, 'batch_stats': _kept(row, _statistics(row))}
  graph, held = nnx.split(module)
  for f in (
    lambda x: linen.apply(variables, x, mutable=['batch_stats'], **state),
    lambda x: nnx.merge(graph, held, copy=True)(x, **state),
  ):
    with pytest.raises(ValueError, match=r'axis_index_groups=\(\(0,\), \(1,\)\) work under'):
      jax.eval_shape(jax.vmap(f, axis_name=devices.AXIS), devices.parts(row, x))


class _Twice(nn.Module):
  """Trains on one input and evaluates on another."""

  norm: nn.Module

  def __call__(self, x, other):
    self.norm(x, use_running_average=False)
    return self.norm(other, use_running_average=True)


def check_constant(library, row):
  """No gradient comes back through statistics that a module keeps, and no tracer stays in it."""
  x, params, ct = measure.case(row)
  options, other = _options(row), measure.draw(seed=7)
  linen, module = _made(row, options, x, params)

  def by_linen(x):
    twice = _Twice(linen)
    kept = {'params': {'norm': params}, 'batch_stats': {'norm': _kept(row, _statistics(row))}}
    return twice.apply(kept, x, other, mutable=['batch_stats'])[0]

  def by_nnx(module, x):
    module(x, use_running_average=False)
    return module(other, use_running_average=True)

  if library == 'linen':
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(ct * by_linen(x))))(x)
  else:
    loss = lambda module, x: jnp.sum(ct * by_nnx(module, x))  # noqa: E731
    gradient = nnx.jit(nnx.grad(loss, argnums=1))(module, x)
    for name in _known(row).keeps:
      kept = getattr(module, name)[...]
      assert not isinstance(kept, jax.core.Tracer) and np.any(kept != (name == 'var'))
  assert not np.any(gradient), 'the running statistics are no constants'


def _activation(row):
  return _known(row).kind == 'activation'


def _state(row):
  return _known(row).state


def _split(row):
  return _activation(row) and row.split is not None and 'axis_name' in _known(row).settings


def _moves(row):
  return _activation(row) and layouts.apart(row) != layouts.second(row)


PROMISES = (
  ('modules-layout-second', functools.partial(check_layout, 'second', False), _activation),
  ('modules-layout-apart', functools.partial(check_layout, 'apart', False), _moves),
  ('modules-layout-evaluation', functools.partial(check_layout, 'apart', True), _state),
  ('modules-named-axis', check_named, lambda row: _split(row) and not row.variant),
  ('modules-groups', check_groups, lambda row: _split(row) and not row.variant),
  ('modules-constant-linen', functools.partial(check_constant, 'linen'), _state),
  ('modules-constant-nnx', functools.partial(check_constant, 'nnx'), _state),
)
