"""A small residual network for images of 32x32."""

import flax.linen as nn

from norms.lab.models import layers
from norms.lab.models.norm import Norm


class ResNet(nn.Module):
  """Stages of basic blocks, of twice the channels and half the size each, and a mean over places.

  'post': norm, activation after each convolution, the second activation after the sum (He et al.
  2015, arXiv:1512.03385). 'pre': norm, activation before each convolution, nothing after the sum
  (He et al. 2016, arXiv:1603.05027). Where shapes differ, a 1x1 convolution is the shortcut.
  """

  norm: Norm
  classes: int
  blocks: tuple[int, ...] = (1, 1, 1)
  width: int = 16
  activation: str = 'relu'
  placement: str = 'post'

  @nn.compact
  def __call__(self, x, train: bool):
    del train  # the norm knows
    if x.ndim != 4:
      raise ValueError(
        f'model resnet: an example of shape {x.shape[1:]} is no image: give (height, width, '
        "channels), with config.data.layout='image'"
      )
    make = layers.Layers(self.norm, self.activation)
    block = _pre if self.placement == 'pre' else _post
    x = make.conv(self.width, 3)(x)
    x = x if self.placement == 'pre' else make.activated(x, 'before')
    for stage, count in enumerate(self.blocks):
      for i in range(count):
        x = block(make, x, self.width * 2**stage, 2 if stage and not i else 1)
    x = make.activated(x, 'before') if self.placement == 'pre' else x
    return make.dense(self.classes)(x.mean((1, 2)))


def _post(make: layers.Layers, x, channels: int, strides: int):
  y = make.activated(make.conv(channels, 3, strides)(x), 'before')
  y = make.normalize(make.conv(channels, 3)(y))
  if x.shape != y.shape:
    x = make.normalize(make.conv(channels, 1, strides)(x))
  return make.activate(x + y)


def _pre(make: layers.Layers, x, channels: int, strides: int):
  active = make.activated(x, 'before')
  y = make.activated(make.conv(channels, 3, strides)(active), 'before')
  y = make.conv(channels, 3)(y)
  return y + (x if x.shape == y.shape else make.conv(channels, 1, strides)(active))


def resnet(
  norm: Norm, classes: int, blocks=(1, 1, 1), width=16, activation='relu', placement='post'
):
  """A small ResNet; `blocks`: how many each stage has, of width, 2 width, ... channels."""
  layers.widths('the number of blocks of each stage', blocks=blocks)
  layers.whole(width=width)
  layers.known(activation=(activation, layers.ACTIVATIONS), placement=(placement, ('pre', 'post')))
  return ResNet(norm, classes, tuple(blocks), width, activation, placement)
