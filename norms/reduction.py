"""What every norm does with axes, parameters, dtypes, masks and named axes."""

from collections.abc import Callable, Sequence
import functools
import math
from typing import Any, NamedTuple, TypeVar

import jax
from jax import lax
import jax.export
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from norms.arithmetic import affine as affine
from norms.arithmetic import compute_dtype as compute_dtype
from norms.arithmetic import div, sum_over
from norms.arithmetic import inexact as inexact
from norms.arithmetic import real_dtype as real_dtype
from norms.arithmetic import square as square
from norms.arithmetic import widen as widen
from norms.axes import Axes as Axes
from norms.axes import canonical_axes as canonical_axes
from norms.axes import count_groups as count_groups
from norms.axes import gather_axis as gather_axis
from norms.axes import keep as keep
from norms.axes import lay_out as lay_out
from norms.axes import positions as positions
from norms.axes import select as select
from norms.axes import split_axis as split_axis
from norms.axes import spread as spread

T = TypeVar('T')

# Of a formula of its own: keeps the arguments alone for the backward pass, and computes it again.
recompute = functools.partial(jax.checkpoint, prevent_cse=False)


class Reduction(NamedTuple):
  """What the statistics are taken over; static, and the same for value and derivative."""

  axes: tuple[int, ...]
  epsilon: float
  center: bool = True
  axis_name: str | None = None
  axis_index_groups: tuple[tuple[int, ...], ...] | None = None
  devices: int = 1  # along axis_name; known here since a vmapped rule cannot ask for it
  refine: bool = True
  groups: int | None = None  # of the last axis, which is then not one of `axes`
  keep_input: bool = False  # for the backward pass, and no other array of its size
  special: bool = False  # what is special to a platform may be used


