"""Sums and means over axes, masks and devices, safe from overflow, on which every norm stands."""

from collections.abc import Callable, Sequence
import functools
import math
from typing import Any, NamedTuple, TypeVar

import jax
from jax import lax
import jax.export
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms._src.arithmetic import affine, compute_dtype, div, inexact, real_dtype, square, sum_over
from norms._src.axes import (
  Axes,
  canonical_axes,
  count_groups,
  expand_param,
  gather_axis,
  lay_out,
  position_axes,
  select,
  split_axis,
  zero_masked,
)

__all__ = (
  'Axes', 'Reduction', 'affine', 'at_least_one', 'canonical_axes', 'compute_dtype',
  'count_entries', 'count_groups', 'deviation', 'entries_per_statistic', 'expand_param',
  'gather_axis', 'gather_devices', 'in_range', 'inexact', 'lay_out', 'make_reduction', 'mean',
  'on_this_device', 'position_axes', 'real_dtype', 'recompute', 'recompute_if_wider', 'select',
  'split_axis', 'square', 'square_prescale', 'sum_over_devices', 'sum_prescale',
  'total', 'zero_masked',
)  # fmt: skip

_T = TypeVar('_T')

# For a formula of a norm's own: keeps its arguments alone for the backward pass, which computes
# the formula again. prevent_cse=False, so that XLA may fuse what is computed again with the rest.
recompute = functools.partial(jax.checkpoint, prevent_cse=False)


class Reduction(NamedTuple):
  """What statistics are taken over, and how; static, and the same for value and derivative."""

  axes: tuple[int, ...]
  epsilon: float
  center: bool = True
  axis_name: str | None = None
  axis_index_groups: tuple[tuple[int, ...], ...] | None = None
  devices: int = 1  # along axis_name; stored, since under vmap the rule cannot look the axis up
  refine: bool = True  # correct the mean by the mean of x - mean
  groups: int | None = None  # statistics for each of so many parts of the last axis, not in `axes`
  keep_input: bool = False  # the backward pass keeps x, and no other array of its size
  special: bool = False  # formulas that are special to a platform are allowed


def make_reduction(
  axes: Sequence[int], epsilon: float = 0.0, center: bool = True, axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None, refine: bool = True,
  groups: int | None = None,
) -> Reduction:  # fmt: skip
  """The Reduction that a norm's options describe; hashable, and with the number of devices."""
  index_groups = None if axis_index_groups is None else tuple(map(tuple, axis_index_groups))
  devices = 1 if axis_name is None else lax.axis_size(axis_name)
  return Reduction(
    tuple(axes), float(epsilon), center, axis_name, index_groups, devices, refine, groups
  )


