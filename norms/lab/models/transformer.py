"""What transformers have in common: blocks of attention and of two dense layers, and positions."""

from collections.abc import Callable
import functools

import jax
import jax.numpy as jnp
import numpy as np

from norms.lab.models import layers, repeated

PER_BLOCK = (6, 2)  # layers and norms


class Blocks(layers.Model):
  """Blocks of attention and of two dense layers, which a model puts between its first and last.

  x + f(norm(x)) for placement 'pre' (with a norm at the end), norm(x + f(x)) for 'post'. Dropout
  is of what a block's parts add, and of what the first block is given (Vaswani et al. 2017,
  arXiv:1706.03762). With `scan` the blocks are compiled once, and their variables are stacked
  (see `norms.lab.models.repeated`): initial values are the same, results are to rounding, but for
  dropout, which drops other units.
  """

  width: int
  depth: int
  heads: int
  mlp_ratio: int
  placement: str
  scan: bool

  def blocks(self, make: layers.Layers, x: jax.Array, causal: bool = False) -> jax.Array:
    """x (examples, positions, width), of the same shape, through all the blocks."""
    attend = functools.partial(_attention, heads=self.heads, causal=causal)
    widen = functools.partial(_mlp, ratio=self.mlp_ratio)
    block = functools.partial(_block, parts=(attend, widen), placement=self.placement)
    x = make.drop(x)
    if self.scan and self.depth > 1:
      x = repeated.repeat(block, make, x, self.depth, per_block=PER_BLOCK)
    else:
      for _ in range(self.depth):
        x = block(make, x)
    # With 'pre' nothing has normalised yet what the blocks have added up.
    return make.normalize(x) if self.placement == 'pre' else x


def _block(
  make: layers.Layers, x: jax.Array, parts: tuple[Callable, ...], placement: str
) -> jax.Array:
  for part in parts:
    if placement == 'pre':
      x = x + make.drop(part(make, make.normalize(x)))
    else:
      x = make.normalize(x + make.drop(part(make, x)))
  return x


def _attention(make: layers.Layers, x: jax.Array, heads: int, causal: bool) -> jax.Array:
  width = x.shape[-1]
  shape = (*x.shape[:2], heads, width // heads)
  query, key, value = (make.dense(width)(x).reshape(shape) for _ in range(3))
  seen = jax.nn.dot_product_attention(query, key, value, is_causal=causal)
  return make.dense(width)(seen.reshape(x.shape))


def _mlp(make: layers.Layers, x: jax.Array, ratio: int) -> jax.Array:
  width = x.shape[-1]
  return make.dense(width)(make.activate(make.dense(ratio * width)(x)))


def sinusoids(length: int, width: int) -> jax.Array:
  """Sines and cosines of the position at wavelengths 2 pi to 2e4 pi, as (length, width)."""
  rate = 1e-4 ** (np.arange((width + 1) // 2) / max(1, width // 2))
  angle = np.arange(length)[:, None] * rate
  both = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, -1)
  return jnp.asarray(both[:, :width], jnp.float32)


def check(width, depth, heads, mlp_ratio, placement, scan) -> None:
  """ValueError at the first option that is wrong."""
  layers.whole(width=width, depth=depth, heads=heads, mlp_ratio=mlp_ratio)
  if width % heads:
    near = min((h for h in range(1, width + 1) if width % h == 0), key=lambda h: abs(h - heads))
    raise ValueError(
      f'model_options.heads={heads} does not divide width={width}: did you mean {near}?'
    )
  layers.known(placement=(placement, ('pre', 'post')), scan=(scan, (True, False)))
