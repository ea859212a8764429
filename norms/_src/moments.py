"""Mean, variance and their root, in a form that loses no digit of an offset input.

    shift = <x>                 rounded to a float, for a large mean by much
    d     = x - shift           exact up to one rounding
    drift = <d>                 what rounding has left: the mean is shift + drift
    var   = <|d|^2> - |drift|^2

The second line is the only array of the size of x, and shift + drift is more exact than any float.
"""

from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import reduction
from norms._src import xla_cpu
from norms._src.arithmetic import MaybeArray, add, convert, div, mul, square, sub
from norms.reduction import Reduction, compute_dtype, zero_masked


class Moments(NamedTuple):
  """Mean, biased variance (not centred: second moment) and count of entries; axes kept."""

  mean: jax.Array
  var: jax.Array
  count: jax.Array  # type: ignore[assignment]  # hides tuple.count, as the field's name must


class Stats(NamedTuple):
  """What the derivative rule needs besides x; axes kept at size 1."""

  shift: MaybeArray  # None: not centred
  drift: MaybeArray  # None: not centred, or not refined
  rstd: jax.Array  # 1 / sqrt(var + epsilon)
  moments: Moments


# (q, k, c) with y = (q - k) c; None for k = 0 and c = 1, where q is y.
Factors = tuple[jax.Array, MaybeArray, MaybeArray]


def sums_use_deviation(r: Reduction, ndim: int) -> bool:
  """Whether the derivative sums products with d = x - shift, rather than with y.

  Where the last axis is kept, as in batch norm, rstd and scale do not vary along the axes of the
  sums. They are applied to the sums then, which saves a pass over an array of the size of x.
  """
  return bool(r.axes) and ndim - 1 not in r.axes and not r.keep_input


def keeps_y(r: Reduction, x: jax.Array, mask: ArrayLike | None) -> bool:
  """Whether the backward pass keeps y, written once for the value too, and not x.

  It does where its sums are of y, and y is no wider than x.
  """
  own = r.special and r.refine and not r.keep_input and mask is None
  return own and not sums_use_deviation(r, x.ndim) and x.dtype == compute_dtype(x)


def subtract_shift(
  r: Reduction, x: jax.Array, mask: ArrayLike | None, shift: MaybeArray
) -> jax.Array:
  """d = x - shift in at least float32; 0 under the mask."""
  if r.special and sums_use_deviation(r, x.ndim) and mask is None and shift is not None:
    return xla_cpu.subtract(x, shift)
  # Masked twice: a NaN or infinite entry must not reach the difference, nor shift the masked zeros.
  d = convert(zero_masked(mask, x), compute_dtype(x))
  return d if shift is None else zero_masked(mask, sub(d, shift))


def centred(d: jax.Array, mask: ArrayLike | None, stats: Stats) -> jax.Array:
  """x - <x>; 0 under the mask."""
  return d if stats.drift is None else zero_masked(mask, sub(d, stats.drift))


def factor_y(r: Reduction, d: jax.Array, mask: ArrayLike | None, stats: Stats) -> Factors:
  """y as the derivative takes it: by its factors where the sums are of d, else as it is."""
  if sums_use_deviation(r, d.ndim):
    return d, stats.drift, stats.rstd
  return mul(centred(d, mask, stats), stats.rstd), None, None


def compute_stats(
  r: Reduction, x: jax.Array, mask: ArrayLike | None, epsilon: MaybeArray = None
) -> tuple[jax.Array, Stats]:
  """d and the statistics of x, over the reduction's axes and its devices.

  epsilon: an array, which is added to the reduction's own epsilon.
  """
  local = reduction.on_this_device(r)
  count = reduction.count_entries(local, x, mask)
  d, shift, drift, var = _two_passes(local, count, x, mask)
  if r.axis_name is not None:
    count, shift, drift, var = _merge_devices(r, count, shift, drift, var)
    # Until now d was the deviation from this device's own mean.
    d = subtract_shift(r, x, mask, shift)
  guarded = add(var, r.epsilon if epsilon is None else r.epsilon + epsilon)
  # Without an epsilon a constant input has var = 0: rstd = 0 makes y and its gradient 0, not NaN.
  # An epsilon that is an array may be 0, too, and r.epsilon is 0 then.
  if r.epsilon < jnp.finfo(var.dtype).tiny:
    guarded = jnp.where(guarded == 0, jnp.inf, guarded)
  rstd = lax.rsqrt(guarded)
  # A single entry is its own mean: y is 0 whatever x is, and so is the gradient.
  alone = mask is None and r.axis_name is None and reduction.entries_per_statistic(r, x.shape) == 1
  if r.center and alone:
    rstd = lax.full_like(rstd, 0)
  mean = lax.full_like(var, 0) if shift is None else shift if drift is None else add(shift, drift)
  if isinstance(count, int) or count.ndim == 0:
    count = lax.full([1] * x.ndim, count, var.dtype)
  return d, Stats(shift, drift, rstd, Moments(mean, var, count))


