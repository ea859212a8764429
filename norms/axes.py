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
Given = jax.Array | None  # where it is given
Mask = ArrayLike | None


def canonical_axes(ndim: int, axes: Axes, name: str = 'axis') -> tuple[int, ...]:
  """Sorted non-negative axes; ValueError where one is out of range or named twice."""
  given = tuple(axes) if isinstance(axes, Iterable) else (axes,)
  given = tuple(map(operator.index, given))
  if any(not -ndim <= axis < ndim for axis in given):
    raise ValueError(f'{name}={axes} is out of range for {ndim} axes: use {-ndim}..{ndim - 1}')
  found = tuple(sorted({axis % ndim for axis in given}))
  if len(found) != len(given):
    raise ValueError(f'{name}={axes} names one of {ndim} axes twice: name each axis once')
  return found


@overload
def spread(parameter: None, shape: Sequence[int], axes: tuple[int, ...], name: str) -> None: ...
@overload
def spread(
  parameter: ArrayLike, shape: Sequence[int], axes: tuple[int, ...], name: str
) -> jax.Array: ...
def spread(
  parameter: ArrayLike | None, shape: Sequence[int], axes: tuple[int, ...], name: str
) -> jax.Array | None:
  """A parameter over `axes`, with size-1 axes put where the input of `shape` has its others."""
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


def positions(ndim: int, feature_axes: Axes) -> tuple[int, ...]:
  """The axes between example and features; ValueError where the features hold the examples."""
  features = canonical_axes(ndim, feature_axes, 'feature_axes')
  if 0 in features:
    # Flax's words from the second colon on, which Flax's own tests look for.
    raise ValueError(
      f'feature_axes={feature_axes}: leave out axis 0: The channel axes cannot include the '
      'leading dimension as this is assumed to be the batch axis.'
    )
  return tuple(a for a in range(1, ndim) if a not in features)


def keep(mask: ArrayLike | None, a: jax.Array) -> jax.Array:
  """Zero where masked out: by selection, since NaN times zero is NaN."""
  return a if mask is None else select(mask, a, lax.full_like(a, 0))


# Any: a mask of NumPy's stays one.
def select(which: Any, a: jax.Array, b: jax.Array) -> jax.Array:
  """jnp.where; on a mesh with explicit axes `which` and b are laid out as a is."""
  spec = jax.typeof(a).sharding.spec
  which = which if jnp.shape(which) == a.shape else jnp.broadcast_to(which, a.shape)
  # jnp.where takes longer to trace.
  return lax.select(lay_out(which, spec), a, lay_out(b, spec))


def lay_out(a: jax.Array, spec: PartitionSpec) -> jax.Array:
  """a with that spec on its mesh of explicit axes; a itself where there is none."""
  sharding = jax.typeof(a).sharding
  if sharding.mesh.empty or not sharding.mesh.explicit_axes or sharding.spec == spec:
    return a
  return jax.sharding.reshard(a, sharding.update(spec=spec))  # type: ignore[no-any-return]


def split_axis(a: jax.Array, axis: int, parts: int) -> jax.Array:
  """a with that axis as (parts, the rest of it).

  On a mesh with explicit axes an axis whose parts do not lie on whole devices is gathered first.
  """
  sharding, axis = jax.typeof(a).sharding, axis % a.ndim
  names = sharding.spec[axis]
  names = () if names is None else names if isinstance(names, tuple) else (names,)
  if names and parts % math.prod(sharding.mesh.shape[name] for name in names):
    a = gather_axis(a, axis)
  of_each = a.shape[axis] // max(parts, 1)
  return lax.reshape(a, (*a.shape[:axis], parts, of_each, *a.shape[axis + 1 :]))


def gather_axis(a: jax.Array, axis: int) -> jax.Array:
  """a, on a mesh with explicit axes with that axis whole on each device."""
  partitions = list(jax.typeof(a).sharding.spec)
  partitions[axis] = None
  return lay_out(a, jax.typeof(a).sharding.spec.update(partitions=partitions))
