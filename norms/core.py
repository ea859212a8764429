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
from jax import lax
from jax.extend.core import concrete_or_error
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import reduction, xla_cpu
from norms.moments import Moments as Moments
from norms.moments import Stats, compute_stats, moments_tangent, subtract_shift, sums_read_d
from norms.reduction import Axes as Axes
from norms.reduction import Reduction as Reduction
from norms.reduction import canonical_axes as canonical_axes
from norms.reduction import compute_dtype as compute_dtype
from norms.reduction import inexact as inexact
from norms.reduction import keep as keep
from norms.reduction import spread as spread


def affine_dtype(*arrays: ArrayLike | None) -> jnp.dtype:
  """The output's dtype: the promoted one of the input and the parameters that are given."""
  return jnp.result_type(*(a for a in arrays if a is not None))


def _centred(d: jax.Array, mask: ArrayLike | None, stats: Stats) -> jax.Array:
  """x - <x>; 0 under the mask."""
  return d if stats.drift is None else keep(mask, d - stats.drift)


def _apply(
  r: Reduction, x: jax.Array, scale: jax.Array | None, bias: jax.Array | None,
  mask: ArrayLike | None, d: jax.Array, stats: Stats,
) -> tuple[jax.Array, Moments]:  # fmt: skip
  """z, in the promoted dtype of what was given, and the moments."""
  if r.refine and not sums_read_d(r, x.ndim):  # by y, which the backward pass reads, too
    z = reduction.affine(_centred(d, mask, stats) * stats.rstd, scale, bias)
    return z.astype(affine_dtype(x, scale, bias)), stats.moments
  d, k = (d, stats.drift) if mask is None else (_centred(d, mask, stats), None)
  return _affine(d, k, stats.rstd, x, scale, bias), stats.moments


def _affine(
  d: jax.Array, k: jax.Array | None, rstd: jax.Array, x: jax.Array,
  scale: jax.Array | None, bias: jax.Array | None,
) -> jax.Array:  # fmt: skip
  """(d - k) rstd scale + bias, rounded as Flax does; k is None for 0."""
  slope, offset = reduction.affine(rstd, scale, None), bias
  if k is not None:  # rounded once less than d - k
    offset = reduction.affine(-k * slope, None, bias)
  return reduction.affine(d, slope, offset).astype(affine_dtype(x, scale, bias))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _normalize(
  r: Reduction, x: jax.Array, scale: jax.Array | None, bias: jax.Array | None,
  mask: ArrayLike | None, epsilon: jax.Array | None,
) -> tuple[jax.Array, Moments]:  # fmt: skip
  return _apply(r, x, scale, bias, mask, *compute_stats(r, x, mask, epsilon))


@_normalize.defjvp
def _normalize_jvp(r: Reduction, primals: Any, tangents: Any) -> Any:
  x, scale, bias, mask, epsilon = primals
  dx, dscale, dbias, _, depsilon = tangents
  d, stats = compute_stats(r, x, mask, epsilon)
  z, moments = _apply(r, x, scale, bias, mask, d, stats)
  from_d = functools.partial(_from_d, r, x, d)
  # What devices exchange stays between the two: where they are recomputed, vmap's axis is unknown.
  sums = from_d(_tangent_sums)(mask, stats, dx)
  known = mask is None and r.axis_name is None
  n = reduction.at_least_one(reduction.count_entries(r, x, mask) if known else moments.count)
  means = jax.tree.map(lambda a: a / n, reduction.over_devices(r, sums))
  dz = from_d(_tangent)(mask, stats, dx, scale, dscale, dbias, depsilon, means)
  return (z, moments), (dz.astype(z.dtype), moments_tangent(stats, means))


def _from_d(r: Reduction, x: jax.Array, d: jax.Array, f: Callable[..., Any]) -> Callable[..., Any]:
  """f(r, d, mask, stats, ...), which keeps one array of x's size for the backward pass.

  That is d where the sums are over it as it is, and else x, from which d is computed again.
  """
  if x.dtype == d.dtype and sums_read_d(r, x.ndim):
    return functools.partial(f, r, d)

  @reduction.recompute
  def recomputed(x: jax.Array, mask: ArrayLike | None, stats: Stats, *rest: Any) -> Any:
    return f(r, subtract_shift(r, x, mask, stats.shift), mask, stats, *rest)

  return functools.partial(recomputed, x)


def _y_by_parts(
  r: Reduction, d: jax.Array, mask: ArrayLike | None, stats: Stats
) -> tuple[jax.Array, jax.Array | None, jax.Array | None]:
  """(q, k, c) with y = (q - k) c.

  Where sums read d, q is d as it is written down; k and c are small. Else q is y.
  """
  if sums_read_d(r, d.ndim):
    return d, stats.drift, stats.rstd
  return _centred(d, mask, stats) * stats.rstd, None, None


