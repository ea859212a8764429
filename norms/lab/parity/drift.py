"""Kind 'parity_drift': a unit is one training of one network, with one library's norm in it."""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
import functools
from typing import Any

import numpy as np
import pandas as pd

from norms.lab import data as data_sets
from norms.lab import peers, trial
from norms.lab import study as sweeps
from norms.lab.parity import study, training
from norms.lab.parity.measures import RecordRow
from norms.lab.parity.training import Curves
from norms.lab.peers import OURS
from norms.lab.trial import Trial
from norms.lab.values import Settings

TENSORFLOW, FAULT = 'tensorflow', 'untrained'
KERAS = 'norms.lab.peers.in_models:Keras'
# The norm that each library puts into the network, by what is compared; TensorFlow brings its own.
FAMILIES: Mapping[str, Mapping[str, str]] = {
  'batch': {OURS: 'batch', 'linen': 'flax.linen:BatchNorm', 'keras': f'{KERAS}Batch'},
  'layer': {OURS: 'layer', 'linen': 'flax.linen:LayerNorm', 'keras': f'{KERAS}Layer'},
  'layer (H,W,C)': {OURS: 'group', 'linen': 'flax.linen:GroupNorm', 'keras': f'{KERAS}Group'},
  'weight': {OURS: 'weight', 'linen': 'norms.lab.peers.in_models:flax_weight'},
}
TITLES = {OURS: 'ours', FAULT: 'ours, gamma and beta untrained'}
KEPT = 0.9  # of running statistics in each step
# As in a trial's identity, the lab's own program and our library are no part of it.
FILES = ('lab/parity/training', 'lab/peers/in_models', 'lab/peers/keras',
         'lab/peers/tensorflow_loop')  # fmt: skip


@dataclasses.dataclass(frozen=True)
class DriftUnit:
  """One network trained once, and everything that can change its figures."""

  family: str
  library: str
  trial: Trial  # with our norm, also where another library's is trained
  told: tuple[tuple[str, Any], ...]  # options of every library's norm
  version: str
  code: str
  manual_dir: str = ''  # where the data's originals lie; it changes no figure

  @functools.cached_property
  def hash(self) -> str:
    """The name under which records know it."""
    return study.digest({**dataclasses.asdict(self), 'manual_dir': ''})

  @property
  def data(self) -> tuple:
    """The options of its data set."""
    return self.trial.data

  @property
  def title(self) -> str:
    """What the report calls the library."""
    return TITLES.get(self.library) or peers.LIBRARIES[self.library].title

  @property
  def label(self) -> str:
    """'batch, Flax linen, seed 2612'."""
    return f'{self.family}, {self.title}, seed {self.trial.seed}'

  def ready(self) -> None:
    """Loads the data: a mistake in them would stop every unit."""
    data_sets.load(self.trial.data, self.manual_dir)

  def measure(self) -> pd.DataFrame:
    """Its curves, and what is watched at some of the steps."""
    data = data_sets.load(self.trial.data, self.manual_dir)
    names = training.watched_parameters(self.trial)
    if self.library == TENSORFLOW:
      options = {'kept': KEPT, 'epsilon': dict(self.told).get('epsilon', 0.0)}
      curves = training.train_with_tensorflow(self.trial, data, names, self.family, options)
    else:
      curves = training.train_with_lab(self._own_trial(), data, names)
    rows = pd.DataFrame([*_curves(curves), *_parameters(curves, names)])
    identity = {'family': self.family, 'library': self.library, 'title': self.title}
    return rows.assign(**identity, seed=self.trial.seed)

  def _own_trial(self) -> Trial:
    """The trial with this library's norm."""
    options = dict(self.told)
    if self.family == 'batch':
      # Other norms keep no running statistics, and their modules take no momentum.
      options |= {'momentum': KEPT}
    if self.library == FAULT:
      options |= {'use_scale': False, 'use_bias': False}
    norm = FAMILIES[self.family][OURS if self.library == FAULT else self.library]
    return dataclasses.replace(self.trial, norm=norm, norm_options=tuple(sorted(options.items())))


def libraries(plain: Settings) -> list[str]:
  """The libraries that a config names; ValueError, one line, at an unknown one."""
  known = (OURS, 'linen', 'keras', TENSORFLOW, FAULT)
  return [trial.one_of('config.libraries', name, known) for name in plain['libraries']]


def units(plain: Settings, installed: Iterable[str]) -> Iterator[DriftUnit]:
  """A config's units for these libraries; ValueError, one line, at an unknown norm."""
  families = [trial.one_of('config.families', f, FAMILIES) for f in plain['families']]
  # A seed is complete before the next begins, so that a run that is cut short can be compared.
  for seed in plain['seeds']:
    for family in families:
      for library in installed:
        if library in (*FAMILIES[family], TENSORFLOW) or (library == FAULT and family != 'weight'):
          yield _unit(plain, family, library, seed)


def _unit(plain: Settings, family: str, library: str, seed: int) -> DriftUnit:
  norm = FAMILIES[family][OURS]
  options = {} if family == 'weight' else {'epsilon': plain['epsilon']}
  options |= {'num_groups': 1} if norm == 'group' else {}
  config = sweeps.defaults().to_dict()
  keys = ('data', 'model', 'model_options', 'optimizer', 'optimizer_options', 'learning_rate',
           'batch_size', 'epochs', 'name')  # fmt: skip
  config |= {key: plain[key] for key in keys} | {'data': {**config['data'], **plain['data']}}
  config |= {'norm': norm, 'seed': seed, 'eval_stats': 'running', 'eval_examples': 1000}
  config |= {'norm_options': {'group': {'num_groups': 1}}}  # what shapes alone must know
  sweep = sweeps.from_config(config)
  version, code = study.version(library), study.code(FILES)
  return DriftUnit(
    family, library, sweep.trials[0], tuple(options.items()), version, code, sweep.manual_dir
  )


def _curves(curves: Curves) -> Iterator[RecordRow]:
  steps = len(curves.loss) // (len(curves.test_accuracy) - 1)
  for epoch, accuracy in enumerate(curves.test_accuracy):
    loss = curves.loss[(epoch - 1) * steps : epoch * steps]
    # Accuracies are float32: a float64 would print digits that the device did not compute.
    row = {'table': 'curve', 'epoch': epoch, 'test_accuracy': float(np.float32(accuracy))}
    yield {**row, 'loss': float(np.mean(loss)) if epoch else np.nan}


def _parameters(curves: Curves, names: dict[str, int]) -> Iterator[RecordRow]:
  """Every entry at steps that grow by a sixth, and at the last."""
  last = len(curves.watched) - 1
  steps = sorted({0, last} | {int(round(s)) for s in np.geomspace(1, last, 48)})
  places = [(name, i) for name, n in names.items() for i in range(n)]
  for step in steps:
    for (name, i), value in zip(places, curves.watched[step], strict=True):
      yield {'table': 'parameter', 'step': step, 'name': name, 'index': i, 'value': float(value)}
