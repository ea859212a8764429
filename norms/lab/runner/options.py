"""Options of norms and optimizers: whether what a config gives can be run, before anything runs."""

from collections.abc import Mapping
import inspect
import math

import flax.linen as nn
import jax
import numpy as np
import optax

from norms import catalogue, linen
from norms.lab import mistakes, models, trial, values
from norms.lab.engine import optimizer as optimizers
from norms.lab.engine import schedules
from norms.lab.study import Study
from norms.lab.trial import Trial
from norms.lab.values import Settings

# A step is tried on the shapes of these: a vector and a matrix, as models have them.
INPUT = np.zeros((4, 8, 8, 16), np.float32)
PARAMETERS = {'bias': np.zeros(2, np.float32), 'kernel': np.zeros((2, 2), np.float32)}
# What options of these names can be, of norms and of optimizers: outside of these an average grows
# without bound, and a root is of a negative number.
LIMITS = {
  **dict.fromkeys(('momentum', 'b1', 'b2', 'decay'), (0, 1)),
  **dict.fromkeys(('epsilon', 'eps', 'eps_root'), (0, math.inf)),
}
VALUE_NEEDED = (
  jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError,
  jax.errors.TracerIntegerConversionError,
)  # fmt: skip


def check(study: Study) -> None:
  """Holds the options of all trials to what their norms and optimizers take.

  Raises:
    ValueError: of one line, at the first that is wrong.
  """
  for norm in study.options_for:
    if ':' not in norm:
      trial.one_of('config.norm_options key', norm, catalogue.NORMS)
  for norm in study.labels:
    if ':' not in norm:
      trial.one_of('config.labels key', norm, catalogue.NORMS)
  for name, given, steps in dict.fromkeys(map(_optimizer, study.trials)):
    check_optimizer(name, dict(given), steps)
  for each in study.trials:
    if schedules.steps(each):  # else the batch is too large, which is said later
      schedules.table(each)
  for static in dict.fromkeys(each.static for each in study.trials):
    check_norm(static)


class Alone(nn.Module):
  """A layer and its norm, by which the norm's options are tried."""

  norm: models.Norm

  @nn.compact
  def __call__(self, x):
    return self.norm.activation()(self.norm.layer(nn.Dense(16))(x))


def check_norm(static: Trial) -> None:
  """ValueError at an option that the norm's module has not, or of another type than it takes."""
  row = catalogue.find(static.norm)
  if row.kind == 'none':
    return
  parameters = inspect.signature(linen.module(row)).parameters
  if not any(p.kind == p.VAR_KEYWORD for p in parameters.values()):
    valid = [name for name in parameters if name not in ('parent', 'name')]  # Flax's, of modules
    for option, _ in static.norm_options:
      trial.one_of(f'option of norm {static.norm}', option, valid)
  if ':' in static.norm:
    _check_own_norm(static.norm, row, dict(row.options) | dict(static.norm_options))
    return
  if not static.norm_options:
    return
  for option, value in static.norm_options:
    what = f'norm_options.{static.norm}: {option}={value!r}'
    _check_flag(what, value, parameters[option].default if option in parameters else None)
    _check_limits(what, option, value)
  module = Alone(models.Norm(row, static.norm_options))
  try:
    jax.eval_shape(lambda x: module.init(jax.random.key(0), x), INPUT)
  except Exception as error:
    if mistakes.mendable(error):
      return  # of this input; the model's own are tried later, and the layer is named
    given = ', '.join(f'{option}={value!r}' for option, value in static.norm_options)
    raise ValueError(
      f'norm_options.{static.norm}: {given} cannot be ({mistakes.line(error)}): give each what '
      f'norms.linen.{linen.module(row).__name__} takes'
    ) from error


def _check_own_norm(name: str, row: catalogue.Row, options: Settings) -> None:
  """ValueError unless it can be made and called; what else ends it is shown whole."""
  module = linen.module(row)
  layer = ('layer',) if row.kind == 'kernel' else ()
  values.check_takes(f'norm {name!r}', module, *layer, **options)
  values.check_takes(f'__call__ of norm {name!r}', module.__call__, 'self', 'x')


def _optimizer(trial: Trial) -> tuple[str, tuple, int]:
  own = ':' in trial.optimizer
  return trial.optimizer, trial.optimizer_options, schedules.steps(trial) if own else 0


def check_optimizer(name: str, given: Settings, steps: int = 0) -> None:
  """ValueError unless the optimizer takes a step with these options.

  What ends a user's own is shown whole, unless it asks for the value of what is traced.
  """
  what = f'optimizer_options of {name}'
  make = optimizers.Update(name, tuple(given.items()), steps=steps)
  if ':' in name:
    _check_own_optimizer(make, given)
    return
  if 'learning_rate' in given:
    raise ValueError(
      f'{what}: learning_rate={given["learning_rate"]!r} would be ignored: set config.learning_rate'
    )
  factory = getattr(optax, name, None)
  usual = inspect.signature(factory).parameters if factory else {}
  for option, value in given.items():
    _check_type(f'{what}: {option}={value!r}', option, value, usual)
  try:
    _step(make, given)
  except Exception as error:  # of whatever kind: it would end every group that has these options
    options = ', '.join(f'{option}={value!r}' for option, value in given.items())
    raise ValueError(
      f'{what}: no step can be taken with {options or "none"} ({mistakes.line(error)}): give each '
      f'what {name} takes'
    ) from error


def _step(make: optimizers.Update, given: Settings) -> None:
  """Takes a step on shapes alone."""
  floats = {f'{trial.OPTION}{k}': v for k, v in given.items() if isinstance(v, float)}

  def step(hyper, params):
    made = make(hyper)
    updates, _ = made.update(params, made.init(params), params)
    return optax.apply_updates(params, updates)

  # Floats are traced in a program, so they are here.
  jax.eval_shape(step, {'learning_rate': 0.1} | floats, PARAMETERS)


def _check_own_optimizer(make: optimizers.Update, given: Settings) -> None:
  try:
    _step(make, given)
  except VALUE_NEEDED as error:
    raise ValueError(
      f'optimizer {make.name!r} needs the value of a traced number ({mistakes.line(error)}): the '
      'learning rate and float options are inputs of the program, so do not branch on them, and '
      'multiply a schedule whose peak is 1 by the learning rate'
    ) from error


def _check_type(
  what: str, option: str, value: object, usual: Mapping[str, inspect.Parameter]
) -> None:
  """ValueError at a value of another kind than the default, which optax may take for true."""
  if 'mask' in option and not isinstance(value, bool | None):
    raise ValueError(f'{what} cannot be: a mask is a function, which a config cannot hold: drop it')
  default = usual[option].default if option in usual else None
  _check_flag(what, value, default)
  if values.is_number(default) and not values.is_number(value):
    raise ValueError(f'{what} cannot be: use a number, as {default!r}')
  _check_limits(what, option, value)


def _check_flag(what: str, value: object, default: object) -> None:
  if isinstance(default, bool) and not isinstance(value, bool):
    raise ValueError(f'{what} cannot be: use True or False')


def _check_limits(what: str, option: str, value: object) -> None:
  if option not in LIMITS or value is None:
    return
  low, high = LIMITS[option]
  if not (values.is_number(value) and low <= value <= high):
    raise ValueError(
      f'{what} cannot be: use a number from {low} {"on" if math.isinf(high) else f"to {high}"}'
    )
