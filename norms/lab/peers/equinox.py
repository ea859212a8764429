"""Equinox's norms: of one example with its channels first, mapped over the rest."""

import equinox as eqx
import jax
import jax.numpy as jnp

from norms.lab.peers.case import drop_none


def batch(x, scale, bias, *, epsilon=None):
  """equinox.nn.BatchNorm, mode 'batch'."""
  norm, state = _batch_norm(x, **drop_none(eps=epsilon))
  return _mapped(_with(norm, scale, bias), x, state)[0]


def layer(x, scale, bias, *, epsilon=None):
  """equinox.nn.LayerNorm."""
  return _of_features(
    _with(eqx.nn.LayerNorm(x.shape[-1], **drop_none(eps=epsilon)), scale, bias), x
  )


def rms(x, scale, *, epsilon=None):
  """equinox.nn.RMSNorm."""
  norm = eqx.nn.RMSNorm(x.shape[-1], use_bias=False, **drop_none(eps=epsilon))
  return _of_features(eqx.tree_at(lambda norm: norm.weight, norm, scale), x)


def group(x, scale, bias, *, epsilon=None, groups=None):
  """equinox.nn.GroupNorm."""
  norm = eqx.nn.GroupNorm(groups, x.shape[-1], **drop_none(eps=epsilon))
  z = jax.vmap(_with(norm, scale, bias))(jnp.moveaxis(x, -1, 1))
  return jnp.moveaxis(z, 1, -1)


def instance(x, scale, bias, *, epsilon=None):
  """equinox.nn.GroupNorm with a group per channel."""
  return group(x, scale, bias, epsilon=epsilon, groups=x.shape[-1])


def weight(x, scale):
  """equinox.nn.WeightNorm of a Linear layer, whose kernel an identity matrix shows."""
  wrapped = eqx.nn.WeightNorm(_linear(x))
  wrapped = eqx.tree_at(lambda w: w.g, wrapped, scale[:, None])
  return jax.vmap(wrapped)(jnp.eye(len(x), dtype=x.dtype))


def spectral(x, *, steps=None, epsilon=None):
  """equinox.nn.SpectralNorm of a Linear layer."""
  options = drop_none(num_power_iterations=steps, eps=epsilon)
  make = eqx.nn.make_with_state(eqx.nn.SpectralNorm)
  wrapped, state = make(_linear(x), 'weight', key=jax.random.key(0), **options)
  return jax.vmap(lambda row: wrapped(row, state)[0])(jnp.eye(len(x), dtype=x.dtype))


def running(batches, momentum=None):
  """The running statistics of BatchNorm: what it divides by in evaluation."""
  norm = state = None
  for x in batches:
    if norm is None:
      norm, state = _batch_norm(x, **drop_none(momentum=momentum))
    _, state = _mapped(norm, jnp.asarray(x), state)
  (mean, var), count = state.get(norm.batch_state_index), state.get(norm.batch_counter)
  # As its evaluation does, which divides what is kept by the sum of its weights.
  debiasing = 1 - norm.momentum**count
  return {'mean': mean / debiasing, 'var': var / debiasing}


def _batch_norm(x, **options):
  make = eqx.nn.make_with_state(eqx.nn.BatchNorm)
  return make(x.shape[-1], axis_name='examples', mode='batch', dtype=x.dtype, **options)


def _mapped(norm, x, state):
  # BatchNorm averages over the mapped axis by its name. All examples share one state.
  over_examples = jax.vmap(norm, axis_name='examples', in_axes=(0, None), out_axes=(0, None))
  z, state = over_examples(jnp.moveaxis(x, -1, 1), state)
  return jnp.moveaxis(z, 1, -1), state


def _with(norm, scale, bias):
  return eqx.tree_at(lambda norm: (norm.weight, norm.bias), norm, (scale, bias))


def _of_features(norm, x):
  return jax.vmap(norm)(x.reshape(-1, x.shape[-1])).reshape(x.shape)


def _linear(x):
  layer = eqx.nn.Linear(*x.shape, use_bias=False, dtype=x.dtype, key=jax.random.key(0))
  return eqx.tree_at(lambda layer: layer.weight, layer, x.T)
