"""What the models are made of: layers whose kernels the lab draws, activations, their options."""

from collections.abc import Callable, Iterable, Sequence

import flax.linen as nn
from flax.linen import dtypes
from flax.typing import Dtype
import jax

from norms.lab import trial
from norms.lab.models import activations
from norms.lab.models.norm import Norm
from norms.lab.values import is_number
from norms.lab.xla_cpu.convolution import convolve

DTYPES = ('float32', 'bfloat16')


class Conv(nn.Module):
  """`convolve` with nn.Conv's parameters, `kernel` and `bias`.

  Attributes:
    features: output channels.
    kernel_size: height and width of the kernel.
    strides: down and across.
    padding: 'SAME' or 'VALID'.
    use_bias: add a learned bias.
    dtype: of the computation; None: promoted from the input and the parameters.
    kernel_init: initialises the kernel, of shape (*kernel_size, input channels, features).
    bias_init: initialises the bias.
  """

  features: int
  kernel_size: Sequence[int]
  strides: Sequence[int] = (1, 1)
  padding: str = 'SAME'
  use_bias: bool = True
  dtype: Dtype | None = None
  kernel_init: Callable = nn.initializers.lecun_normal()
  bias_init: Callable = nn.initializers.zeros

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    shape = (*self.kernel_size, x.shape[-1], self.features)
    kernel = self.param('kernel', self.kernel_init, shape)
    bias = self.param('bias', self.bias_init, (self.features,)) if self.use_bias else None
    x, kernel, bias = dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
    return convolve(x, kernel, bias, strides=tuple(self.strides), padding=self.padding)


class Model(nn.Module):
  """What every model of the lab has.

  Attributes:
    norm: what it is given for a norm.
    classes: the size of its last layer.
    activation: a name of ACTIVATIONS, or a user's package.module:function.
    dtype: of the computation; parameters, statistics and the last layer are float32 in any case.
    dropout: the share of the units that a step drops, where the model has its dropout.
  """

  norm: Norm
  classes: int
  activation: str
  dtype: str
  dropout: float

  def layers(self, train: bool) -> 'Layers':
    """The layers of one call."""
    return Layers(self.norm, self.activation, self.dtype, self.dropout if train else 0.0)


class Layers:
  """The layers of one call of a model, numbered as they are made: layer_0, norm_0, layer_1, ...

  The lab draws kernels in the order of these numbers.
  """

  def __init__(
    self, norm: Norm, activation: str, dtype: str = 'float32', dropout: float = 0.0
  ) -> None:
    self.norm, self.activate, self.dropout = norm, activations.find(activation), dropout
    # None: as inputs and parameters are, so that float64 data are not rounded.
    self.dtype = None if dtype == 'float32' else dtype
    self.numbers = (0, 0)  # how many layers and norms there are so far

  def dense(self, width: int) -> Callable:
    """A dense layer."""
    return self._wrapped(nn.Dense, width, dtype=self.dtype)

  def conv(self, channels: int, size: int, strides: int = 1) -> Callable:
    """A convolution that keeps height and width, up to the strides."""
    options = {'strides': (strides, strides), 'dtype': self.dtype}
    return self._wrapped(Conv, channels, (size, size), **options)

  def head(self, classes: int) -> Callable:
    """The last layer: of float32 parameters and no dtype of its own, so its outputs are float32."""
    return self._wrapped(nn.Dense, classes)

  def normalize(self, x: jax.Array) -> jax.Array:
    """x, normalised by a norm of its own, which computes in float32 whatever x is."""
    layers, norms = self.numbers
    self.numbers = layers, norms + 1
    z = self.norm.activation(name=f'norm_{norms}')(x)
    # So that what layers pass to each other is in the dtype of the model.
    return z if self.dtype is None else z.astype(self.dtype)

  def activated(self, x: jax.Array, placement: str) -> jax.Array:
    """x through a norm and the activation: the norm before it, or after it."""
    if placement == 'before':
      return self.activate(self.normalize(x))
    return self.normalize(self.activate(x))

  def drop(self, x: jax.Array) -> jax.Array:
    """x, of which a step drops a share, and scales up what is left; see `Model.dropout`."""
    return nn.Dropout(self.dropout, deterministic=False)(x) if self.dropout else x

  def _wrapped(self, layer, *args, **options) -> Callable:
    layers, norms = self.numbers
    self.numbers = layers + 1, norms
    name, zeros = f'layer_{layers}', nn.initializers.zeros
    # Zeros, since the lab draws kernels itself, from the seed alone: see initial in training.py.
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
  """ValueError unless each option, given as (value, valid), is one of the valid ones."""
  for name, (value, valid) in options.items():
    trial.one_of(f'model_options.{name}', value, valid)


def common(activation: str, dtype: str, dropout: float) -> None:
  """ValueError unless the options that every model has are what they can be."""
  activations.find(activation)
  known(dtype=(dtype, DTYPES))
  if not (is_number(dropout) and 0 <= dropout < 1):
    raise ValueError(f'model_options.dropout={dropout!r}: use a number from 0 to below 1')


def one_way(name: str, value, **others) -> None:
  """ValueError where an option is given together with others that say the same."""
  both = [f'{other}={given!r}' for other, given in others.items() if given is not None]
  if value is not None and both:
    raise ValueError(
      f'model_options.{name}={value!r} and {", ".join(both)}: give the one or the other'
    )
