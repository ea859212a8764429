"""Differentiates and optimises TensorFlow's norms."""

from collections.abc import Callable
import functools
import os

import numpy as np

from norms.lab.peers.case import MOMENTUM, RATE, Case, Result
from norms.lab.values import Settings

os.environ.setdefault('KERAS_BACKEND', 'jax')  # TensorFlow imports Keras, which settles it then
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import tensorflow as tf  # noqa: E402

tf.get_logger().setLevel('ERROR')  # it warns of one compilation per shape, which is meant


def evaluate(function: Callable, case: Case, options: Settings) -> Result:
  """The output and the gradients, compiled as in training."""
  parameters = {name: tf.constant(a) for name, a in case.parameters.items()}
  run = _pulled(function, tuple(sorted(options.items())))
  z, gradients = run(parameters, tf.constant(case.cotangent))
  return Result(z.numpy(), {name: g.numpy() for name, g in gradients.items()})


@functools.cache
def _pulled(function: Callable, options: tuple) -> Callable:
  """(output, gradients) of parameters and cotangent."""

  @tf.function
  def run(parameters, cotangent):
    with tf.GradientTape() as tape:
      tape.watch(parameters)
      z = function(**parameters, **dict(options))
    return z, tape.gradient(z, parameters, tf.cast(cotangent, z.dtype))

  return run


def train(
  function: Callable, case: Case, target: np.ndarray, steps: int, options: Settings
) -> dict[str, np.ndarray]:
  """The parameters after some steps."""
  parameters = {name: tf.Variable(a) for name, a in case.parameters.items()}
  optimizer = tf.compat.v1.train.MomentumOptimizer(RATE, MOMENTUM)
  for _ in range(steps):
    with tf.GradientTape() as tape:
      distance = function(**parameters, **options) - target
      share = 2 * np.float32(target.size / target.shape[-1])
      loss = tf.reduce_sum(tf.square(distance)) / share
    variables = list(parameters.values())
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
  return {name: v.numpy() for name, v in parameters.items()}
