"""The multilayer perceptron of studies C and D."""

import flax.linen as nn
import jax

from norms.lab.models import layers
from norms.lab.models.norm import Norm


class MLP(layers.Model):
  """Dense layers with the norm before (or after) each activation, and a linear one at the end.

  Dropout is of what each hidden layer passes on (Srivastava et al. 2014, JMLR 15).
  """

  features: tuple[int, ...]
  placement: str

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    make = self.layers(train)
    x = x.reshape(len(x), -1)
    for width in self.features:
      x = make.drop(make.activated(make.dense(width)(x), self.placement))
    return make.head(self.classes)(x)


def mlp(
  norm: Norm, classes: int, features=None, width=None, depth=None, activation='relu',
  placement='before', dtype='float32', dropout=0.0,
):  # fmt: skip
  """A multilayer perceptron; images are flattened.

  Args:
    norm: what it is given for a norm.
    classes: the size of the last layer.
    features: the width of each hidden layer; or else
    width: of every hidden layer, 128 by default, and
    depth: how many hidden layers there are, 2 by default.
    activation: by its name in jax.nn, or a user's package.module:function.
    placement: of the norm, 'before' or 'after' the activation.
    dtype: of the computation, 'float32' or 'bfloat16'.
    dropout: the share of a hidden layer's units that a step drops.

  Raises:
    ValueError: of one line, at the first option that is wrong.
  """
  layers.one_way('features', features, width=width, depth=depth)
  width, depth = 128 if width is None else width, 2 if depth is None else depth
  layers.whole(width=width, depth=depth)
  features = (width,) * depth if features is None else features
  layers.widths('the width of each hidden layer', features=features)
  layers.known(placement=(placement, ('before', 'after')))
  layers.common(activation, dtype, dropout)
  return MLP(norm, classes, activation, dtype, dropout, tuple(features), placement)
