"""Promises of parameters that are kept: whole, a trial each, and those of the record."""

import dataclasses

import jax
import numpy as np
import pandas as pd
import pytest
import small

import norms.lab
from norms.lab import columns, data, records, study, sweep
from norms.lab.runner import epochs, planned
from norms.lab.workdir import kept, superseded

DATA = {'name': 'digits', 'validation': 100}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """(study, folder, records): two norms and seeds in exact mode, four epochs, the best kept."""
  changes = {'norm': ('weight', 'batch'), 'seed': (0, 1), 'learning_rate': 0.3, 'epochs': 4}
  made = study.from_config(small.config(**changes, chunk=1, data=DATA, keep='best'))
  folder = tmp_path_factory.mktemp('kept')
  frame, failed, _ = small.run(made, folder)
  assert not failed
  return made, folder, frame


def of(frame, trial):
  """A trial's records by epoch."""
  return frame[frame['trial'] == trial.hash].set_index('epoch')


def test_kept_parameters_give_the_recorded_measurements(run):
  """Also of batch norm by exact statistics, and at the epoch that is best on validation data."""
  made, folder, frame = run
  for trial in made.trials:
    rows = of(frame, trial)
    best = int(rows['validation_accuracy'].to_numpy().argmax())
    for name, epoch in {'final': 4, 'best': best, best: best, 4: 4}.items():
      variables = norms.lab.load_params(folder, trial.hash[:9], name)
      found = norms.lab.evaluate(trial, variables)
      assert {'train_loss', 'test_accuracy', 'validation_accuracy'} < set(found)
      for column, value in found.items():
        np.testing.assert_allclose(value, rows[column][epoch], rtol=1e-6, err_msg=f'{name}')
  bests = {kept._facts(kept.folder(folder) / trial.hash)['best'] for trial in made.trials}
  assert bests - {0, 4}, 'a best epoch that is neither end tells more'


def test_the_network_of_a_trial_takes_its_parameters(run):
  made, folder, frame = run
  batch = next(trial for trial in made.trials if trial.norm == 'batch')
  test = data.load(DATA).test
  outputs = norms.lab.network(batch).apply(
    norms.lab.load_params(folder, batch), test.x, train=False
  )
  accuracy = np.mean(np.argmax(outputs, -1) == test.y)
  assert accuracy == pytest.approx(of(frame, batch)['test_accuracy_running'][4], abs=1e-6)


def test_nothing_but_what_is_asked_for_is_kept(run, tmp_path):
  """And a lane of a chunk is its own trial's."""
  made, folder, _ = run
  for trial in made.trials:
    facts = kept._facts(kept.folder(folder) / trial.hash)
    there = {each.name for each in (kept.folder(folder) / trial.hash).iterdir()}
    assert there == {str(facts['best']), '4', kept.FILE}
    assert facts['chosen_by'] == 'validation_accuracy'
  scales = {'init_scale': (0.5, 1.0), 'seed': (0, 1)}
  at_once, alone = (
    study.from_config(small.config(**scales, chunk=chunk, keep=keep))
    for chunk, keep in ((2, 'epochs'), (1, 'final'))
  )
  small.run(at_once, tmp_path / 'at_once')
  small.run(alone, tmp_path / 'alone')
  for trial in alone.trials:
    place = kept.folder(tmp_path / 'at_once') / trial.hash
    assert {each.name for each in place.iterdir()} == {'0', '1', '2', kept.FILE}
    ours, theirs = (kept.load_params(tmp_path / name, trial) for name in ('at_once', 'alone'))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), ours, theirs)
  assert not list((tmp_path / 'alone' / kept.FOLDER).glob('.*'))


def test_a_trial_without_the_parameters_asked_for_runs_again_and_the_plan_says_so(tmp_path):
  """It has one record, also where its tile was another; the others of that tile keep theirs."""
  wide, _, _ = small.run(small.config(seed=(0, 1, 2)), tmp_path)
  made = study.from_config(small.config(seed=(0, 1), keep='final'))
  plan = planned.describe(made, sweep.pending(made, tmp_path), tmp_path)
  assert '2 to run' in plan and '2 of these have a record and run again, since not all' in plan
  _, failed, groups = small.run(made, tmp_path)
  assert not failed and sum(len(group.trials) for group in groups) == 2
  order = ['trial', 'epoch']
  ours, theirs = (f.sort_values(order, ignore_index=True) for f in (records.load(tmp_path), wide))
  pd.testing.assert_frame_equal(ours, theirs[list(ours)])
  assert len(records.files(tmp_path)) == 2
  assert sweep.pending(made, tmp_path) == ()
  best = dataclasses.replace(made, keep='best')
  assert sum(len(group.trials) for group in sweep.pending(best, tmp_path)) == 2
  (_, failed, _), less = small.run(best, tmp_path), sweep.pending(made, tmp_path)
  assert not failed and less == () and len(records.files(tmp_path)) == 2
  assert 'run again' not in planned.describe(made, less, tmp_path)


