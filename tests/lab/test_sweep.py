"""Promises of the loop and of the store: nothing lost, nothing twice, failures on record."""

import pathlib
import threading

import numpy as np
import pandas as pd
import pytest
import small

from norms.lab import records, study, sweep
from norms.lab.runner import execution, planned, tiles

ROOT = pathlib.Path(__file__).parents[2]
COLUMNS = {
  'trial', 'norm', 'batch_size', 'init_scale', 'learning_rate', 'seed', 'epoch', 'step',
  'train_loss', 'train_accuracy', 'test_loss', 'test_accuracy', 'test_accuracy_running',
  'grad_norm', 'diverged_at', 'trained',
}  # fmt: skip


def test_records_and_resuming(tmp_path):
  frame, failed, groups = small.run(small.config(norm=('none', 'batch'), seed=(0,)), tmp_path)
  assert not failed and len(groups) == 2
  assert set(frame.columns) >= COLUMNS
  assert len(frame) == 2 * 3 and frame['epoch'].tolist() == [0, 1, 2] * 2
  assert frame['step'].tolist() == [0, 5, 10] * 2
  running = frame.groupby('norm')['test_accuracy_running'].count()
  assert running.to_dict() == {'none': 0, 'batch': 3}
  assert frame.query('epoch == 0')['grad_norm'].isna().all()
  before = {f: f.stat().st_mtime_ns for f in records.files(tmp_path)}
  # The same again: nothing runs. One more seed: that seed runs.
  _, _, groups = small.run(small.config(norm=('none', 'batch'), seed=(0,)), tmp_path)
  assert groups == ()
  frame, _, groups = small.run(small.config(norm=('none', 'batch'), seed=(0, 1)), tmp_path)
  assert [t.seed for g in groups for t in g.trials] == [1, 1]
  assert frame['trial'].nunique() == 4
  assert all(f.stat().st_mtime_ns == at for f, at in before.items())


def test_tiles_with_padding_give_the_same_records(tmp_path):
  made = study.from_config(small.config(norm='batch', init_scale=(0.1, 1.0, 10.0), chunk=1))
  whole, _, _ = small.run(made, tmp_path / 'whole')
  groups = sweep.grouping.groups(made.trials, lanes=2)
  assert len(groups[0].tiles) == 2
  assert sweep.run(made, groups, tmp_path / 'cut', tick=lambda *_: None) == []
  cut = sweep.results(made, tmp_path / 'cut')
  order = ['trial', 'epoch']
  pd.testing.assert_frame_equal(
    whole.sort_values(order, ignore_index=True), cut.sort_values(order, ignore_index=True)
  )


def test_a_failing_group_is_on_record_and_the_others_run_on(tmp_path, monkeypatch):
  train = execution.train

  def breaks(group, *args):
    if group.static.norm == 'layer':
      raise RuntimeError('out of luck')
    return train(group, *args)

  monkeypatch.setattr(execution, 'train', breaks)
  made = small.config(norm=('none', 'layer', 'batch'))
  frame, failed, _ = small.run(made, tmp_path)
  assert sorted(frame['norm'].unique()) == ['batch', 'none']
  assert len(failed) == 1 and 'layer' in failed[0] and 'out of luck' in failed[0]
  (error,) = records.folder(tmp_path).glob('*.error.txt')
  assert 'Traceback' in error.read_text()
  monkeypatch.undo()
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed and frame['norm'].nunique() == 3
  assert not list(records.folder(tmp_path).glob('*.error.txt'))


def test_a_batch_size_that_cannot_be_compiled_fails_its_group_and_no_other(tmp_path, monkeypatch):
  """Though the program of its family has all of them."""
  monkeypatch.setattr(sweep, 'cores', lambda: 1)
  made = small.config(norm='users_own:BreaksAt128', batch_size=(64, 128, 256))
  frame, failed, groups = small.run(made, tmp_path)
  assert all(len(group.sizes) == 3 for group in groups)
  assert set(frame['batch_size']) == {64, 256}
  assert len(failed) == 1 and 'batch 128' in failed[0] and 'not 128' in failed[0]


def test_fail_fast_starts_nothing_after_a_failure(tmp_path, monkeypatch):
  def breaks(*_):
    raise RuntimeError('out of luck')

  monkeypatch.setattr(tiles, 'run', breaks)
  monkeypatch.setattr(sweep, 'at_once', lambda groups: 1)
  made = small.config(norm=('none', 'layer', 'batch', 'rms'))
  _, failed, _ = small.run(made, tmp_path, fail_fast=True)
  assert len(failed) == 1


