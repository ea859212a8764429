"""The update rule of a trial: what a step makes of the gradient.

Optimizers go by the names of optax's factories, elementwise ones on few arrays, or are a function
of a user's own.
"""

from collections.abc import Callable
import dataclasses
import functools
import inspect
from typing import Any
import warnings

from flax import traverse_util
import jax
from jax.typing import ArrayLike
import numpy as np
import optax

from norms import catalogue
from norms.lab import trial, updates
from norms.lab.engine import schedules
from norms.lab.values import Settings, check_takes
from norms.lab.xla_cpu.gathering import gathered

# Those whose update of a number depends on that number's gradients alone.
ELEMENTWISE = ('adadelta', 'adagrad', 'adam', 'adamax', 'adamw', 'amsgrad', 'lion', 'nadam',
               'nadamw', 'radam', 'rmsprop', 'rprop', 'sgd', 'sign_sgd', 'yogi')  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Update:
  """A step from parameters p with gradient g, at the rate of that step:

    g <- g * min(1, clip_norm / ||g||), where ||g|| is the length of all of it,
    g <- g + weight_decay * p, for those p that decay,
    p <- p + the optimizer's update.

  An optimizer whose decay has a mask in optax, as adamw's, is given the decay and adds it as it
  does: adamw to the update.

  Raises:
    ValueError: one line, where there is no such optimizer, or it takes no such option.
  """

  name: str  # in optax, or package.module:function of (learning_rate, steps, **options)
  options: tuple = ()  # pairs; those in hyper come first
  clips: bool = False
  decays: bool = False
  mask: str = updates.KERNELS
  steps: int = 0  # of the training, which a user's own function is told
  scheduled: bool = False  # whether hyper has a rate for each of them

  def __post_init__(self):
    factory, given = self.factory, dict(self.options)
    if ':' in self.name:
      check_takes(f'optimizer {self.name!r}', factory, 'learning_rate', 'steps', **given)
    for option in given if ':' not in self.name else ():
      trial.one_of(f'option of optimizer {self.name}', option, _parameters(factory))

  @classmethod
  def of(cls, static: trial.Trial) -> 'Update':
    """The rule that a trial's static part asks for."""
    return cls(
      static.optimizer,
      static.optimizer_options,
      clips=static.clip_norm is not None,
      decays=static.weight_decay is not None,
      mask=static.decay_mask,
      steps=schedules.steps(static) if ':' in static.optimizer else 0,
      scheduled=static.schedule != updates.CONSTANT,
    )

  @property
  def factory(self) -> Callable[..., optax.GradientTransformation]:
    """What makes the optimizer."""
    if ':' in self.name:
      return catalogue.load(self.name, 'optimizer')
    if not is_optimizer(self.name):
      trial.one_of('optimizer', self.name, names())
    return getattr(optax, self.name)

  def __call__(self, hyper: Settings, step: ArrayLike = 0) -> optax.GradientTransformation:
    """The rule at a step, as an optax optimizer; hyper: what is traced, by name."""
    # A float option is traced, and so its value comes with the call; others are compiled in.
    options = {key: hyper.get(f'{trial.OPTION}{key}', value) for key, value in self.options}
    before = [optax.clip_by_global_norm(hyper['clip_norm'])] if self.clips else []
    own = _decay_arguments(self.name) if self.decays else ()
    if self.decays:
      decay, mask = hyper['weight_decay'], _kernels if self.mask == updates.KERNELS else None
      if own:
        options |= zip(own, (decay, mask), strict=True)
      else:
        before.append(optax.add_decayed_weights(decay, mask))
    rate = hyper['learning_rate']
    if self.scheduled:
      # The step of a lane is traced, too: its rate is looked up in a table that is an input.
      rate = jax.lax.dynamic_index_in_dim(hyper['rates'], step, keepdims=False)
    made = self._optimizer(rate, options)
    # Gathered parameters have no names, by which a mask knows kernels.
    last = gathered(made) if self.name in ELEMENTWISE and not own else made
    return optax.chain(*before, last) if before else last

  def _optimizer(self, rate: ArrayLike, options: Settings) -> optax.GradientTransformation:
    if ':' not in self.name:
      return self.factory(learning_rate=rate, **options)
    made = self.factory(rate, self.steps, **options)
    if not isinstance(made, optax.GradientTransformation):
      raise ValueError(
        f'optimizer {self.name!r} returns {made!r}: return an optax.GradientTransformation, as '
        'optax.chain does'
      )
    return made


def _kernels(params: optax.Params) -> optax.Params:
  return traverse_util.path_aware_map(lambda path, _: path[-1] == 'kernel', params)


def _decay_arguments(name: str) -> tuple[str, ...]:
  """What an optimizer of optax calls its decay and the mask of that; () where it has no mask."""
  parameters = () if ':' in name else _parameters(getattr(optax, name))
  decay = [key for key in updates.DECAYS if key in parameters]
  mask = [key for key in ('mask', 'weight_decay_mask') if key in parameters]
  return (*decay, *mask) if decay and mask else ()


def _parameters(factory: Callable) -> list[str]:
  return list(inspect.signature(factory).parameters)


@functools.cache
def is_optimizer(name: str) -> bool:
  """Whether optax.<name>(learning_rate=0.1) takes steps that need nothing but gradients."""
  make: Any = getattr(optax, name, None)  # a function, a class, a module, or none
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
    with warnings.catch_warnings(action='ignore'):  # of what is only tried
      jax.eval_shape(step, {'kernel': jax.ShapeDtypeStruct((2, 2), np.float32)})
  except Exception:  # a schedule, a wrapper, or one whose steps need the loss, as lbfgs
    return False
  return True


def names() -> list[str]:
  """The optimizers that there are."""
  return [name for name in dir(optax) if is_optimizer(name)]
