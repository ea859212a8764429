"""The one derivative rule on which every normalisation by statistics stands.

With <.> the mean over the statistics' axes (over a named axis too, and over the entries that a
mask leaves in), for x of any rank and statistics that keep their axes at size 1:

    y = rstd (x - <x>),   rstd = (<|x - <x>|^2> + epsilon)^-1/2,   z = y scale + bias
    dz = s dx + y (dscale - s <y dx>) + (dbias - s <dx>),   s = rstd scale

The second line is the exact tangent. It is linear in (dx, dscale, dbias), so JAX's transposition
turns it into the papers' simplified backward pass; where scale does not vary along the statistics'
axes that needs only sum(g) and sum(g y), shared by the gradients of x, scale and bias.

In the code d = x - shift, where norms/_src/moments.py splits the mean into shift + drift, and r is
the static Reduction. y = (q - k) c is y as it is computed: from q = d by small arrays k = drift and
c = rstd, or as it is, from q = y.
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any

import jax
from jax import Array, lax
from jax.typing import ArrayLike

from norms import reduction
from norms._src import arithmetic, xla_cpu
from norms._src.arithmetic import MaybeArray, add, affine_dtype, convert, mul, real_product, sub
from norms._src.axes import Mask, zero_masked
from norms._src.moments import (
  Moments,
  Stats,
  centred,
  compute_stats,
  factor_y,
  moments_tangent,
  subtract_shift,
  sums_use_deviation,
)
from norms.reduction import Axes, Reduction, canonical_axes, compute_dtype, expand_param, inexact

__all__ = (
  'Axes', 'Moments', 'Reduction', 'affine_dtype', 'canonical_axes', 'compute_dtype',
  'expand_param', 'inexact', 'keep', 'normalize', 'spread', 'zero_masked',
)  # fmt: skip

# Their names in earlier versions, which norms of users may call.
spread, keep = expand_param, zero_masked


def normalize(
  x: ArrayLike, scale: MaybeArray = None, bias: MaybeArray = None, mask: Mask = None,
  *,
  axes: Sequence[int], epsilon: float | Array, center: bool = True,
  axis_name: str | None = None, axis_index_groups: Sequence[Sequence[int]] | None = None,
  refine: bool = True, groups: int | None = None, keep_input: bool = False,
) -> tuple[Array, Moments]:  # fmt: skip
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, with the moments it used.

  Args:
    epsilon: a number, or an array, which has a derivative.
    center: False: no mean is subtracted, and var is the mean square.
    refine: False: the mean keeps its rounding error; the textbook's two passes, to the bit.
    groups: the number of groups of channels on the last axis, which is then none of `axes`:
      statistics are taken over each group, too. The moments repeat them for each channel.
    keep_input: the backward pass keeps x and no other array of its size, for callers that keep x.
  """
  x = inexact(x)
  static, traced = arithmetic.split_epsilon(epsilon, reduction.real_dtype(x))
  r = reduction.make_reduction(axes, static, center, axis_name, axis_index_groups, refine, groups)
  special = axis_name is None and xla_cpu.special_formulas_allowed()
  r = r._replace(keep_input=keep_input, special=special)
  # Not where refine=False runs eagerly, since its result is Flax's to the bit: a compiled program
  # rounds otherwise than operation after operation. Nor over devices: jit hides vmap's axis name.
  compiled = axis_name is None and (refine or not arithmetic.is_concrete(x))
  return (_normalize_jit if compiled else _normalize)(r, x, scale, bias, mask, traced)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _normalize(
  r: Reduction, x: Array, scale: MaybeArray, bias: MaybeArray, mask: Mask, epsilon: MaybeArray
) -> tuple[Array, Moments]:
  return _apply(r, x, scale, bias, mask, *compute_stats(r, x, mask, epsilon))


# All layers of one shape share one jaxpr and one lowered function; without jit each has its own.
_normalize_jit = jax.jit(_normalize, static_argnums=0)


@_normalize.defjvp
def _normalize_jvp(r: Reduction, primals: Any, tangents: Any) -> Any:
  x, scale, bias, mask, epsilon = primals
  dx, dscale, dbias, _, depsilon = tangents
  d, stats = compute_stats(r, x, mask, epsilon)
  z, moments = _apply(r, x, scale, bias, mask, d, stats)
  static = mask is None and r.axis_name is None
  n = reduction.at_least_one(reduction.count_entries(r, x, mask) if static else moments.count)
  with_d = functools.partial(_with_d, r, x, d)
  if r.axis_name is None:
    tangent = functools.partial(_means_and_tangent, n)
    means, dz = with_d(tangent)(mask, stats, dx, scale, dscale, dbias, depsilon)
  else:
    # Devices exchange their sums between two recomputed functions, and not within one: where JAX
    # computes a function again, the name of an axis of vmap is unknown.
    sums = with_d(_tangent_sums)(mask, stats, dx)
    means = arithmetic.div_all(reduction.sum_over_devices(r, sums), n)
    dz = with_d(_tangent)(mask, stats, dx, scale, dscale, dbias, depsilon, means)
  return (z, moments), (convert(dz, z.dtype), moments_tangent(stats, means))


