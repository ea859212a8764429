"""Promise 6, on eight devices: statistics over a named axis are those of the whole batch.

promises/devices.py tests more, on two devices. Eight differ from two in how their statistics are
merged: several counts may be 0, and means may lie far from 0.
"""

import functools

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import numpy as np

from promises import devices, measure, meshes

AXIS = 'a'


def _pulled(f, x, params, ct, mask):
  z, pull = jax.vjp(lambda x, params: f(x, params, mask), x, params)
  dx, dparams = pull(ct)
  return z, dx, dparams


def _shard_map(check_vma):
  def over(f, row):
    split = P(*(AXIS if i == row.split else None for i in range(3)))
    mesh, given = meshes.mesh_of('Auto', (8,)), (split, P(), split)
    mapped = jax.shard_map(f, mesh=mesh, in_specs=given, out_specs=split, check_vma=check_vma)
    return jax.jit(functools.partial(_pulled, mapped))

  return over


def _pmap(f, row):
  mapped = jax.pmap(functools.partial(_pulled, f), AXIS, in_axes=(0, None, 0, 0))

  def whole(x, params, ct, mask):
    parts = (jnp.stack(jnp.split(a, 8, row.split)) for a in (ct, mask))
    z, dx, dparams = mapped(jnp.stack(jnp.split(x, 8, row.split)), params, *parts)
    z, dx = (np.concatenate(list(np.asarray(a)), row.split) for a in (z, dx))
    return z, dx, jax.tree.map(lambda a: np.sum(np.asarray(a), 0), dparams)

  return whole


# f gets one device's part, under AXIS. The result is a function of whole arrays.
MODES = {'pmap': _pmap, 'shard_map': _shard_map(True), 'shard_map-unchecked': _shard_map(False)}


def check_eight(mode, row):
  """With a mask counts differ, two of them are 0. Without one, an offset costs no digit."""
  f = MODES[mode](lambda x, params, mask: row.call(x, params, mask=mask, axis_name=AXIS), row)

  def found(*given):
    z, dx, dparams = f(*given)
    return {'z': z, 'x': dx, **dparams}

  eighth = np.arange(meshes.SHAPE[row.split]) * 8 // meshes.SHAPE[row.split]
  some = ~np.isin(eighth, (0, 5)).reshape([-1 if a == row.split else 1 for a in range(3)])
  x, params, ct = measure.case(row, meshes.SHAPE)
  uneven = measure.scattered(meshes.SHAPE) & some
  z, gradients = measure.ours(row, x, params, ct, mask=uneven)
  ours, expected = found(x, params, ct, uneven), {'z': z, **gradients}
  for name, a in expected.items():
    measure.assert_near(ours[name], a, meshes.TOLERANCE['float32'], name)
  beyond = found(1e25 * x, params, ct, uneven)['z']  # squares of these overflow
  assert not np.any(np.isnan(beyond)), 'a NaN where devices without entries are'
  x, params, ct = measure.case(row, meshes.SHAPE, name='offset_1e4')
  everything = np.ones(meshes.SHAPE, bool)
  meshes.assert_exact(row, found(x, params, ct, everything), x, params, ct)


def _named(row):
  # Here each device has the whole of a parameter; promises/devices.py also splits parameters.
  whole = all(devices.along(row, name) is None for name in row.params)
  return row.split is not None and not row.variant and whole


def _quick(row):
  return _named(row) and measure.representative(row)


PROMISES = tuple(
  (f'{slow}eight-devices-{mode}', functools.partial(check_eight, mode), applies)
  for mode in MODES
  for slow, applies in (('', _quick), ('slow-', _named))
)