def _tangent_sums(
  r: Reduction, d: jax.Array, mask: ArrayLike | None, stats: Stats, dx: jax.Array
) -> tuple[jax.Array | None, jax.Array]:
  """The sums of dx and of y dx on this device."""
  (q, k, c), dx = _y_by_parts(r, d, mask, stats), keep(mask, dx.astype(d.dtype))
  r = reduction.on_this_device(r)
  of_dx = reduction.total(r, dx) if r.center else None
  of_ydx = reduction.total(r, (jnp.conj(q) * dx).real if jnp.iscomplexobj(q) else q * dx)
  if k is not None and of_dx is not None:
    of_ydx = of_ydx - (jnp.conj(k) * of_dx).real
  return of_dx, _times(c, of_ydx)


def _scaled(
  r: Reduction, a: jax.Array, scale: jax.Array | None, more: jax.Array | None
) -> jax.Array:
  """a scale + more, where they are given."""
  if r.special and scale is not None and xla_cpu.is_outer(a, scale):
    a, scale = xla_cpu.outer(a, scale), None
  return reduction.affine(a, scale, more)


def _times(c: jax.Array | None, a: jax.Array) -> jax.Array:
  # Selected for the transpose, where an infinite sum may meet a variance that overflowed.
  return a if c is None else keep(c != 0, c * a)


def _tangent(
  r: Reduction, d: jax.Array, mask: ArrayLike | None, stats: Stats, dx: jax.Array,
  scale: jax.Array | None, dscale: jax.Array | None, dbias: jax.Array | None,
  depsilon: jax.Array | None, means: Any,
) -> jax.Array:  # fmt: skip
  """The rule of this module's docstring."""
  mean_dx, mean_ydx = means
  if depsilon is not None:  # d rstd = -rstd^3 depsilon / 2
    mean_ydx = mean_ydx + 0.5 * stats.rstd * depsilon
  q, k, c = _y_by_parts(r, d, mask, stats)
  of_q = _times(c, _scaled(r, -stats.rstd * mean_ydx, scale, dscale))
  dx = stats.rstd * keep(mask, dx.astype(d.dtype))
  dz = reduction.affine(dx, scale, None) + q * of_q
  if not r.center:
    return reduction.affine(dz, None, dbias)
  of_1 = _scaled(r, -stats.rstd * mean_dx, scale, None if mask is not None else dbias)
  of_1 = of_1 if k is None else of_1 - k * of_q
  dz = keep(mask, dz + of_1)
  return dz if mask is None else reduction.affine(dz, None, dbias)


# Traced and lowered once in a program, for all its layers of a shape; one call on values.
_normalize_once = jax.jit(_normalize, static_argnums=0)


def _in_a_program(x: jax.Array) -> bool:
  """Whether x has no value yet."""
  try:
    concrete_or_error(None, x)
  except jax.errors.ConcretizationTypeError:
    return True
  return False


def normalize(
  x: ArrayLike,
  scale: jax.Array | None = None,
  bias: jax.Array | None = None,
  mask: ArrayLike | None = None,
  *,
  axes: Sequence[int],
  epsilon: float | jax.Array,
  center: bool = True,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
  refine: bool = True,
  groups: int | None = None,
  keep_input: bool = False,
) -> tuple[jax.Array, Moments]:
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, with the moments it used.

  epsilon may be traced, and has a derivative then.
  refine=False leaves the mean's rounding error in: the textbook's two passes, to the bit.
  groups: of the last axis, over each of which statistics are taken too (it is none of `axes`); the
  moments are at each of its entries.
  keep_input: the backward pass keeps x and nothing of its size besides, for callers that keep it.
  """
  x = inexact(x)
  static, traced = reduction.split_epsilon(epsilon, compute_dtype(x.real))
  r = reduction.over(axes, static, center, axis_name, axis_index_groups, refine, groups)
  special = axis_name is None and xla_cpu.special_formulas()
  r = r._replace(keep_input=keep_input, special=special)
  # On values one program rounds otherwise than operations do, and with refine=False these are
  # Flax's to the bit. Over devices vmap's axis would be unknown in it.
  as_one = axis_name is None and (refine or _in_a_program(x))
  return (_normalize_once if as_one else _normalize)(r, x, scale, bias, mask, traced)


def normalize_by(
  x: jax.Array, mean: jax.Array, var: jax.Array, scale: jax.Array | None = None,
  bias: jax.Array | None = None, mask: ArrayLike | None = None, *, epsilon: float | jax.Array,
) -> jax.Array:  # fmt: skip
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, by statistics that are given."""
  deviation = keep(mask, reduction.widen(x) - reduction.widen(mean))
  return _affine(deviation, None, lax.rsqrt(reduction.widen(var) + epsilon), x, scale, bias)
