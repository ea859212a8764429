"""Optimizers by the names of optax's factories, elementwise ones on few arrays."""

from collections.abc import Callable, Mapping
import functools
import inspect
from typing import Any

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
  if not _takes_rate(make):
    trial.one_of('optimizer', name, NAMES)
  for option in options:
    trial.one_of(f'option of optimizer {name}', option, list(inspect.signature(make).parameters))

  def made(hyper):
    return make(**dict(options) | {k: hyper[k] for k in (*options, 'learning_rate') if k in hyper})

  return (lambda hyper: gathered(made(hyper))) if name in ELEMENTWISE else made


def _takes_rate(make) -> bool:
  factory = inspect.isfunction(make) or isinstance(make, functools.partial)  # nadam is the latter
  return factory and 'learning_rate' in inspect.signature(make).parameters


NAMES = [n for n in dir(optax) if n[0] != '_' and _takes_rate(getattr(optax, n))]
