"""The arithmetic of statistics: in at least float32, and quick to trace.

An operator is a jitted function of jax.numpy, which is traced anew for every shape; an operation of
lax is one equation. A model whose layers have many widths shows the difference.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.extend.core import concrete_or_error
import jax.numpy as jnp
from jax.typing import ArrayLike

Formula = Callable[[Any, Any], jax.Array]


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


def _apply(operation: Formula, operator: Formula, a: jax.Array, b: jax.Array | float) -> jax.Array:
  """Broadcasts axes of size 1; what needs a promotion of dtype or rank is left to jax.numpy."""
  if isinstance(b, int | float):
    return operation(a, a.dtype.type(b))
  same = a.ndim == b.ndim and a.dtype == b.dtype
  return operation(a, b) if same else operator(a, b)


def has_no_value(x: jax.Array) -> bool:
  """Whether it is traced, in a program."""
  try:
    concrete_or_error(None, x)
  except jax.errors.ConcretizationTypeError:
    return True
  return False


def square(a: jax.Array) -> jax.Array:
  """|a|^2, real."""
  if jnp.iscomplexobj(a):
    return lax.add(lax.square(lax.real(a)), lax.square(lax.imag(a)))
  return lax.square(a)


def sum_over(a: jax.Array, axes: tuple[int, ...]) -> jax.Array:
  """The sum over the axes, which stay with size 1; a is at least 32 bits wide."""
  return lax.expand_dims(lax.reduce_sum(a, axes), axes)


def convert(a: jax.Array, dtype: jnp.dtype) -> jax.Array:
  """a in that dtype."""
  return a if a.dtype == dtype else lax.convert_element_type(a, dtype)


def inexact(x: ArrayLike) -> jax.Array:
  """The input as a real or complex floating-point array."""
  x = jnp.asarray(x)
  return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.float32)


def compute_dtype(x: jax.Array) -> jnp.dtype:
  """The dtype of the statistics' arithmetic: at least float32."""
  # Not by promotion, which jax_numpy_dtype_promotion='strict' forbids.
  wide = jnp.issubdtype(x.dtype, jnp.inexact) and jnp.finfo(x.dtype).bits >= 32
  return x.dtype if wide else jnp.dtype(jnp.float32)


def real_dtype(x: jax.Array) -> jnp.dtype:
  """The dtype of its variance and of how many entries it has."""
  return jnp.finfo(compute_dtype(x)).dtype


def affine_dtype(*arrays: ArrayLike | None) -> jnp.dtype:
  """The output's dtype: the promoted one of the input and the parameters that are given."""
  return jnp.result_type(*(a for a in arrays if a is not None))


def widen(a: jax.Array) -> jax.Array:
  """a in the dtype of the statistics' arithmetic."""
  return convert(a, compute_dtype(a))


def affine(y: jax.Array, scale: jax.Array | None, bias: jax.Array | None) -> jax.Array:
  """y * scale + bias, where they are given."""
  z = y if scale is None else mul(y, widen(scale))
  return z if bias is None else add(z, widen(bias))


def inner(a: jax.Array, b: jax.Array) -> jax.Array:
  """Re(conj(a) b), entry by entry."""
  return lax.real(mul(lax.conj(a), b)) if jnp.iscomplexobj(a) else mul(a, b)
