"""Mean, variance and their root, in a form that loses no digit of an offset input."""

from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import reduction, xla_cpu
from norms.arithmetic import add, convert, div, mul, square, sub
from norms.reduction import Reduction, compute_dtype, keep


class Moments(NamedTuple):
  """Mean, biased variance (not centred: second moment) and count of entries; axes kept."""

  mean: jax.Array
  var: jax.Array
  count: jax.Array  # type: ignore[assignment]  # hides tuple.count, as the field's name must


class Stats(NamedTuple):
  """What the rule needs besides x, axes kept: the mean is shift + drift, more than a float."""

  shift: jax.Array | None  # None: not centred
  drift: jax.Array | None  # None: not centred, or not refined
  rstd: jax.Array
  moments: Moments


def sums_read_d(r: Reduction, ndim: int) -> bool:
  """Whether the derivative's sums are over products with d = x - shift, and not with y.

  Over leading axes, along which rstd and scale do not vary, that saves a pass.
  """
  return bool(r.axes) and ndim - 1 not in r.axes and not r.keep_input


def subtract_shift(
  r: Reduction, x: jax.Array, mask: ArrayLike | None, shift: jax.Array | None
) -> jax.Array:
  """d = x - shift in at least float32; 0 under the mask."""
  if r.special and sums_read_d(r, x.ndim) and mask is None and shift is not None:
    return xla_cpu.subtract(x, shift)
  d = convert(keep(mask, x), compute_dtype(x))
  return d if shift is None else keep(mask, sub(d, shift))


def compute_stats(
  r: Reduction, x: jax.Array, mask: ArrayLike | None, epsilon: jax.Array | None = None
) -> tuple[jax.Array, Stats]:
  """d and the statistics of x, over the reduction's axes and its devices.

  epsilon: traced, and added to the reduction's own.
  """
  own = reduction.on_this_device(r)
  count = reduction.count_entries(own, x, mask)
  d, shift, drift, var = _two_passes(own, count, x, mask)
  if r.axis_name is not None:
    count, shift, drift, var = _merge_devices(r, count, shift, drift, var)
    d = subtract_shift(r, x, mask, shift)
  guarded = add(var, r.epsilon if epsilon is None else r.epsilon + epsilon)
  if r.epsilon < jnp.finfo(var.dtype).tiny:  # a traced one, too: then this is 0
    guarded = jnp.where(guarded == 0, jnp.inf, guarded)
  rstd = lax.rsqrt(guarded)
  if r.center and mask is None and r.axis_name is None and reduction.entries(r, x.shape) == 1:
    rstd = lax.full_like(rstd, 0)  # nothing is left of one entry, nor of its gradient
  mean = lax.full_like(var, 0) if shift is None else shift if drift is None else add(shift, drift)
  count = (
    lax.full([1] * x.ndim, count, var.dtype) if isinstance(count, int) or count.ndim == 0 else count
  )
  return d, Stats(shift, drift, rstd, Moments(mean, var, count))


def _two_passes(
  r: Reduction, count: int | jax.Array, x: jax.Array, mask: ArrayLike | None
) -> tuple[jax.Array, jax.Array | None, jax.Array | None, jax.Array]:
  """d, shift, drift, var: the second pass also finds what rounding left in the first one's mean."""
  d, shift = subtract_shift(r, x, mask, None), None
  unit, largest = reduction.unit_of_squares(r, x.shape), float(jnp.finfo(d.dtype).max)
  if r.center:
    # A mean beyond this limit belongs to squares beyond the largest float: rstd = 0 and y = 0.
    shift = _below(largest**0.8, reduction.mean(r, count, d))
    d = subtract_shift(r, x, mask, shift)
  if unit == 1:
    var = reduction.mean(r, count, square(d))
  else:
    var = div(reduction.mean(r, count, square(mul(d, unit))), unit**2)
  if not (r.center and r.refine):
    return d, shift, None, var
  drift = _below(largest**0.5, reduction.mean(r, count, d))
  return d, shift, drift, _less_square(var, drift)


def _below(limit: float, a: jax.Array) -> jax.Array:
  size = lax.abs(a)
  return keep(lax.lt(size, size.dtype.type(limit)), a)


def _less_square(var: jax.Array, drift: jax.Array) -> jax.Array:
  """<d^2> - <d>^2; 0 where that is the rounding that a constant input leaves."""
  of_mean = square(drift)
  rounding, left = mul(of_mean, 16 * float(jnp.finfo(var.dtype).eps)), sub(var, of_mean)
  return keep(lax.gt(left, rounding), left)


def _merge_devices(
  r: Reduction,
  count: int | jax.Array,
  shift: jax.Array | None,
  drift: jax.Array | None,
  var: jax.Array,
) -> tuple[jax.Array, jax.Array | None, jax.Array | None, jax.Array]:
  """The statistics of all devices' entries from those of each: one exchange, nothing cancels.

  Chan, Golub and LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115
  """
  own = (jnp.broadcast_to(count, var.shape), *(a for a in (var, shift, drift) if a is not None))
  counts, variances, *means = reduction.gather(r, own)
  counts, variances = counts.real, variances.real
  count = jnp.sum(counts, 0)
  share = counts / jnp.maximum(count, 1)
  if shift is None:
    return count, None, None, jnp.sum(share * variances, 0)
  shift = jnp.sum(share * means[0], 0)  # its rounding is a part of the drift below
  apart = jnp.where(counts > 0, sum(means[1:], means[0] - shift), 0)
  drift = jnp.sum(share * apart, 0)
  var = jnp.sum(share * (variances + square(apart - drift)), 0)
  return count, shift, drift, var


def moments_tangent(stats: Stats, means: tuple[jax.Array | None, jax.Array]) -> Moments:
  """The moments' tangent, from the means of dx and of y dx."""
  mean_dx, mean_ydx = means
  mean, _, count = stats.moments
  dmean = lax.full_like(mean, 0) if mean_dx is None else mean_dx
  std = keep(lax.ne(stats.rstd, stats.rstd.dtype.type(0)), lax.reciprocal(stats.rstd))
  return Moments(dmean, mul(mul(mean_ydx, std), 2), lax.full_like(count, 0))
