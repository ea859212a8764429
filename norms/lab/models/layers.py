"""What the models are made of: layers whose kernels the lab draws, activations, their options."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import flax.linen as nn
from flax.linen import dtypes

from norms.lab import trial
from norms.lab.models.norm import Norm
from norms.lab.xla_cpu.convolution import convolve

ACTIVATIONS: Mapping[str, Callable] = {
  'relu': nn.relu, 'tanh': nn.tanh, 'gelu': nn.gelu, 'silu': nn.silu, 'linear': lambda x: x,
}  # fmt: skip


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
    return convolve(x, kernel, bias, strides=tuple(self.strides), padding=self.padding)


class Layers:
  """The layers of one call of a model, numbered as they are made: layer_0, norm_0, layer_1, ...

  The lab draws kernels in the order of these numbers.
  """

  def __init__(self, norm: Norm, activation: str):
    self.norm, self.activate = norm, ACTIVATIONS[activation]
    self._layers = self._norms = 0

  def dense(self, width: int) -> Callable:
    """A dense layer."""
    return self._wrapped(nn.Dense, width)

  def conv(self, channels: int, size: int, strides: int = 1) -> Callable:
    """A convolution that keeps height and width, up to the strides."""
    return self._wrapped(Conv, channels, (size, size), strides=(strides, strides))

  def normalize(self, x):
    """x, normalised by a norm of its own."""
    self._norms += 1
    return self.norm.activation(name=f'norm_{self._norms - 1}')(x)

  def activated(self, x, placement: str):
    """x through a norm and the activation: the norm before it, or after it."""
    if placement == 'before':
      return self.activate(self.normalize(x))
    return self.normalize(self.activate(x))

  def _wrapped(self, layer, *args, **options) -> Callable:
    self._layers += 1
    name, zeros = f'layer_{self._layers - 1}', nn.initializers.zeros
    return self.norm.layer(layer(*args, **options, kernel_init=zeros, name=name))


def whole(**options) -> None:
  """ValueError unless every option is a whole number from 1 on."""
  for name, value in options.items():
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
      raise ValueError(f'model_options.{name}={value!r}: use a whole number from 1 on')


def widths(what: str, *, least: int = 1, **options) -> None:
  """ValueError unless every option is a tuple of whole numbers; `what` says what they are of."""
  for name, values in options.items():
    fits = isinstance(values, Iterable) and not isinstance(values, str)
    given = list(values) if fits else []
    if not fits or len(given) < least or any(type(v) is not int or v < 1 for v in given):
      raise ValueError(f'model_options.{name}={values!r}: give {what}, whole numbers from 1 on')


def known(**options) -> None:
  """ValueError unless the activation and whatever else is given as (value, valid) is known."""
  for name, (value, valid) in options.items():
    trial.one_of(f'model_options.{name}', value, valid)
