"""Promises of the command: one line for a mistake, exit status 2; a plan; a clean work tree."""

import os
import pathlib
import subprocess
import sys

import pytest

from norms.lab import sweep

ROOT = pathlib.Path(__file__).parents[2]


def train(*arguments, cwd=ROOT, **environment):
  """The finished command."""
  paths = os.pathsep.join([str(ROOT), str(pathlib.Path(__file__).parent)])
  return subprocess.run(
    [sys.executable, str(ROOT / 'train.py'), *arguments],
    cwd=cwd, env=os.environ | {'PYTHONPATH': paths} | environment,
    capture_output=True, text=True, timeout=300,
  )  # fmt: skip


@pytest.mark.parametrize(
  ('arguments', 'says'),
  [
    (['--config.lerning_rate=0.1'], 'learning_rate'),
    (['--config.sweep.norm=batch,bacth'], "norm 'bacth' is not known: did you mean 'batch'"),
    (['--config.batch_size=many'], 'many'),
    (['--config=configs/swep.py'], 'swep.py'),
    (['--config=configs/sweep.py:smok'], 'smok'),
    (['--dry-rum'], 'dry'),
    (['sweep'], "'sweep' is not a flag"),
  ],
)
def test_a_mistake_gets_one_line_and_status_2(arguments, says, tmp_path):
  done = train(*arguments, f'--workdir={tmp_path}')
  assert done.returncode == 2, done.stderr
  assert says in done.stderr
  assert 'Traceback' not in done.stderr
  assert len(done.stderr.strip().splitlines()) == 1


def test_dry_run_prints_the_plan_and_trains_nothing(tmp_path):
  done = train('--config=configs/sweep.py', '--dry_run', f'--workdir={tmp_path}')
  assert done.returncode == 0, done.stderr
  assert '504 to run in 24 groups' in done.stdout
  assert f'compiled as {6 if sweep.cores() <= 6 else 24} programs' in done.stdout
  assert 'estimated run time unknown' in done.stdout
  assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_workers_start_where_the_temporary_folder_has_too_long_a_path_for_a_socket(tmp_path):
  folder = tmp_path / ('long' * 30)
  folder.mkdir()
  done = train(
    '--config=configs/sweep.py:smoke', f'--workdir={tmp_path}/results', TMPDIR=str(folder)
  )
  assert done.returncode == 0 and not done.stderr, done.stderr
  assert 'report:' in done.stdout


def test_the_smoke_sweep_runs_reports_and_is_not_run_twice(tmp_path):
  smoke = ('--config=configs/sweep.py:smoke', f'--workdir={tmp_path}')
  first = train(*smoke)
  assert first.returncode == 0, first.stderr
  assert 'group 6/6' in first.stdout and 'report:' in first.stdout
  report = tmp_path / 'report'
  assert (report / 'index.html').stat().st_size > 10_000
  assert (report / 'report.md').exists() and list((report / 'figures').glob('*.svg'))
  records = {f: f.stat().st_mtime_ns for f in (tmp_path / 'records').iterdir()}
  again = train(*smoke)
  assert 'group' not in again.stdout.split('\n')[0]
  assert {f: f.stat().st_mtime_ns for f in (tmp_path / 'records').iterdir()} == records


def test_an_unwritable_folder_gets_one_line(tmp_path):
  (tmp_path / 'records').write_text('a file where the folder should be')
  done = train(
    '--config=configs/sweep.py:smoke', f'--workdir={tmp_path}',
    '--config.sweep.norm=none', '--config.sweep.batch_size=256',
  )  # fmt: skip
  assert done.returncode != 0
  assert 'Traceback' not in done.stderr
  assert 'records' in done.stderr


def test_a_users_norm_is_named_on_the_command_line(tmp_path):
  done = train(
    '--config=configs/sweep.py:smoke', f'--workdir={tmp_path}',
    '--config.sweep.norm=none,users_own:MaxNorm', '--config.sweep.batch_size=256',
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert 'users_own:MaxNorm, batch 256' in done.stdout and 'none, batch 256' in done.stdout
