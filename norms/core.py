"""Statistics, and the one derivative rule on which every normalisation by statistics stands.

With <.> the mean over the statistics' axes (over a named axis too, and over the entries that a
mask leaves in), for x of any rank and statistics that keep their axes at size 1:

    y = r (x - <x>),   r = (<|x - <x>|^2> + epsilon)^-1/2,   z = y scale + bias
    t = r dx,   dz = scale t + y (dscale - scale <y t>) + (dbias - scale <t>)

The second line is the exact tangent. It is linear in (dx, dscale, dbias), so JAX's transposition
turns it into the papers' simplified backward pass; where scale does not vary along the statistics'
axes that needs only sum(g) and sum(g y), shared by the gradients of x, scale and bias, and where it
does only g and g y times scale, which are products of a matrix and a vector.
"""

import functools
from typing import Any

import jax
from jax import lax
from jax.extend.core import concrete_or_error
import jax.numpy as jnp

from norms import covariance, reduction
from norms.moments import Fit, fit, raw
from norms.moments import Moments as Moments
from norms.reduction import Axes as Axes
from norms.reduction import Reduction as Reduction
from norms.reduction import canonical_axes as canonical_axes
from norms.reduction import compute_dtype as compute_dtype
from norms.reduction import inexact as inexact
from norms.reduction import keep as keep
from norms.reduction import spread as spread


def affine_dtype(*arrays):
  """The output's dtype: the promoted one of the input and the parameters that are given."""
  return jnp.result_type(*(a for a in arrays if a is not None))


def _affine(d, k, rstd, x, scale, bias):
  """(d - k) rstd scale + bias, in the promoted dtype of what was given."""
  slope = _slope(rstd, scale)
  offset = bias if k is None else (0.0 if bias is None else bias) - k * slope
  return reduction.affine(d, slope, offset).astype(affine_dtype(x, scale, bias))


def _slope(rstd, scale):
  # In this order wherever it is needed: two layers' loops are then the same, and compiled once.
  return rstd if scale is None else rstd * scale


def _apply(x, scale, bias, mask, by: Fit):
  d, k = x.astype(compute_dtype(x)) - by.shift, by.drift
  if mask is not None:
    d, k = keep(mask, d if k is None else d - k), None
  return _affine(d, k, by.rstd, x, scale, bias), by.moments


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _normalize(r: Reduction, x, scale, bias, mask):
  return _apply(x, scale, bias, mask, fit(r, x, mask))


@_normalize.defjvp
def _normalize_jvp(r, primals, tangents):
  x, scale, bias, mask = primals
  by = fit(r, x, mask)
  dx, dscale, dbias, _ = tangents
  z, moments = _apply(x, scale, bias, mask, by)
  # Recomputing y from x keeps the input itself for the backward pass and nothing else of its size.
  recompute = reduction.recompute
  sums = None
  if r.axis_name is not None:  # psum outside of what is recomputed: there vmap's axis is unknown
    own = recompute(functools.partial(_tangent_sums, r))(x, scale, mask, by, dx)
    sums = jax.tree.map(functools.partial(reduction.over_devices, r), own)
  tangent = recompute(functools.partial(_tangent, r))
  dz, dmoments = tangent(x, scale, mask, by, dx, dscale, dbias, sums)
  return (z, moments), (dz.astype(z.dtype), dmoments)


def _alike(r: Reduction, scale) -> bool:
  """Whether scale is the same along the axes, so that it can be left to the statistics."""
  return scale is None or all(scale.shape[a] == 1 for a in r.axes)


def _along_y(r: Reduction, x, scale, mask, by: Fit):
  """(v -> sum of q v, c -> c q, k), with y = q - k; both linear, each the other's transpose.

  k is None where there is none: times a zero XLA would still take its sums.
  """
  k = None if by.drift is None else by.drift * by.rstd
  choose, x = raw(r, x, mask, scale), keep(mask, x).astype(compute_dtype(x))
  # Not over devices: what they share varies over fewer mesh axes (shard_map) than its cotangent.
  if _alike(r, scale) and r.axis_name is None and not jnp.iscomplexobj(x):
    known = {'x': x, 'shift': by.shift, 'rstd': by.rstd, 'axes': r.axes, 'choose': choose}
    covary, times = (functools.partial(f, **known) for f in (covariance.covary, covariance.times))
    return covary, times, k
  y = (x - by.shift) * by.rstd
  y = y if k is None else y - k
  return (lambda v: jnp.sum((jnp.conj(y) * v).real, r.axes, keepdims=True)), (lambda c: c * y), None


