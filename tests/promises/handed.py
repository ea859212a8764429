"""Promise 7, further: each option of a module reaches the function.

Function, linen and nnx run in one program, so that XLA computes equal parts once. The tolerance is
1e-6 all the same, since XLA may add in another order.
"""

import functools
import math

import chex
from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import norms
import norms.linen
import norms.nnx
from promises import devices, layouts, measure, states

# No value is a default; r_max and d_max are small enough to clip.
_OTHERS = {
  'epsilon': 0.1,
  'momentum': states.MOMENTUM,
  'unbiased': True,
  'r_max': 1.2,
  'd_max': 0.3,
}


def catalogued(row):
  """The catalogue's row of the norm."""
  return norms.NORMS[row.norm]


def options_of(row, **more):
  """The options that both function and modules get."""
  found = {**_OTHERS, **row.options, **row.drawn(measure.SHAPE), **more}
  return {name: value for name, value in found.items() if name in catalogued(row).settings}


def made(row, options, x, params):
  """(linen module, nnx module) with the row's parameters."""
  known = catalogued(row)
  used = {f'use_{name}': name in row.params for name in known.parameters}
  features = known.feature_axes(x.ndim, {**known.settings, **options})
  number = math.prod(x.shape[a] for a in features)
  # For a complex param_dtype the nnx module starts with a complex mean.
  dtype = {'param_dtype': x.dtype} if known.state and jnp.iscomplexobj(x) else {}
  module = norms.nnx.module(known)(number, **options, **used, **dtype, rngs=nnx.Rngs(0))
  return norms.linen.module(known)(**options, **used), module


def kept(row, stats):
  """The running statistics that modules keep."""
  known = catalogued(row)
  return {name: getattr(stats, name) for name in known.keeps} if known.state else {}


def every(row, options, x, params, stats, mode, **call):
  """(z, statistics) of the function, of linen and of nnx, in one trace."""
  known, (linen, module) = catalogued(row), made(row, options, x, params)
  state = {'batch_stats': stats, 'training': not mode} if known.state else {}
  found = row.function(x, **params, **options, **state, **call)
  z, new = found[:2] if isinstance(found, tuple) else (found, None)
  pure = z, kept(row, new)

  call = {**call, 'use_running_average': mode} if known.state else call
  variables = {'params': params, 'batch_stats': kept(row, stats)}
  z, new = linen.apply(variables, x, mutable=['batch_stats'], **call)
  by_linen = z, new.get('batch_stats', {})

  for name, value in {**params, **kept(row, stats)}.items():
    variable = getattr(module, name)
    variable[...] = value.reshape(variable.shape)
  z = module(x, **call)
  new = {n: getattr(module, n)[...].reshape(a.shape) for n, a in kept(row, stats).items()}
  return pure, by_linen, (z, new)


def _assert_alike(found):
  pure, *others = found
  for library, other in zip(('linen', 'nnx'), others, strict=True):
    measure.assert_near(other, pure, 1e-6, library)


def statistics(row):
  """The initial running statistics, if the norm has any."""
  return states.initial(row) if catalogued(row).state else None


def check_layout(name, mode, row):
  """Options that name axes and others reach the function, with a mask; nnx parameters are flat."""
  layout = layouts.LAYOUTS[name](row)
  x, params, _ = measure.case(row)
  moved = {n: layout.parameter(row, n, p) for n, p in params.items()}
  mask = {'mask': layout.move(measure.scattered(measure.SHAPE))} if row.masked else {}
  stats = layout.statistics(row, statistics(row)) if catalogued(row).state else None
  options = options_of(row, **layout.options(row))
  f = jax.jit(lambda x, params, stats: every(row, options, x, params, stats, mode, **mask))
  _assert_alike(f(layout.move(x), moved, stats))


def check_complex(mode, row):
  """Complex input works with a mask, and the running mean is complex, too."""
  x, params = measure.draw(dtype='complex64'), measure.parameters(row)
  mask = {'mask': measure.scattered(measure.SHAPE)} if row.masked else {}
  stats = states.initial(row, 'complex64') if catalogued(row).state else None
  options = options_of(row)
  found = jax.jit(lambda *given: every(row, options, *given, mode, **mask))(x, params, stats)
  chex.assert_type([z for z, _ in found], np.complex64)
  _assert_alike(found)


def check_named(row):
  """axis_name reaches the function: statistics are those of all devices together."""
  x, params, _ = measure.case(row)
  options, mask = options_of(row, axis_name=devices.AXIS), devices.masks(row)[1]
  f = devices.MODES['vmap'](
    lambda x, params, stats, mask: every(row, options, x, params, stats, False, mask=mask)
  )
  stats = devices.both(statistics(row))
  given = devices.parts(row, x), devices.shared(row, params), stats, devices.parts(row, mask)
  pure, by_linen, by_nnx = f(*given)
  _assert_alike((pure, by_linen, by_nnx))
  z, _ = jax.jit(lambda *given: every(row, options_of(row), *given, False, mask=mask)[0])(
    x, params, statistics(row)
  )
  measure.assert_near(devices.whole(row, pure[0]), z, 2e-6, 'z')


def check_groups(row):
  """axis_index_groups reach lax.psum, which raises for them under vmap."""
  x, params, _ = measure.case(row)
  options = options_of(row, axis_name=devices.AXIS, axis_index_groups=[[0], [1]])
  part, params = jax.tree.map(lambda a: a[0], (devices.parts(row, x), devices.shared(row, params)))
  linen, module = made(row, options, part, params)
  state = {'use_running_average': False} if catalogued(row).state else {}
  variables = {'params': params, 'batch_stats': kept(row, statistics(row))}
  graph, held = nnx.split(module)
  for f in (
    lambda x: linen.apply(variables, x, mutable=['batch_stats'], **state),
    lambda x: nnx.merge(graph, held, copy=True)(x, **state),
  ):
    with pytest.raises(ValueError, match=r'axis_index_groups=\(\(0,\), \(1,\)\) work under'):
      jax.eval_shape(jax.vmap(f, axis_name=devices.AXIS), devices.parts(row, x))


def _activation(row):
  return catalogued(row).kind == 'activation'


def _state(row):
  return catalogued(row).state


def _split(row):
  return _activation(row) and row.split is not None and 'axis_name' in catalogued(row).settings


def _complex(row):
  return _activation(row) and row.complex and not row.variant


def _moves(row):
  return _activation(row) and layouts.apart(row) != layouts.second(row)


PROMISES = (
  ('modules-layout-second', functools.partial(check_layout, 'second', False), _activation),
  ('modules-layout-apart', functools.partial(check_layout, 'apart', False), _moves),
  ('modules-layout-evaluation', functools.partial(check_layout, 'apart', True), _state),
  ('modules-complex', functools.partial(check_complex, False), _complex),
  (
    'modules-complex-evaluation',
    functools.partial(check_complex, True),
    lambda row: _complex(row) and bool(row.state),
  ),
  ('modules-named-axis', check_named, lambda row: _split(row) and not row.variant),
  ('modules-groups', check_groups, lambda row: _split(row) and not row.variant),
)