def test_older_rows_leave_no_empty_file(tmp_path):
  made = study.from_config(small.config(seed=(0, 1)))
  small.run(made, tmp_path)
  (file,) = records.files(tmp_path)
  superseded.withdraw(tmp_path, made.trials[:1])
  assert records.done(tmp_path) == {made.trials[1].hash} and records.files(tmp_path) == [file]
  superseded.withdraw(tmp_path, [made.trials[1], *study.from_config(small.config(seed=5)).trials])
  assert not records.files(tmp_path)


def test_parameters_follow_the_record_that_they_belong_to(tmp_path, monkeypatch):
  """Where the record cannot be written none are kept, and the same command keeps them."""
  made = small.config(keep='final')
  with monkeypatch.context() as patched:
    patched.setattr(records, 'write', lambda *_: 1 / 0)
    _, failed, _ = small.run(made, tmp_path)
  (trial,) = study.from_config(made).trials
  assert failed and not kept.has(tmp_path, trial, 'final')
  small.run(made, tmp_path)
  assert kept.has(tmp_path, trial, 'final') and not kept.has(tmp_path, trial, 'best')


@pytest.mark.parametrize(
  ('arguments', 'says'),
  [
    (('',), "trial '': no trial with parameters in .*: run the study with --config.keep="),
    (('zz',), "trial 'zz': no trial with parameters"),
    (('HASH', 3), r"no parameters of epoch 3 in .*: those of .*4 are there; config.keep='best'"),
    (('HASH', 'first'), "no parameters of epoch 'first'"),
  ],
)
def test_what_is_not_kept_is_said_in_one_line(arguments, says, run):
  made, folder, frame = run
  start, *epoch = arguments
  rows = of(frame, made.trials[0])
  assert int(rows['validation_accuracy'].to_numpy().argmax()) != 3 or epoch != [3]
  with pytest.raises(ValueError, match=says) as error:
    norms.lab.load_params(folder, start.replace('HASH', made.trials[0].hash), *epoch)
  assert '\n' not in str(error.value)


def test_keep_is_no_part_of_a_trial_and_is_checked():
  plain, kept_ones = (study.from_config(small.config(keep=keep)) for keep in ('', 'epochs'))
  assert plain.trials == kept_ones.trials
  with pytest.raises(ValueError, match="config.keep='lats' is not known"):
    study.from_config(small.config(keep='lats'))


@pytest.mark.parametrize(
  ('values', 'better', 'best'),
  [
    ([0.1, 0.4, 0.4, 0.2, 0.5], columns.HIGHER, [0, 1, 4]),
    ([0.5, 0.7, 0.3, 0.3], columns.LOWER, [0, 2]),
    ([np.nan, np.nan, 0.2, np.nan], columns.HIGHER, [0, 2]),
    ([1.0, np.nan, np.inf, 0.5], columns.LOWER, [0, 3]),
  ],
)
def test_the_best_epoch_is_better_than_all_before(values, better, best):
  column = columns.Column('score', better=better)
  curves = [{'score': np.full((1, 1), value)} for value in values]
  found = epochs.best_so_far(curves, column)[:, 0, 0]
  assert [i for i, at in enumerate(found) if i == at] == best
  assert (np.diff(found) >= 0).all()


def test_a_score_without_direction_leaves_the_choice_to_the_loss():
  changes = {'task': 'users_tasks:Undirected'}
  (trial,) = study.from_config(small.config(**changes)).trials
  measured = dict.fromkeys(['test_spread', 'test_loss', 'validation_spread', 'validation_loss'])
  assert epochs.chosen_by(trial, measured).name == 'validation_loss'
  assert epochs.chosen_by(trial, {'test_spread': 0, 'test_loss': 0})[:1] == ('test_loss',)


def test_what_a_kill_left_of_parameters_is_replaced_without_a_word(tmp_path, recwarn, caplog):
  (tmp_path / '2.orbax-checkpoint-tmp' / 'half').mkdir(parents=True)
  kept.save(tmp_path / '2', {'a': np.ones(2)})
  assert [path.name for path in tmp_path.iterdir()] == ['2']
  assert not caplog.records and not recwarn.list
