"""A small vision transformer."""

import flax.linen as nn
import jax

from norms.lab.models import layers, transformer
from norms.lab.models.norm import Norm


class Transformer(transformer.Blocks):
  """Patches through blocks of attention and of two dense layers, and a mean over the patches.

  Positions are learnt, from fixed sinusoids on, so that the model draws nothing.

  Dosovitskiy et al. 2020, arXiv:2010.11929; on placement Xiong et al. 2020, arXiv:2002.04745.
  """

  patch: int

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    make = self.layers(train)
    x = make.dense(self.width)(patches(x, self.patch))
    position = self.param('position', lambda _, *shape: transformer.sinusoids(*shape), *x.shape[1:])
    # In the dtype of x: float32 positions would widen all that follows.
    x = self.blocks(make, x + position.astype(x.dtype))
    return make.head(self.classes)(x.mean(1))


def patches(x: jax.Array, size: int) -> jax.Array:
  """(examples, patches, size * size * channels) of images whose sides are multiples of size."""
  if x.ndim != 4 or x.shape[1] % size or x.shape[2] % size:
    raise ValueError(
      f'model vit: model_options.patch={size} does not cut an example of shape {x.shape[1:]}: give '
      'images (height, width, channels) whose sides are multiples of it'
    )
  n, height, width, channels = x.shape
  x = x.reshape(n, height // size, size, width // size, size, channels)
  return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, size * size * channels)


def vit(
  norm: Norm, classes: int, patch=4, width=64, depth=4, heads=4, mlp_ratio=2,
  activation='gelu', placement='pre', dtype='float32', dropout=0.0, scan=False,
):  # fmt: skip
  """A small vision transformer.

  Args:
    norm: what it is given for a norm.
    classes: the size of the last layer.
    patch: the side of a square of pixels, which divides those of an image.
    width: the number of features; `heads`, how many attention has, divides it.
    depth: how many blocks there are.
    heads: of attention.
    mlp_ratio: how many times the width a block's inner dense layer has.
    activation: by its name in jax.nn, or a user's package.module:function.
    placement: 'pre', norms before each part of a block, or 'post', after the sum.
    dtype: of the computation, 'float32' or 'bfloat16'.
    dropout: the share of what is added to x that a step drops.
    scan: compile the blocks once.

  Raises:
    ValueError: of one line, at the first option that is wrong.
  """
  layers.whole(patch=patch)
  transformer.check(width, depth, heads, mlp_ratio, placement, scan)
  layers.common(activation, dtype, dropout)
  return Transformer(
    norm, classes, activation, dtype, dropout, width, depth, heads, mlp_ratio, placement, scan,
    patch,
  )  # fmt: skip
