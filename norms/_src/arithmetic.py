"""The arithmetic of statistics: in at least float32, and quick to trace.

The operators of jax.Array are jitted functions of jax.numpy. JAX traces these anew for every shape
that they meet, whereas an operation of lax adds one equation and no more. For a model whose layers
have many different widths, that is much of the time it takes to trace.
"""

from collections.abc import Callable
import math
from typing import TypeVar

import jax
from jax import lax
import jax.export
from jax.extend.core import concrete_or_error
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

Operation = Callable[[jax.Array, ArrayLike], jax.Array]
MaybeArray = jax.Array | None
_Tree = TypeVar('_Tree')


def add(a: jax.Array, b: jax.Array | float) -> jax.Array:
  """a + b."""
  return _apply(lax.add, jnp.add, a, b)


def sub(a: jax.Array, b: jax.Array | float) -> jax.Array:
  """a - b."""
  return _apply(lax.sub, jnp.subtract, a, b)


def mul(a: jax.Array, b: jax.Array | float) -> jax.Array:
  """a b."""
  return _apply(lax.mul, jnp.multiply, a, b)


def div(a: jax.Array, b: jax.Array | float) -> jax.Array:
  """a / b, for floats."""
  return _apply(lax.div, jnp.true_divide, a, b)


def div_all(tree: _Tree, n: jax.Array | float) -> _Tree:
  """Each array of a tree divided by n."""
  divided: _Tree = jax.tree.map(lambda a: div(a, n), tree)
  return divided


def _apply(
  operation: Operation, promoting: Operation, a: jax.Array, b: jax.Array | float
) -> jax.Array:
  """operation(a, b), which broadcasts axes of size 1; promoting(a, b) where dtype or rank differ.

  A Python number takes the dtype of `a`, as a weakly typed one does in jax.numpy.
  """
  if isinstance(b, int | float):
    return operation(a, a.dtype.type(b))
  same = a.ndim == b.ndim and a.dtype == b.dtype
  return operation(a, b) if same else promoting(a, b)


def is_concrete(x: jax.Array) -> bool:
  """Whether the value of x is known now; under jit it is not, under grad alone it is."""
  try:
    concrete_or_error(None, x)
  except jax.errors.ConcretizationTypeError:
    return False
  return True


def square(a: jax.Array) -> jax.Array:
  """|a|^2, real."""
  # lax.abs would take a square root, and round it, only for it to be squared again.
  if jnp.iscomplexobj(a):
    return lax.add(lax.square(lax.real(a)), lax.square(lax.imag(a)))
  return lax.square(a)


def real_product(a: jax.Array, b: jax.Array) -> jax.Array:
  """Re(conj(a) b) for each entry: summed, the real inner product of a and b."""
  return lax.real(mul(lax.conj(a), b)) if jnp.iscomplexobj(a) else mul(a, b)


def sum_over(a: jax.Array, axes: tuple[int, ...]) -> jax.Array:
  """The sum over the axes, which stay with size 1; `a` is at least 32 bits wide."""
  # jnp.sum takes longer to trace, and does more for 16 bits only: it adds these up in 32.
  return lax.expand_dims(lax.reduce_sum(a, axes), axes)


def convert(a: jax.Array, dtype: jnp.dtype) -> jax.Array:
  """`a` in that dtype."""
  return a if a.dtype == dtype else lax.convert_element_type(a, dtype)


def inexact(x: ArrayLike) -> jax.Array:
  """The input as a real or complex floating-point array; integers become float32."""
  x = jnp.asarray(x)
  return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.float32)


def compute_dtype(x: jax.Array) -> jnp.dtype:
  """The dtype of the statistics' arithmetic: at least float32."""
  # A promotion with float32 would say the same, but jax_numpy_dtype_promotion='strict' forbids it.
  # Parameters may be whole numbers, for which there is no finfo.
  wide = jnp.issubdtype(x.dtype, jnp.inexact) and jnp.finfo(x.dtype).bits >= 32
  return x.dtype if wide else jnp.dtype(jnp.float32)


def real_dtype(x: jax.Array) -> jnp.dtype:
  """The dtype of the variance of x and of counts of its entries; real where x is complex."""
  return jnp.finfo(compute_dtype(x)).dtype


def affine_dtype(*arrays: ArrayLike | None) -> jnp.dtype:
  """The output's dtype: promoted from the input and those parameters that are not None."""
  return jnp.result_type(*(a for a in arrays if a is not None))


def split_epsilon(epsilon: float | jax.Array, dtype: jnp.dtype) -> tuple[float, jax.Array | None]:
  """(epsilon, None) for a number, (0, epsilon) for an array, which the rule differentiates."""
  if isinstance(epsilon, jax.Array):
    return 0.0, epsilon.astype(dtype)
  return float(epsilon), None


def to_compute_dtype(a: jax.Array) -> jax.Array:
  """`a` in the dtype of the statistics' arithmetic."""
  return convert(a, compute_dtype(a))


def affine(y: jax.Array, scale: MaybeArray, bias: MaybeArray) -> jax.Array:
  """y * scale + bias; None stands for a scale of 1 and a bias of 0."""
  z = y if scale is None else mul(y, to_compute_dtype(scale))
  return z if bias is None else add(z, to_compute_dtype(bias))


def normalize_affine(
  d: jax.Array, drift: MaybeArray, rstd: jax.Array, x: jax.Array, scale: MaybeArray,
  bias: MaybeArray,
) -> jax.Array:  # fmt: skip
  """(d - drift) rstd scale + bias, in the promoted dtype of x, scale and bias.

  Flax, too, multiplies rstd by scale before it multiplies d: results are rounded alike.
  """
  slope, offset = affine(rstd, scale, None), bias
  # The drift moves into the offset, so that each entry of d is rounded once less.
  if drift is not None:
    offset = affine(mul(lax.neg(drift), slope), None, bias)
  return convert(affine(d, slope, offset), affine_dtype(x, scale, bias))


def sqrt_count(n: int, dtype: DTypeLike) -> float | jax.Array:
  """The square root of a number of entries; an array where an exported program leaves n open."""
  return jnp.sqrt(jnp.asarray(n, dtype)) if jax.export.is_symbolic_dim(n) else math.sqrt(n)
