"""Statistics, and the one derivative rule on which every normalisation by statistics stands.

With <.> the mean over the statistics' axes (over a named axis too, and over the entries that a
mask leaves in), for x of any rank and statistics that keep their axes at size 1:

    y = r (x - <x>),   r = (<|x - <x>|^2> + epsilon)^-1/2,   z = y scale + bias
    t = r dx,   dz = scale t + y (dscale - scale <y t>) + (dbias - scale <t>)

The second line is the exact tangent. It is linear in (dx, dscale, dbias), so JAX's transposition
turns it into the papers' simplified backward pass; where scale does not vary along the statistics'
axes that needs only sum(g) and sum(g y), shared by the gradients of x, scale and bias.
"""

import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from norms import reduction
from norms.reduction import Axes as Axes
from norms.reduction import Reduction as Reduction
from norms.reduction import canonical_axes as canonical_axes
from norms.reduction import compute_dtype as compute_dtype
from norms.reduction import inexact as inexact
from norms.reduction import keep as keep
from norms.reduction import spread as spread


class Moments(NamedTuple):
  """Mean, biased variance (not centred: second moment) and count of entries; axes kept."""

  mean: jax.Array
  var: jax.Array
  count: jax.Array  # type: ignore[assignment]  # hides tuple.count, as the field's name must


class _Fit(NamedTuple):
  """What the rule needs besides x, axes kept: the mean is shift + k / rstd, more than a float."""

  shift: jax.Array
  k: jax.Array
  rstd: jax.Array
  moments: Moments


def _fit(r: Reduction, x, mask) -> _Fit:
  """Two passes; the second also finds what rounding left in the mean of the first."""
  unit, count = reduction.unit(r, x.shape), reduction.count_entries(r, x, mask)
  x = keep(mask, x).astype(compute_dtype(x))
  shift = drift = jnp.zeros((), x.dtype)
  if r.center:
    shift = reduction.mean(r, count, x)
    shift = jnp.where(jnp.isfinite(shift), shift, 0)
    x = keep(mask, x - shift)
    drift = reduction.mean(r, count, x) if r.refine else drift
  square = reduction.mean(r, count, reduction.square(x * unit))
  # Near the largest float only the squares overflow: then rstd = 0 and y = 0, not NaN.
  over = jnp.isinf(square)
  var = jnp.where(over, square, jnp.maximum(square - reduction.square(drift * unit), 0))
  guarded = var + r.epsilon * unit**2
  rstd = jnp.where(guarded == 0, 0, lax.rsqrt(guarded) * unit)
  shift, k = jnp.where(over, 0, shift), jnp.where(over, 0, drift * rstd)
  mean = jnp.broadcast_to(jnp.where(over, 0, shift + drift), rstd.shape)
  moments = Moments(mean, var / unit**2, count)
  shift, k, rstd = _settled(shift, k, rstd) if r.center else (shift, k, rstd)
  return _Fit(shift, k, rstd, moments)


def _settled(*statistics):
  """The same numbers as slices of one buffer.

  XLA:CPU else repeats their arithmetic for every entry of x, and does not vectorise a loop that
  reads too many buffers: three times the time of a small batch norm.
  """
  if jax.default_backend() != 'cpu' or any(map(jnp.iscomplexobj, statistics)):
    return statistics
  return tuple(lax.optimization_barrier(jnp.stack(jnp.broadcast_arrays(*statistics))))


def _standardise(r: Reduction, x, mask, fit: _Fit):
  """(q, k) with y = q - k: k has the statistics' shape, so what it costs is paid once for each."""
  x = x.astype(compute_dtype(x))
  if not r.center:
    return keep(mask, x) * fit.rstd, 0.0
  if mask is None:
    return (x - fit.shift) * fit.rstd, fit.k
  return keep(mask, (x - fit.shift) * fit.rstd - fit.k), 0.0


def affine_dtype(*arrays):
  """The output's dtype: the promoted one of the input and the parameters that are given."""
  return jnp.result_type(*(a for a in arrays if a is not None))


