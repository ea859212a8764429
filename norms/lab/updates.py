"""How parameters are updated, as plain data: the rate's schedule, clipping and weight decay."""

from collections.abc import Iterable, Mapping
from typing import Any

from norms.lab import values
from norms.lab.values import Settings

CONSTANT, SCHEDULED = 'constant', 'scheduled'  # the latter: of a program that takes any schedule
KERNELS = 'kernels'
MASKS = (KERNELS, 'all')  # which parameters decay
DECAYS = ('weight_decay', 'weight_decay_rate')  # what optax's optimizers call theirs

# By the names of optax's functions, without `_schedule`: what each takes beside the peak, which is
# config.learning_rate. Its dict {step: scale} is boundary_steps and scales here.
SCHEDULES: Mapping[str, tuple[str, ...]] = {
  CONSTANT: (),
  'cosine_decay': ('decay_steps', 'alpha', 'exponent'),
  'cosine_onecycle': ('transition_steps', 'pct_start', 'div_factor', 'final_div_factor'),
  'exponential_decay': (
    'transition_steps', 'decay_rate', 'transition_begin', 'staircase', 'end_value',
  ),
  'linear': ('end_value', 'transition_steps', 'transition_begin'),
  'linear_onecycle': (
    'transition_steps', 'pct_start', 'pct_final', 'div_factor', 'final_div_factor',
  ),
  'piecewise_constant': ('boundary_steps', 'scales'),
  'piecewise_interpolate': ('interpolate_type', 'boundary_steps', 'scales'),
  'polynomial': ('end_value', 'power', 'transition_steps', 'transition_begin'),
  'warmup_constant': ('init_value', 'warmup_steps'),
  'warmup_cosine_decay': ('init_value', 'warmup_steps', 'decay_steps', 'end_value', 'exponent'),
  'warmup_exponential_decay': (
    'init_value', 'warmup_steps', 'transition_steps', 'decay_rate', 'transition_begin', 'staircase',
    'end_value',
  ),
}  # fmt: skip
# Of these a value cannot be guessed; the other lengths end with the training.
NEEDED = ('warmup_steps', 'boundary_steps', 'scales', 'decay_rate', 'power', 'interpolate_type')
TUPLES = ('boundary_steps', 'boundary_epochs', 'scales')


def fields(config: Settings) -> dict[str, Any]:
  """The fields of a trial that say how it is updated; ValueError, one line, at what cannot be."""
  name = values.text('schedule', config['schedule']).removesuffix('_schedule')
  name = values.one_of('schedule', name, SCHEDULES)
  decay = values.not_negative('weight_decay', config['weight_decay'], optional=True)
  mask = values.one_of('decay_mask', config['decay_mask'], MASKS)
  twice = [option for option in DECAYS if option in config['optimizer_options']]
  if decay is not None and twice:
    given = f'{twice[0]}={config["optimizer_options"][twice[0]]!r}'
    raise ValueError(f'weight_decay={decay} and optimizer_options.{given}: give one of them')
  return {
    'schedule': name,
    'schedule_options': _options(name, config['schedule_options']),
    'clip_norm': values.positive('clip_norm', config['clip_norm']),
    'weight_decay': decay,
    # Without a decay the mask means nothing, and makes no other trial.
    'decay_mask': KERNELS if decay is None else mask,
  }


def in_epochs(option: str) -> str:
  """What a length in steps is called if it is given in epochs: warmup_epochs, of warmup_steps."""
  return f'{option.removesuffix("_steps")}_epochs'


def ends_with_training(name: str, options: Iterable[tuple[str, object]]) -> bool:
  """Whether a schedule lasts as long as the training, since its options do not say how long."""
  given = {option for option, _ in options}
  lengths = {'decay_steps', 'transition_steps'} & set(SCHEDULES[name])
  return any(given.isdisjoint((length, in_epochs(length))) for length in lengths)


def in_steps(options: Settings, steps_per_epoch: int) -> dict[str, Any]:
  """The options with all lengths in steps, to the nearest one."""
  found = dict(options)
  for option in filter(_is_length, {each for options in SCHEDULES.values() for each in options}):
    length = found.pop(in_epochs(option), None)
    if isinstance(length, tuple):
      found[option] = tuple(round(each * steps_per_epoch) for each in length)
    elif length is not None:
      found[option] = round(length * steps_per_epoch)
  return found


def check_used(
  configs: Iterable[Settings],
  trials: Iterable[Any],  # norms.lab.trial.Trial, which is made of these fields
) -> None:
  """ValueError where the points of a study give what none of its trials is updated by."""
  trials = list(trials)
  used = {option for trial in trials for option, _ in trial.schedule_options}
  schedules = ', '.join(dict.fromkeys(trial.schedule for trial in trials))
  for config in configs:
    for option in config['schedule_options']:
      if option not in used:
        raise ValueError(
          f'schedule_options.{option} is for another schedule than {schedules}: drop it, or set '
          'config.schedule'
        )
    mask = config['decay_mask']
    if mask != KERNELS and all(trial.weight_decay is None for trial in trials):
      raise ValueError(f'decay_mask={mask!r}: nothing decays: set config.weight_decay')


def _options(name: str, given: Settings) -> tuple:
  """Those options that the schedule takes, as pairs: a study may have others for its others."""
  options = values.mapping('schedule_options', given)
  if not options and not SCHEDULES[name]:  # as of most trials, of which there may be many
    return ()
  known = {schedule: _names(options) for schedule, options in SCHEDULES.items()}
  every = sorted(set().union(*known.values()))
  for option in options:
    values.one_of('schedule_options key', option, every)
  checked = {option: _value(option, value) for option, value in options.items()}
  taken = {option: value for option, value in checked.items() if option in known[name]}
  for option in SCHEDULES[name]:
    both = [each for each in (option, in_epochs(option)) if each in taken]
    if len(both) == 2:
      raise ValueError(f'schedule_options has {option} and {in_epochs(option)}: drop one of them')
    if option in NEEDED and not both:
      also = f' or {in_epochs(option)}' if _is_length(option) else ''
      raise ValueError(f'schedule {name} needs {option}{also}: set it in config.schedule_options')
  lengths = {len(value) for option, value in taken.items() if option in TUPLES}
  if len(lengths) > 1:
    raise ValueError(f'schedule_options of {name}: give one of scales for each boundary')
  return values.pairs(taken, 'schedule_options')


def _names(options: Iterable[str]) -> list[str]:
  """The options, and lengths by epochs, too."""
  return [name for o in options for name in ([o, in_epochs(o)] if _is_length(o) else [o])]


def _is_length(option: str) -> bool:
  return option.endswith('_steps') or option == 'transition_begin'


def _value(option: str, value: object) -> Any:  # of the option's own type
  """The value, numbers as floats but for lengths in steps; ValueError if it cannot be one."""
  if option in TUPLES:
    return tuple(
      _single(option, each) for each in values.listed(f'schedule_options.{option}', value)
    )
  return _single(option, value)


def _single(option: str, value: Any) -> values.Plain:  # value: not checked yet
  what = f'schedule_options.{option}'
  if option == 'staircase':
    return values.one_of(what, value, (True, False)) is True
  if option == 'interpolate_type':
    return values.one_of(what, value, ('linear', 'cosine'))
  return values.whole(what, value, 0) if _is_length(option) else values.not_negative(what, value)
