"""Promise 6, on two devices: value and gradient are those of one device with the whole batch.

By a mask, counts may differ, and one device may have no entry at all. The tolerance is 2e-6, as in
promise 1.
"""

import functools
import operator

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
import numpy as np
import pytest

from promises import measure

AXIS = 'devices'


def _shard_map(check_vma):
  def over(f):
    mesh = jax.make_mesh((2,), (AXIS,), axis_types=(jax.sharding.AxisType.Auto,))

    def one(*a):
      return jax.tree.map(lambda z: z[None], f(*jax.tree.map(lambda x: x[0], a)))

    spec = PartitionSpec(AXIS)
    return jax.jit(
      jax.shard_map(one, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=check_vma)
    )

  return over


# Each maps f over the leading axis of all its arguments, under AXIS.
MODES = {
  'pmap': lambda f: jax.pmap(f, AXIS),
  'vmap': lambda f: jax.jit(jax.vmap(f, axis_name=AXIS)),
  'shard_map': _shard_map(True),
  'shard_map-unchecked': _shard_map(False),
}


def parts(row, a):
  return jnp.stack(jnp.split(jnp.broadcast_to(a, measure.SHAPE), 2, row.split))


def whole(row, parts):
  """The array whose parts lie on the devices."""
  return np.concatenate(list(np.asarray(parts)), row.split)


def both(params):
  return jax.tree.map(lambda p: jnp.stack([p, p]), params)


def along(row, name):
  """The axis of a parameter that is split over devices, as x is; None: each has all of it."""
  axes = row.params[name]
  axes = [] if isinstance(axes, int) else sorted(a % 3 for a in axes)
  return axes.index(row.split) if row.split in axes else None


def shared(row, params):
  """Parameters, stacked by device: split along the axis that is split, or else repeated."""
  axes = {name: along(row, name) for name in params}
  return {
    name: jnp.stack([p, p] if axes[name] is None else jnp.split(p, 2, axes[name]))
    for name, p in params.items()
  }


def together(row, name, gradients):
  """The gradient of a whole parameter, from the gradients on each device."""
  each, axis = [np.asarray(a) for a in gradients], along(row, name)
  return sum(each) if axis is None else np.concatenate(each, axis)


def masks(row):
  """Three masks: all entries; uneven counts; no entry on the second device."""
  full, uneven = np.ones(measure.SHAPE, bool), measure.scattered(measure.SHAPE)
  half = np.arange(measure.SHAPE[row.split]) < measure.SHAPE[row.split] // 2
  shape = [-1 if a == row.split else 1 for a in range(3)]
  return (
    full,
    uneven & (half.reshape(shape) | measure.scattered((4, 6, 8), 4, 0.3)),
    (full & half.reshape(shape)),
  )


def value_and_gradients(f, arguments, ct):
  """z and the gradients of <ct, z> by x and the parameters, on each device."""
  z, pull = jax.vjp(f, *arguments)
  return z, *pull(ct)[:2]


def check_whole_batch(mode, row):
  f = MODES[mode](lambda x, params, mask: row.call(x, params, mask=mask, axis_name=AXIS))
  pull_back = functools.partial(value_and_gradients, f)
  pull_back = pull_back if mode == 'pmap' else jax.jit(pull_back)
  x, params, ct = measure.case(row)
  for mask in masks(row):
    z, gradients = measure.ours(row, x, params, ct, mask=mask)
    arguments = parts(row, x), shared(row, params), parts(row, mask)
    found, dx, dparams = pull_back(arguments, parts(row, ct))
    measure.assert_near(whole(row, found), z, 2e-6, 'z')
    joined = {name: together(row, name, a) for name, a in dparams.items()}
    measure.assert_near_gradients({'x': whole(row, dx), **joined}, gradients, 2e-6, ct)


def check_unmasked(row):
  f = MODES['shard_map'](lambda x, params: row.call(x, params, axis_name=AXIS))
  x, params, ct = measure.case(row)
  z, _ = measure.ours(row, x, params, ct)
  measure.assert_near(whole(row, f(parts(row, x), shared(row, params))), z, 2e-6, 'z')


def check_groups(mode, row):
  """Devices in different groups share no statistics."""
  x, params, _ = measure.case(row)
  f = functools.partial(row.call, axis_name=AXIS, axis_index_groups=[[0], [1]])
  each = parts(row, x), shared(row, params)
  for device, z in enumerate(MODES[mode](f)(*each)):
    alone = jax.tree.map(operator.itemgetter(device), each)
    measure.assert_near(z, measure.forward(row.call, *alone), 2e-6, 'z')


def check_groups_refused(mode, row):
  """Where JAX does not support groups, the error names the groups and the alternative."""
  x, params, _ = measure.case(row)
  f = functools.partial(row.call, axis_name=AXIS, axis_index_groups=[[0], [1]])
  with pytest.raises(ValueError, match=r'axis_index_groups=.*pmap and shard_map\(check_vma=False'):
    MODES[mode](f)(parts(row, x), shared(row, params))


_unchecked = functools.partial(check_whole_batch, 'shard_map-unchecked')
_vmapped = functools.partial(check_whole_batch, 'vmap')


def _named(row):
  return row.split is not None


def _full(row):
  return _named(row) and not row.variant


def _sample(row):
  return _full(row) and measure.representative(row)


PROMISES = (
  ('devices-pmap', functools.partial(check_whole_batch, 'pmap'), _full),
  ('devices-vmap', _vmapped, _sample),
  ('slow-devices-vmap', _vmapped, _full),
  ('devices-shard_map', functools.partial(check_whole_batch, 'shard_map'), _named),
  ('devices-unchecked', _unchecked, _sample),
  ('slow-devices-unchecked', _unchecked, _full),
  ('devices-unmasked', check_unmasked, _full),
  *(
    (f'devices-groups-{m}', functools.partial(check_groups, m), _full)
    for m in ('pmap', 'shard_map-unchecked')
  ),
  *(
    (f'devices-groups-refused-{m}', functools.partial(check_groups_refused, m), _full)
    for m in ('vmap', 'shard_map')
  ),
)
