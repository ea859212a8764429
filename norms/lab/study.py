"""A study: a question and the trials that answer it. Plain data from a config, validated."""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import functools
import os
import pathlib
from typing import Any

from ml_collections import config_dict

from norms.lab import asked, columns, config_file, grid, narrowing, overrides, trial, turns, values
from norms.lab import data as data_sets
from norms.lab.updates import CONSTANT, KERNELS, check_used
from norms.lab.written import lin as lin
from norms.lab.written import log as log

# The axes that are most often swept, in the order in which config.sweep multiplies them.
AXES = ('norm', 'batch_size', 'init_scale', 'weight_scale', 'head_scale', 'learning_rate', 'seed',
        'model', 'optimizer', 'epochs', 'eval_stats')  # fmt: skip

DATA = data_sets.OPTIONS  # of config.data


def defaults() -> config_dict.ConfigDict:
  """A fresh config with every key, which config_keys.py explains; a file changes what it needs."""
  config: dict = {
    'name': '',
    'question': '',
    'expectation': '',
    'data': {**DATA, 'manual_dir': ''},
    'model': 'mlp',
    'model_options': {},
    'norm': 'none',
    'norm_options': {},
    'optimizer': 'sgd',
    'optimizer_options': {},
    'learning_rate': 0.1,
    'schedule': CONSTANT,
    'schedule_options': {},
    'clip_norm': config_dict.placeholder(float),
    'weight_decay': config_dict.placeholder(float),
    'decay_mask': KERNELS,
    'batch_size': 64,
    'epochs': 10,
    'init_scale': config_dict.placeholder(float),
    'weight_scale': config_dict.placeholder(float),
    'head_scale': config_dict.placeholder(float),
    'seed': 0,
    'eval_stats': 'exact',
    'eval_examples': 0,
    'probe': 0,
    'augment': (),
    'task': trial.TASKS[0],
    'task_options': {},
    'metrics': (),
    'probes': (),
    'patience': 0,
    'devices': 1,
    'sync_batch_stats': True,
    'replay': '',
    'chunk': 0,
    'sweep': {},
    'claims': (),
    'labels': {},
    'references': (),
    'timing': 0,
    'keep': '',
    'checkpoint': 0.0,
  }
  # Every key that a trial has is an axis, in this order; a dict holds axes of its own.
  for key in dict.fromkeys([*AXES, *(key for key in config if key not in asked.UNSWEPT)]):
    value = config[key]
    config['sweep'][key] = dict.fromkeys(value, ()) if isinstance(value, dict) else ()
  del config['sweep']['data']['manual_dir']  # no part of a trial
  return config_dict.ConfigDict(config)


@dataclasses.dataclass(frozen=True)
class Study:
  """A question, the trials that answer it, and the claims that they are held against."""

  name: str
  question: str
  expectation: str
  doc: str
  command: str
  claims: tuple[tuple[str, dict], ...]
  axes: Mapping[str, tuple]
  trials: tuple[trial.Trial, ...]
  chunk: int = 0
  labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
  references: tuple[dict, ...] = ()
  timing: int = 0
  keep: str = ''  # which parameters norms.lab.workdir.kept saves
  checkpoint: float = 0.0  # minutes between those of norms.lab.workdir.checkpoints; 0: none
  manual_dir: str = ''  # where the data's originals lie: no part of a trial
  drawn: tuple[str, ...] = ()  # columns of axes that were drawn at random, in one design
  options_for: tuple[str, ...] = ()  # the norms that config.norm_options and axes name

  @classmethod
  def from_config(cls, config, **options) -> 'Study':
    """As `norms.lab.study.from_config`: of a ConfigDict, a dict, or the path of a config's file."""
    return from_config(config, **options)

  def folder(self, workdir: str | os.PathLike | None = None) -> pathlib.Path:
    """Where results go: `workdir`, and where none is given results/<name>."""
    return pathlib.Path(workdir or f'results/{self.name}')

  @property
  def shares_batches(self) -> bool:
    """Whether some trial runs on several devices at once."""
    return any(each.devices > 1 for each in self.trials)

  def with_drawn(self, axes: Iterable[str]) -> list[str]:
    """The axes, and all that were drawn: each of them is one, though none varies by itself."""
    return columns.settings(dict.fromkeys([*axes, *self.drawn]))


def from_config(
  config,
  *,
  get_hyper: Callable | None = None,
  doc: str = '',
  command: str = '',
  overridden: values.Settings | None = None,
) -> Study:
  """The study of a ConfigDict, of a dict, or of a config's file by its path (or path:arg).

  Args:
    config: the keys that differ from `defaults`.
    get_hyper: the function of the config's file, where it has one; a path brings it along.
    doc: the docstring of that file, which a path brings along, too.
    command: what a report says made it.
    overridden: what is changed, by dotted key, as {'sweep.seed': (0, 1)} for the command line's
      --config.sweep.seed=0,1.

  Raises:
    ValueError: of one line, at the first thing that is wrong.
  """
  if isinstance(config, str | os.PathLike):
    file = config_file.read(config)
    config, get_hyper, doc = file.get_config(), get_hyper or file.get_hyper, doc or file.doc
  overridden = overridden or {}
  plain = _complete(overrides.applied(_plain(config), overridden))
  manual_dir = plain['data'].pop('manual_dir', '')
  points = narrowing.points(plain['sweep'], get_hyper, overridden)
  # Of a million trials most share their data and options: these are looked at once.
  data, known = (
    functools.cache(lambda: asked.identified(plain['data'], manual_dir)),
    dict[int, tuple](),
  )
  configs = [asked.at(plain, point, manual_dir, data) for point in points]
  made = dict.fromkeys(asked.make(config, known) for config in configs)
  trials = turns.assign_replay_order(made)
  check_used(configs, trials)
  return Study(
    name=values.folder('config.name', plain['name']),
    question=values.prose('config.question', plain['question']),
    expectation=values.prose('config.expectation', plain['expectation']),
    doc=doc,
    command=command,
    claims=tuple(map(values.claim, values.listed('claims', plain['claims']))),
    axes=grid.axes(points),
    trials=trials,
    chunk=values.whole('config.chunk', plain['chunk'], 0),
    labels={k: values.prose(f'config.labels.{k}', v) for k, v in plain['labels'].items()},
    references=tuple(map(values.reference, values.listed('references', plain['references']))),
    timing=values.whole('config.timing', plain['timing'], 0, most=10_000),
    keep=trial.one_of('config.keep', plain['keep'], trial.KEPT),
    checkpoint=values.not_negative('config.checkpoint', plain['checkpoint']) or 0.0,
    manual_dir=values.prose('config.data.manual_dir', manual_dir),
    drawn=tuple(map(narrowing.column, grid.drawn(points))),
    options_for=tuple(dict.fromkeys(norm for each in configs for norm in each['norm_options'])),
  )


def _plain(config) -> values.Settings:
  is_dict = isinstance(config, config_dict.ConfigDict)
  return values.mapping('config', config.to_dict() if is_dict else config)


def _complete(plain: values.Settings) -> dict[str, Any]:
  """The config with every key, and without a key that means nothing."""
  default = defaults().to_dict()
  for key in plain:
    trial.one_of('config key', key, default)
  plain = {**default, **plain}
  for key, value in default.items():
    if isinstance(value, dict):
      values.mapping(f'config.{key}', plain[key])
  for norm, options in plain['norm_options'].items():
    values.mapping(f'config.norm_options.{norm}', options)
  return plain | {'data': dict(plain['data'])}
