"""TensorFlow's norms, by the operations that it names for them; it has no RMS or spectral norm."""

import norms.lab.peers.on_tensorflow  # noqa: F401, I001  # settles Keras's backend before tensorflow

import tensorflow as tf

from norms.lab.peers.case import drop_none


def batch(x, scale, bias, *, epsilon):
  """tensorflow.nn.batch_normalization by tensorflow.nn.moments, over all axes but the last."""
  return _normalised(x, scale, bias, range(x.shape.rank - 1), epsilon)


def layer(x, scale, bias, *, epsilon):
  """The same over the last axis."""
  return _normalised(x, scale, bias, [-1], epsilon)


def group(x, scale, bias, *, epsilon, groups):
  """The same over positions and the channels of a group."""
  split = [groups, x.shape[-1] // groups]
  grouped = tf.reshape(x, [*x.shape[:-1], *split])
  scale, bias = tf.reshape(scale, split), tf.reshape(bias, split)
  z = _normalised(grouped, scale, bias, [*range(1, x.shape.rank - 1), x.shape.rank], epsilon)
  return tf.reshape(z, x.shape)


def instance(x, scale, bias, *, epsilon):
  """The same over positions."""
  return _normalised(x, scale, bias, range(1, x.shape.rank - 1), epsilon)


def weight(x, scale, *, epsilon=None):
  """tensorflow.nn.l2_normalize, times the length."""
  return tf.nn.l2_normalize(x, 0, **drop_none(epsilon=epsilon)) * scale


def _normalised(x, scale, bias, axes, epsilon):
  mean, var = tf.nn.moments(x, list(axes), keepdims=True)
  return tf.nn.batch_normalization(x, mean, var, bias, scale, epsilon)