def _means_and_tangent(
  n: Any, r: Reduction, d: Array, mask: Mask, stats: Stats, dx: Array, scale: MaybeArray,
  dscale: MaybeArray, dbias: MaybeArray, depsilon: MaybeArray,
) -> Any:  # fmt: skip
  """The means of dx and y dx, and dz; in one function, so that d is recomputed once for both."""
  means = arithmetic.div_all(_tangent_sums(r, d, mask, stats, dx), n)
  return means, _tangent(r, d, mask, stats, dx, scale, dscale, dbias, depsilon, means)


def _apply(
  r: Reduction, x: Array, scale: MaybeArray, bias: MaybeArray, mask: Mask, d: Array, stats: Stats
) -> tuple[Array, Moments]:
  """z, in the promoted dtype of x, scale and bias, and the moments."""
  # Where the backward pass needs y, z is computed from it: XLA then computes y once for both.
  if r.refine and not sums_use_deviation(r, x.ndim):
    z = reduction.affine(mul(centred(d, mask, stats), stats.rstd), scale, bias)
    return convert(z, affine_dtype(x, scale, bias)), stats.moments
  # Under a mask d is 0, and must stay it: there the drift cannot move into the offset.
  d, drift = (d, stats.drift) if mask is None else (centred(d, mask, stats), None)
  return arithmetic.normalize_affine(d, drift, stats.rstd, x, scale, bias), stats.moments


def _with_d(r: Reduction, x: Array, d: Array, f: Callable[..., Any]) -> Callable[..., Any]:
  """f(r, d, mask, stats, ...) of (mask, stats, ...); for the backward pass it keeps one array.

  That array is d where f reads d itself and d is no wider than x. Otherwise it is x, which the
  caller's network keeps anyway as a rule, and d is computed again from it.
  """
  if x.dtype == d.dtype and sums_use_deviation(r, x.ndim):
    return functools.partial(f, r, d)

  @reduction.recompute
  def recomputed(x: Array, mask: Mask, stats: Stats, *rest: Any) -> Any:
    return f(r, subtract_shift(r, x, mask, stats.shift), mask, stats, *rest)

  return functools.partial(recomputed, x)


def _tangent_sums(
  r: Reduction, d: Array, mask: Mask, stats: Stats, dx: Array
) -> tuple[MaybeArray, Array]:
  """The sums of dx and of y dx on this device."""
  (q, k, c), dx = factor_y(r, d, mask, stats), zero_masked(mask, convert(dx, d.dtype))
  r = reduction.on_this_device(r)
  # c dx and not c <q dx>: of an input of 1e18 c^2, which the transpose would multiply q by, is 0.
  sum_ydx = reduction.total(r, real_product(q, dx if c is None else mul(c, dx)))
  sum_dx = reduction.total(r, dx) if r.center else None
  if k is not None and c is not None and sum_dx is not None:
    sum_ydx = sub(sum_ydx, real_product(k, mul(c, sum_dx)))
  return sum_dx, sum_ydx


def _tangent(
  r: Reduction, d: Array, mask: Mask, stats: Stats, dx: Array, scale: MaybeArray,
  dscale: MaybeArray, dbias: MaybeArray, depsilon: MaybeArray, means: Any,
) -> Array:  # fmt: skip
  """dz of this module's docstring, as s dx + q q_factor + constant."""
  mean_dx, mean_ydx = means
  if depsilon is not None:  # d rstd = -rstd^3 depsilon / 2
    mean_ydx = mean_ydx + 0.5 * stats.rstd * depsilon
  q, k, c = factor_y(r, d, mask, stats)
  minus_rstd = lax.neg(stats.rstd)
  q_factor = _multiply(c, _affine(r, mul(minus_rstd, mean_ydx), scale, dscale))
  dx = mul(stats.rstd, zero_masked(mask, convert(dx, d.dtype)))
  dz = add(reduction.affine(dx, scale, None), mul(q, q_factor))
  if not r.center:
    return reduction.affine(dz, None, dbias)
  # dbias reaches masked entries, too, so with a mask it is added last.
  constant = _affine(r, mul(minus_rstd, mean_dx), scale, None if mask is not None else dbias)
  constant = constant if k is None else sub(constant, mul(k, q_factor))
  dz = zero_masked(mask, add(dz, constant))
  return dz if mask is None else reduction.affine(dz, None, dbias)


def _affine(r: Reduction, a: Array, scale: MaybeArray, bias: MaybeArray) -> Array:
  """a * scale + bias; the product is one that XLA on CPUs sums faster, where it can be."""
  if r.special and scale is not None and xla_cpu.is_outer(a, scale):
    a, scale = xla_cpu.outer(a, scale), None
  return reduction.affine(a, scale, bias)


def _multiply(c: MaybeArray, a: Array) -> Array:
  """c a; 0 where c is 0, even if `a` is infinite."""
  # A variance that overflowed has rstd = 0 beside sums that may be infinite. The transpose of this
  # selection discards them, too, where a product's would make NaN of them.
  return a if c is None else zero_masked(lax.ne(c, c.dtype.type(0)), mul(c, a))
