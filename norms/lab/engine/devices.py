"""One trial over several devices: parameters on all of them, and a share of every batch on each."""

from collections.abc import Callable
import functools

import jax
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec, Sharding
import numpy as np

from norms.lab.data import Split

AXIS = 'devices'  # of the mesh; statistics over it are those of the whole batch
ALIKE = PartitionSpec()  # the same on each device


@functools.cache
def mesh(devices: int) -> Mesh:
  """The first devices that JAX has, of all processes."""
  return jax.make_mesh((devices,), (AXIS,), (AxisType.Auto,), devices=jax.devices()[:devices])


def placement(devices: int, device: jax.Device) -> jax.Device | Sharding:
  """Where the arrays of a trial lie: on `device`, or the same on each of several."""
  return device if devices == 1 else _everywhere(devices)


def _everywhere(devices: int) -> NamedSharding:
  return NamedSharding(mesh(devices), ALIKE)


def placed(tree, devices: int):
  """What each process has made for itself, on all devices; as it is where there is one device."""
  if devices == 1:
    return tree
  # By way of NumPy: an array of one process's own device is on no device of the others.
  return jax.device_put(jax.tree.map(np.asarray, tree), _everywhere(devices))


def shapes(tree, devices: int):
  """Shapes of what lies on all devices; as they are where there is one device."""
  if devices == 1:
    return tree
  where = _everywhere(devices)
  return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=where), tree)


def jit(f: Callable, devices: int):
  """jax.jit, whose results are the same on each device."""
  if devices == 1:
    return jax.jit(f)
  return jax.jit(f, out_shardings=_everywhere(devices))


def over(devices: int, f: Callable) -> Callable:
  """f, whose arguments and results are the same on each device, run by all of them."""
  if devices == 1:
    return f
  # Unchecked: the norms' own derivative rules say nothing of what varies over an axis.
  return jax.shard_map(f, mesh=mesh(devices), in_specs=ALIKE, out_specs=ALIKE, check_vma=False)


def share(batch: Split, devices: int) -> Split:
  """This device's part of a batch that divides evenly; all of it where there is one device."""
  if devices == 1:
    return batch
  size = len(batch.y) // devices
  begins = lax.axis_index(AXIS) * size
  return jax.tree.map(lambda a: lax.dynamic_slice_in_dim(a, begins, size), batch)
