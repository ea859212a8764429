"""Flax nnx's norms."""

from flax import nnx
import jax.numpy as jnp

from norms.lab.peers.case import drop_none


def batch(x, scale, bias, *, epsilon=None):
  """flax.nnx.BatchNorm."""
  return _with(_made(nnx.BatchNorm, x, epsilon=epsilon), scale, bias)(x)


def layer(x, scale, bias, *, epsilon=None):
  """flax.nnx.LayerNorm."""
  return _with(_made(nnx.LayerNorm, x, epsilon=epsilon), scale, bias)(x)


def rms(x, scale, *, epsilon=None):
  """flax.nnx.RMSNorm."""
  return _with(_made(nnx.RMSNorm, x, epsilon=epsilon), scale)(x)


def group(x, scale, bias, *, epsilon=None, groups=None):
  """flax.nnx.GroupNorm."""
  return _with(_made(nnx.GroupNorm, x, epsilon=epsilon, num_groups=groups), scale, bias)(x)


def instance(x, scale, bias, *, epsilon=None):
  """flax.nnx.InstanceNorm."""
  return _with(_made(nnx.InstanceNorm, x, epsilon=epsilon), scale, bias)(x)


def weight(x, scale, *, epsilon=None):
  """flax.nnx.WeightNorm of a Linear layer, whose kernel an identity matrix shows."""
  wrapped = nnx.WeightNorm(_linear(x), rngs=nnx.Rngs(0), **drop_none(epsilon=epsilon))
  assert wrapped.scales is not None
  wrapped.scales[('kernel',)] = scale
  return wrapped(jnp.eye(len(x), dtype=x.dtype))


def spectral(x, *, steps=None, epsilon=None):
  """flax.nnx.SpectralNorm of a Linear layer."""
  options = drop_none(n_steps=steps, epsilon=epsilon)
  wrapped = nnx.SpectralNorm(_linear(x), rngs=nnx.Rngs(0), **options)
  wrapped.batch_stats[('kernel', 'u')].set_value(jnp.ones((1, x.shape[-1]), x.dtype))
  return wrapped(jnp.eye(len(x), dtype=x.dtype), update_stats=False)


def running(batches, momentum=None):
  """The running statistics of BatchNorm."""
  norm = None
  for x in batches:
    norm = norm or _made(nnx.BatchNorm, x, momentum=momentum)
    norm(jnp.asarray(x))
  return {'mean': norm.mean.get_value(), 'var': norm.var.get_value()}


def _made(norm, x, **options):
  # dtype, else BatchNorm's float32 statistics make its output float32
  dtypes = {'dtype': x.dtype, 'param_dtype': x.dtype}
  return norm(x.shape[-1], rngs=nnx.Rngs(0), **dtypes, **drop_none(**options))


def _with(norm, scale, bias=None):
  norm.scale.set_value(scale)
  if bias is not None:
    norm.bias.set_value(bias)
  return norm


def _linear(x):
  layer = nnx.Linear(*x.shape, use_bias=False, param_dtype=x.dtype, rngs=nnx.Rngs(0))
  layer.kernel.set_value(x)
  return layer
