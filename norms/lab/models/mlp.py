"""The multilayer perceptron of studies C and D."""

import flax.linen as nn

from norms.lab.models import layers
from norms.lab.models.norm import Norm


class MLP(nn.Module):
  """Dense layers with the norm before (or after) each activation, and a linear one at the end."""

  norm: Norm
  classes: int
  features: tuple[int, ...] = (128, 128)
  activation: str = 'relu'
  placement: str = 'before'

  @nn.compact
  def __call__(self, x, train: bool):
    del train  # the norm knows
    make = layers.Layers(self.norm, self.activation)
    x = x.reshape(len(x), -1)
    for width in self.features:
      x = make.activated(make.dense(width)(x), self.placement)
    return make.dense(self.classes)(x)


def mlp(norm: Norm, classes: int, features=(128, 128), activation='relu', placement='before'):
  """A multilayer perceptron; images are flattened."""
  layers.widths('the width of each hidden layer', features=features)
  layers.known(
    activation=(activation, layers.ACTIVATIONS), placement=(placement, ('before', 'after'))
  )
  return MLP(norm, classes, tuple(features), activation, placement)
