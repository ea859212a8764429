"""A vision transformer in nnx: patches, a class token, blocks with layer norm before each part."""

from flax import nnx
import jax
import jax.numpy as jnp

from tests.benchmarks.nets import net

FULL = {'side': 64, 'patch': 8, 'width': 192, 'heads': 3, 'layers': 6, 'batch': 8, 'classes': 100}
TINY = {'side': 8, 'patch': 4, 'width': 16, 'heads': 2, 'layers': 1, 'batch': 2, 'classes': 10}


class Block(nnx.Module):
  """Attention and a perceptron of four times the width, each added to its input."""

  def __init__(self, width: int, heads: int, norms, dtype, rngs: nnx.Rngs):
    self.norm1 = norms.LayerNorm(width, dtype=dtype, rngs=rngs)
    self.attention = nnx.MultiHeadAttention(
      heads, width, dtype=dtype, decode=False, deterministic=True, rngs=rngs
    )
    self.norm2 = norms.LayerNorm(width, dtype=dtype, rngs=rngs)
    self.up = nnx.Linear(width, 4 * width, dtype=dtype, rngs=rngs)
    self.down = nnx.Linear(4 * width, width, dtype=dtype, rngs=rngs)

  def __call__(self, x):
    x = x + self.attention(self.norm1(x))
    return x + self.down(nnx.gelu(self.up(self.norm2(x))))


class ViT(nnx.Module):
  """Logits from the class token."""

  def __init__(self, size, norms, dtype, rngs: nnx.Rngs):
    patch, width = (size.patch, size.patch), size.width
    self.dtype = dtype
    self.embed = nnx.Conv(3, width, patch, patch, padding='VALID', dtype=dtype, rngs=rngs)
    patches = (size.side // size.patch) ** 2
    self.token = nnx.Param(jnp.zeros((1, 1, width)))
    self.positions = nnx.Param(0.02 * jax.random.normal(rngs.params(), (1, patches + 1, width)))
    self.blocks = nnx.List(
      [Block(width, size.heads, norms, dtype, rngs) for _ in range(size.layers)]
    )
    self.norm = norms.LayerNorm(width, dtype=dtype, rngs=rngs)
    self.head = nnx.Linear(width, size.classes, dtype=dtype, rngs=rngs)

  def __call__(self, x):
    x = self.embed(x)
    x = x.reshape(len(x), -1, x.shape[-1])
    token = jnp.broadcast_to(self.token[...], (len(x), 1, x.shape[-1]))
    x = jnp.concatenate([token.astype(x.dtype), x], axis=1)
    x = x + self.positions[...].astype(self.dtype)
    for block in self.blocks:
      x = block(x)
    return self.head(self.norm(x)[:, 0])


def build(norms, dtype, tiny: bool) -> net.Built:
  """With random images."""
  size = net.sizes(tiny, FULL, TINY)
  x, labels = net.images(size.batch, size.side, size.classes)
  return net.from_nnx(lambda rngs: ViT(size, norms, dtype, rngs), [x], labels)
