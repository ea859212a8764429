"""The tangent of a normalisation, by which norms/core.py differentiates it.

    dz = s dx + y (dscale - s <y dx>) + (dbias - s <dx>),   s = rstd scale

Each function is linear in the tangents, so that JAX can transpose it. The factors (q, k, c) stand
for y = (q - k) c: either q is d, and k = drift and c = rstd are small arrays, or q is y itself, and
k and c are None.
"""

from jax import Array, lax

from norms import reduction
from norms._src.arithmetic import MaybeArray, add, convert, mul, real_product, sub
from norms._src.axes import Mask, zero_masked
from norms._src.moments import Factors, Moments, Stats
from norms.reduction import Reduction

Means = tuple[MaybeArray, Array]  # of dx, None where x is not centred, and of y dx


def tangent_sums(r: Reduction, factors: Factors, mask: Mask, stats: Stats, dx: Array) -> Means:
  """The sums of dx and of y dx on this device."""
  q, k, c = factors
  dx = zero_masked(mask, convert(dx, q.dtype))
  r = reduction.on_this_device(r)
  # c dx and not c <q dx>: of an input of 1e18 c^2, which the transpose would multiply q by, is 0.
  sum_ydx = reduction.total(r, real_product(q, dx if c is None else mul(c, dx)))
  sum_dx = reduction.total(r, dx) if r.center else None
  if k is not None and c is not None and sum_dx is not None:
    # k is constant along the axes, so its part comes from sum_dx, without a pass over q.
    sum_ydx = sub(sum_ydx, real_product(k, mul(c, sum_dx)))
  return sum_dx, sum_ydx


def tangent(
  r: Reduction, factors: Factors, mask: Mask, stats: Stats, means: Means, dx: Array,
  scale: MaybeArray, dscale: MaybeArray, dbias: MaybeArray, depsilon: MaybeArray,
) -> Array:  # fmt: skip
  """dz of this module's docstring; scale multiplies where its transpose has least to do."""
  mean_dx, mean_ydx = means
  if depsilon is not None:  # d rstd = -rstd^3 depsilon / 2
    mean_ydx = mean_ydx + 0.5 * stats.rstd * depsilon
  q, k, c = factors
  minus_rstd = lax.neg(stats.rstd)
  q_factor = mul(minus_rstd, mean_ydx)
  constant = None if mean_dx is None else mul(minus_rstd, mean_dx)
  dx = mul(stats.rstd, zero_masked(mask, convert(dx, q.dtype)))
  if c is None:
    # scale may vary as y does. It multiplies dy as a whole: the transpose then multiplies the
    # cotangent by scale once, for all three terms.
    dy = reduction.affine(q, q_factor, dx)
    dy = dy if constant is None else zero_masked(mask, add(dy, constant))
    dz = reduction.affine(dy, scale, None)
    dz = dz if dscale is None else add(dz, reduction.affine(q, dscale, None))
    return reduction.affine(dz, None, dbias)
  # scale varies as rstd does: it multiplies the small arrays.
  q_factor = _multiply(c, reduction.affine(q_factor, scale, dscale))
  dz = reduction.affine(q, q_factor, reduction.affine(dx, scale, None))
  if constant is None:
    return reduction.affine(dz, None, dbias)
  # dbias reaches masked entries, too, so with a mask it is added last.
  constant = reduction.affine(constant, scale, None if mask is not None else dbias)
  dz = add(dz, constant if k is None else sub(constant, mul(k, q_factor)))
  return dz if mask is None else reduction.affine(zero_masked(mask, dz), None, dbias)


def moments_tangent(stats: Stats, means: Means) -> Moments:
  """The moments' tangent, from the means of dx and of y dx: dvar = 2 <y dx> / rstd."""
  mean_dx, mean_ydx = means
  mean, _, count = stats.moments
  dmean = lax.full_like(mean, 0) if mean_dx is None else mean_dx
  # rstd is 0 where the variance overflowed, or is 0 beside no epsilon: not 0 times infinity.
  std = zero_masked(lax.ne(stats.rstd, stats.rstd.dtype.type(0)), lax.reciprocal(stats.rstd))
  return Moments(dmean, mul(mul(mean_ydx, std), 2), lax.full_like(count, 0))


def _multiply(c: Array, a: Array) -> Array:
  """c a; 0 where c is 0, even if `a` is infinite."""
  # A variance that overflowed has rstd = 0 beside sums that may be infinite. The transpose of this
  # selection discards them, too, where a product's would make NaN of them.
  return zero_masked(lax.ne(c, c.dtype.type(0)), mul(c, a))