def _tangent_sums(r: Reduction, x, scale, mask, by: Fit, dx):
  """Sums of dx and of y dx, each over the standard deviation, on this device."""
  along_y, _, k = _along_y(r, x, scale, mask, by)
  dx = keep(mask, dx.astype(compute_dtype(x)))
  # Divided and selected here for XLA:CPU, which in the transpose would else work these out again
  # for every entry of x, and sum over groups in a loop over x.
  over_std = lambda a: jnp.where(by.rstd == 0, 0, a / by.std)  # noqa: E731
  of_dx, of_qdx = over_std(jnp.sum(dx, r.axes, keepdims=True)), over_std(along_y(dx))
  of_ydx = of_qdx if k is None else of_qdx - (jnp.conj(k) * of_dx).real
  return reduction.pooled(r, of_dx) if r.center else None, reduction.pooled(r, of_ydx)


def _tangent(r: Reduction, x, scale, mask, by: Fit, dx, dscale, dbias, sums):
  """The rule of this module's docstring; `sums` where they were taken over devices."""
  sums = _tangent_sums(r, x, scale, mask, by, dx) if sums is None else sums
  count = jnp.maximum(by.moments.count, 1)
  means: list[Any] = [None if a is None else a / count for a in sums]
  mean_t, mean_yt = means
  _, times_y, k = _along_y(r, x, scale, mask, by)
  scaled = functools.partial(covariance.scaled, scale)
  of_y = (0.0 if dscale is None else dscale) + scaled(-mean_yt)
  dz = _slope(by.rstd, scale) * dx + times_y(of_y)
  of_1 = 0.0 if mean_t is None else scaled(-mean_t)
  of_1 = of_1 if k is None else of_1 - k * of_y
  dbias = 0.0 if dbias is None else dbias
  if mask is None:  # added up at their own shape: one sum then serves their transposes
    own = jnp.broadcast_shapes(jnp.shape(of_1), jnp.shape(dbias))
    dz = dz + covariance.along(of_1 + covariance.along(dbias, own), x.shape)
  else:
    dz = keep(mask, dz + of_1) + covariance.along(dbias, x.shape)
  return dz, _dmoments(by, mean_t, mean_yt)


def _dmoments(by: Fit, mean_t, mean_yt) -> Moments:
  rstd = jnp.where(by.rstd == 0, 1, by.rstd)
  dmean = jnp.zeros_like(by.moments.mean) if mean_t is None else mean_t / rstd
  return Moments(dmean, 2 * mean_yt / rstd / rstd, jnp.zeros_like(by.moments.count))


# Traced and lowered once in a program, for all its layers of a shape.
_normalize_once = jax.jit(_normalize, static_argnums=0)


def _in_a_program(x) -> bool:
  """Whether x has no value yet: on values one program rounds otherwise than Flax's operations."""
  try:
    concrete_or_error(None, x)
  except jax.errors.ConcretizationTypeError:
    return True
  return False


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
  groups: int | None = None,
) -> tuple[jax.Array, Moments]:
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, with the moments it used.

  refine=False leaves the mean's rounding error in: the textbook's two passes, to the bit.
  groups: of the last axis, over each of which statistics are taken too (it is none of `axes`); the
  moments are at each of its entries.
  """
  x = inexact(x)
  r = reduction.over(axes, epsilon, center, axis_name, axis_index_groups, refine, groups)
  # Not over devices: vmap's axis would be unknown in it.
  once = axis_name is None and _in_a_program(x)
  return (_normalize_once if once else _normalize)(r, x, scale, bias, mask)


def normalize_by(x, mean, var, scale=None, bias=None, mask=None, *, epsilon: float) -> jax.Array:
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, by statistics that are given."""
  deviation = keep(mask, x.astype(compute_dtype(x)) - mean)
  rstd = lax.rsqrt(var.astype(compute_dtype(var)) + epsilon)
  return _affine(deviation, None, rstd, x, scale, bias)
