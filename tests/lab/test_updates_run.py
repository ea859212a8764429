"""Promises of whole runs with an update rule of one's own, through train.py."""

import pathlib
import sys

import numpy as np
import pytest
import small
from test_train import train

from norms.lab import records, study, sweep

GIVEN = {'optimizer': 'users_optimizers:chained', 'optimizer_options': {'momentum': 0.8}}


def config(**changes):
  """A small study with an own optimizer, which has a schedule and clips."""
  given = {'batch_size': (64, 128), 'learning_rate': (0.05, 0.1, 0.2), 'seed': (0, 1), 'epochs': 3}
  return small.config(**GIVEN | given | {'norm': ('none', 'batch')} | changes)


@pytest.mark.slow
def test_an_own_optimizer_with_a_schedule_runs_in_worker_processes(tmp_path):
  """To the same figures as in threads, in which the rates of the schedule are seen."""
  path, folder = tmp_path / 'own_config.py', tmp_path / 'results'
  path.write_text(
    '"""A study."""\n\nimport test_updates_run\n\n\ndef get_config(arg=None):\n'
    '  return test_updates_run.config()\n'
  )
  done = train(f'--config={path}', f'--workdir={folder}', cwd=pathlib.Path(__file__).parent)
  assert done.returncode == 0, done.stderr
  frame = records.load(folder)
  assert len(frame['trial'].unique()) == 2 * 3 * 2 * 2
  threads, failed, _ = small.run(config(norm='batch', batch_size=64), tmp_path / 'threads')
  assert not failed
  frame = frame[frame['trial'].isin(threads['trial'])]
  assert len(frame) == len(threads) == 6 * 4
  keys = ['trial', 'epoch']
  ours, theirs = (f.sort_values(keys).reset_index(drop=True) for f in (threads, frame))
  np.testing.assert_allclose(ours['test_loss'], theirs['test_loss'], rtol=1e-4)
  last = ours[ours['epoch'] == 3].set_index(['learning_rate', 'seed'])
  assert (last['test_accuracy'] > 0.5).all() and last['minibatch_loss'].nunique() == 6


def test_another_source_of_the_optimizer_is_another_trial(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(tmp_path)
  hashes = []
  for factor in (1, 2):
    text = f'import optax\ndef made(rate, steps):\n  return optax.sgd({factor} * rate)\n'
    (tmp_path / 'someones_optimizer.py').write_text(text)
    sys.modules.pop('someones_optimizer', None)  # as in another process
    given = {'optimizer': 'someones_optimizer:made', 'optimizer_options': {}}
    (group,) = sweep.pending(study.from_config(small.config(**given)), tmp_path / 'none')
    hashes.append(group.trials[0].hash)
  assert hashes[0] != hashes[1]
