"""The one derivative rule on which every normalisation by statistics stands.

With <.> the mean over the statistics' axes (over a named axis too, and over the entries that a
mask leaves in), for x of any rank and statistics that keep their axes at size 1:

    y = rstd (x - <x>),   rstd = (<|x - <x>|^2> + epsilon)^-1/2,   z = y scale + bias
    dz = s dx + y (dscale - s <y dx>) + (dbias - s <dx>),   s = rstd scale

The second line is the exact tangent. It is linear in (dx, dscale, dbias), so JAX's transposition
turns it into the papers' simplified backward pass; where scale does not vary along the statistics'
axes that needs only sum(g) and sum(g y), shared by the gradients of x, scale and bias.

In the code d = x - shift, where norms/_src/moments.py splits the mean into shift + drift, r is the
static Reduction, and norms/_src/tangent.py holds the second line.
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any, TypeVar

import jax
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike

from norms import reduction
from norms._src import arithmetic, xla_cpu
from norms._src.arithmetic import MaybeArray, affine_dtype, convert, mul
from norms._src.axes import Mask, zero_masked
from norms._src.moments import (
  Factors,
  Moments,
  Stats,
  centred,
  compute_stats,
  factor_y,
  keeps_y,
  subtract_shift,
  sums_use_deviation,
)
from norms._src.tangent import Means, moments_tangent, tangent, tangent_sums
from norms.reduction import Axes, Reduction, canonical_axes, compute_dtype, expand_param, inexact

__all__ = (
  'Axes', 'Moments', 'Reduction', 'affine_dtype', 'canonical_axes', 'compute_dtype',
  'expand_param', 'inexact', 'keep', 'normalize', 'spread', 'zero_masked',
)  # fmt: skip

_T = TypeVar('_T')

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
  # r is hashed, as a static argument of jit: an epsilon that is an array cannot be a part of it.
  static, traced = arithmetic.split_epsilon(epsilon, reduction.real_dtype(x))
  r = reduction.make_reduction(axes, static, center, axis_name, axis_index_groups, refine, groups)
  # In r, and so in the key of jit's cache: under plain_formulas a program is traced anew.
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
  d, stats = compute_stats(r, x, mask, epsilon)
  return _apply(r, x, scale, bias, mask, d, stats), stats.moments


# All layers of one shape share one jaxpr and one lowered function; without jit each has its own.
_normalize_jit = jax.jit(_normalize, static_argnums=0)


@functools.partial(_normalize.defjvp, symbolic_zeros=True)
def _normalize_jvp(
  r: Reduction,
  primals: tuple[Array, MaybeArray, MaybeArray, Mask, MaybeArray],
  tangents: tuple[Array | SymbolicZero, ...],
) -> tuple[tuple[Array, Moments], tuple[Array, Moments]]:
  x, scale, bias, mask, epsilon = primals
  # Of a scale that has no tangent, y dscale would be an array of zeros that is kept.
  dx, dscale, dbias, _, depsilon = (None if isinstance(t, SymbolicZero) else t for t in tangents)
  # A first layer's x may have no tangent, while its scale has.
  dx = lax.full_like(x, 0) if dx is None else dx
  d, stats = compute_stats(r, x, mask, epsilon)
  # One array for value and derivative: with y at hand, neither needs x again.
  y = xla_cpu.standardize(x, *stats[:3]) if keeps_y(r, x, mask) else None
  z, moments = _apply(r, x, scale, bias, mask, d, stats, y), stats.moments
  static = mask is None and r.axis_name is None
  n = reduction.at_least_one(reduction.count_entries(r, x, mask) if static else moments.count)
  call = functools.partial(_call_with_factors, r, x, d, y)
  if r.axis_name is None:
    both = functools.partial(_means_and_tangent, n)
    means, dz = call(both, mask, stats, dx, scale, dscale, dbias, depsilon)
  else:
    # Devices exchange their sums between two recomputed functions, and not within one: where JAX
    # computes a function again, the name of an axis of vmap is unknown.
    sums = call(tangent_sums, mask, stats, dx)
    means = arithmetic.div_all(reduction.sum_over_devices(r, sums), n)
    dz = call(tangent, mask, stats, means, dx, scale, dscale, dbias, depsilon)
  # JAX wants a tangent in the dtype of its value; until here dz is in that of the statistics.
  return (z, moments), (convert(dz, z.dtype), moments_tangent(stats, means))


def _means_and_tangent(
  n: Array | int, r: Reduction, factors: Factors, mask: Mask, stats: Stats, dx: Array,
  *rest: MaybeArray,
) -> tuple[Means, Array]:  # fmt: skip
  """The means of dx and y dx, and dz; in one function, so that d is recomputed once for both."""
  means = arithmetic.div_all(tangent_sums(r, factors, mask, stats, dx), n)
  return means, tangent(r, factors, mask, stats, means, dx, *rest)


def _apply(
  r: Reduction, x: Array, scale: MaybeArray, bias: MaybeArray, mask: Mask, d: Array, stats: Stats,
  y: MaybeArray = None,
) -> Array:  # fmt: skip
  """z, in the promoted dtype of x, scale and bias; from y, where it is known."""
  # Where the backward pass needs y, z is computed from it: XLA then computes y once for both.
  if r.refine and not sums_use_deviation(r, x.ndim):
    y = mul(centred(d, mask, stats), stats.rstd) if y is None else y
    return convert(reduction.affine(y, scale, bias), affine_dtype(x, scale, bias))
  # Under a mask d is 0, and must stay it: there the drift cannot move into the offset.
  d, drift = (d, stats.drift) if mask is None else (centred(d, mask, stats), None)
  return arithmetic.normalize_affine(d, drift, stats.rstd, x, scale, bias)


def _call_with_factors(
  r: Reduction, x: Array, d: Array, y: MaybeArray, f: Callable[..., _T], mask: Mask, stats: Stats,
  *rest: Any,  # what f takes: tangents, parameters, or the means of the first of two calls
) -> _T:  # fmt: skip
  """f(r, factors, mask, stats, *rest); for the backward pass it keeps one array.

  That array is y where y is known, or d where f reads d itself and d is no wider than x. Otherwise
  it is x, which the caller's network keeps anyway as a rule, and d is computed again from it.
  """
  if y is not None:
    return f(r, (y, None, None), mask, stats, *rest)
  if x.dtype == d.dtype and sums_use_deviation(r, x.ndim):
    return f(r, factor_y(r, d, mask, stats), mask, stats, *rest)

  @reduction.recompute
  def recomputed(x: Array, mask: Mask, stats: Stats, *rest: Any) -> _T:  # Any: as above
    d = subtract_shift(r, x, mask, stats.shift)
    return f(r, factor_y(r, d, mask, stats), mask, stats, *rest)

  result: _T = recomputed(x, mask, stats, *rest)
  return result
