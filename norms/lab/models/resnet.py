"""Residual networks for images of 32x32."""

from collections.abc import Callable
import functools

import flax.linen as nn
import jax

from norms.lab.models import layers, repeated
from norms.lab.models.norm import Norm

STAGES = 3  # of a network that is known by its depth
PER_BLOCK = (2, 2)  # layers and norms of a block that keeps its shape


class ResNet(layers.Model):
  """Stages of basic blocks, of twice the channels and half the size each, and a mean over places.

  'post': norm, activation after each convolution, the second activation after the sum (He et al.
  2015, arXiv:1512.03385). 'pre': norm, activation before each convolution, nothing after the sum
  (He et al. 2016, arXiv:1603.05027). Where shapes differ, a 1x1 convolution is the shortcut.
  Dropout is of what a block's second convolution is given (Zagoruyko and Komodakis 2016,
  arXiv:1605.07146).

  With `scan` the blocks of a stage that keep their shape are compiled once, and their variables
  are stacked (see `norms.lab.models.repeated`): initial values are the same, results are to
  rounding, but for dropout, which drops other units.
  """

  blocks: tuple[int, ...]
  width: int
  placement: str
  scan: bool

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    if x.ndim != 4:
      raise ValueError(
        f'model resnet: an example of shape {x.shape[1:]} is no image: give (height, width, '
        "channels), with config.data.layout='image'"
      )
    make = self.layers(train)
    block = _pre if self.placement == 'pre' else _post
    x = make.conv(self.width, 3)(x)
    x = x if self.placement == 'pre' else make.activated(x, 'before')
    for stage, count in enumerate(self.blocks):
      of_stage = functools.partial(block, channels=self.width * 2**stage)
      if stage:
        x, count = of_stage(make, x, strides=2), count - 1
      x = self._repeated(of_stage, make, x, count)
    x = make.activated(x, 'before') if self.placement == 'pre' else x
    return make.head(self.classes)(x.mean((1, 2)))

  def _repeated(self, block: Callable, make: layers.Layers, x: jax.Array, count: int) -> jax.Array:
    if self.scan and count > 1:
      return repeated.repeat(block, make, x, count, per_block=PER_BLOCK)
    for _ in range(count):
      x = block(make, x)
    return x


def _post(make: layers.Layers, x: jax.Array, channels: int, strides: int = 1) -> jax.Array:
  y = make.activated(make.conv(channels, 3, strides)(x), 'before')
  y = make.normalize(make.conv(channels, 3)(make.drop(y)))
  if x.shape != y.shape:
    x = make.normalize(make.conv(channels, 1, strides)(x))
  return make.activate(x + y)


def _pre(make: layers.Layers, x: jax.Array, channels: int, strides: int = 1) -> jax.Array:
  active = make.activated(x, 'before')
  y = make.activated(make.conv(channels, 3, strides)(active), 'before')
  y = make.conv(channels, 3)(make.drop(y))
  return y + (x if x.shape == y.shape else make.conv(channels, 1, strides)(active))


def resnet(
  norm: Norm, classes: int, blocks=None, width=16, depth=None, activation='relu',
  placement='post', dtype='float32', dropout=0.0, scan=None,
):  # fmt: skip
  """A ResNet of basic blocks.

  Args:
    norm: what it is given for a norm.
    classes: the size of the last layer.
    blocks: how many each stage has, (1, 1, 1) by default; or else
    depth: 6 n + 2 layers, shortcuts not counted, for n blocks in each of three stages: 20, 32,
      44, 56, 110 are the networks for CIFAR-10 of He et al. 2015, arXiv:1512.03385.
    width: the channels of the first stage, doubled from stage to stage.
    activation: by its name in jax.nn, or a user's package.module:function.
    placement: 'post', norms after the convolutions, or 'pre', before them.
    dtype: of the computation, 'float32' or 'bfloat16'.
    dropout: the share of the units between a block's convolutions that a step drops.
    scan: compile the equal blocks of a stage once; None: where `depth` is given, since without it
      a network of 20 layers compiles for minutes. What is known by `blocks` stays as it was.

  Raises:
    ValueError: of one line, at the first option that is wrong.
  """
  layers.one_way('blocks', blocks, depth=depth)
  scan = depth is not None if scan is None else scan
  if depth is not None:
    layers.whole(depth=depth)
    # The nearest depth of the family, which the message suggests.
    n = max(1, round((depth - 2) / (2 * STAGES)))
    if depth != 2 * STAGES * n + 2:
      raise ValueError(
        f'model_options.depth={depth} is not 6 n + 2: did you mean {2 * STAGES * n + 2}? Or give '
        'the blocks of each stage as model_options.blocks'
      )
    blocks = (n,) * STAGES
  blocks = (1, 1, 1) if blocks is None else blocks
  layers.widths('the number of blocks of each stage', blocks=blocks)
  layers.whole(width=width)
  layers.known(placement=(placement, ('pre', 'post')), scan=(scan, (True, False)))
  layers.common(activation, dtype, dropout)
  return ResNet(
    norm, classes, activation, dtype, dropout, tuple(blocks), width, placement, scan
  )  # fmt: skip
