"""The small convolutional network of studies A, B and E."""

import flax.linen as nn
import jax

from norms.lab.models import layers
from norms.lab.models.norm import Norm
from norms.lab.xla_cpu import pooling

POOLS = ('every', 'inner', 'none')


class CNN(layers.Model):
  """Convolutions, each with norm, activation and 2x2 max pooling; dense layers; a linear one.

  Norms of activations stand after the convolutions, norms of kernels are on every layer: the
  statistics of several are over places, of which a dense layer has none. Dropout is of what each
  dense layer is given.
  """

  channels: tuple[int, ...]
  kernel_size: int
  dense: tuple[int, ...]
  placement: str
  pool: str

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    make = self.layers(train)
    pools = {'every': len(self.channels), 'inner': len(self.channels) - 1, 'none': 0}[self.pool]
    self._check(x, pools)
    for i, channels in enumerate(self.channels):
      x = make.activated(make.conv(channels, self.kernel_size)(x), self.placement)
      x = pooling.max_pool(x) if i < pools else x
    x = x.reshape(len(x), -1)
    for width in self.dense:
      x = make.activate(make.dense(width)(make.drop(x)))
    return make.head(self.classes)(make.drop(x))

  def _check(self, x: jax.Array, pools: int) -> None:
    if x.ndim != 4:
      raise ValueError(
        f'model cnn: an example of shape {x.shape[1:]} is no image: give (height, width, '
        "channels), with config.data.layout='image'"
      )
    # Each pooling halves a side, and cuts an odd one.
    most = min(x.shape[1:3]).bit_length() - 1
    if pools > most:
      raise ValueError(
        f'model cnn: {pools} poolings leave nothing of {x.shape[1]}x{x.shape[2]} images: use at '
        f"most {most}, by fewer convolutions or model_options.pool='none'"
      )


def cnn(
  norm: Norm, classes: int, channels=None, width=None, depth=None, kernel_size=3, dense=(64,),
  activation='relu', placement='before', pool='every', dtype='float32', dropout=0.0,
):  # fmt: skip
  """A small convolutional network.

  Args:
    norm: what it is given for a norm.
    classes: the size of the last layer.
    channels: of each convolution; or else
    width: the channels of the first, 16 by default, the others have twice as many, and
    depth: how many convolutions there are, 3 by default.
    kernel_size: height and width of every kernel.
    dense: the width of each dense layer between the convolutions and the last layer.
    activation: by its name in jax.nn, or a user's package.module:function.
    placement: of the norm, 'before' or 'after' the activation.
    pool: 2x2 max pooling after 'every' convolution, all but the last ('inner') or 'none'.
    dtype: of the computation, 'float32' or 'bfloat16'.
    dropout: the share of a dense layer's inputs that a step drops.

  Raises:
    ValueError: of one line, at the first option that is wrong.
  """
  layers.one_way('channels', channels, width=width, depth=depth)
  width, depth = 16 if width is None else width, 3 if depth is None else depth
  layers.whole(width=width, depth=depth, kernel_size=kernel_size)
  channels = (width, *[2 * width] * (depth - 1)) if channels is None else channels
  layers.widths('the channels of each convolution', channels=channels)
  layers.widths('the width of each dense layer', least=0, dense=dense)
  layers.known(placement=(placement, ('before', 'after')), pool=(pool, POOLS))
  layers.common(activation, dtype, dropout)
  return CNN(
    norm, classes, activation, dtype, dropout, tuple(channels), kernel_size, tuple(dense),
    placement, pool,
  )  # fmt: skip
