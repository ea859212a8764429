"""A decoder as Llama's and Qwen3's: RMS norm, also of queries and keys; scanned, with remat."""

import functools
from typing import Any

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.nets import net

FULL = {'layers': 12, 'width': 192, 'heads': 6, 'pairs': 2, 'head': 32, 'hidden': 512,
        'vocabulary': 1024, 'length': 64, 'batch': 4}  # fmt: skip
TINY = {'layers': 2, 'width': 16, 'heads': 2, 'pairs': 1, 'head': 8, 'hidden': 32,
        'vocabulary': 32, 'length': 8, 'batch': 2}  # fmt: skip
EPSILON, BASE = 1e-6, 1e4


class Layer(nn.Module):
  """Causal attention with fewer keys than queries, then a gated perceptron; norms before both."""

  heads: int
  pairs: int  # heads of keys and values
  head: int
  hidden: int
  norms: Any
  dtype: Any

  @nn.compact
  def __call__(self, x, _):
    norm = functools.partial(self.norms.RMSNorm, epsilon=EPSILON, dtype=self.dtype)
    dense = functools.partial(nn.DenseGeneral, use_bias=False, dtype=self.dtype)
    y = norm(name='before_attention')(x)
    q = norm(name='q_norm')(dense((self.heads, self.head), name='q')(y))
    k = norm(name='k_norm')(dense((self.pairs, self.head), name='k')(y))
    v = dense((self.pairs, self.head), name='v')(y)
    y = jax.nn.dot_product_attention(rotated(q), rotated(k), v, is_causal=True)
    x = x + dense(x.shape[-1], axis=(-2, -1), name='out')(y)
    y = norm(name='before_hidden')(x)
    y = nn.silu(dense(self.hidden, name='gate')(y)) * dense(self.hidden, name='up')(y)
    return x + dense(x.shape[-1], name='down')(y), None


class Model(nn.Module):
  """Embedding, layers, a last norm, and the embedding again for the logits."""

  size: Any
  norms: Any
  dtype: Any

  @nn.compact
  def __call__(self, inputs):
    size = self.size
    embed = nn.Embed(size.vocabulary, size.width, dtype=self.dtype)
    # The loop keeps apart what prevent_cse would.
    layers = nn.scan(
      nn.remat(Layer, prevent_cse=False),
      variable_axes={'params': 0}, split_rngs={'params': True}, length=size.layers,
    )  # fmt: skip
    made = layers(
      size.heads, size.pairs, size.head, size.hidden, self.norms, self.dtype, name='layers'
    )
    x, _ = made(embed(inputs), None)
    return embed.attend(self.norms.RMSNorm(epsilon=EPSILON, dtype=self.dtype, name='last')(x))


def rotated(x):
  """[batch, length, heads, head] with each pair of entries turned by its position's angles."""
  length, head = x.shape[1], x.shape[-1]
  angles = np.arange(length)[:, None] * BASE ** -(np.arange(0, head, 2) / head)
  sin, cos = (np.asarray(f(angles)[:, None], np.float32) for f in (np.sin, np.cos))
  a, b = jnp.split(x.astype(jnp.float32), 2, axis=-1)
  return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1).astype(x.dtype)


def build(norms, dtype, tiny: bool) -> net.Built:
  """With random tokens, each to be told from those before it."""
  size = net.sizes(tiny, FULL, TINY)
  text = net.tokens(size.batch, size.length + 1, size.vocabulary)
  return net.from_linen(Model(size, norms, dtype), [text[:, :-1]], text[:, 1:])
