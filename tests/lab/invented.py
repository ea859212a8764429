"""Records that no net was trained for: a study's trials with curves by formula, as frames."""

import pathlib
import zlib

import numpy as np
import pandas as pd

from norms.lab import config_file, study
from norms.lab.columns import PROBED

CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'
TOP = {'none': 0.880, 'batch': 0.904, 'layer': 0.907, 'group': 0.900, 'weight': 0.885}


def config(name, arg=None):
  """(config, get_hyper, docstring) of configs/<name>.py, as train.py hands them to the study."""
  file = config_file.read(f'{CONFIGS / name}.py' + (f':{arg}' if arg else ''))
  return file.get_config(), file.get_hyper, file.doc


def asked(name, arg=None):
  """The study of configs/<name>.py."""
  made, get_hyper, doc = config(name, arg)
  return study.from_config(made, get_hyper=get_hyper, doc=doc, command=f'python train.py {name}')


def records(made, examples=1000):
  """A frame such as sweep.results gives: what trains, and how well, by a rule of thumb."""
  return pd.concat([_trial(trial, examples) for trial in made.trials], ignore_index=True)


def _trial(trial, examples):
  epoch = np.arange(trial.epochs + 1)
  noise = np.random.default_rng(zlib.crc32(trial.hash.encode()))
  works, blown = _works(trial)
  top = TOP.get(trial.norm, 0.89) + 0.004 * noise.normal() - 0.02 / trial.batch_size
  score = 0.1 + (top - 0.1) * (1 - 0.5**epoch) if works else np.full(len(epoch), 0.1)
  loss = np.where(blown & (epoch > 1), np.nan, 2.5 * (1.02 - score))
  diverged = 7 if blown else pd.NA
  steps = epoch * (examples // trial.batch_size)
  columns = {
    **trial.columns(), 'epoch': epoch, 'step': steps,
    'train_loss': loss, 'test_loss': loss, 'validation_loss': loss,
    'minibatch_loss': np.where(epoch > 0, loss, np.nan),
    'first_loss': np.where(epoch > 0, loss + 0.05, np.nan),
    'grad_norm': np.where(epoch > 0, 1.0 if works else 1e-9, np.nan),
    'train_accuracy': score, 'validation_accuracy': score - 0.03, 'test_accuracy': score - 0.02,
    'test_accuracy_running': score - 0.05 if trial.norm == 'batch' else np.nan,
    'diverged_at': pd.array([diverged] * len(epoch), 'Int64'), 'trained': works,
  }  # fmt: skip
  return pd.DataFrame(columns | (_probed(trial) if trial.probe else {}))


def _probed(trial):
  """What norms.lab.engine.probes finds of a net that multiplies its signal from layer to layer."""
  factor = 5 * (trial.weight_scale or 0.2) if trial.norm == 'none' else 1.0
  names = [f'layer_{i}' for i in range(len(dict(trial.model_options).get('features', (0, 0))) + 1)]
  return {f'{quantity}.{name}': factor**i for quantity in PROBED for i, name in enumerate(names)}


def _works(trial):
  """(does it train, does it diverge)."""
  if trial.learning_rate < 1e-5:
    return False, False
  scale = trial.weight_scale
  if scale is None or trial.norm != 'none':
    return True, False
  return 0.03 <= scale <= 0.3, scale > 0.3


def timing(made, rounds=10):
  """What norms.lab.runner.timing writes."""
  norms = dict.fromkeys(trial.norm for trial in made.trials)
  draw = np.random.default_rng(0)
  rows = [
    {'norm': norm, 'round': i, 'seconds': (0.3 + 0.05 * j) * draw.uniform(0.95, 1.1), 'steps': 937}
    for i in range(rounds) for j, norm in enumerate(norms)
  ]  # fmt: skip
  compiled = dict.fromkeys(norms, 0.7)
  return {'rounds': rounds, 'rows': rows, 'compile_seconds': compiled, 'device': 'cpu: cpu'}
