"""A user's own parts, each of which takes other arguments than those that it is called with."""

import flax.linen as nn

from norms.lab.tasks import Classification, Task


def takes_none():
  return 1


def takes_five(a, b, c, d, e):
  return a + b + c + d + e


class NormWithoutInput(nn.Module):
  def __call__(self):
    return 1


class NormWithAnArgument(nn.Module):
  factor: float

  def __call__(self, x):
    return self.factor * x


class TaskWithoutLoss(Task):
  pass


class TaskWithAnArgument(Classification):
  def __init__(self, factor):
    self.factor = factor


class LossOfNothing(Classification):
  def loss(self):
    return 1
