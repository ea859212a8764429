"""A trial: one network trained once. Plain data, validated, known by the hash of itself."""

from collections.abc import Iterable
import dataclasses
import functools
import json
import math
import operator
from typing import Any

from norms.lab import numerics, updates
from norms.lab.source import hash_of
from norms.lab.values import one_of as one_of

# Traced: may differ between the lanes of one compiled group. So may the optimizer's float options,
# and how the rate, clipping and decay are set, though not whether they are. Every other key is
# static: another value is another group and another compilation.
TRACED = ('init_scale', 'weight_scale', 'head_scale', 'learning_rate', 'seed')
OPTION = 'optimizer_options.'  # before the name of one of these, where it is traced
AUGMENTATIONS = ('pad_crop', 'flip')  # of norms.lab.data.augment
# Of norms.lab.engine.replay; the last also starts running statistics at zero.
REPLAYS = ('', 'numpy_legacy', 'numpy_legacy_zeros')
# Of norms.lab.workdir.kept: each also keeps what those before it do.
KEPT = ('', 'final', 'best', 'epochs')
TASKS = ('classification', 'regression', 'next_token')  # of norms.lab.tasks
# Keys that came later: at these values they change no old trial.
HASH_EXEMPT: dict[str, Any] = {
  'head_scale': None, 'probe': 0, 'task': TASKS[0], 'task_options': (), 'metrics': (),
  'probes': (), 'patience': 0, 'devices': 1, 'sync_batch_stats': True,
  'schedule': updates.CONSTANT, 'schedule_options': (), 'clip_norm': None, 'weight_decay': None,
  'decay_mask': updates.KERNELS,
}  # fmt: skip
# What their columns hold of a trial without them, where other trials have another value.
COLUMN_DEFAULTS = {
  key: '' if value == () else value
  for key, value in HASH_EXEMPT.items()
  if value is not None and not key.endswith('_options')
}


@dataclasses.dataclass(frozen=True)
class Trial:
  """One network trained once. Options are sorted pairs, so that a trial hashes."""

  data: tuple
  model: str
  model_options: tuple
  norm: str
  norm_options: tuple
  optimizer: str
  optimizer_options: tuple
  learning_rate: float | None
  batch_size: int
  epochs: int
  init_scale: float | None
  weight_scale: float | None
  seed: int | None
  eval_stats: str
  eval_examples: int = 0  # of the training split, for its loss and accuracy; 0: all
  augment: tuple[str, ...] = ()
  replay: str = ''  # where it starts and its batches come from, if not from the seed's keys
  turn: str = ''  # of a replayed trial: its place among those that share one generator
  head_scale: float | None = None  # of the last kernel; None: as the others
  probe: int = 0  # how many training examples norms.lab.engine.probes looks at; 0: no probe
  task: str = TASKS[0]
  task_options: tuple = ()
  metrics: tuple[str, ...] = ()  # beside the task's own
  patience: int = 0  # epochs without a better score on validation data, which end it; 0: none
  devices: int = 1  # that share each batch
  sync_batch_stats: bool = True  # over them; else each device normalises by its own share's
  probes: tuple[str, ...] = ()  # of one's own, by dotted name: norms.lab.engine.own_probes
  schedule: str = updates.CONSTANT  # of the rate, whose peak is the learning rate
  schedule_options: tuple = ()
  clip_norm: float | None = None  # of the whole gradient; None: as it is
  weight_decay: float | None = None
  decay_mask: str = updates.KERNELS
  code: str = ''  # hash of the user's own objects: another source is another trial

  @functools.cached_property
  def hash(self) -> str:
    """Of everything that can change the result, and of nothing else."""
    # Not dataclasses.asdict, which copies all that it finds: a study may have a million trials.
    row = dict(zip(FIELDS, _values(self), strict=True))
    for key in [key for key in HASH_EXEMPT if _as_before(key, row[key])]:
      del row[key]
    if numerics.NUMERICS != numerics.BEFORE:
      row['numerics'] = numerics.NUMERICS
    return digest(json.dumps(row, sort_keys=True))  # sorted, so that fields may change places

  @functools.cached_property
  def static(self) -> 'Trial':
    """The trial less what is traced: trials of equal statics share one compiled program."""
    options = tuple((k, None if isinstance(v, float) else v) for k, v in self.optimizer_options)
    # Whether these are given is static, though their values are not.
    optional = ('weight_scale', 'clip_norm', 'weight_decay')
    given = {key: None if getattr(self, key) is None else 0.0 for key in optional}
    scheduled = self.schedule != updates.CONSTANT
    traced: dict[str, Any] = dict.fromkeys(TRACED) | given | {
      'schedule': updates.SCHEDULED if scheduled else updates.CONSTANT,
      'schedule_options': (),
      'turn': '',
    }  # fmt: skip
    return dataclasses.replace(self, optimizer_options=options, **traced)

  @functools.cached_property
  def hyper(self) -> dict[str, Any]:
    """What is traced, by name; `scale` is the init_scale or the weight_scale, `head` the last's."""
    options = {f'{OPTION}{k}': v for k, v in self.optimizer_options if isinstance(v, float)}
    options |= {k: v for k in ('clip_norm', 'weight_decay') if (v := getattr(self, k)) is not None}
    scale = self.init_scale if self.weight_scale is None else self.weight_scale
    head = scale if self.head_scale is None else self.head_scale
    return {**options, 'scale': scale, 'head': head, 'learning_rate': self.learning_rate}

  @property
  def objects(self) -> tuple[str, ...]:
    """Names of what may be a user's own, whose source is part of the hash."""
    activation = str(dict(self.model_options).get('activation'))
    first = (self.model, self.norm, self.task, self.optimizer, activation)
    return (*first, *self.metrics, *self.probes)

  @property
  def needs_steps(self) -> bool:
    """Whether its program is made for a number of steps, and so for a batch size."""
    return self.schedule != updates.CONSTANT or ':' in self.optimizer

  def columns(self) -> dict[str, Any]:
    """The trial as columns of the records, options under dotted names."""
    row: dict[str, Any] = {'trial': self.hash}
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      if _as_before(field.name, value):
        continue
      elif field.name in ('augment', 'metrics', 'probes'):
        row[field.name] = '+'.join(value)
      elif isinstance(value, tuple):
        for key, option in value:
          plain = isinstance(option, str | int | float)
          row[f'{field.name}.{key}'] = option if plain else json.dumps(option)
      else:
        row[field.name] = math.nan if value is None else value
    row['data'] = row.pop('data.name')
    return row


FIELDS = tuple(field.name for field in dataclasses.fields(Trial))
_values = operator.attrgetter(*FIELDS)
_but_for_seed = operator.attrgetter(*(name for name in FIELDS if name != 'seed'))


def one_per_setting(trials: Iterable[Trial]) -> list[Trial]:
  """The first of those trials that differ in their seed alone."""
  first: dict[tuple, Trial] = {}
  for trial in trials:
    first.setdefault(_but_for_seed(trial), trial)
  return list(first.values())


def _as_before(key: str, value: object) -> bool:
  """Whether a key that came later is as if it had not come."""
  return key in HASH_EXEMPT and value == HASH_EXEMPT[key]


def digest(text: str) -> str:
  """A short hash of a text."""
  return hash_of(text.encode())
