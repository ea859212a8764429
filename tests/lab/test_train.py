"""Promises of the command: one line for a mistake, exit status 2; a plan; a clean work tree."""

import pathlib

from commands import train
import pytest

from norms.lab import sweep


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
def test_a_mistake_gets_one_line_and_status_2(arguments, says, tmp_path, command):
  done = command(*arguments, f'--workdir={tmp_path}')
  assert done.returncode == 2, done.stderr
  assert says in done.stderr
  assert 'Traceback' not in done.stderr
  assert len(done.stderr.strip().splitlines()) == 1


ONE_GROUP = ('--config=configs/sweep.py:smoke', '--dry_run', '--config.sweep.batch_size=256')
OWN = pathlib.Path(__file__).with_name('users_own.py').read_text().splitlines()


@pytest.mark.parametrize(
  ('by', 'line', 'says'),
  [
    ('raise', "    raise ValueError('a norm in a bad mood')", 'a norm in a bad mood'),
    ('numpy', '      return np.zeros(3).reshape(2)', 'cannot reshape array of size 3'),
    ('jax', '      return jnp.reshape(x, (7, 7))', 'cannot reshape array of shape'),
  ],
)
def test_what_ends_a_users_norm_is_shown_with_file_and_line(by, line, says, tmp_path, command):
  """Whatever raised it, where the sweep is planned; the layer is named, too."""
  done = command(
    *ONE_GROUP, f'--workdir={tmp_path}', '--config.sweep.norm=users_own:Refuses',
    f'--config.norm_options={ {"users_own:Refuses": {"by": by}} }',
  )  # fmt: skip
  assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
  assert f'users_own.py, line {OWN.index(line) + 1}: layer norm_0: {says}' in done.stderr


@pytest.mark.parametrize(
  ('by', 'says'),
  [
    ('mean', 'gives float32 of shape (1, 1) for float32 of shape (1, 128)'),
    ('wider', 'gives float32 of shape (1, 256) for float32 of shape (1, 128)'),
    ('sign', 'gives int32 of shape (1, 128) for float32 of shape (1, 128)'),
    ('pair', 'gives tuple for float32 of shape (1, 128)'),
  ],
)
def test_a_users_norm_keeps_the_shape_of_its_input(by, says, tmp_path, command):
  """The dense layer after it would take another number of features, and train."""
  done = command(
    *ONE_GROUP, f'--workdir={tmp_path}', '--config.sweep.norm=users_own:Refuses',
    f'--config.norm_options={ {"users_own:Refuses": {"by": by}} }',
  )  # fmt: skip
  assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
  assert f"layer norm_0: norm 'users_own:Refuses' {says}: let it return" in done.stderr
  begins = OWN.index('  @nn.compact', OWN.index('class Refuses(nn.Module):')) + 1
  assert f'users_own.py, line {begins})\n' in done.stderr
  assert not [*tmp_path.rglob('*.parquet')]


def test_so_does_the_function_of_a_users_row(tmp_path, command):
  done = command(*ONE_GROUP, f'--workdir={tmp_path}', '--config.sweep.norm=users_own:NARROW')
  assert done.returncode == 2 and "norm 'users_own:NARROW' gives float32 of" in done.stderr
  begins = OWN.index('def narrow(x, *, axis=-1):') + 1
  assert done.stderr.endswith(f'users_own.py, line {begins})\n'), done.stderr


def test_an_error_that_nobody_raised_on_purpose_keeps_its_traceback(tmp_path, command):
  """Here one of Python's own, in a file of the lab."""
  (tmp_path / 'mine.py').write_text(
    '"""A range below zero on a scale of logs."""\nfrom norms.lab import study\n'
    'get_config = study.defaults\ndef get_hyper(hyper):\n'
    '  return hyper.random([hyper.Range("seed", -1, 1, True, True)], 2)\n'
  )
  done = command(f'--config={tmp_path}/mine.py', '--dry_run', f'--workdir={tmp_path}')
  assert done.returncode == 1, done.stderr
  assert done.stderr.count('Traceback') == 1 and 'norms/lab/grid.py", line' in done.stderr
  assert 'train.py: ' not in done.stderr