def _affine(q, k, x, scale, bias):
  """(q - k) scale + bias, in the promoted dtype of what was given."""
  scaled, shift = (q, -k) if scale is None else (q * scale, -k * scale)
  z = scaled + (shift if bias is None else bias + shift)
  return z.astype(affine_dtype(x, scale, bias))


def _apply(r: Reduction, x, scale, bias, mask, fit: _Fit):
  q, k = _standardise(r, x, mask, fit)
  return _affine(q, k, x, scale, bias), fit.moments


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _normalize(r: Reduction, x, scale, bias, mask):
  return _apply(r, x, scale, bias, mask, _fit(r, x, mask))


@_normalize.defjvp
def _normalize_jvp(r, primals, tangents):
  x, scale, bias, mask = primals
  fit = _fit(r, x, mask)
  dx, dscale, dbias, _ = tangents
  z, moments = _apply(r, x, scale, bias, mask, fit)
  # Recomputing y from x keeps the input itself for the backward pass and nothing else of its size.
  recompute = reduction.recompute
  means = None
  if r.axis_name is not None:  # psum outside of what is recomputed: there vmap's axis is unknown
    sums = recompute(functools.partial(_tangent_sums, r))(x, mask, fit, dx)
    means = [reduction.over_devices(r, a) / jnp.maximum(fit.moments.count, 1) for a in sums]
  tangent = recompute(functools.partial(_tangent, r))
  dz, mean_t, mean_yt = tangent(x, scale, mask, fit, dx, dscale, dbias, means)
  dvar = 2 * mean_yt / jnp.square(fit.rstd)
  dmoments = Moments(mean_t / fit.rstd, dvar, jnp.zeros_like(fit.moments.count))
  return (z, moments), (dz.astype(z.dtype), dmoments)


def _tangent_sums(r: Reduction, x, mask, fit: _Fit, dx):
  """Sums of t and of y t, on this device."""
  (q, k), t = _standardise(r, x, mask, fit), keep(mask, dx.astype(compute_dtype(x))) * fit.rstd
  sum_t = jnp.sum(t, r.axes, keepdims=True)
  sum_yt = jnp.sum((jnp.conj(q) * t).real, r.axes, keepdims=True) - (jnp.conj(k) * sum_t).real
  return _settled(sum_t, sum_yt) if r.center else (jnp.zeros_like(sum_t), sum_yt)


def _tangent(r: Reduction, x, scale, mask, fit: _Fit, dx, dscale, dbias, means):
  """The rule of this module's docstring; `means` where they were taken over devices."""
  if means is None:
    means = [a / jnp.maximum(fit.moments.count, 1) for a in _tangent_sums(r, x, mask, fit, dx)]
  mean_t, mean_yt = means
  (q, k), t = _standardise(r, x, mask, fit), keep(mask, dx.astype(compute_dtype(x))) * fit.rstd
  scale = jnp.ones((), fit.rstd.dtype) if scale is None else scale
  of_y = (0.0 if dscale is None else dscale) - scale * mean_yt
  of_one = scale * mean_t if mask is None else jnp.where(mask, scale * mean_t, 0)
  dz = scale * t + q * of_y + ((0.0 if dbias is None else dbias) - of_one - k * of_y)
  return dz, mean_t, mean_yt


def normalize(
  x,
  scale=None,
  bias=None,
  mask=None,
  *,
  axes: tuple[int, ...],
  epsilon: float,
  center: bool = True,
  axis_name: str | None = None,
  axis_index_groups=None,
  refine: bool = True,
) -> tuple[jax.Array, Moments]:
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, with the moments it used.

  refine=False leaves the mean's rounding error in: the textbook's two passes, to the bit.
  """
  x = inexact(x)
  r = reduction.over(axes, epsilon, center, axis_name, axis_index_groups, refine)
  return _normalize(r, x, scale, bias, mask)


def normalize_by(x, mean, var, scale=None, bias=None, mask=None, *, epsilon: float) -> jax.Array:
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, by statistics that are given."""
  deviation = keep(mask, x.astype(compute_dtype(x)) - mean)
  y = deviation * lax.rsqrt(var.astype(compute_dtype(var)) + epsilon)
  return _affine(y, 0.0, x, scale, bias)
