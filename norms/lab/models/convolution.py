"""Convolution in the form that is fast in a compiled loop on a CPU.

Inside lax.scan XLA:CPU runs its own convolution some 30 times slower than it could. Here, on a CPU,
a convolution is one product of patches and kernel; elsewhere it is the native one. They agree to
rounding.
"""

from collections.abc import Callable, Sequence
import math

from flax import linen as nn
from flax.linen import dtypes
import jax
from jax import lax
from jax.custom_derivatives import SymbolicZero
import jax.numpy as jnp

Pads = tuple[tuple[int, int], ...]
Strides = tuple[int, ...]


class Conv(nn.Module):
  """`convolve` with nn.Conv's parameters, `kernel` and `bias`.

  Attributes:
    features: output channels.
    kernel_size: height and width of the kernel.
    strides: down and across.
    padding: 'SAME' or 'VALID'.
    use_bias: add a learned bias.
    kernel_init: initialises the kernel, of shape (*kernel_size, input channels, features).
    bias_init: initialises the bias.
  """

  features: int
  kernel_size: Sequence[int]
  strides: Sequence[int] = (1, 1)
  padding: str = 'SAME'
  use_bias: bool = True
  kernel_init: Callable = nn.initializers.lecun_normal()
  bias_init: Callable = nn.initializers.zeros

  @nn.compact
  def __call__(self, x):
    shape = (*self.kernel_size, x.shape[-1], self.features)
    kernel = self.param('kernel', self.kernel_init, shape)
    bias = self.param('bias', self.bias_init, (self.features,)) if self.use_bias else None
    x, kernel, bias = dtypes.promote_dtype(x, kernel, bias)
    z = convolve(x, kernel, strides=tuple(self.strides), padding=self.padding)
    return _written_once(z if bias is None else z + bias)


def convolve(x, kernel, *, strides: Strides = (1, 1), padding: str = 'SAME') -> jax.Array:
  """z[n, a, b, o] = sum over i, j, c of x[n, s a + i - p, t b + j - q, c] kernel[i, j, c, o].

  Args:
    x: (examples, height, width, channels).
    kernel: (height, width, channels, output channels).
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
  if jax.default_backend() != 'cpu':
    layout = ('NHWC', 'HWIO', 'NHWC')
    return lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=layout)
  return by_patches(x, kernel, strides, pads)


def by_patches(x, kernel, strides: Strides, pads: Pads) -> jax.Array:
  """The convolution as a product; with few channels, of several places across in one go."""
  width = (x.shape[2] + sum(pads[1]) - kernel.shape[1]) // strides[1] + 1
  together = max(m for m in (1, 2, 4) if width % m == 0)
  if x.shape[-1] > 3 or strides[1] != 1:
    return _product(x, kernel, strides, pads)
  # Of patches as wide as all those places': the product has fewer rows, and longer ones.
  each = [jnp.pad(kernel, ((0, 0), (m, together - 1 - m), (0, 0), (0, 0))) for m in range(together)]
  z = _product(x, jnp.concatenate(each, -1), (strides[0], together), pads)
  return z.reshape(*z.shape[:2], width, kernel.shape[-1])


def _plain(x, kernel, strides: Strides, pads: Pads) -> jax.Array:
  return _patches(x, kernel.shape, strides, pads) @ _matrix(kernel)


def _matrix(kernel):
  return kernel.reshape(-1, kernel.shape[-1])


def _patches(x, size: Sequence[int], strides: Strides, pads: Pads) -> jax.Array:
  """(examples, output height, output width, kernel height * kernel width * channels)."""
  x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
  high, wide = (x.shape[a + 1] - size[a] + 1 for a in (0, 1))
  at = ((i, j) for i in range(size[0]) for j in range(size[1]))
  return jnp.concatenate(
    [x[:, i : i + high : strides[0], j : j + wide : strides[1]] for i, j in at], -1
  )


def _spread(x, kernel, pads: Pads) -> jax.Array:
  """`_plain` for strides of 1, with more zeros around and then cut.

  Its transpose adds up slices of a product; the other's adds up padded ones, which XLA:CPU does
  entry by entry, with a branch for each.
  """
  wide, left = kernel.shape[1] - 1, pads[1][0]
  x = jnp.pad(x, ((0, 0), pads[0], (0, 0), (0, 0)))
  high = x.shape[1] - kernel.shape[0] + 1
  at = ((i, j) for i in range(kernel.shape[0]) for j in range(wide + 1))
  shifted = [jnp.pad(x[:, i : i + high], ((0, 0), (0, 0), (wide - j, j), (0, 0))) for i, j in at]
  z = jnp.concatenate(shifted, -1) @ _matrix(kernel)
  return z[:, :, wide - left : z.shape[2] - wide + pads[1][1]]


# custom_jvp and no custom_vjp, so that curvature probes have forward mode.
_product = jax.custom_jvp(_plain, nondiff_argnums=(2, 3))


def _product_jvp(strides, pads, primals, tangents):
  """The product rule, each term in the form whose transpose XLA:CPU runs fast."""
  (x, kernel), (dx, dkernel) = primals, tangents
  patches = _patches(x, kernel.shape, strides, pads)
  z, terms = patches @ _matrix(kernel), []
  if not isinstance(dx, SymbolicZero):
    spread = strides == (1, 1)
    terms.append(_spread(dx, kernel, pads) if spread else _plain(dx, kernel, strides, pads))
  if not isinstance(dkernel, SymbolicZero):
    terms.append(_by_rows(patches, _matrix(dkernel)))
  return z, sum(terms) if terms else jnp.zeros_like(z)


_product.defjvp(_product_jvp, symbolic_zeros=True)


def _by_rows(patches, matrix):
  """patches @ matrix, in the form whose transpose in the matrix is fast."""
  size = patches.shape[-1]
  rows, shape = patches.reshape(-1, size), (*patches.shape[:-1], -1)
  if size < 64:
    # Of some rows at a time: else XLA wants what comes back by columns, and copies it.
    parts = math.gcd(len(patches), 16)
    each = jnp.broadcast_to(matrix, (parts, *matrix.shape))
    return jnp.matmul(rows.reshape(parts, -1, size), each).reshape(shape)
  # (outputs, places) @ (places, patch), which the barriers keep XLA from turning round: that takes
  # twice the time.
  fixed = lax.optimization_barrier
  return fixed(fixed(matrix.T) @ rows.T).T.reshape(shape)


@jax.custom_jvp
def _written_once(z):
  """z; its cotangent is multiplied by ones, which XLA does not know to be ones.

  XLA:CPU repeats the arithmetic of an array in each of its consumers, unless it is made of two
  arrays of its size; here the consumers are products, and one of them reads it by columns.
  """
  return z


@_written_once.defjvp
def _written_once_jvp(primals, tangents):
  (z,), (dz,) = primals, tangents
  return z, dz * (1 + 0 * z) if jax.default_backend() == 'cpu' else dz