def entries_per_statistic(r: Reduction, shape: tuple[int, ...]) -> int:
  """How many entries of an array of this shape one statistic is taken over, on this device."""
  return math.prod(shape[a] for a in r.axes) * (shape[-1] // r.groups if r.groups else 1)


# The prescales are powers of two: to multiply by one changes exponents only, and rounds nothing.
def sum_prescale(r: Reduction, shape: tuple[int, ...]) -> float:
  """A power of two under 1/(2n): multiplied by it, n finite entries never sum to infinity."""
  return 2.0 ** -(1 + (r.devices * _known_size(entries_per_statistic(r, shape))).bit_length())


def square_prescale(r: Reduction, shape: tuple[int, ...]) -> float:
  """A power of two: multiplied by it, n entries of up to 1e18 have squares of a finite sum.

  It is 1 for up to 128 entries. No pass is spent on it then, and tiny entries keep their squares.
  """
  n = r.devices * _known_size(entries_per_statistic(r, shape))
  return 2.0 ** -max(0, math.ceil(math.log2(max(n, 1) / 128) / 2))


def _known_size(n: int) -> int:
  """A number of entries; where an exported program leaves it open, more than most arrays have."""
  return 2**24 if jax.export.is_symbolic_dim(n) else n


def on_this_device(r: Reduction) -> Reduction:
  """The same reduction over this device's entries alone."""
  return r._replace(axis_name=None, axis_index_groups=None, devices=1)


def total(r: Reduction, a: jax.Array) -> jax.Array:
  """The sum over axes, groups of channels and devices; axes stay with size 1, channels stay."""
  return sum_over_devices(r, sum_over(a, r.axes) if r.groups is None else _sum_groups(r, a))


def _sum_groups(r: Reduction, a: jax.Array) -> jax.Array:
  """Sums over the axes and each group of channels; repeats it for each channel of the group."""
  assert r.groups is not None
  others = [axis for axis in range(a.ndim) if axis not in r.axes]
  split = split_axis(lax.reduce_sum(a, r.axes), -1, r.groups)
  shape = [1 if axis in r.axes else n for axis, n in enumerate(a.shape)]
  group_sums = lax.reduce_sum(split, (len(others),))
  repeated = lax.broadcast_in_dim(group_sums, (*shape[:-1], *split.shape[-2:]), others)
  return lax.reshape(repeated, shape)


def sum_over_devices(r: Reduction, tree: _T) -> _T:
  """Sums each array over the devices; ValueError where JAX has no axis_index_groups."""
  if r.axis_name is None:
    return tree
  try:
    summed: _T = lax.psum(tree, r.axis_name, axis_index_groups=r.axis_index_groups)
    return summed
  except NotImplementedError as error:
    raise ValueError(
      f'axis_index_groups={r.axis_index_groups} work under pmap and shard_map(check_vma=False) '
      f'only: run there, or give the groups of {r.axis_name!r} a mesh axis of their own'
    ) from error


def gather_devices(r: Reduction, arrays: Sequence[jax.Array]) -> jax.Array:
  """The arrays of all devices, of shape [len(arrays), devices, ...], in one exchange."""
  # A sum to which each device adds its arrays at an index of its own, and zeros elsewhere. JAX
  # knows that a sum is the same on all devices, which it does not know of lax.all_gather: so
  # shard_map may return statistics as replicated.
  stacked = jnp.stack(arrays)
  index = jnp.arange(r.devices).reshape(-1, *[1] * stacked.ndim)
  mine = index == lax.axis_index(r.axis_name)
  return jnp.moveaxis(sum_over_devices(r, jnp.where(mine, stacked, 0)), 1, 0)


def mean(r: Reduction, count: int | jax.Array, a: jax.Array) -> jax.Array:
  """The mean over `count` entries; 0 over none."""
  return div(total(r, a), at_least_one(count))


def at_least_one(count: int | jax.Array) -> int | jax.Array:
  """A number of entries to divide by: the sum over no entries is 0, and so is their mean then."""
  return max(count, 1) if isinstance(count, int) else jnp.maximum(count, 1)


def count_entries(r: Reduction, x: jax.Array, mask: ArrayLike | None) -> int | jax.Array:
  """How many entries a statistic of x has, by the mask and over devices; an int where static."""
  if mask is None and r.axis_name is None:
    n = entries_per_statistic(r, x.shape)
    return jnp.asarray(n, real_dtype(x)) if jax.export.is_symbolic_dim(n) else n
  present = jnp.broadcast_to(True if mask is None else mask, x.shape)
  return total(r, present.astype(real_dtype(x)))


def in_range(
  x: jax.Array, mask: ArrayLike | None = None, axis_name: str | None = None
) -> tuple[jax.Array, jax.Array]:
  """(x / unit, unit): the unit is 1 unless squares of x may overflow.

  It is a power of two, so nothing is rounded. A formula that squares x by itself and takes
  epsilon / unit^2 for epsilon holds up to the largest finite x.
  """
  x = zero_masked(mask, x).astype(compute_dtype(x))
  parts = (x.real, x.imag) if jnp.iscomplexobj(x) else (x,)
  # Half of each, since the sum of two parts of a complex x may overflow.
  largest = sum(jnp.max(jnp.abs(lax.stop_gradient(a)), initial=0) / 2 for a in parts)
  if axis_name is not None:
    largest = lax.pmax(largest, axis_name)  # one unit: what devices sum is added up
  # Entries beyond 2**20 come down to about 2**20: some 10**26 squares of these still have a sum.
  _, exponent = jnp.frexp(largest)
  unit = jnp.ldexp(jnp.ones_like(largest), jnp.maximum(exponent - 20, 0))
  return x / unit, unit


def deviation(var: jax.Array, epsilon: float | jax.Array, unit: jax.Array) -> jax.Array:
  """sqrt(unit^2 var + epsilon) / unit, for the variance of x / unit."""
  # For a large unit, epsilon / unit^2 is 0 or so small that its inverse overflows, whereas
  # sqrt(epsilon) / unit is a fine number. It is needed where entries are equal, which has no
  # derivative; where they differ, they differ by so much that epsilon does not count.
  rest = epsilon / unit / unit
  equal = (var == 0) & (rest < 1e-20)
  return jnp.where(equal, jnp.sqrt(epsilon) / unit, jnp.sqrt(jnp.where(equal, 1, var + rest)))


def recompute_if_wider(
  f: Callable[..., Any], x: jax.Array, axis_name: str | None = None
) -> Callable[..., Any]:
  """f, recomputed in the backward pass if its arithmetic is wider than x: only x is kept then.

  A formula that begins with `in_range` would else keep a copy of x of twice its bytes. Over
  devices f stays as it is: to compute it again would repeat what they exchange.
  """
  return f if x.dtype == compute_dtype(x) or axis_name is not None else recompute(f)
