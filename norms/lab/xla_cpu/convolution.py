"""Convolution in the form that is fast in a compiled loop on a CPU.

Inside lax.scan XLA:CPU runs its own convolution some 30 times slower than it could. A program that
is lowered for CPUs has one product of patches and kernel here; other programs, and those traced
under norms.plain_formulas, have the native convolution. The two agree to rounding.
"""

import functools

import jax
from jax import lax

from norms._src.xla_cpu import special_formulas_allowed
from norms.lab.xla_cpu.patches import Pads, Strides, by_patches


def convolve(
  x: jax.Array,
  kernel: jax.Array,
  bias: jax.Array | None = None,
  *,
  strides: Strides = (1, 1),
  padding: str = 'SAME',
) -> jax.Array:
  """z[n, a, b, o] = bias[o] + sum over i, j, c of x[n, sa+i-p, tb+j-q, c] kernel[i, j, c, o].

  Args:
    x: (examples, height, width, channels).
    kernel: (height, width, channels, output channels).
    bias: (output channels,), or None for none.
    strides: (s, t).
    padding: 'SAME' (zeros around, p and q of them before: strides of 1 keep the size) or 'VALID'
      (none).

  Returns:
    (examples, output height, output width, output channels).

  Raises:
    ValueError: where the channels differ, or the padding is not one of these.
  """
  if x.ndim != 4 or kernel.ndim != 4 or x.shape[-1] != kernel.shape[2]:
    raise ValueError(
      f'convolution of {x.shape} by a kernel of {kernel.shape}: give (examples, height, width, '
      'channels) and (height, width, the same channels, output channels)'
    )
  if padding not in ('SAME', 'VALID'):
    raise ValueError(f"padding={padding!r} is not known: use 'SAME' or 'VALID'")
  pads = tuple(lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding))
  plain = functools.partial(_plain, strides=strides, pads=pads)
  if not special_formulas_allowed():
    return plain(x, kernel, bias)
  # The platform is known when the program is lowered, not while it is traced.
  as_product = functools.partial(_as_product, strides=strides, pads=pads)
  return lax.platform_dependent(x, kernel, bias, cpu=as_product, default=plain)


def _as_product(
  x: jax.Array, kernel: jax.Array, bias: jax.Array | None, strides: Strides, pads: Pads
) -> jax.Array:
  return _written_once(by_patches(x, kernel, bias, strides, pads))


def _plain(
  x: jax.Array, kernel: jax.Array, bias: jax.Array | None, strides: Strides, pads: Pads
) -> jax.Array:
  layout = ('NHWC', 'HWIO', 'NHWC')
  z = lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=layout)
  return z if bias is None else z + bias


@jax.custom_jvp
def _written_once(z: jax.Array) -> jax.Array:
  """z; its cotangent is multiplied by ones, which XLA does not know to be ones.

  XLA:CPU repeats the arithmetic of an array in each of its consumers, unless it is made of two
  arrays of its size; here the consumers are products, and one of them reads it by columns.
  """
  return z


@_written_once.defjvp
def _written_once_jvp(
  primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
  (z,), (dz,) = primals, tangents
  return z, dz * (1 + 0 * z)
