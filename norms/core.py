"""The one derivative rule on which every normalisation by statistics stands.

With <.> the mean over the statistics' axes (over a named axis too, and over the entries that a
mask leaves in), for x of any rank and statistics that keep their axes at size 1:

    y = r (x - <x>),   r = (<|x - <x>|^2> + epsilon)^-1/2,   z = y scale + bias
    dz = s dx + y (dscale - s <y dx>) + (dbias - s <dx>),   s = r scale

The second line is the exact tangent. It is linear in (dx, dscale, dbias), so JAX's transposition
turns it into the papers' simplified backward pass; where scale does not vary along the statistics'
axes that needs only sum(g) and sum(g y), shared by the gradients of x, scale and bias.
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any

import jax
from jax import Array, lax
from jax.typing import ArrayLike

from norms import reduction, xla_cpu
from norms.arithmetic import add, convert, div, has_no_value, inner, mul, sub
from norms.arithmetic import affine_dtype as affine_dtype
from norms.axes import Given, Mask
from norms.moments import Moments as Moments
from norms.moments import Stats, compute_stats, moments_tangent, subtract_shift, sums_read_d
from norms.reduction import Axes as Axes
from norms.reduction import Reduction as Reduction
from norms.reduction import canonical_axes as canonical_axes
from norms.reduction import compute_dtype as compute_dtype
from norms.reduction import inexact as inexact
from norms.reduction import keep as keep
from norms.reduction import spread as spread


def _centred(d: Array, mask: Mask, stats: Stats) -> Array:
  """x - <x>; 0 under the mask."""
  return d if stats.drift is None else keep(mask, sub(d, stats.drift))


def _apply(
  r: Reduction, x: Array, scale: Given, bias: Given, mask: Mask, d: Array, stats: Stats
) -> tuple[Array, Moments]:
  """z, in the promoted dtype of what was given, and the moments."""
  if r.refine and not sums_read_d(r, x.ndim):  # by y, which the backward pass reads, too
    z = reduction.affine(mul(_centred(d, mask, stats), stats.rstd), scale, bias)
    return convert(z, affine_dtype(x, scale, bias)), stats.moments
  d, k = (d, stats.drift) if mask is None else (_centred(d, mask, stats), None)
  return _affine(d, k, stats.rstd, x, scale, bias), stats.moments


def _affine(d: Array, k: Given, rstd: Array, x: Array, scale: Given, bias: Given) -> Array:
  """(d - k) rstd scale + bias, rounded as Flax does; k is None for 0."""
  slope, offset = reduction.affine(rstd, scale, None), bias
  if k is not None:  # rounded once less than d - k
    offset = reduction.affine(mul(lax.neg(k), slope), None, bias)
  return convert(reduction.affine(d, slope, offset), affine_dtype(x, scale, bias))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _normalize(
  r: Reduction, x: Array, scale: Given, bias: Given, mask: Mask, epsilon: Given
) -> tuple[Array, Moments]:
  return _apply(r, x, scale, bias, mask, *compute_stats(r, x, mask, epsilon))


@_normalize.defjvp
def _normalize_jvp(r: Reduction, primals: Any, tangents: Any) -> Any:
  x, scale, bias, mask, epsilon = primals
  dx, dscale, dbias, _, depsilon = tangents
  d, stats = compute_stats(r, x, mask, epsilon)
  z, moments = _apply(r, x, scale, bias, mask, d, stats)
  known = mask is None and r.axis_name is None
  n = reduction.at_least_one(reduction.count_entries(r, x, mask) if known else moments.count)
  from_d = functools.partial(_from_d, r, x, d)
  if r.axis_name is None:
    tangent = functools.partial(_means_and_tangent, n)
    means, dz = from_d(tangent)(mask, stats, dx, scale, dscale, dbias, depsilon)
  else:  # an exchange stays between two parts: if it were recomputed, vmap's axis would be unknown
    means = _divide(reduction.over_devices(r, from_d(_tangent_sums)(mask, stats, dx)), n)
    dz = from_d(_tangent)(mask, stats, dx, scale, dscale, dbias, depsilon, means)
  return (z, moments), (convert(dz, z.dtype), moments_tangent(stats, means))


def _divide(sums: Any, n: Any) -> Any:
  return jax.tree.map(lambda a: div(a, n), sums)


def _means_and_tangent(
  n: Any, r: Reduction, d: Array, mask: Mask, stats: Stats, dx: Array, *rest: Given
) -> Any:
  means = _divide(_tangent_sums(r, d, mask, stats, dx), n)
  return means, _tangent(r, d, mask, stats, dx, *rest, means)


def _from_d(r: Reduction, x: Array, d: Array, f: Callable[..., Any]) -> Callable[..., Any]:
  """f(r, d, mask, stats, ...), which keeps one array of x's size for the backward pass.

  That is d where the sums are over it as it is, and else x, from which d is computed again.
  """
  if x.dtype == d.dtype and sums_read_d(r, x.ndim):
    return functools.partial(f, r, d)

  @reduction.recompute
  def recomputed(x: Array, mask: Mask, stats: Stats, *rest: Any) -> Any:
    return f(r, subtract_shift(r, x, mask, stats.shift), mask, stats, *rest)

  return functools.partial(recomputed, x)


def _y_by_parts(r: Reduction, d: Array, mask: Mask, stats: Stats) -> tuple[Array, Given, Given]:
  """(q, k, c) with y = (q - k) c.

  Where sums read d, q is d as it is written down; k and c are small. Else q is y.
  """
  if sums_read_d(r, d.ndim):
    return d, stats.drift, stats.rstd
  return mul(_centred(d, mask, stats), stats.rstd), None, None


def _tangent_sums(
  r: Reduction, d: Array, mask: Mask, stats: Stats, dx: Array
) -> tuple[Given, Array]:
  """The sums of dx and of y dx on this device."""
  (q, k, c), dx = _y_by_parts(r, d, mask, stats), keep(mask, convert(dx, d.dtype))
  r = reduction.on_this_device(r)
  of_dx = reduction.total(r, dx) if r.center else None
  of_ydx = reduction.total(r, inner(q, dx))
  if k is not None and of_dx is not None:
    of_ydx = sub(of_ydx, inner(k, of_dx))
  return of_dx, _times(c, of_ydx)


def _scaled(r: Reduction, a: Array, scale: Given, more: Given) -> Array:
  """a scale + more, where they are given."""
  if r.special and scale is not None and xla_cpu.is_outer(a, scale):
    a, scale = xla_cpu.outer(a, scale), None
  return reduction.affine(a, scale, more)


def _times(c: Given, a: Array) -> Array:
  # Selected for the transpose, where an infinite sum may meet a variance that overflowed.
  return a if c is None else keep(lax.ne(c, c.dtype.type(0)), mul(c, a))


def _tangent(
  r: Reduction, d: Array, mask: Mask, stats: Stats, dx: Array, scale: Given, dscale: Given,
  dbias: Given, depsilon: Given, means: Any,
) -> Array:  # fmt: skip
  """The rule of this module's docstring."""
  mean_dx, mean_ydx = means
  if depsilon is not None:  # d rstd = -rstd^3 depsilon / 2
    mean_ydx = mean_ydx + 0.5 * stats.rstd * depsilon
  q, k, c = _y_by_parts(r, d, mask, stats)
  shrink = lax.neg(stats.rstd)
  of_q = _times(c, _scaled(r, mul(shrink, mean_ydx), scale, dscale))
  dx = mul(stats.rstd, keep(mask, convert(dx, d.dtype)))
  dz = add(reduction.affine(dx, scale, None), mul(q, of_q))
  if not r.center:
    return reduction.affine(dz, None, dbias)
  of_1 = _scaled(r, mul(shrink, mean_dx), scale, None if mask is not None else dbias)
  of_1 = of_1 if k is None else sub(of_1, mul(k, of_q))
  dz = keep(mask, add(dz, of_1))
  return dz if mask is None else reduction.affine(dz, None, dbias)


