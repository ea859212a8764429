"""A study: a question and the trials that answer it. Plain data from a config, validated."""

from collections.abc import Callable, Mapping
import dataclasses

from ml_collections import config_dict

from norms.lab import data as data_sets
from norms.lab import grid, trial

AXES = ('norm', 'batch_size', 'init_scale', 'weight_scale', 'head_scale', 'learning_rate', 'seed',
        'model', 'optimizer', 'epochs', 'eval_stats')  # fmt: skip

# What belongs to a study and not to its trials.
UNSWEPT = ('name', 'question', 'expectation', 'sweep', 'claims', 'labels', 'references', 'timing')

DATA = data_sets.OPTIONS  # of config.data


def defaults() -> config_dict.ConfigDict:
  """A fresh config with every key; a config file changes what its study needs.

  norms/lab/config_keys.py says what each key means.
  """
  return config_dict.ConfigDict({
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
    'replay': '',
    'chunk': 0,
    'sweep': dict.fromkeys(AXES, ()),
    'claims': (),
    'labels': {},
    'references': (),
    'timing': 0,
  })  # fmt: skip


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
  manual_dir: str = ''  # where the data's originals lie: no part of a trial


def from_config(config, *, get_hyper: Callable | None = None, doc: str = '', command: str = ''):
  """The study of a ConfigDict; `get_hyper` and `doc` are its file's, where it has them."""
  plain = config.to_dict() if isinstance(config, config_dict.ConfigDict) else dict(config)
  name = trial.one_of('config.name', plain['name'], _names(plain['name']))
  chunk = plain['chunk']
  if not isinstance(chunk, int) or chunk < 0:
    raise ValueError(f'config.chunk={chunk!r}: use 0 (automatic), 1 (exact) or a whole number')
  plain['data'] = dict(plain['data'])
  manual_dir = plain['data'].pop('manual_dir', '')
  points = _points(plain['sweep']) if get_hyper is None else get_hyper(grid)
  trials = trial.assign_replay_order(
    dict.fromkeys(trial.make(_at(plain, point, manual_dir)) for point in points)
  )
  return Study(
    name=name,
    question=plain['question'],
    expectation=plain['expectation'],
    doc=doc,
    command=command,
    claims=tuple((claim, dict(options)) for claim, options in plain['claims']),
    axes=grid.axes(points),
    trials=trials,
    chunk=chunk,
    labels=dict(plain['labels']),
    references=tuple(map(dict, plain['references'])),
    timing=plain['timing'],
    manual_dir=manual_dir,
  )


def _names(name: str) -> tuple[str, ...]:
  fits = name and all(c.isalnum() or c in '-_' for c in name)
  return (name,) if fits else ('a name of letters, digits, - and _',)


def _points(sweep: dict) -> grid.Points:
  return grid.product(grid.sweep(key, _values(key, v)) for key, v in sweep.items() if v != ())


def _values(key: str, values) -> tuple:
  if not isinstance(values, tuple | list):
    raise ValueError(f'config.sweep.{key}={values!r}: give a tuple, as in {(values,)!r}')
  if not all(isinstance(v, str) for v in values):
    return tuple(values)
  # On the command line a,b arrives as the one string 'a,b'.
  return tuple(part.strip() for v in values for part in v.split(',') if part.strip())


def _at(plain: dict, point: dict, manual_dir: str) -> dict:
  """The config with a point's values, each key known and dotted keys reaching inside.

  Data of a user's own bring the sha256 of their content, so that other data are other trials.
  """
  config = dict(plain)
  for key, value in point.items():
    head, _, rest = key.partition('.')
    trial.one_of('swept key', head, [k for k in plain if k not in UNSWEPT])
    config[head] = _at_open(config[head], rest, value) if rest else value
  given = config['data'].items()
  data = {k: v for k, v in given if k == 'name' or v != DATA.get(k)}
  return config | {'data': data_sets.identified(data, manual_dir)}


def _at_open(options: dict, key: str, value) -> dict:
  """Options with one more value; they belong to the model or norm, which checks their names."""
  head, _, rest = key.partition('.')
  return {**options, head: _at_open(options.get(head, {}), rest, value) if rest else value}
