"""Probes that a user defines, named in a config by dotted name."""

import jax.numpy as jnp


def kernel_length(apply, state, data):
  """The length of the first kernel, and the share of test examples in the likeliest class."""
  outputs = apply(state.variables, data.test.x)
  shares = jnp.bincount(jnp.argmax(outputs, -1), length=outputs.shape[-1]) / len(outputs)
  kernel = state.variables['params']['layer_0']['kernel']
  return {'first_kernel': jnp.sqrt(jnp.sum(kernel**2)), 'largest_class': jnp.max(shares)}


def steps(apply, state, data):
  """A whole number."""
  del apply, data
  return {'steps': state.step}


def twin(apply, state, data):
  """The name of another probe's number."""
  del apply, data
  return {'steps': state.step}


def vector(apply, state, data):
  """No number."""
  return {'outputs': apply(state.variables, data.test.x)[0]}


def nothing(apply, state, data):
  """Forgets to return."""


NUMBER = 3
