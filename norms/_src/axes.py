"""Axes, parameters along them, and where arrays lie on a mesh with explicit axes."""

from collections.abc import Iterable, Sequence
import math
import operator
from typing import Any, overload

import jax
from jax import lax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from jax.typing import ArrayLike

Axes = int | Sequence[int]
Mask = ArrayLike | None


def canonical_axes(ndim: int, axes: Axes, name: str = 'axis') -> tuple[int, ...]:
  """Sorted non-negative axes; ValueError where one is out of range or named twice."""
  requested = tuple(axes) if isinstance(axes, Iterable) else (axes,)
  # By operator.index: whole numbers of NumPy are axes, too, and a float is a TypeError.
  requested = tuple(map(operator.index, requested))
  if any(not -ndim <= axis < ndim for axis in requested):
    raise ValueError(f'{name}={axes} is out of range for {ndim} axes: use {-ndim}..{ndim - 1}')
  canonical = tuple(sorted({axis % ndim for axis in requested}))
  if len(canonical) != len(requested):
    raise ValueError(f'{name}={axes} names one of {ndim} axes twice: name each axis once')
  return canonical


@overload
def expand_param(
  parameter: None, shape: Sequence[int], axes: tuple[int, ...], name: str
) -> None: ...
@overload
def expand_param(
  parameter: ArrayLike, shape: Sequence[int], axes: tuple[int, ...], name: str
) -> jax.Array: ...
def expand_param(
  parameter: ArrayLike | None, shape: Sequence[int], axes: tuple[int, ...], name: str
) -> jax.Array | None:
  """A parameter along `axes` of an input of `shape`, reshaped so that it broadcasts against it.

  ValueError, with the parameter's name, if it has not one entry for each index of these axes.
  """
  if parameter is None:
    return None
  parameter, expected = jnp.asarray(parameter), tuple(shape[a] for a in axes)
  if parameter.shape != expected:
    raise ValueError(
      f'{name} has shape {parameter.shape}, but the feature axes {axes} of an input of shape '
      f'{tuple(shape)} have {expected}: give {name} that shape'
    )
  return lax.reshape(parameter, [shape[a] if a in axes else 1 for a in range(len(shape))])


def count_groups(channels: int, num_groups: int | None, group_size: int | None) -> int:
  """The number of groups; ValueError unless one of the two is given and divides the channels."""
  if (num_groups is None) == (group_size is None):
    raise ValueError(
      f'num_groups={num_groups} and group_size={group_size}: give one, and None for the other'
    )
  name, value = ('num_groups', num_groups) if group_size is None else ('group_size', group_size)
  assert value is not None
  if value <= 0 or channels % value:
    divisors = [d for d in range(1, channels + 1) if channels % d == 0]
    raise ValueError(f'{name}={value} does not divide {channels} channels: use one of {divisors}')
  return value if group_size is None else channels // value


def position_axes(ndim: int, feature_axes: Axes) -> tuple[int, ...]:
  """The axes that hold neither examples nor features: height and width of an image, say.

  ValueError where axis 0, which holds the examples, is among the features.
  """
  features = canonical_axes(ndim, feature_axes, 'feature_axes')
  if 0 in features:
    # Flax's own tests look for its message, which follows the second colon.
    raise ValueError(
      f'feature_axes={feature_axes}: leave out axis 0: The channel axes cannot include the '
      'leading dimension as this is assumed to be the batch axis.'
    )
  return tuple(a for a in range(1, ndim) if a not in features)


def zero_masked(mask: Mask, a: jax.Array) -> jax.Array:
  """`a` where the mask is True, 0 where it is False; `a` itself without a mask."""
  # By selection: a product with the mask would leave NaN, since NaN times zero is NaN.
  return a if mask is None else select(mask, a, lax.full_like(a, 0))


# Any: the condition may be an array of NumPy, and stays one.
def select(condition: Any, a: jax.Array, b: jax.Array) -> jax.Array:
  """jnp.where(condition, a, b), in which `condition` broadcasts; on a mesh all lie as `a` does."""
  spec = jax.typeof(a).sharding.spec
  fits = jnp.shape(condition) == a.shape
  condition = condition if fits else jnp.broadcast_to(condition, a.shape)
  # lax.select, since jnp.where takes longer to trace; but it does not lay out its operands alike.
  return lax.select(lay_out(condition, spec), a, lay_out(b, spec))


def lay_out(a: jax.Array, spec: PartitionSpec) -> jax.Array:
  """`a`, sharded by that spec on its mesh of explicit axes; `a` itself where there is no such mesh.

  With explicit axes the sharding is a part of an array's type, and JAX refuses an operation whose
  operands differ in it, or a scan whose carry changes it. Elsewhere the compiler chooses.
  """
  sharding = jax.typeof(a).sharding
  if sharding.mesh.empty or not sharding.mesh.explicit_axes or sharding.spec == spec:
    return a
  return jax.sharding.reshard(a, sharding.update(spec=spec))  # type: ignore[no-any-return]


def split_axis(a: jax.Array, axis: int, parts: int) -> jax.Array:
  """`a` with that axis reshaped to two: (parts, size of a part).

  On a mesh with explicit axes a sharded axis can be split only into parts that lie on one device
  each. Otherwise each device gets the whole axis first.
  """
  sharding, axis = jax.typeof(a).sharding, axis % a.ndim
  names = sharding.spec[axis]
  names = () if names is None else names if isinstance(names, tuple) else (names,)
  if names and parts % math.prod(sharding.mesh.shape[name] for name in names):
    a = gather_axis(a, axis)
  part_size = a.shape[axis] // max(parts, 1)  # parts is 0 for an empty batch
  return lax.reshape(a, (*a.shape[:axis], parts, part_size, *a.shape[axis + 1 :]))


def gather_axis(a: jax.Array, axis: int) -> jax.Array:
  """`a` with the whole of that axis on each device of a mesh with explicit axes."""
  partitions = list(jax.typeof(a).sharding.spec)
  partitions[axis] = None
  return lay_out(a, jax.typeof(a).sharding.spec.update(partitions=partitions))
