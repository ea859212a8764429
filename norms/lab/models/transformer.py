"""A small vision transformer."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from norms.lab.models import layers
from norms.lab.models.norm import Norm


class Transformer(nn.Module):
  """Patches through blocks of attention and of two dense layers, and a mean over the patches.

  x + f(norm(x)) for placement 'pre' (with a norm at the end), norm(x + f(x)) for 'post'. Positions
  are learnt, from fixed sinusoids on, so that the model draws nothing.

  Dosovitskiy et al. 2020, arXiv:2010.11929; on placement Xiong et al. 2020, arXiv:2002.04745.
  """

  norm: Norm
  classes: int
  patch: int = 4
  width: int = 64
  depth: int = 4
  heads: int = 4
  mlp_ratio: int = 2
  activation: str = 'gelu'
  placement: str = 'pre'

  @nn.compact
  def __call__(self, x, train: bool):
    del train  # the norm knows
    make = layers.Layers(self.norm, self.activation)
    x = make.dense(self.width)(patches(x, self.patch))
    x = x + self.param('position', lambda _, *shape: sinusoids(*shape), *x.shape[1:])
    for _ in range(self.depth):
      for part in (self._attention, self._mlp):
        if self.placement == 'pre':
          x = x + part(make, make.normalize(x))
        else:
          x = make.normalize(x + part(make, x))
    x = make.normalize(x) if self.placement == 'pre' else x
    return make.dense(self.classes)(x.mean(1))

  def _attention(self, make: layers.Layers, x):
    shape = (*x.shape[:2], self.heads, self.width // self.heads)
    query, key, value = (make.dense(self.width)(x).reshape(shape) for _ in range(3))
    return make.dense(self.width)(jax.nn.dot_product_attention(query, key, value).reshape(x.shape))

  def _mlp(self, make: layers.Layers, x):
    hidden = make.activate(make.dense(self.mlp_ratio * self.width)(x))
    return make.dense(self.width)(hidden)


def patches(x, size: int):
  """(examples, patches, size * size * channels) of images whose sides are multiples of size."""
  if x.ndim != 4 or x.shape[1] % size or x.shape[2] % size:
    raise ValueError(
      f'model vit: model_options.patch={size} does not cut an example of shape {x.shape[1:]}: give '
      'images (height, width, channels) whose sides are multiples of it'
    )
  n, height, width, channels = x.shape
  x = x.reshape(n, height // size, size, width // size, size, channels)
  return x.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, size * size * channels)


def sinusoids(length: int, width: int):
  """Sines and cosines of the position at wavelengths 2 pi to 2e4 pi, as (length, width)."""
  rate = 1e-4 ** (np.arange((width + 1) // 2) / max(1, width // 2))
  angle = np.arange(length)[:, None] * rate
  both = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, -1)
  return jnp.asarray(both[:, :width], jnp.float32)


def vit(
  norm: Norm, classes: int, patch=4, width=64, depth=4, heads=4, mlp_ratio=2,
  activation='gelu', placement='pre',
):  # fmt: skip
  """A small vision transformer."""
  layers.whole(patch=patch, width=width, depth=depth, heads=heads, mlp_ratio=mlp_ratio)
  if width % heads:
    near = min((h for h in range(1, width + 1) if width % h == 0), key=lambda h: abs(h - heads))
    raise ValueError(
      f'model_options.heads={heads} does not divide width={width}: did you mean {near}?'
    )
  layers.known(activation=(activation, layers.ACTIVATIONS), placement=(placement, ('pre', 'post')))
  return Transformer(norm, classes, patch, width, depth, heads, mlp_ratio, activation, placement)
