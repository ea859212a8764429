"""A small decoder-only transformer of tokens."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from norms.lab.models import layers, transformer
from norms.lab.models.norm import Norm


class Decoder(transformer.Blocks):
  """Tokens through blocks in which each position attends to itself and those before it.

  Tokens (examples, length) give logits (examples, length, classes), where `classes` is the size of
  the vocabulary. A norm that takes statistics over examples or over positions, as batch norm does,
  lets a position see later tokens in training, and its loss there is lower for it.

  Radford et al. 2019, "Language models are unsupervised multitask learners".
  """

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    if x.ndim != 2 or not jnp.issubdtype(x.dtype, jnp.integer):
      raise ValueError(
        f'model decoder: an example of shape {x.shape[1:]} and {x.dtype} is no sequence of tokens: '
        'use data of tokens, with config.task=next_token'
      )
    make = self.layers(train)
    # A row of a kernel for each token, so that the lab draws it as any other.
    x = make.dense(self.width)(jax.nn.one_hot(x, self.classes))
    # As large as the usual rows, of deviation sqrt(2 / classes): sinusoids have half that variance.
    usual = 2 / self.classes**0.5
    position = self.param('position', lambda _, *s: usual * transformer.sinusoids(*s), *x.shape[1:])
    # In the dtype of x: float32 positions would widen all that follows.
    x = self.blocks(make, x + position.astype(x.dtype), causal=True)
    return make.head(self.classes)(x)


def decoder(
  norm: Norm, classes: int, width=64, depth=4, heads=4, mlp_ratio=4, activation='gelu',
  placement='pre', dtype='float32', dropout=0.0, scan=False,
):  # fmt: skip
  """A small decoder-only transformer of tokens, for config.task = 'next_token'.

  Args:
    norm: what it is given for a norm.
    classes: the size of the vocabulary.
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
  transformer.check(width, depth, heads, mlp_ratio, placement, scan)
  layers.common(activation, dtype, dropout)
  return Decoder(
    norm, classes, activation, dtype, dropout, width, depth, heads, mlp_ratio, placement, scan
  )
