"""Transformers in the form of Flax's examples lm1b (a decoder) and wmt (an encoder and a decoder).

Without dropout: what its random bits cost on a CPU would hide the norms.
"""

import dataclasses
from typing import Any

from flax import linen as nn
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.nets import net

FULL = {'vocabulary': 2048, 'width': 256, 'heads': 4, 'hidden': 1024}
TINY = {'vocabulary': 32, 'width': 16, 'heads': 2, 'layers': 1, 'hidden': 32, 'length': 8,
        'batch': 2}  # fmt: skip
LM1B = FULL | {'layers': 4, 'length': 64, 'batch': 8}
WMT = FULL | {'layers': 3, 'length': 32, 'batch': 8}


@dataclasses.dataclass(frozen=True)
class Config:
  """What all parts of a transformer share."""

  vocabulary: int
  width: int
  heads: int
  layers: int
  hidden: int
  norms: Any
  dtype: Any

  def norm(self, **options):
    return self.norms.LayerNorm(dtype=self.dtype, **options)

  def dense(self, width: int, **options):
    bias = nn.initializers.normal(1e-6)
    return nn.Dense(width, dtype=self.dtype, kernel_init=XAVIER, bias_init=bias, **options)

  def attention(self):
    return nn.MultiHeadDotProductAttention(
      num_heads=self.heads, dtype=self.dtype, kernel_init=XAVIER, use_bias=False
    )


XAVIER = nn.initializers.xavier_uniform()


class Block(nn.Module):
  """Attention to itself, to what is encoded (if it is given), and a perceptron; norms before."""

  config: Config

  @nn.compact
  def __call__(self, x, mask, encoded=None, encoded_mask=None):
    c = self.config
    x = x + c.attention()(c.norm()(x), mask=mask)
    if encoded is not None:
      x = x + c.attention()(c.norm()(x), encoded, mask=encoded_mask)
    y = nn.relu(c.dense(c.hidden)(c.norm()(x)))
    return x + c.dense(c.width)(y)


class Stack(nn.Module):
  """Embedding, fixed positions, blocks and a last norm."""

  config: Config

  @nn.compact
  def __call__(self, inputs, mask, encoded=None, encoded_mask=None):
    c = self.config
    x = nn.Embed(c.vocabulary, c.width, embedding_init=nn.initializers.normal(1.0))(inputs)
    x = (x + positions(inputs.shape[1], c.width)).astype(c.dtype)
    for _ in range(c.layers):
      x = Block(c)(x, mask, encoded, encoded_mask)
    return c.norm()(x)


class Decoder(nn.Module):
  """Logits of each next token; `encoded` and which of it counts are given for a translation."""

  config: Config

  @nn.compact
  def __call__(self, targets, encoded=None, inputs=None):
    c = self.config
    there = targets > 0
    mask = nn.combine_masks(
      nn.make_attention_mask(there, there, dtype=c.dtype),
      nn.make_causal_mask(targets, dtype=c.dtype),
    )
    shifted = jnp.pad(targets, ((0, 0), (1, 0)))[:, :-1]
    cross = None if inputs is None else nn.make_attention_mask(there, inputs > 0, dtype=c.dtype)
    x = Stack(c)(shifted, mask, encoded, cross)
    return c.dense(c.vocabulary)(x)


class Translator(nn.Module):
  """An encoder, and a decoder that attends to what it has encoded."""

  config: Config

  @nn.compact
  def __call__(self, inputs, targets):
    c = self.config
    mask = nn.make_attention_mask(inputs > 0, inputs > 0, dtype=c.dtype)
    encoded = Stack(c, name='encoder')(inputs, mask)
    return Decoder(c, name='decoder')(targets, encoded, inputs)


def positions(length: int, width: int) -> np.ndarray:
  """Sines, then cosines, of [1, length, width]."""
  rates = 1e4 ** -(np.arange(width // 2) / (width // 2 - 1))
  angles = np.arange(length)[:, None] * rates
  return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1, dtype=np.float32)[None]


def _config(size, norms, dtype) -> Config:
  names = 'vocabulary', 'width', 'heads', 'layers', 'hidden'
  return Config(**{name: getattr(size, name) for name in names}, norms=norms, dtype=dtype)


def lm1b(norms, dtype, tiny: bool) -> net.Built:
  """A language model."""
  size = net.sizes(tiny, LM1B, TINY)
  text = net.tokens(size.batch, size.length, size.vocabulary)
  return net.from_linen(Decoder(_config(size, norms, dtype)), [text], text)


def wmt(norms, dtype, tiny: bool) -> net.Built:
  """A translation; as many layers in the encoder as in the decoder."""
  size = net.sizes(tiny, WMT, TINY)
  source, target = (
    net.tokens(size.batch, size.length, size.vocabulary, seed=seed) for seed in (0, 1)
  )
  model = Translator(_config(size, norms, dtype))
  return net.from_linen(model, [source, target], target)