def _two_passes(
  r: Reduction, count: int | jax.Array, x: jax.Array, mask: ArrayLike | None
) -> tuple[jax.Array, MaybeArray, MaybeArray, jax.Array]:
  """d, shift, drift and var. One pass gives the shift, one both sums over d."""
  d, shift = subtract_shift(r, x, mask, None), None
  prescale, largest = reduction.square_prescale(r, x.shape), float(jnp.finfo(d.dtype).max)
  if r.center:
    # A mean beyond this limit goes with squares beyond the largest float: var = inf, rstd = 0 and
    # y = 0, also without the shift. To subtract it might overflow to an infinite d.
    shift = _zero_beyond(largest**0.8, reduction.mean(r, count, d))
    d = subtract_shift(r, x, mask, shift)
  if prescale == 1:
    var = reduction.mean(r, count, square(d))
  else:
    var = div(reduction.mean(r, count, square(mul(d, prescale))), prescale**2)
  if not (r.center and r.refine):
    return d, shift, None, var
  # The limit is that of a drift whose square is finite, which is subtracted next.
  drift = _zero_beyond(largest**0.5, reduction.mean(r, count, d))
  return d, shift, drift, _subtract_square(var, drift)


def _zero_beyond(limit: float, a: jax.Array) -> jax.Array:
  """`a` where |a| is below the limit, else 0."""
  size = lax.abs(a)
  return zero_masked(lax.lt(size, size.dtype.type(limit)), a)


def _subtract_square(var: jax.Array, drift: jax.Array) -> jax.Array:
  """<d^2> - <d>^2; 0 where no more is left than rounding errors."""
  # Of a constant input, d is the same small number everywhere: both terms are equal but for
  # rounding, which must not pass for a variance.
  squared_mean = square(drift)
  rounding = mul(squared_mean, 16 * float(jnp.finfo(var.dtype).eps))
  variance = sub(var, squared_mean)
  return zero_masked(lax.gt(variance, rounding), variance)


def _merge_devices(
  r: Reduction, count: int | jax.Array, shift: MaybeArray, drift: MaybeArray, var: jax.Array
) -> tuple[jax.Array, MaybeArray, MaybeArray, jax.Array]:
  """The statistics of all devices' entries from those of each device.

  It takes one exchange, and subtracts no large numbers from each other: the means are compared
  with the mean of all, and their differences are squared.

  Chan, Golub and LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115
  """
  # Of one shape, so that all are exchanged as one array.
  local = (jnp.broadcast_to(count, var.shape), *(a for a in (var, shift, drift) if a is not None))
  counts, variances, *means = reduction.gather_devices(r, local)
  # Stacked with complex means, these came back complex.
  counts, variances = counts.real, variances.real
  count = jnp.sum(counts, 0)
  # Shares of 0, and not of 0 / 0, where no device has an entry.
  share = counts / jnp.maximum(count, 1)
  if shift is None:
    return count, None, None, jnp.sum(share * variances, 0)
  shift = jnp.sum(share * means[0], 0)  # its rounding error becomes a part of the drift below
  # A device without entries has a mean of 0, which may be far from the others: it has no say.
  distance = jnp.where(counts > 0, sum(means[1:], means[0] - shift), 0)
  drift = jnp.sum(share * distance, 0)
  var = jnp.sum(share * (variances + square(distance - drift)), 0)
  return count, shift, drift, var