def test_fail_fast_ends_what_runs_at_its_next_epoch(tmp_path, monkeypatch):
  train, started = execution.train, threading.Event()

  def breaks(group, *args):
    if group.static.norm == 'layer':
      started.wait(60)
      raise RuntimeError('out of luck')
    return train(group, *args)

  def tick(group, done, diverged):
    started.set()

  monkeypatch.setattr(execution, 'train', breaks)
  monkeypatch.setattr(sweep, 'at_once', lambda groups: 2)
  asked = study.from_config(small.config(norm=('none', 'layer'), epochs=100_000))
  groups = sweep.pending(asked, tmp_path)
  failed = sweep.run(asked, groups, tmp_path, tick=tick, fail_fast=True)
  assert len(failed) == 1 and 'out of luck' in failed[0]
  assert not records.files(tmp_path)


def test_load_of_nothing_is_an_empty_frame(tmp_path):
  assert records.load(tmp_path).empty
  assert records.provenance(tmp_path) == []


def test_provenance_says_where_results_come_from(tmp_path):
  small.run(small.config(), tmp_path)
  (origin,) = records.provenance(tmp_path)
  assert {'command', 'commit', 'versions', 'device', 'started', 'run_seconds'} <= set(origin)
  assert origin['trials'] == 1


def test_batch_norm_at_a_large_batch_is_not_flagged(tmp_path):
  """It would be, on running statistics: few steps leave them at their initial values."""
  made = small.config(
    norm='batch', init_scale=0.1, epochs=10, learning_rate=0.02,
    model_options={'features': (128, 128)},
  )  # fmt: skip
  frame, _, _ = small.run(made, tmp_path)
  assert frame['trained'].all()
  last = frame.iloc[-1]
  assert last['test_accuracy'] > 0.8 and last['test_accuracy_running'] < last['test_accuracy']


def test_a_run_that_does_not_learn_is_flagged(tmp_path):
  made = small.config(norm='none', init_scale=1e-6, learning_rate=1e-6)
  frame, _, _ = small.run(made, tmp_path)
  assert not frame['trained'].any()


def test_the_users_own_norm_and_model_run(tmp_path):
  made = small.config(
    norm=('users_own:MaxNorm', 'batch', 'weight'),
    model='users_own:Residual',
    model_options={'width': 8, 'dropout': 0.1},
    seed=(0, 1),
    init_scale=(0.5, 1.0),
  )
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed
  assert frame['norm'].nunique() == 3 and frame['trial'].nunique() == 12
  last = frame.query('epoch == 2')
  assert np.isfinite(last['test_loss']).all()
  # Seeds draw other kernels: a user's template is by seed.
  assert last.groupby('norm')['test_loss'].nunique().min() == 4


@pytest.mark.parametrize(
  ('changes', 'says'),
  [
    ({'norm': 'bacth'}, "did you mean 'batch'"),
    ({'norm': 'users_own:MaxNrm'}, "did you mean 'MaxNorm'"),
    ({'norm': 'no_such_module:norm'}, "cannot import 'no_such_module'"),
    ({'model': 'mpl'}, "did you mean 'mlp'"),
    ({'model_options': {'fetures': (8,)}}, "did you mean 'features'"),
    ({'model_options': {'activation': 'rellu'}}, "did you mean 'relu'"),
    ({'data': {'name': 'digit'}}, "did you mean 'digits'"),
    ({'optimizer': 'sdg'}, "did you mean 'sgd'"),
    ({'batch_size': 2000}, 'batch_size=2000 is more than the 1442'),
    ({'norm': 'group', 'norm_options': {'group': {'num_groups': 3}}}, 'layer norm_0: num_groups=3'),
    (
      {'norm': 'ghost', 'norm_options': {'ghost': {'ghost_size': 48}}},
      'layer norm_0: ghost_size=48',
    ),
    ({'norm': 'layer', 'norm_options': {'layer': {'epsilom': 1}}}, "did you mean 'epsilon'"),
    ({'claims': (('rankin', {}),)}, "did you mean 'ranking'"),
  ],
)
def test_what_cannot_run_is_said_before_anything_runs(changes, says, tmp_path):
  with pytest.raises(ValueError, match='.') as error:
    small.run(small.config(**changes), tmp_path)
  assert says in str(error.value) and '\n' not in str(error.value)
  assert not records.files(tmp_path)


def test_groups_auto_fits_any_width(tmp_path):
  made = small.config(norm='group', norm_options={'group': {'num_groups': 'auto'}})
  made.model_options = {'features': (6, 10)}
  _, failed, _ = small.run(made, tmp_path)
  assert not failed


def test_earlier_runs_estimate_the_time_of_the_same_program(tmp_path):
  """And of no other that only looks alike: wider layers take longer."""
  small.run(small.config(norm='none', epochs=1), tmp_path)

  def plan(**changes):
    asked = study.from_config(small.config(norm='none', epochs=1, **changes))
    return planned.describe(asked, sweep.pending(asked, tmp_path), tmp_path)

  assert '1 to run' in plan(seed=(0, 1)) and 'unknown' not in plan(seed=(0, 1))
  assert 'estimated run time unknown' in plan(model_options={'features': (5,)})
