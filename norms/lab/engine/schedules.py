"""Schedules: the learning rate of each step of a training, by optax's functions.

They are evaluated before the training, and the table of rates is an input of its program: so trials
of other peaks, lengths and schedules share one, and a rate is what optax says at that step.
"""

from collections.abc import Callable
import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax

from norms.lab import data, mistakes, updates
from norms.lab.trial import Trial
from norms.lab.values import Settings


def steps(trial: Trial) -> int:
  """How many steps its training takes."""
  return trial.epochs * _per_epoch(trial)


def table(trial: Trial) -> dict[str, np.ndarray]:
  """What a trial's program is given of its schedule: the rate of each step, unless it is constant.

  Raises:
    ValueError: one line, where the schedule's options give no rates, or negative ones.
  """
  if trial.schedule == updates.CONSTANT:
    return {}
  rates = _rates(
    trial.schedule, trial.schedule_options, trial.learning_rate, _per_epoch(trial), trial.epochs
  )
  return {'rates': rates}


def schedule(
  name: str, options: Settings, peak: float, steps: int, per_epoch: int
) -> optax.Schedule:
  """optax's function of that name, which starts from the peak or reaches it, over so many steps.

  A warm-up starts from 0 and a decay ends with the training, at 0, where the options do not say.
  """
  given = updates.in_steps(options, per_epoch)
  if 'scales' in given:
    pairs = zip(given.pop('boundary_steps'), given.pop('scales'), strict=True)
    given['boundaries_and_scales'] = dict(pairs)
  factory: Callable[..., optax.Schedule]
  factory = getattr(optax, f'{name}_schedule', None) or getattr(optax, name)
  parameters = inspect.signature(factory).parameters
  # A transition that begins late is still to end with the training.
  begun = given.get('transition_begin', 0) + given.get('warmup_steps', 0)
  usual = {'init_value': peak, 'end_value': 0.0} | {
    'decay_steps': steps, 'transition_steps': steps - begun,
  }  # fmt: skip
  if 'peak_value' in parameters:
    usual |= {'init_value': 0.0, 'peak_value': peak}
  needed = [key for key, each in parameters.items() if each.default is each.empty]
  return factory(**{key: usual[key] for key in needed if key in usual} | given)


def _per_epoch(trial: Trial) -> int:
  return data.sizes(trial.data).train // trial.batch_size


# Asked for when a study is checked, and again for each chunk of its trials.
@functools.lru_cache(maxsize=1024)
def _rates(name: str, options: tuple, peak: float, per_epoch: int, epochs: int) -> np.ndarray:
  given, steps = ', '.join(f'{key}={value!r}' for key, value in options), epochs * per_epoch
  what = f'schedule {name} of {steps} steps with {given or "no options"}'
  try:
    made = schedule(name, dict(options), peak, steps, per_epoch)
    rates = np.asarray(jax.vmap(made)(jnp.arange(steps)), np.float32)
  except Exception as error:  # of whatever kind: it would end every group that has these options
    raise ValueError(
      f'{what} has no rates ({mistakes.line(error)}): change config.schedule_options'
    ) from error
  wrong = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))
  if wrong.size:
    raise ValueError(
      f'{what} has a rate of {rates[wrong[0]]:g} at step {wrong[0]}: change config.schedule_options'
    )
  return rates