def entries(r: Reduction, shape: tuple[int, ...]) -> int:
  """How many entries of an array of this shape one statistic is taken over."""
  return math.prod(shape[a] for a in r.axes) * (shape[-1] // r.groups if r.groups else 1)


def unit(r: Reduction, shape: tuple[int, ...]) -> float:
  """A power of two under 1/(2n): scaling by it is exact, and no sum over n entries overflows."""
  return 2.0 ** -(1 + (r.devices * _static(entries(r, shape))).bit_length())


def unit_of_squares(r: Reduction, shape: tuple[int, ...]) -> float:
  """A power of two: scaled by it, no squares of n entries of up to 1e18 sum to an overflow.

  It is 1 for up to 128 entries: then no pass is spent on it, and tiny entries keep their squares.
  """
  n = r.devices * _static(entries(r, shape))
  return 2.0 ** -max(0, math.ceil(math.log2(max(n, 1) / 128) / 2))


def _static(n: int) -> int:
  """A number of entries; where an exported program leaves it open, more than most arrays have."""
  return 2**24 if jax.export.is_symbolic_dim(n) else n


def root(n: int, dtype: DTypeLike) -> float | jax.Array:
  """The square root of a number of entries, of that dtype where it is open in an export."""
  return jnp.sqrt(jnp.asarray(n, dtype)) if jax.export.is_symbolic_dim(n) else math.sqrt(n)


def over(
  axes: Sequence[int], epsilon: float = 0.0, center: bool = True, axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None, refine: bool = True,
  groups: int | None = None,
) -> Reduction:  # fmt: skip
  """The Reduction that a norm's options describe."""
  each = None if axis_index_groups is None else tuple(map(tuple, axis_index_groups))
  devices = 1 if axis_name is None else lax.axis_size(axis_name)
  return Reduction(tuple(axes), float(epsilon), center, axis_name, each, devices, refine, groups)


def split_epsilon(epsilon: float | jax.Array, dtype: DTypeLike) -> tuple[float, jax.Array | None]:
  """(epsilon, None) where its value is known, else (0, epsilon) for the rule to differentiate."""
  if isinstance(epsilon, jax.Array):
    return 0.0, epsilon.astype(dtype)
  return float(epsilon), None


def on_this_device(r: Reduction) -> Reduction:
  """The same without the named axis."""
  return r._replace(axis_name=None, axis_index_groups=None, devices=1)


def total(r: Reduction, a: jax.Array) -> jax.Array:
  """The sum over the axes, each channel's or its group's; over the devices, too."""
  return over_devices(r, sum_over(a, r.axes) if r.groups is None else _sum_groups(r, a))


def _sum_groups(r: Reduction, a: jax.Array) -> jax.Array:
  """The sum over the axes and each group of the last axis, at each of the group's channels."""
  others = [axis for axis in range(a.ndim) if axis not in r.axes]
  split = split_axis(lax.reduce_sum(a, r.axes), -1, r.groups)
  shape = [1 if axis in r.axes else n for axis, n in enumerate(a.shape)]
  of_each = lax.reduce_sum(split, (len(others),))
  wide = lax.broadcast_in_dim(of_each, (*shape[:-1], *split.shape[-2:]), others)
  return lax.reshape(wide, shape)


def over_devices(r: Reduction, tree: T) -> T:
  """The sum over the devices; ValueError where JAX knows no groups of them."""
  if r.axis_name is None:
    return tree
  try:
    summed: T = lax.psum(tree, r.axis_name, axis_index_groups=r.axis_index_groups)
    return summed
  except NotImplementedError as error:
    raise ValueError(
      f'axis_index_groups={r.axis_index_groups} work under pmap and shard_map(check_vma=False) '
      f'only: run there, or give the groups of {r.axis_name!r} a mesh axis of their own'
    ) from error


def gather(r: Reduction, arrays: Sequence[jax.Array]) -> jax.Array:
  """Each array of every device, along a new first axis, the same on all: in one exchange.

  As a sum, in which each device fills a place of its own: JAX knows of a sum that it does not
  vary over the devices, and so may run where statistics are returned by shard_map.
  """
  stacked = jnp.stack(arrays)
  place = jnp.arange(r.devices).reshape(-1, *[1] * stacked.ndim) == lax.axis_index(r.axis_name)
  return jnp.moveaxis(over_devices(r, jnp.where(place, stacked, 0)), 1, 0)


def mean(r: Reduction, count: int | jax.Array, a: jax.Array) -> jax.Array:
  """The mean over `count` entries; 0 over none."""
  return div(total(r, a), at_least_one(count))


def at_least_one(count: int | jax.Array) -> int | jax.Array:
  """A number of entries to divide by."""
  return max(count, 1) if isinstance(count, int) else jnp.maximum(count, 1)


def count_entries(r: Reduction, x: jax.Array, mask: ArrayLike | None) -> int | jax.Array:
  """How many entries the mask leaves in, over the devices too; an int where that is known."""
  if mask is None and r.axis_name is None:
    n = entries(r, x.shape)
    return jnp.asarray(n, real_dtype(x)) if jax.export.is_symbolic_dim(n) else n
  present = jnp.broadcast_to(True if mask is None else mask, x.shape)
  return total(r, present.astype(real_dtype(x)))


def in_range(
  x: jax.Array, mask: ArrayLike | None = None, axis_name: str | None = None
) -> tuple[jax.Array, jax.Array]:
  """(x / u, u), where u is 1 unless squares may overflow: a power of two, so nothing is rounded.

  For a formula of its own: with epsilon / u^2 for epsilon it holds up to the largest finite x.
  """
  x = keep(mask, x).astype(compute_dtype(x))
  parts = (x.real, x.imag) if jnp.iscomplexobj(x) else (x,)
  largest = sum(jnp.max(jnp.abs(lax.stop_gradient(a)), initial=0) / 2 for a in parts)
  if axis_name is not None:
    largest = lax.pmax(largest, axis_name)
  _, exponent = jnp.frexp(largest)
  u = jnp.ldexp(jnp.ones_like(largest), jnp.maximum(exponent - 20, 0))
  return x / u, u


def deviation(var: jax.Array, epsilon: float | jax.Array, u: jax.Array) -> jax.Array:
  """sqrt(u^2 var + epsilon) / u, for the variance of x / u.

  Where u is large epsilon / u^2 is no float, or one whose inverse overflows; sqrt(epsilon) / u is.
  It is the deviation of equal entries then, which has no derivative. Others deviate by more.
  """
  rest = epsilon / u / u
  equal = (var == 0) & (rest < 1e-20)
  return jnp.where(equal, jnp.sqrt(epsilon) / u, jnp.sqrt(jnp.where(equal, 1, var + rest)))


def recompute_wide(
  f: Callable[..., Any], x: jax.Array, axis_name: str | None = None
) -> Callable[..., Any]:
  """f, a formula whose `in_range` copy of x is kept: where that is wider than x, x alone is.

  Over devices f is as it was, since what they exchange would be exchanged again.
  """
  return f if x.dtype == compute_dtype(x) or axis_name is not None else recompute(f)
