"""ResNet in the form of Flax's imagenet example, for small images, with batch or group norm."""

from collections.abc import Callable, Sequence
import functools
from typing import Any

from flax import linen as nn
import jax.numpy as jnp

from tests.benchmarks.nets import net

# ResNet-18's blocks at half its width; at 64x64 the stages see 16, 8, 4 and 2 pixels a side.
FULL = {'stages': (2, 2, 2, 2), 'width': 32, 'side': 64, 'batch': 16, 'classes': 100}
TINY = {'stages': (1, 1), 'width': 8, 'side': 16, 'batch': 4, 'classes': 10}


class Block(nn.Module):
  """Two 3x3 convolutions, their sum with the input; the last norm starts at a scale of 0."""

  width: int
  conv: Callable
  norm: Callable
  strides: tuple[int, int]

  @nn.compact
  def __call__(self, x):
    y = self.conv(self.width, (3, 3), self.strides)(x)
    y = nn.relu(self.norm()(y))
    y = self.conv(self.width, (3, 3))(y)
    y = self.norm(scale_init=nn.initializers.zeros)(y)
    if x.shape != y.shape:
      x = self.conv(self.width, (1, 1), self.strides, name='conv_proj')(x)
      x = self.norm(name='norm_proj')(x)
    return nn.relu(x + y)


class ResNet(nn.Module):
  """Version 1.5; `norm` is a class of a norm with all that it takes but its name."""

  stages: Sequence[int]
  width: int
  classes: int
  norm: Callable
  dtype: Any

  @nn.compact
  def __call__(self, x):
    conv = functools.partial(nn.Conv, use_bias=False, dtype=self.dtype)
    x = conv(self.width, (7, 7), (2, 2), padding=[(3, 3), (3, 3)], name='conv_init')(x)
    x = nn.relu(self.norm(name='bn_init')(x))
    x = nn.max_pool(x, (3, 3), strides=(2, 2), padding='SAME')
    for i, blocks in enumerate(self.stages):
      for j in range(blocks):
        strides = (2, 2) if i and not j else (1, 1)
        x = Block(self.width * 2**i, conv, self.norm, strides)(x)
    return nn.Dense(self.classes, dtype=self.dtype)(jnp.mean(x, axis=(1, 2)))


def batch(norms, dtype, tiny: bool) -> net.Built:
  """With batch norm, as the example has it."""
  options = {'use_running_average': False, 'momentum': 0.9, 'epsilon': 1e-5, 'dtype': dtype}
  return _built(functools.partial(norms.BatchNorm, **options), dtype, tiny)


def group(norms, dtype, tiny: bool) -> net.Built:
  """With group norm."""
  options = {'num_groups': 4 if tiny else 32, 'epsilon': 1e-5, 'dtype': dtype}
  return _built(functools.partial(norms.GroupNorm, **options), dtype, tiny)


def _built(norm: Callable, dtype, tiny: bool) -> net.Built:
  size = net.sizes(tiny, FULL, TINY)
  x, labels = net.images(size.batch, size.side, size.classes)
  model = ResNet(size.stages, size.width, size.classes, norm, dtype)
  return net.from_linen(model, [x], labels)
