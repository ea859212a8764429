"""The small convolutional network of studies A, B and E."""

import flax.linen as nn

from norms.lab.models import layers
from norms.lab.models.norm import Norm
from norms.lab.xla_cpu import pooling

POOLS = ('every', 'inner', 'none')


class CNN(nn.Module):
  """Convolutions, each with norm, activation and 2x2 max pooling; dense layers; a linear one.

  Norms of activations stand after the convolutions, norms of kernels are on every layer: the
  statistics of several are over places, of which a dense layer has none.
  """

  norm: Norm
  classes: int
  channels: tuple[int, ...] = (16, 32, 32)
  kernel_size: int = 3
  dense: tuple[int, ...] = (64,)
  activation: str = 'relu'
  placement: str = 'before'
  pool: str = 'every'

  @nn.compact
  def __call__(self, x, train: bool):
    del train  # the norm knows
    make = layers.Layers(self.norm, self.activation)
    pools = {'every': len(self.channels), 'inner': len(self.channels) - 1, 'none': 0}[self.pool]
    self._check(x, pools)
    for i, channels in enumerate(self.channels):
      x = make.activated(make.conv(channels, self.kernel_size)(x), self.placement)
      x = pooling.max_pool(x) if i < pools else x
    x = x.reshape(len(x), -1)
    for width in self.dense:
      x = make.activate(make.dense(width)(x))
    return make.dense(self.classes)(x)

  def _check(self, x, pools: int) -> None:
    if x.ndim != 4:
      raise ValueError(
        f'model cnn: an example of shape {x.shape[1:]} is no image: give (height, width, '
        "channels), with config.data.layout='image'"
      )
    most = min(x.shape[1:3]).bit_length() - 1
    if pools > most:
      raise ValueError(
        f'model cnn: {pools} poolings leave nothing of {x.shape[1]}x{x.shape[2]} images: use at '
        f"most {most}, by fewer model_options.channels or model_options.pool='none'"
      )


def cnn(
  norm: Norm,
  classes: int,
  channels=(16, 32, 32),
  kernel_size=3,
  dense=(64,),
  activation='relu',
  placement='before',
  pool='every',
):
  """A small CNN; `pool`: after every convolution, after all but the last ('inner'), or 'none'."""
  layers.widths('the channels of each convolution', channels=channels)
  layers.widths('the width of each dense layer', least=0, dense=dense)
  layers.whole(kernel_size=kernel_size)
  layers.known(
    activation=(activation, layers.ACTIVATIONS),
    placement=(placement, ('before', 'after')),
    pool=(pool, POOLS),
  )
  return CNN(norm, classes, tuple(channels), kernel_size, tuple(dense), activation, placement, pool)
