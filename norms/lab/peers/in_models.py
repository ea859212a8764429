"""Other libraries' norms for the lab's models: name them as norms.lab.peers.in_models:KerasBatch.

Flax's own need no more than their names, as in flax.linen:LayerNorm. Parameters are called as
ours, scale and bias, so that they can be compared.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from norms.catalogue import Row

flax_weight = Row('flax_weight', 'kernel', module=nn.WeightNorm)


class KerasBatch(nn.Module):
  """keras.layers.BatchNormalization on its JAX backend."""

  use_running_average: bool = False
  momentum: float = 0.99
  epsilon: float = 1e-3

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    from norms.lab.peers import keras

    shape = x.shape[-1:]
    scale, bias = _affine(self, shape)
    mean = self.variable('batch_stats', 'mean', jnp.zeros, shape)
    var = self.variable('batch_stats', 'var', jnp.ones, shape)
    z, new = keras.batch_in_model(
      x, [scale, bias], [mean.value, var.value],
      training=not self.use_running_average, momentum=self.momentum, epsilon=self.epsilon,
    )  # fmt: skip
    # Flax's own modules leave running statistics alone while they are initialised, too.
    if not self.use_running_average and not self.is_initializing():
      mean.value, var.value = new
    return z


class KerasLayer(nn.Module):
  """keras.layers.LayerNormalization on its JAX backend, over the last axis."""

  epsilon: float = 1e-3

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    from norms.lab.peers import keras

    return keras.layer(x, *_affine(self, x.shape[-1:]), epsilon=self.epsilon)


class KerasGroup(nn.Module):
  """keras.layers.GroupNormalization on its JAX backend."""

  num_groups: int = 32
  epsilon: float = 1e-3

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    from norms.lab.peers import keras

    affine = _affine(self, x.shape[-1:])
    return keras.group(x, *affine, epsilon=self.epsilon, groups=self.num_groups)


def _affine(module: nn.Module, shape: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
  scale = module.param('scale', nn.initializers.ones, shape)
  return scale, module.param('bias', nn.initializers.zeros, shape)
