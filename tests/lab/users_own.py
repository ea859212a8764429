"""What a user defines outside the project: a norm and a model, named in a config by dotted name."""

import flax.linen as nn
import jax.numpy as jnp


class MaxNorm(nn.Module):
  """Divides each example by its largest magnitude."""

  epsilon: float = 1e-6

  @nn.compact
  def __call__(self, x):
    return x / (jnp.max(jnp.abs(x), -1, keepdims=True) + self.epsilon)


class Residual(nn.Module):
  """Takes the norm object; its own initialisers draw its kernels."""

  norm: object
  classes: int
  width: int = 16
  dropout: float = 0.0

  @nn.compact
  def __call__(self, x, train):
    x = self.norm.layer(nn.Dense(self.width))(x)
    x = x + nn.relu(self.norm.activation()(self.norm.layer(nn.Dense(self.width))(x)))
    x = nn.Dropout(self.dropout, deterministic=not train)(x)
    return nn.Dense(self.classes)(x)
