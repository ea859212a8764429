"""Promise 2 for the statistics that modules keep: for later gradients they are constants.

Otherwise the gradient of a step would go back through all steps before it.
"""

import functools

import chex
from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from promises import handed, measure


class _Twice(nn.Module):
  """Trains on one input and evaluates on another."""

  norm: nn.Module

  def __call__(self, x, other):
    self.norm(x, use_running_average=False)
    return self.norm(other, use_running_average=True)


def check_constant(library, row):
  """No gradient comes back through statistics that a module keeps, and no tracer stays in it."""
  x, params, ct = measure.case(row)
  options, other = handed.options_of(row), measure.draw(seed=7)
  linen, module = handed.made(row, options, x, params)

  def by_linen(x):
    twice = _Twice(linen)
    kept = {
      'params': {'norm': params},
      'batch_stats': {'norm': handed.kept(row, handed.statistics(row))},
    }
    return twice.apply(kept, x, other, mutable=['batch_stats'])[0]

  def by_nnx(module, x):
    module(x, use_running_average=False)
    return module(other, use_running_average=True)

  if library == 'linen':
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(ct * by_linen(x))))(x)
  else:

    def loss(module, x):
      return jnp.sum(ct * by_nnx(module, x))

    gradient = nnx.jit(nnx.grad(loss, argnums=1))(module, x)
    for name in handed.catalogued(row).keeps:
      kept = getattr(module, name)[...]
      assert not isinstance(kept, jax.core.Tracer) and np.any(kept != (name == 'var'))
  message = 'the running statistics are no constants'
  chex.assert_trees_all_equal(gradient, np.zeros_like(gradient), custom_message=message)


def _state(row):
  return handed.catalogued(row).state


PROMISES = (
  ('modules-constant-linen', functools.partial(check_constant, 'linen'), _state),
  ('modules-constant-nnx', functools.partial(check_constant, 'nnx'), _state),
)
