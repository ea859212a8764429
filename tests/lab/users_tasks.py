"""What a user defines for a task: tasks, metrics and a model, named in a config by dotted name.

The data are the digits, since they need no network; their targets and pixels become numbers and
tokens here.
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from norms.lab.columns import HIGHER, LOWER, POSITIVE
from norms.lab.data import Split
from norms.lab.tasks import Metric, NextToken, Regression, Task

LEVELS, PLACES = 17, 16  # of grey, and every fourth pixel


class Value(Regression):
  """The digit as a number."""

  def check(self, sizes):
    """Classes are numbers here."""

  def outputs(self, sizes):
    return 1

  def examples(self, split):
    return Split(split.x, split.y[:, None].astype(np.float32))


class Pixels(NextToken):
  """Each pixel's grey from those before it; with config.data.normalize = 'none'."""

  def check(self, sizes):
    """Greys are tokens here."""

  def outputs(self, sizes):
    return LEVELS

  def output_shape(self, sizes):
    return (PLACES - 1, LEVELS)

  def examples(self, split):
    return super().examples(Split(split.x[:, ::4].astype(np.int32), split.y))


def spread(outputs, targets):
  """Of each example the spread of its outputs: a metric without a direction."""
  del targets
  return jnp.std(outputs, -1)


def hits(outputs, targets):
  """Of each example whether the margin of its class is positive."""
  return margins(outputs, targets) > 0


def margins(outputs, targets):
  """The output of the own class less the largest of the others."""
  own = jnp.arange(outputs.shape[-1]) == targets[:, None]
  return jnp.max(outputs, -1, initial=-jnp.inf, where=own) - jnp.max(
    outputs, -1, initial=-jnp.inf, where=~own
  )


class Hinge(Task):
  """Classes by a hinge: mean(max(0, margin wanted - margin))."""

  metrics = {'hits': Metric(hits, HIGHER, (0.0, 1.0), 'share of hits')}
  primary = 'hits'

  def __init__(self, margin=1.0):
    self.margin = margin

  def loss(self, outputs, targets):
    return jnp.maximum(0.0, self.margin - margins(outputs, targets))

  def trivial(self, targets, outputs):
    return jnp.zeros(outputs).at[jnp.argmax(jnp.bincount(targets, length=outputs))].set(1e-6)


class Undirected(Hinge):
  """Compared by a metric of which neither more nor less is better."""

  metrics = {'spread': Metric(spread)}
  primary = 'spread'


class Scalar(Hinge):
  """A loss of the wrong shape."""

  def loss(self, outputs, targets):
    return jnp.mean(super().loss(outputs, targets))


class Speaker(nn.Module):
  """The smallest model of tokens: each one's embedding through a norm, and a dense layer."""

  norm: object
  classes: int
  width: int = 16

  @nn.compact
  def __call__(self, x, train):
    x = nn.Embed(self.classes, self.width)(x)
    return nn.Dense(self.classes)(self.norm.activation()(x))


WORST = Metric(lambda z, y: jnp.max(jnp.abs(z - y)), LOWER, POSITIVE, 'worst error')
