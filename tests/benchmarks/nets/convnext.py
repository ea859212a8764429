"""ConvNeXt in nnx: depthwise 7x7 convolutions, layer norm, and a perceptron at each pixel."""

from flax import nnx
import jax.numpy as jnp

from tests.benchmarks.nets import net

# A depthwise convolution is slow on XLA:CPU, so few pixels: 16 a side, then 8, then 4.
FULL = {'side': 64, 'widths': (32, 64, 128), 'depths': (2, 2, 2), 'batch': 8, 'classes': 100}
TINY = {'side': 16, 'widths': (8, 16), 'depths': (1, 1), 'batch': 2, 'classes': 10}


class Block(nnx.Module):
  """Convolution, norm, perceptron, and a small learned share of them added to the input."""

  def __init__(self, width: int, norms, dtype, rngs: nnx.Rngs):
    self.conv = nnx.Conv(width, width, (7, 7), feature_group_count=width, dtype=dtype, rngs=rngs)
    self.norm = norms.LayerNorm(width, dtype=dtype, rngs=rngs)
    self.up = nnx.Linear(width, 4 * width, dtype=dtype, rngs=rngs)
    self.down = nnx.Linear(4 * width, width, dtype=dtype, rngs=rngs)
    self.share = nnx.Param(jnp.full((width,), 1e-6, jnp.float32))

  def __call__(self, x):
    y = self.down(nnx.gelu(self.up(self.norm(self.conv(x)))))
    return x + self.share[...].astype(y.dtype) * y


class Stage(nnx.Module):
  """Fewer pixels, then blocks; the norm stands after the stem, and before other convolutions."""

  def __init__(self, before: int, width: int, depth: int, norms, dtype, rngs: nnx.Rngs):
    self.stem = before == 3
    step = (4, 4) if self.stem else (2, 2)
    features = width if self.stem else before
    self.norm = norms.LayerNorm(features, dtype=dtype, rngs=rngs)
    self.conv = nnx.Conv(before, width, step, step, padding='VALID', dtype=dtype, rngs=rngs)
    self.blocks = nnx.List([Block(width, norms, dtype, rngs) for _ in range(depth)])

  def __call__(self, x):
    x = self.norm(self.conv(x)) if self.stem else self.conv(self.norm(x))
    for block in self.blocks:
      x = block(x)
    return x


class ConvNeXt(nnx.Module):
  """Stages, the mean over pixels, a norm, and logits."""

  def __init__(self, size, norms, dtype, rngs: nnx.Rngs):
    before = (3, *size.widths)
    self.stages = nnx.List([
      Stage(*each, norms, dtype, rngs)
      for each in zip(before, size.widths, size.depths, strict=False)
    ])  # fmt: skip
    self.norm = norms.LayerNorm(size.widths[-1], dtype=dtype, rngs=rngs)
    self.head = nnx.Linear(size.widths[-1], size.classes, dtype=dtype, rngs=rngs)

  def __call__(self, x):
    for stage in self.stages:
      x = stage(x)
    return self.head(self.norm(jnp.mean(x, axis=(1, 2))))


def build(norms, dtype, tiny: bool) -> net.Built:
  """With random images."""
  size = net.sizes(tiny, FULL, TINY)
  x, labels = net.images(size.batch, size.side, size.classes)
  return net.from_nnx(lambda rngs: ConvNeXt(size, norms, dtype, rngs), [x], labels)
