"""Promises of one trial again: alone it is what its record says, from Python and by the command."""

import jax
import numpy as np
import pandas as pd
from pyarrow import parquet
import pytest
import small
from test_train import train

import norms.lab
from norms.lab import records, reproduce, study
from norms.lab.store import checked

PROBES = ('users_probes:kernel_length', 'users_probes:steps')


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """(study, its folder, its records): in exact mode, with layers' and own probes."""
  changes = {'norm': ('batch',), 'seed': (0, 1), 'init_scale': (0.5, 1.0)}
  made = study.from_config(small.config(**changes, chunk=1, probes=PROBES, keep='epochs'))
  folder = tmp_path_factory.mktemp('again')
  frame, failed, _ = small.run(made, folder)
  assert not failed
  return made, folder, frame


def test_a_trial_trained_alone_is_its_record_to_the_bit(run):
  """In exact mode; its states are the parameters that were kept, and stay as they are."""
  made, folder, frame = run
  for trial in made.trials[1:3]:
    rows = frame[frame['trial'] == trial.hash].set_index('epoch')
    states = []
    for epoch, state, metrics in norms.lab.train(trial):
      states.append(state)
      assert {'test_accuracy', 'grad_norm', 'probes.first_kernel'} < set(metrics)
      for name, value in metrics.items():
        np.testing.assert_array_equal(value, rows[name][epoch], err_msg=f'{name} at {epoch}')
    assert [int(state.step) for state in states] == rows['step'].tolist()
    for epoch, state in enumerate(states):
      recorded = norms.lab.load_params(folder, trial, epoch)
      jax.tree.map(np.testing.assert_array_equal, dict(state.variables), recorded)


def test_a_replayed_trial_needs_its_study():
  made = study.from_config(small.config(replay='numpy_legacy', seed=(0,), norm=('none', 'layer')))
  trial = made.trials[1]
  with pytest.raises(ValueError, match='is replayed: give its study'):
    next(norms.lab.train(trial))
  epochs = [epoch for epoch, _, _ in norms.lab.train(trial, made)]
  assert epochs == [0, 1, 2]


def test_a_trial_that_runs_again_is_held_against_its_record(tmp_path):
  made = study.from_config(small.config(norm=('none', 'batch'), seed=(0, 1)))
  small.run(made, tmp_path)
  first = made.trials[0].hash
  files = {file: file.read_bytes() for file in records.files(tmp_path)}
  text, agrees = reproduce.compared(made, first[:6], tmp_path)
  assert agrees and f'trial {first} agrees with its record within 1e-05' in text
  assert 'test_loss' in text and 'trained' in text and 'learning_rate' not in text
  assert {file: file.read_bytes() for file in records.files(tmp_path)} == files
  for file in files:  # a record of another machine, perhaps
    table = parquet.read_table(file)
    frame = table.to_pandas()
    frame.loc[(frame['trial'] == first) & (frame['epoch'] == 1), 'test_loss'] += 0.01
    changed = records.pa.Table.from_pandas(frame).replace_schema_metadata(table.schema.metadata)
    checked.write(file, changed)
  text, agrees = reproduce.compared(made, first, tmp_path)
  assert not agrees and 'differs in 1 of' in text
  (line,) = (each for each in text.splitlines() if each.endswith(' *'))
  assert line.split()[0] == 'test_loss' and line.split()[2] == '1'
  assert float(line.split()[1]) == pytest.approx(0.01, rel=0.01)


def test_what_is_missing_on_one_side_differs():
  values = [1.0, np.nan, np.inf, np.nan]
  again = [1.0, np.nan, np.inf, 2.0]
  found = reproduce._largest('x', pd.Series(values), pd.Series(again))
  assert found.largest == np.inf and found.epoch == 3 and not found.within(1.0)
  same = reproduce._largest('x', pd.Series(values[:3]), pd.Series(again[:3]))
  assert same.largest == 0 and same.within(0.0)


@pytest.mark.parametrize('start', ['', 'x', 'SHARED'])
def test_a_hash_that_names_no_trial_or_several_is_said(start):
  made = study.from_config(small.config(seed=tuple(range(17))))  # of sixteen digits two share one
  first = [trial.hash[0] for trial in made.trials]
  shared = next(digit for digit in first if first.count(digit) > 1)
  with pytest.raises(ValueError, match='(no trial begins|trials begin) with .*: give the hash of'):
    reproduce.find(made, start.replace('SHARED', shared))
  assert reproduce.find(made, made.trials[3].hash) == made.trials[3]


def test_a_trial_without_a_record_is_said(tmp_path):
  made = study.from_config(small.config())
  with pytest.raises(ValueError, match='has no record in .*: run it first'):
    reproduce.compared(made, made.trials[0].hash, tmp_path)


PARTS = ('--config=configs/sweep.py:smoke', '--config.chunk=1', '--config.sweep.norm=batch',
         '--config.sweep.batch_size=256', '--config.sweep.seed=0,1')  # fmt: skip


@pytest.mark.slow
def test_the_command_runs_one_trial_again_to_the_bit(tmp_path):
  """Exact trials have a process of one thread each, which the one that runs again has, too."""
  assert train(*PARTS, f'--workdir={tmp_path}').returncode == 0
  trial = records.load(tmp_path)['trial'].iloc[0]
  done = train(*PARTS, f'--workdir={tmp_path}', f'--only={trial[:8]}')
  assert done.returncode == 0 and 'agrees with its record to the bit' in done.stdout, done.stderr
  done = train(*PARTS, f'--workdir={tmp_path}', '--only=nothing')
  assert done.returncode == 2 and "no trial begins with 'nothing'" in done.stderr
