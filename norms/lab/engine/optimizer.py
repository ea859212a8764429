"""Optimizers by the names of optax's factories, elementwise ones on few arrays."""

from collections.abc import Callable, Mapping
import functools
import inspect
from typing import Any

import jax
import numpy as np
import optax

from norms.lab import trial
from norms.lab.xla_cpu.gathering import gathered

# Those whose update of a number depends on that number's gradients alone.
ELEMENTWISE = ('adadelta', 'adagrad', 'adam', 'adamax', 'adamw', 'amsgrad', 'lion', 'nadam',
               'nadamw', 'radam', 'rmsprop', 'rprop', 'sgd', 'sign_sgd', 'yogi')  # fmt: skip


def optimizer(name: str, options: Mapping[str, Any]) -> Callable:
  """hyper -> optax optimizer; what is in hyper (traced) comes before the static options.

  Raises:
    ValueError: where optax has no such optimizer, or it no such option.
  """
  make: Any = getattr(optax, name, None)
  if not is_optimizer(name):
    trial.one_of('optimizer', name, names())
  for option in options:
    trial.one_of(f'option of optimizer {name}', option, list(inspect.signature(make).parameters))

  def made(hyper):
    return make(**dict(options) | {k: hyper[k] for k in (*options, 'learning_rate') if k in hyper})

  return (lambda hyper: gathered(made(hyper))) if name in ELEMENTWISE else made


@functools.cache
def is_optimizer(name: str) -> bool:
  """Whether optax.<name>(learning_rate=0.1) takes steps that need nothing but gradients."""
  make: Any = getattr(optax, name, None)
  factory = inspect.isfunction(make) or isinstance(make, functools.partial)  # nadam is the latter
  # scale_by_learning_rate is a part of an optimizer.
  if not factory or name.startswith(('_', 'scale_')):
    return False
  if 'learning_rate' not in inspect.signature(make).parameters:
    return False

  def step(params):
    made = make(learning_rate=0.1)
    return made.update(params, made.init(params), params)

  try:
    jax.eval_shape(step, {'kernel': jax.ShapeDtypeStruct((2, 2), np.float32)})
  except Exception:  # a schedule, a wrapper, or one whose steps need the loss, as lbfgs
    return False
  return True


def names() -> list[str]:
  """The optimizers that there are."""
  return [name for name in dir(optax) if is_optimizer(name)]
