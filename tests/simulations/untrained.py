"""Nets in which nothing was learnt: how many of them count as trained?"""

import tempfile
from typing import NamedTuple

from ml_collections import config_dict
import numpy as np
import pandas as pd
from scipy import stats

from norms import lab

RATES = (1e-7, 1e-8)  # at which no weight moves by more than its last digits
NORMS = ('none', 'batch', 'layer', 'group', 'rms', 'weight')


class Counts(NamedTuple):
  """Of the nets of a norm: all, above guessing, above the net before training, trained."""

  nets: int
  above_guessing: int
  above_before: int
  trained: int


def study(seeds: int, norms: tuple[str, ...] = NORMS) -> config_dict.ConfigDict:
  """The sweep's perceptron on the digits of scikit-learn, at its usual start."""
  config = lab.defaults()
  config.name = 'untrained'
  config.model_options = {'features': (128, 128)}
  config.norm_options = {'group': {'num_groups': 8}}
  config.batch_size = 64
  config.epochs = 10
  config.sweep.norm = norms
  config.sweep.learning_rate = RATES
  config.sweep.seed = tuple(range(seeds))
  return config


def count(config: config_dict.ConfigDict) -> dict[str, Counts]:
  """By norm, after training, with scipy's own tests."""
  with tempfile.TemporaryDirectory() as folder:
    frame = lab.run(lab.Study.from_config(config), workdir=folder, progress=False)
  last = frame[frame['epoch'] == frame['epoch'].max()]
  return {norm: _counts(last[last['norm'] == norm]) for norm in config.sweep.norm}


def _counts(rows: pd.DataFrame, examples: int = 355, most_frequent: int = 36) -> Counts:
  right = (rows['test_accuracy'] * examples).round().astype(int)
  share = most_frequent / examples
  guessing = [stats.binomtest(k, examples, share, 'greater').pvalue for k in right]
  changed = zip(rows['test_gained'], rows['test_lost'], strict=True)
  before = [
    stats.binomtest(gained, gained + lost, 0.5, 'greater').pvalue if gained + lost else 1.0
    for gained, lost in changed
  ]
  above = [int(np.sum(np.array(p) < 1e-3)) for p in (guessing, before)]
  return Counts(len(rows), *above, int(rows['trained'].sum()))
