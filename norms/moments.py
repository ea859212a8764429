"""Mean, variance and their root, in a form that loses no digit of an offset input.

In general in two passes. Where the mean is at most twice the standard deviation, <x^2> - <x>^2 is
as exact up to a few ulp: large arrays are asked for it at run time, and then take one pass.
"""

import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from norms import covariance, reduction
from norms.reduction import Reduction, compute_dtype, keep


class Moments(NamedTuple):
  """Mean, biased variance (not centred: second moment) and count of entries; axes kept."""

  mean: jax.Array
  var: jax.Array
  count: jax.Array  # type: ignore[assignment]  # hides tuple.count, as the field's name must


class Fit(NamedTuple):
  """What the rule needs besides x, axes kept: the mean is shift + drift, more than a float."""

  shift: jax.Array
  drift: jax.Array | None  # None: there is none to take out
  rstd: jax.Array
  std: jax.Array  # 1 / rstd, and 1 where that is 0
  moments: Moments


def raw(r: Reduction, x, mask, *parameters) -> bool:
  """Whether sums of x as it is serve, as in covariance.py."""
  plain = r.center and r.refine and mask is None and r.axis_name is None
  return plain and covariance.pays(x, *parameters)


def fit(r: Reduction, x, mask) -> Fit:
  """The statistics of x over the reduction's axes."""
  one_pass, count = raw(r, x, mask), reduction.count_entries(r, x, mask)
  x = keep(mask, x).astype(compute_dtype(x))
  mean = reduction.mean(r, count, x) if r.center else jnp.zeros((), x.dtype)
  two_passes = functools.partial(_two_passes, r, count, mask)
  passes = functools.partial(_one_pass, r, count, two_passes) if one_pass else two_passes
  shift, drift, var = passes(x, mean)
  guarded = var + r.epsilon
  if r.epsilon < jnp.finfo(var.dtype).tiny:
    guarded = jnp.where(guarded == 0, jnp.inf, guarded)
  rstd = lax.rsqrt(guarded)
  std = jnp.where(rstd == 0, 1, guarded * rstd)
  mean = jnp.broadcast_to(shift if drift is None else shift + drift, var.shape)
  return Fit(shift, drift, rstd, std, Moments(mean, var, count))


def _two_passes(r: Reduction, count, mask, x, mean):
  """(shift, drift, var): the second pass also finds what rounding left in the mean of the first."""
  unit, drift, largest = reduction.unit_of_squares(r, x.shape), None, float(jnp.finfo(x.dtype).max)
  if r.center:
    # Means beyond these limits belong to squares beyond the largest float: rstd = 0 and y = 0.
    mean = _below(largest**0.8, mean)
    x = keep(mask, x - mean)
  # Scaled where x is written: in the sum of squares it would be a slower loop on a CPU.
  x = x * unit
  if r.center and r.refine:
    drift = _below(largest**0.5, reduction.mean(r, count, x) / unit)
  var = reduction.mean(r, count, reduction.square(x)) / unit**2
  if drift is None:
    return mean, None, var
  bias = reduction.square(drift)
  rounding = 16 * float(jnp.finfo(x.dtype).eps) * bias  # all that is left of a constant input
  return mean, drift, jnp.where(var - bias <= rounding, 0, var - bias)


def _below(limit: float, a):
  return jnp.where(jnp.abs(a) < limit, a, 0)


def _one_pass(r: Reduction, count, two_passes, x, mean):
  """The same by <x^2> - <x>^2 where that is exact, and else by two passes."""
  var = reduction.mean(r, count, x * x) - mean * mean
  exact = jnp.all((mean * mean <= 4 * var) & jnp.isfinite(var))
  at_once = lambda x, mean: (jnp.zeros_like(mean), mean, var)  # noqa: E731
  return lax.cond(exact, at_once, two_passes, x, mean)
