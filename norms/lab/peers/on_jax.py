"""Differentiates and optimises the norms of libraries that are built on JAX."""

from collections.abc import Callable
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from norms.lab.peers.case import MOMENTUM, RATE, Case, Result
from norms.lab.values import Settings


def evaluate(function: Callable, case: Case, options: Settings) -> Result:
  """The output and the gradients, compiled as in training."""
  z, gradients = _pulled(function, tuple(sorted(options.items())))(case.parameters, case.cotangent)
  return jax.tree.map(np.asarray, Result(z, gradients))


@functools.cache
def _pulled(function: Callable, options: tuple) -> Callable:
  """(output, gradients) of parameters and cotangent; one compilation for all inputs of a shape."""

  @jax.jit
  def run(parameters, cotangent):
    z, pull = jax.vjp(lambda p: function(**p, **dict(options)), parameters)
    return z, pull(cotangent.astype(z.dtype))[0]

  return run


def train(
  function: Callable, case: Case, target: np.ndarray, steps: int, options: Settings
) -> dict[str, np.ndarray]:
  """The parameters after some steps, in one compiled loop."""
  optimizer = optax.sgd(RATE, MOMENTUM)

  def loss(parameters):
    distance = function(**parameters, **options) - target
    return jnp.sum(jnp.square(distance)) / (2 * distance.size / distance.shape[-1])

  @jax.jit
  def run(parameters):
    def step(carry, _):
      parameters, state = carry
      updates, state = optimizer.update(jax.grad(loss)(parameters), state)
      return (optax.apply_updates(parameters, updates), state), None

    # One compiled loop, as a user trains: its fusions round otherwise than single steps do.
    start = (parameters, optimizer.init(parameters))
    return jax.lax.scan(step, start, length=steps)[0][0]

  return jax.tree.map(np.asarray, run(jax.tree.map(jnp.asarray, case.parameters)))
