"""What a study asks for at one of its points: a config, and the trial of a config, validated."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

from norms.lab import data as data_sets
from norms.lab import overrides, source, trial, updates, values
from norms.lab.trial import Trial

# What belongs to a study and not to its trials.
UNSWEPT = ('name', 'question', 'expectation', 'chunk', 'sweep', 'claims', 'labels', 'references',
           'timing', 'task', 'metrics', 'probes', 'keep', 'checkpoint')  # fmt: skip


def at(plain: dict, point: values.Settings, manual_dir: str, data: Callable[[], dict]) -> dict:
  """The config with a point's values, each key known and dotted keys reaching inside.

  data: gives those of the config, identified, for points that change none of them.
  """
  config = dict(plain)
  for key, value in point.items():
    path = overrides.parts(key)
    if path[0] not in plain or path[0] in UNSWEPT:
      trial.one_of('swept key', path[0], [k for k in plain if k not in UNSWEPT])
    config = overrides.put(config, path, value)
  same = config['data'] is plain['data']
  return config | {'data': data() if same else identified(config['data'], manual_dir)}


def identified(data: Mapping[str, Any], manual_dir: str) -> dict:
  """What differs from the usual. Data of a user's own bring the sha256 of their content, so that
  other data are other trials."""
  if 'name' not in values.mapping('data', data):
    raise ValueError(f'data={dict(data)!r} has no name: set config.data.name')
  given = {k: v for k, v in data.items() if k == 'name' or v != data_sets.OPTIONS.get(k)}
  return dict(data_sets.identified(given, manual_dir))


def make(config: dict[str, Any], known: dict[int, tuple] | None = None) -> Trial:
  """The trial of a plain config dict; ValueError, one line, at the first thing that is wrong.

  known: for many configs that share their dicts of options: what was made of each, by its id.
  """
  pairs = values.pairs if known is None else functools.partial(_pairs_once, known)
  scales = (config['init_scale'], config['weight_scale'])
  if None not in scales:
    raise ValueError(f'init_scale={scales[0]} and weight_scale={scales[1]}: give exactly one')
  norm, model, head = config['norm'], config['model'], config['head_scale']
  task, optimizer = (values.text(key, config[key]) for key in ('task', 'optimizer'))
  metrics = tuple(values.text('metrics', name) for name in values.names(config['metrics']))
  probes = tuple(values.dotted('probes', name) for name in values.names(config['probes']))
  options = values.mapping('model_options', config['model_options'])
  if head is not None and ':' in str(model):
    raise ValueError(f'head_scale={head} is for the own models, not {model!r}: drop it')
  if config['replay'] and ':' in str(model):
    raise ValueError(f'replay={config["replay"]!r} is for the own models, not {model!r}: drop it')
  made = Trial(
    data=pairs(config['data'], 'data'),
    model=values.text('model', model),
    model_options=pairs(options, 'model_options'),
    norm=values.text('norm', norm),
    norm_options=pairs(values.mapping('norm_options', config['norm_options']).get(norm, _NOTHING),
                       f'norm_options.{norm}'),
    optimizer=optimizer,
    optimizer_options=pairs(config['optimizer_options'], 'optimizer_options'),
    learning_rate=values.positive('learning_rate', config['learning_rate'], optional=False),
    batch_size=values.whole('batch_size', config['batch_size'], 1),
    epochs=values.whole('epochs', config['epochs'], 1),
    init_scale=values.positive('init_scale', 1.0 if scales == (None, None) else scales[0]),
    weight_scale=values.positive('weight_scale', scales[1]),
    seed=values.whole('seed', config['seed'], 0),
    eval_stats=trial.one_of('eval_stats', config['eval_stats'], ('exact', 'running')),
    eval_examples=values.whole('eval_examples', config['eval_examples'], 0),
    augment=tuple(trial.one_of('augment', each, trial.AUGMENTATIONS)
                  for each in values.names(config['augment'])),
    replay=trial.one_of('replay', config['replay'], trial.REPLAYS),
    head_scale=values.positive('head_scale', head),
    probe=values.whole('probe', config['probe'], 0),
    task=task if ':' in task else trial.one_of('task', task, trial.TASKS),
    task_options=pairs(config['task_options'], 'task_options'),
    metrics=metrics,
    probes=probes,
    patience=values.whole('patience', config['patience'], 0),
    devices=values.whole('devices', config['devices'], 1),
    # One device has the whole batch's statistics either way: one trial, and not two.
    sync_batch_stats=config['devices'] == 1 or values.flag('sync_batch_stats', config),
    **updates.fields(config),
  )  # fmt: skip
  code = ''.join(map(source.digest, made.objects))
  return dataclasses.replace(made, code=code) if code else made


_NOTHING: dict[str, Any] = {}  # one object, by whose id it is known


def _pairs_once(known: dict[int, tuple], options, what: str) -> tuple:
  # The options are kept, so that nothing else has their id.
  if id(options) not in known:
    known[id(options)] = options, values.pairs(options, what)
  return known[id(options)][1]
