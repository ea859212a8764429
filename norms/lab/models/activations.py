"""Activations by the names that jax.nn and Flax have for them, and a user's own."""

from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from norms import catalogue
from norms.lab import mistakes, trial

# Functions of a number alone: softmax and its like look at the other features, too.
_NAMES = (
  'relu', 'tanh', 'gelu', 'silu', 'celu', 'elu', 'hard_sigmoid', 'hard_silu', 'hard_swish',
  'hard_tanh', 'identity', 'leaky_relu', 'log_sigmoid', 'mish', 'relu6', 'selu', 'sigmoid',
  'soft_sign', 'softplus', 'sparse_plus', 'sparse_sigmoid', 'squareplus', 'swish',
)  # fmt: skip
ACTIVATIONS: Mapping[str, Callable] = {name: getattr(jax.nn, name) for name in _NAMES} | {
  'tanh': nn.tanh, 'linear': lambda x: x,
}  # fmt: skip


def find(name: str) -> Callable:
  """The activation of that name in ACTIVATIONS, or a user's package.module:function.

  Raises:
    ValueError: of one line, where there is none, or a user's does not keep shape and dtype.
  """
  if not isinstance(name, str) or ':' not in name:
    return ACTIVATIONS[trial.one_of('model_options.activation', name, ACTIVATIONS)]
  found = catalogue.load(name, 'activation')
  # In both dtypes of models: a constant of NumPy's in a function promotes bfloat16 to float32.
  for dtype in (jnp.float32, jnp.bfloat16):
    given = jax.ShapeDtypeStruct((2, 3), dtype)
    try:
      result = jax.eval_shape(found, given)
    except Exception as error:
      raise ValueError(
        f'activation {name!r} fails on an array of (2, 3) {given.dtype} ({mistakes.line(error)}): '
        'give a function of one array'
      ) from error
    if getattr(result, 'shape', None) != given.shape or result.dtype != given.dtype:
      raise ValueError(
        f'activation {name!r} makes {result} of an array of (2, 3) {given.dtype}: give a function '
        'that keeps shape and dtype'
      )
  return found
