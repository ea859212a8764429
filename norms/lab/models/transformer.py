"""Small transformers: of patches of images, and a decoder of tokens."""

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
    x = blocks(make, x, self.depth, self.heads, self.mlp_ratio, self.placement)
    return make.dense(self.classes)(x.mean(1))


class Decoder(nn.Module):
  """Tokens through blocks in which each position attends to itself and those before it.

  Tokens (examples, length) give logits (examples, length, classes), where `classes` is the size of
  the vocabulary. A norm that takes statistics over examples or over positions, as batch norm does,
  lets a position see later tokens in training, and its loss there is lower for it.

  Radford et al. 2019, "Language models are unsupervised multitask learners".
  """

  norm: Norm
  classes: int
  width: int = 64
  depth: int = 4
  heads: int = 4
  mlp_ratio: int = 4
  activation: str = 'gelu'
  placement: str = 'pre'

  @nn.compact
  def __call__(self, x, train: bool):
    del train  # the norm knows
    if x.ndim != 2 or not jnp.issubdtype(x.dtype, jnp.integer):
      raise ValueError(
        f'model decoder: an example of shape {x.shape[1:]} and {x.dtype} is no sequence of tokens: '
        'use data of tokens, with config.task=next_token'
      )
    make = layers.Layers(self.norm, self.activation)
    # A row of a kernel for each token, so that the lab draws it as any other.
    x = make.dense(self.width)(jax.nn.one_hot(x, self.classes))
    # As large as the usual rows, of deviation sqrt(2 / classes): sinusoids have half that variance.
    usual = 2 / self.classes**0.5
    x = x + self.param('position', lambda _, *s: usual * sinusoids(*s), *x.shape[1:])
    x = blocks(make, x, self.depth, self.heads, self.mlp_ratio, self.placement, causal=True)
    return make.dense(self.classes)(x)


def blocks(
  make: layers.Layers, x, depth: int, heads: int, mlp_ratio: int, placement: str, causal=False
):
  """x (examples, positions, width) after `depth` blocks of attention and of two dense layers."""
  width = x.shape[-1]

  def attention(x):
    shape = (*x.shape[:2], heads, width // heads)
    query, key, value = (make.dense(width)(x).reshape(shape) for _ in range(3))
    seen = jax.nn.dot_product_attention(query, key, value, is_causal=causal)
    return make.dense(width)(seen.reshape(x.shape))

  def mlp(x):
    return make.dense(width)(make.activate(make.dense(mlp_ratio * width)(x)))

  for _ in range(depth):
    for part in (attention, mlp):
      x = x + part(make.normalize(x)) if placement == 'pre' else make.normalize(x + part(x))
  return make.normalize(x) if placement == 'pre' else x


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
  layers.whole(patch=patch)
  _check(width, depth, heads, mlp_ratio, activation, placement)
  return Transformer(norm, classes, patch, width, depth, heads, mlp_ratio, activation, placement)


def decoder(
  norm: Norm, classes: int, width=64, depth=4, heads=4, mlp_ratio=4, activation='gelu',
  placement='pre',
):  # fmt: skip
  """A small decoder-only transformer of tokens, for config.task = 'next_token'."""
  _check(width, depth, heads, mlp_ratio, activation, placement)
  return Decoder(norm, classes, width, depth, heads, mlp_ratio, activation, placement)


def _check(width, depth, heads, mlp_ratio, activation, placement) -> None:
  """ValueError at the first option that is wrong."""
  layers.whole(width=width, depth=depth, heads=heads, mlp_ratio=mlp_ratio)
  if width % heads:
    near = min((h for h in range(1, width + 1) if width % h == 0), key=lambda h: abs(h - heads))
    raise ValueError(
      f'model_options.heads={heads} does not divide width={width}: did you mean {near}?'
    )
  layers.known(activation=(activation, layers.ACTIVATIONS), placement=(placement, ('pre', 'post')))
