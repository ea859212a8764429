"""Our own norms, as the peers' are called."""

import jax.numpy as jnp

import norms
from norms.lab.peers.case import drop_none

STEPS = 1


def batch(x, scale, bias, *, epsilon=None):
  """norms.batch_norm."""
  return norms.batch_norm(x, scale, bias, **drop_none(epsilon=epsilon))[0]


def layer(x, scale, bias, *, epsilon=None):
  """norms.layer_norm, over the last axis."""
  return norms.layer_norm(x, scale, bias, **drop_none(epsilon=epsilon))


def rms(x, scale, *, epsilon=None):
  """norms.rms_norm."""
  return norms.rms_norm(x, scale, **drop_none(epsilon=epsilon))


def group(x, scale, bias, *, epsilon=None, groups=None):
  """norms.group_norm."""
  return norms.group_norm(x, scale, bias, **drop_none(epsilon=epsilon, num_groups=groups))


def instance(x, scale, bias, *, epsilon=None):
  """norms.instance_norm."""
  return norms.instance_norm(x, scale, bias, **drop_none(epsilon=epsilon))


def weight(x, scale, *, epsilon=None):
  """norms.weight_norm."""
  return norms.weight_norm(x, scale, **drop_none(epsilon=epsilon))


def spectral(x, *, steps=1, epsilon=None):
  """norms.spectral_norm, from a u of equal entries."""
  u = jnp.ones(x.shape[-1], x.dtype)
  return norms.spectral_norm(x, u, n_steps=steps, **drop_none(epsilon=epsilon))[0]


def running(batches, momentum=None, **options):
  """The running statistics; options are norms.batch_norm's."""
  stats = None
  for x in batches:
    zero = jnp.zeros(x.shape[-1])
    stats = stats or norms.BatchStats(zero, zero + 1, zero)
    _, stats = norms.batch_norm(x, batch_stats=stats, **drop_none(momentum=momentum), **options)
  return {'mean': stats.mean, 'var': stats.var}
