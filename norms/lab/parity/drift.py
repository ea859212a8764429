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
from norms.lab.parity.training import Curves
from norms.lab.peers import OURS
from norms.lab.trial import Trial

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
class Unit:
  """One network trained once, and all that can change what comes of it."""

  family: str
  library: str
  trial: Trial  # with our norm, whoever's is trained
  told: tuple[tuple[str, Any], ...]  # options of every library's norm
  version: str
  code: str
  manual_dir: str = ''  # where the data's originals lie: no part of what comes of it

  @functools.cached_property
  def hash(self) -> str:
    """The name under which records know it."""
    return study.digest({**dataclasses.asdict(self), 'manual_dir': ''})

  @property
  def title(self) -> str:
    """What the report calls the library."""
    return TITLES.get(self.library) or peers.LIBRARIES[self.library].title

  @property
  def label(self) -> str:
    """'batch, Flax linen, seed 2612'."""
    return f'{self.family}, {self.title}, seed {self.trial.seed}'

  def ready(self) -> None:
    """Raises what is wrong with the data, which stops all alike."""
    data_sets.load(self.trial.data, self.manual_dir)

  def measured(self) -> pd.DataFrame:
    """Its curves, and what is watched at some of the steps."""
    data = data_sets.load(self.trial.data, self.manual_dir)
    names = training.watched(self.trial)
    if self.library == TENSORFLOW:
      given = {'kept': KEPT, 'epsilon': dict(self.told).get('epsilon', 0.0)}
      found = training.by_tensorflow(self.trial, data, names, self.family, given)
    else:
      found = training.by_program(self._own_trial(), data, names)
    rows = pd.DataFrame([*_curves(found), *_parameters(found, names)])
    place = {'family': self.family, 'library': self.library, 'title': self.title}
    return rows.assign(**place, seed=self.trial.seed)

  def _own_trial(self) -> Trial:
    """The trial with this library's norm."""
    options = dict(self.told)
    if self.family == 'batch':
      options |= {'momentum': KEPT}
    if self.library == FAULT:
      options |= {'use_scale': False, 'use_bias': False}
    norm = FAMILIES[self.family][OURS if self.library == FAULT else self.library]
    return dataclasses.replace(self.trial, norm=norm, norm_options=tuple(sorted(options.items())))


def libraries(plain: dict[str, Any]) -> list[str]:
  """Whose norms a config asks for; ValueError, one line, where one is not known."""
  known = (OURS, 'linen', 'keras', TENSORFLOW, FAULT)
  return [trial.one_of('config.libraries', name, known) for name in plain['libraries']]


def units(plain: dict[str, Any], found: Iterable[str]) -> Iterator[Unit]:
  """Those of a config, of the libraries that were found; ValueError, one line, as above."""
  families = [trial.one_of('config.families', f, FAMILIES) for f in plain['families']]
  for seed in plain['seeds']:  # each whole before the next: what is there is comparable
    for family in families:
      for name in found:
        if name in (*FAMILIES[family], TENSORFLOW) or (name == FAULT and family != 'weight'):
          yield _unit(plain, family, name, seed)


def _unit(plain: dict[str, Any], family: str, library: str, seed: int) -> Unit:
  norm = FAMILIES[family][OURS]
  told = {} if family == 'weight' else {'epsilon': plain['epsilon']}
  told |= {'num_groups': 1} if norm == 'group' else {}
  whole = sweeps.defaults().to_dict()
  taken = ('data', 'model', 'model_options', 'optimizer', 'optimizer_options', 'learning_rate',
           'batch_size', 'epochs', 'name')  # fmt: skip
  whole |= {key: plain[key] for key in taken} | {'data': {**whole['data'], **plain['data']}}
  whole |= {'norm': norm, 'seed': seed, 'eval_stats': 'running', 'eval_examples': 1000}
  whole |= {'norm_options': {'group': {'num_groups': 1}}}  # what shapes alone must know
  made = sweeps.from_config(whole)
  version, code = study.version(library), study.code(FILES)
  return Unit(family, library, made.trials[0], tuple(told.items()), version, code, made.manual_dir)


def _curves(found: Curves) -> Iterator[dict[str, Any]]:
  steps = len(found.loss) // (len(found.test_accuracy) - 1)
  for epoch, accuracy in enumerate(found.test_accuracy):
    loss = found.loss[(epoch - 1) * steps : epoch * steps]
    row = {'table': 'curve', 'epoch': epoch, 'test_accuracy': float(np.float32(accuracy))}
    yield {**row, 'loss': float(np.mean(loss)) if epoch else np.nan}


def _parameters(found: Curves, names: dict[str, int]) -> Iterator[dict[str, Any]]:
  """Every entry at steps that grow by a sixth, and at the last."""
  last = len(found.watched) - 1
  kept = sorted({0, last} | {int(round(s)) for s in np.geomspace(1, last, 48)})
  places = [(name, i) for name, n in names.items() for i in range(n)]
  for step in kept:
    for (name, i), value in zip(places, found.watched[step], strict=True):
      yield {'table': 'parameter', 'step': step, 'name': name, 'index': i, 'value': float(value)}
