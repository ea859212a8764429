"""Convolution in the form that is fast in a compiled loop on a CPU.

Inside lax.scan XLA:CPU runs its own convolution some 30 times slower than it could. Here, on a CPU,
a convolution is one product of patches and kernel; elsewhere it is the native one. They agree to
rounding.
"""

from collections.abc import Callable, Sequence

from flax import linen as nn
from flax.linen import dtypes
import jax
from jax import lax

from norms.lab.xla_cpu.patches import Strides, by_patches


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
    z = convolve(x, kernel, bias, strides=tuple(self.strides), padding=self.padding)
    return _written_once(z)


def convolve(
  x, kernel, bias=None, *, strides: Strides = (1, 1), padding: str = 'SAME'
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
  if jax.default_backend() != 'cpu':
    layout = ('NHWC', 'HWIO', 'NHWC')
    z = lax.conv_general_dilated(x, kernel, strides, pads, dimension_numbers=layout)
    return z if bias is None else z + bias
  return by_patches(x, kernel, bias, strides, pads)


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
