"""Flax linen's norms."""

from flax import linen as nn
import jax
import jax.numpy as jnp

from norms.lab.peers.case import drop_none


def batch(x, scale, bias, *, epsilon=None):
  """flax.linen.BatchNorm."""
  norm = nn.BatchNorm(use_running_average=False, **drop_none(epsilon=epsilon))
  variables = {'params': {'scale': scale, 'bias': bias}}
  return norm.apply(variables, x, mutable=['batch_stats'])[0]


def layer(x, scale, bias, *, epsilon=None):
  """flax.linen.LayerNorm."""
  return _apply(nn.LayerNorm(**drop_none(epsilon=epsilon)), x, scale=scale, bias=bias)


def rms(x, scale, *, epsilon=None):
  """flax.linen.RMSNorm."""
  return _apply(nn.RMSNorm(**drop_none(epsilon=epsilon)), x, scale=scale)


def group(x, scale, bias, *, epsilon=None, groups=None):
  """flax.linen.GroupNorm."""
  norm = nn.GroupNorm(**drop_none(epsilon=epsilon, num_groups=groups))
  return _apply(norm, x, scale=scale, bias=bias)


def instance(x, scale, bias, *, epsilon=None):
  """flax.linen.InstanceNorm."""
  return _apply(nn.InstanceNorm(**drop_none(epsilon=epsilon)), x, scale=scale, bias=bias)


def weight(x, scale, *, epsilon=None):
  """flax.linen.WeightNorm of a Dense layer, whose kernel an identity matrix shows."""
  wrapped = nn.WeightNorm(_dense(x), **drop_none(epsilon=epsilon))
  variables = {'layer_instance': {'kernel': x}, 'layer_instance/kernel/scale': scale}
  return wrapped.apply({'params': variables}, jnp.eye(len(x), dtype=x.dtype))


def spectral(x, *, steps=None, epsilon=None):
  """flax.linen.SpectralNorm of a Dense layer."""
  wrapped = nn.SpectralNorm(_dense(x), **drop_none(n_steps=steps, epsilon=epsilon))
  stats = {
    'layer_instance/kernel/u': jnp.ones((1, x.shape[-1]), x.dtype),
    'layer_instance/kernel/sigma': jnp.ones((), x.dtype),
  }
  variables = {'params': {'layer_instance': {'kernel': x}}, 'batch_stats': stats}
  return wrapped.apply(variables, jnp.eye(len(x), dtype=x.dtype), update_stats=False)


def running(batches, momentum=None):
  """The running statistics of BatchNorm."""
  norm, variables = nn.BatchNorm(use_running_average=False, **drop_none(momentum=momentum)), None
  for x in batches:
    variables = variables or norm.init(jax.random.key(0), x)
    _, new = norm.apply(variables, x, mutable=['batch_stats'])
    variables = {**variables, **new}
  return variables['batch_stats']


def _apply(norm, x, **parameters):
  return norm.apply({'params': parameters}, x)


def _dense(x):
  return nn.Dense(x.shape[-1], use_bias=False)
