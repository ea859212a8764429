"""Keras's norms on its JAX backend; it has no weight norm."""

import functools
import os

os.environ.setdefault('KERAS_BACKEND', 'jax')

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import keras  # noqa: E402

from norms.lab.peers.case import drop_none  # noqa: E402

layers = keras.layers


def batch(x, scale, bias, *, epsilon=None):
  """keras.layers.BatchNormalization."""
  return _call(layers.BatchNormalization, x, [scale, bias], training=True, epsilon=epsilon)


def layer(x, scale, bias, *, epsilon=None):
  """keras.layers.LayerNormalization."""
  return _call(layers.LayerNormalization, x, [scale, bias], epsilon=epsilon)


def rms(x, scale, *, epsilon=None):
  """keras.layers.RMSNormalization."""
  return _call(layers.RMSNormalization, x, [scale], epsilon=epsilon)


def group(x, scale, bias, *, epsilon=None, groups=None):
  """keras.layers.GroupNormalization."""
  return _call(layers.GroupNormalization, x, [scale, bias], epsilon=epsilon, groups=groups)


def instance(x, scale, bias, *, epsilon=None):
  """keras.layers.GroupNormalization with a group per channel."""
  return group(x, scale, bias, epsilon=epsilon, groups=x.shape[-1])


def spectral(x, *, steps=None, epsilon=None):
  """keras.layers.SpectralNormalization of a Dense layer, whose kernel an identity matrix shows."""
  if epsilon not in (None, 1e-12):
    raise ValueError(f'epsilon={epsilon}: Keras has no such option here; it is 1e-12: leave it out')
  dense = layers.Dense(x.shape[-1], use_bias=False, dtype=str(x.dtype))
  norm = layers.SpectralNormalization(
    dense, dtype=str(x.dtype), **drop_none(power_iterations=steps)
  )
  with jax.ensure_compile_time_eval():
    norm.build((None, len(x)))
  # Keras draws u at random. Equal entries are where ours starts.
  u, eye = jnp.ones((1, x.shape[-1]), x.dtype), jnp.eye(len(x), dtype=x.dtype)
  return norm.stateless_call([x], [u], eye, training=True)[0]


def batch_in_model(x, params, stats, *, training, momentum, epsilon):
  """keras.layers.BatchNormalization: the output and the new running statistics."""
  options = tuple(sorted({'momentum': momentum, 'epsilon': epsilon}.items()))
  norm = _built(layers.BatchNormalization, x.shape, str(x.dtype), options)
  return norm.stateless_call(params, stats, x, training=training)


def running(batches, momentum=None):
  """The running statistics of BatchNormalization."""
  norm = layers.BatchNormalization(**drop_none(momentum=momentum))
  for x in batches:
    norm(x, training=True)
  return {'mean': norm.moving_mean.numpy(), 'var': norm.moving_variance.numpy()}


def _call(kind, x, trained, training=None, **options):
  norm = _built(kind, x.shape, str(x.dtype), tuple(sorted(drop_none(**options).items())))
  state = [v.value for v in norm.non_trainable_variables]
  mode = {} if training is None else {'training': training}
  return norm.stateless_call(trained, state, x, **mode)[0]


@functools.cache
def _built(kind, shape, dtype: str, options: tuple):
  """A layer whose variables are arrays, also if a traced function is the first to build it."""
  norm = kind(dtype=dtype, **dict(options))
  with jax.ensure_compile_time_eval():
    norm.build(shape)
  return norm
