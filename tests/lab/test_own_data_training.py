"""A user's own data through the command, in worker processes; a loader that cannot be trusted."""

from commands import train
import pandas as pd
import pytest
import users_data

from norms.lab import data, records

SMALL = (
  '--config=configs/sweep.py:smoke', '--config.sweep.norm=none,batch', '--config.sweep.seed=0,',
  '--config.sweep.init_scale=(1.0,)', '--config.sweep.batch_size=(10,)', '--config.epochs=3',
  '--config.claims=()',
)  # fmt: skip


@pytest.mark.slow
def test_a_table_is_trained_on_by_the_command(tmp_path):
  """In a process for each core; what they read is on record."""
  x, y = users_data.load()['train']
  path = tmp_path / 'mine.csv'
  pd.DataFrame(x, columns=list('abcd')).assign(species=y).to_csv(path, index=False)
  command = (
    *SMALL, f'--config.data.name={path}', '--config.data.target=species',
    '--config.data.validation=12', f'--workdir={tmp_path}/results',
  )  # fmt: skip
  done = train(*command)
  assert done.returncode == 0, done.stderr
  frame = records.load(tmp_path / 'results')
  last = frame[frame.epoch == 3]
  assert len(last) == 2 and (last[last.norm == 'batch'].validation_accuracy > 0.6).all()
  sha256 = data.identified({'name': str(path), 'target': 'species'})['sha256']
  assert set(frame['data.sha256']) == {sha256}
  (origin,) = {each['data']['sha256'] for each in records.provenance(tmp_path / 'results')}
  assert origin == sha256


def test_a_loader_that_gives_other_data_to_workers_is_an_error_of_one_line(tmp_path):
  """Each group fails by it, and nothing is recorded."""
  done = train(*SMALL, '--config.data.name=users_data:restless', f'--workdir={tmp_path}')
  assert done.returncode == 1
  lines = done.stderr.strip().splitlines()
  assert lines and all(
    'users_data:restless' in line and 'gives other data (sha256' in line for line in lines
  ), done.stderr
  assert 'a seed for what it draws' in lines[0] and not records.done(tmp_path)


@pytest.mark.parametrize(
  ('options', 'says'),
  [
    (['--config.data.name=users_data:laod'], "did you mean 'load'"),
    (['--config.data.name=absent.npz'], 'absent.npz'),
    (['--config.data.name=users_data:rates'], 'use --config.task=regression'),
  ],
)
def test_a_mistake_is_one_line_of_the_command(options, says, tmp_path, command):
  done = command(*SMALL, *options, '--dry_run', f'--workdir={tmp_path}')
  assert done.returncode == 2 and says in done.stderr, done.stderr
  assert len(done.stderr.strip().splitlines()) == 1
