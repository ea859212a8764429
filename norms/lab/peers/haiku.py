"""Haiku's norms; it has no weight norm."""

import haiku as hk
import jax
import jax.numpy as jnp

from norms.lab.peers.case import drop_none


def batch(x, scale, bias, *, epsilon=None):
  """haiku.BatchNorm."""

  def call(x):
    norm = hk.BatchNorm(False, False, 0.9, **drop_none(eps=epsilon))
    return norm(x, is_training=True, scale=scale, offset=bias)

  return _run(call, x)


def layer(x, scale, bias, *, epsilon=None):
  """haiku.LayerNorm over the last axis."""

  def call(x):
    norm = hk.LayerNorm(-1, False, False, param_axis=-1, **drop_none(eps=epsilon))
    return norm(x, scale=scale, offset=bias)

  return _run(call, x)


def rms(x, scale, *, epsilon=None):
  """haiku.RMSNorm over the last axis."""

  def call(x):
    norm = hk.RMSNorm(-1, create_scale=False, param_axis=-1, **drop_none(eps=epsilon))
    return norm(x) * scale

  return _run(call, x)


def group(x, scale, bias, *, epsilon=None, groups=None):
  """haiku.GroupNorm."""

  def call(x):
    norm = hk.GroupNorm(groups, create_scale=False, create_offset=False, **drop_none(eps=epsilon))
    return norm(x, scale=scale, offset=bias)

  return _run(call, x)


def instance(x, scale, bias, *, epsilon=None):
  """haiku.InstanceNorm."""

  def call(x):
    norm = hk.InstanceNorm(False, False, **drop_none(eps=epsilon))
    return norm(x, scale=scale, offset=bias)

  return _run(call, x)


def spectral(x, *, steps=None, epsilon=None):
  """haiku.SpectralNorm."""
  return _run(lambda x: hk.SpectralNorm(**drop_none(n_steps=steps, eps=epsilon))(x), x)


def running(batches, momentum):
  """The running statistics of BatchNorm."""

  def call(x):
    return hk.BatchNorm(False, False, momentum)(x, is_training=True)

  transformed, state = hk.transform_with_state(call), None
  for x in batches:
    state = state or transformed.init(jax.random.key(0), jnp.asarray(x))[1]
    _, state = transformed.apply({}, state, None, x)
  averages = {'mean': 'batch_norm/~/mean_ema', 'var': 'batch_norm/~/var_ema'}
  return {name: state[module]['average'] for name, module in averages.items()}


def _run(call, x):
  transformed = hk.transform_with_state(call)
  # init draws parameters and traces the call once. Its own derivative is not wanted.
  params, state = transformed.init(jax.random.key(0), jax.lax.stop_gradient(x))
  return transformed.apply(params, state, None, x)[0]