# Traced and lowered once in a program, for all its layers of a shape; one call on values.
_normalize_once = jax.jit(_normalize, static_argnums=0)


def normalize(
  x: ArrayLike, scale: Given = None, bias: Given = None, mask: Mask = None,
  *,
  axes: Sequence[int], epsilon: float | Array, center: bool = True,
  axis_name: str | None = None, axis_index_groups: Sequence[Sequence[int]] | None = None,
  refine: bool = True, groups: int | None = None, keep_input: bool = False,
) -> tuple[Array, Moments]:  # fmt: skip
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, with the moments it used.

  epsilon may be traced, and has a derivative then.
  refine=False leaves the mean's rounding error in: the textbook's two passes, to the bit.
  groups: of the last axis, over each of which statistics are taken too (it is none of `axes`); the
  moments are at each of its entries.
  keep_input: the backward pass keeps x and nothing of its size besides, for callers that keep it.
  """
  x = inexact(x)
  static, traced = reduction.split_epsilon(epsilon, reduction.real_dtype(x))
  r = reduction.over(axes, static, center, axis_name, axis_index_groups, refine, groups)
  r = r._replace(keep_input=keep_input, special=axis_name is None and xla_cpu.special_formulas())
  # On values one program rounds otherwise than operations do, and with refine=False these are
  # Flax's to the bit. Over devices vmap's axis would be unknown in it.
  as_one = axis_name is None and (refine or has_no_value(x))
  return (_normalize_once if as_one else _normalize)(r, x, scale, bias, mask, traced)


def normalize_by(
  x: Array, mean: Array, var: Array, scale: Given = None,
  bias: Given = None, mask: Mask = None, *, epsilon: float | Array,
) -> Array:  # fmt: skip
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, by statistics that are given."""
  by: Callable[..., Array] = _normalize_by if has_no_value(x) else _normalize_by_once
  return by(x, mean, var, scale, bias, mask, epsilon)


def _normalize_by(
  x: Array, mean: Array, var: Array, scale: Given, bias: Given, mask: Mask, epsilon: float | Array
) -> Array:
  deviation = keep(mask, sub(reduction.widen(x), reduction.widen(mean)))
  return _affine(deviation, None, lax.rsqrt(add(reduction.widen(var), epsilon)), x, scale, bias)


_normalize_by_once = jax.jit(_normalize_by)