@pytest.mark.parametrize(
  ('mistake', 'raised'),
  [
    (['--config.sweep.norm=bacth'], 'norms/catalogue.py", line'),
    (['--dry-rum'], 'absl/flags/_flagvalues.py", line'),
  ],
)
def test_the_traceback_of_a_mistake_is_shown_where_it_is_asked_for(
  mistake, raised, tmp_path, command
):
  arguments = [*ONE_GROUP, *mistake, f'--workdir={tmp_path}']
  without, done = command(*arguments), command('--traceback', *arguments)
  assert without.returncode == done.returncode == 2
  assert 'Traceback' not in without.stderr
  assert 'Traceback' in done.stderr and raised in done.stderr
  assert done.stderr.splitlines()[-1:] == without.stderr.splitlines()


@pytest.mark.parametrize(
  ('where', 'line', 'status', 'says'),
  [
    ('get_config', "raise ValueError('nothing to train')", 2, 'nothing to train'),
    ('get_config', 'config.epoch', 2, 'Did you mean "epochs"'),
    ('get_config', "int('many')", 2, 'mine.py, line 9: ValueError: invalid literal'),
    ('get_hyper', "raise ValueError('nothing to train')", 2, 'nothing to train'),
    ('get_hyper', "int('many')", 2, 'mine.py, line 9: ValueError: invalid literal'),
  ],
)
def test_a_config_may_refuse_in_one_line_and_what_breaks_it_is_shown(
  where, line, status, says, tmp_path, command
):
  """Whether it breaks among the flags or while its trials are made."""
  body = ('config = study.defaults()', 'config.name = "mine"', 'return config')
  other = 'get_hyper' if where == 'get_config' else 'get_config'
  lines = [
    '"""A config that is wrong."""', 'from norms.lab import study', 'config = study.defaults()',
    f'def {other}(*arguments):', *(f'  {each}' for each in body),
    f'def {where}(*arguments):', f'  {line}',
  ]  # fmt: skip
  (tmp_path / 'mine.py').write_text('\n'.join(lines))
  done = command(f'--config={tmp_path}/mine.py', '--dry_run', f'--workdir={tmp_path}')
  assert done.returncode == status, done.stderr
  assert says in done.stderr and len(done.stderr.splitlines()) == 1


def test_dry_run_prints_the_plan_and_trains_nothing(tmp_path):
  done = train('--config=configs/sweep.py', '--dry_run', f'--workdir={tmp_path}')
  assert done.returncode == 0, done.stderr
  assert '450 to run in 18 groups' in done.stdout
  assert f'compiled as {6 if sweep.cores() <= 6 else 18} programs' in done.stdout
  assert 'estimated run time unknown' in done.stdout
  assert not list(tmp_path.iterdir())


def test_the_smoke_sweep_runs_reports_and_is_not_run_twice(tmp_path):
  smoke = ('--config=configs/sweep.py:smoke', f'--workdir={tmp_path}')
  first = train(*smoke)
  assert first.returncode == 0, first.stderr
  assert 'group 6/6' in first.stdout and 'report:' in first.stdout
  report = tmp_path / 'report'
  assert (report / 'index.html').stat().st_size > 10_000
  assert (report / 'report.md').exists() and list((report / 'figures').glob('*.svg'))
  records = {f: f.stat().st_mtime_ns for f in (tmp_path / 'records').glob('[!.]*')}
  again = train(*smoke)
  assert 'group' not in again.stdout.split('\n')[0]
  assert {f: f.stat().st_mtime_ns for f in (tmp_path / 'records').glob('[!.]*')} == records


def test_an_unwritable_folder_gets_one_line_before_anything_is_trained(tmp_path, command):
  (tmp_path / 'records').write_text('a file where the folder should be')
  done = command(
    '--config=configs/sweep.py:smoke', f'--workdir={tmp_path}',
    '--config.sweep.norm=none', '--config.sweep.batch_size=256',
  )  # fmt: skip
  assert done.returncode == 2 and 'group' not in done.stdout
  assert len(done.stderr.strip().splitlines()) == 1 and str(tmp_path / 'records') in done.stderr


def test_a_users_norm_is_named_on_the_command_line(tmp_path):
  done = train(
    '--config=configs/sweep.py:smoke', f'--workdir={tmp_path}',
    '--config.sweep.norm=none,users_own:MaxNorm', '--config.sweep.batch_size=256',
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert 'users_own:MaxNorm, batch 256' in done.stdout and 'none, batch 256' in done.stdout
