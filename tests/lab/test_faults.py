"""What may go wrong around a study costs what was in flight at most, and is said."""

import importlib
import os
import pathlib
import shlex
import subprocess
import sys

import jax
import pytest
import small

from norms.lab import output, parity, records, study, sweep, values
from norms.lab.runner import execution, identity, memory, timing
from norms.lab.workdir import failures

NORM = (
  'import flax.linen as nn\nclass Mine(nn.Module):\n  def __call__(self, x):\n    return {} * x\n'
)


@pytest.fixture
def mine(tmp_path, monkeypatch):
  """The file of a norm of one's own, edited in this test."""
  path = tmp_path / 'edited_norm.py'
  path.write_text(NORM.format(1))
  monkeypatch.syspath_prepend(tmp_path)
  yield path
  sys.modules.pop('edited_norm', None)


def planned(workdir):
  asked = study.from_config(small.config(norm=('edited_norm:Mine', 'none'), epochs=1))
  return asked, sweep.pending(asked, workdir)


def test_what_is_imported_is_what_the_hash_was_made_of(mine, tmp_path):
  """Also in a notebook, whose process keeps what it imported first."""
  asked, _ = planned(tmp_path)
  mine.write_text(NORM.format(22))
  identity.check_objects(asked.trials[0])  # what this process trains is still the old one
  with pytest.raises(ValueError, match='edited_norm:Mine has changed .* restart its kernel'):
    planned(tmp_path)
  importlib.reload(sys.modules['edited_norm'])
  anew, _ = planned(tmp_path)
  assert anew.trials[0].hash != asked.trials[0].hash
  with pytest.raises(ValueError, match='has changed between planning and training'):
    identity.check_objects(asked.trials[0])


@pytest.mark.faults
def test_a_norm_that_is_edited_before_its_group_starts_is_not_recorded(mine, tmp_path):
  asked, groups = planned(tmp_path)
  mine.write_text(NORM.format(22))
  (line,) = sweep.run(asked, groups, tmp_path, tick=lambda *_: None, spawn=True)
  assert 'edited_norm:Mine has changed between planning and training' in line
  assert set(records.load(tmp_path)['norm']) == {'none'}


@pytest.mark.faults
def test_a_norm_that_prints_a_lot_is_seen_and_recorded(mine, tmp_path, capfd):
  """In a process of its own, whose output is none of what it tells of its group."""
  mine.write_text(NORM.format(1).replace('return', "print('y' * 1_000_000)\n    return"))
  asked, groups = planned(tmp_path)
  assert not sweep.run(asked, groups, tmp_path, tick=lambda *_: None, spawn=True)
  assert set(records.load(tmp_path)['norm']) == {'edited_norm:Mine', 'none'}
  assert capfd.readouterr().out.count('y' * 1_000_000) > 1


@pytest.mark.parametrize(
  ('name', 'value'),
  [
    ('jax_default_prng_impl', 'rbg'),
    ('jax_threefry_partitionable', False),
    ('jax_enable_x64', True),
  ],
)
def test_settings_of_jax_that_change_figures_are_refused(name, value, tmp_path):
  before = getattr(jax.config, name)
  jax.config.update(name, value)
  try:
    with pytest.raises(ValueError, match=f'{name.upper()}={value!r} would change') as error:
      small.run(small.config(), tmp_path)
  finally:
    jax.config.update(name, before)
  assert repr(before) in str(error.value) and not records.files(tmp_path)
  identity.check_settings()


@pytest.mark.parametrize('number', [1e-300, 1e-39, 1e39, 1e300, 10**400])
@pytest.mark.parametrize('check', [values.positive, values.not_negative])
def test_a_number_that_float32_has_not_is_refused(check, number):
  """It would be 0 or infinite, without a word."""
  with pytest.raises(ValueError, match='rate=.*: use a .*finite number'):
    check('rate', number)
  for fits in (2.0**-126, 3.4e38, 1):
    assert check('rate', fits) == fits


@pytest.mark.parametrize('error', [AssertionError(), SystemExit(0)])
def test_an_error_without_words_and_an_exit_fail_their_group_and_no_other(
  error, tmp_path, monkeypatch
):
  train = execution.train

  def breaks(group, *args):
    if group.static.norm == 'layer':
      raise error
    return train(group, *args)

  monkeypatch.setattr(execution, 'train', breaks)
  monkeypatch.setattr(sweep, 'at_once', lambda groups: 1)
  frame, (line,), _ = small.run(small.config(norm=('layer', 'none', 'batch')), tmp_path)
  assert sorted(frame['norm'].unique()) == ['batch', 'none']
  assert line.startswith('layer, batch 256') and type(error).__name__ in line
  assert line.endswith('0') if error.args else f'{__file__}, line' in line


def test_a_failure_that_is_mended_leaves_no_file(tmp_path):
  """Under another hash, too: the source of a norm that is mended is another."""
  trials = study.from_config(small.config(norm=('none', 'batch', 'layer', 'rms'))).trials
  none, batch, layer, rms = trials
  small.run(small.config(norm=('none', 'layer')), tmp_path)
  for trial, label in ((none, 'one'), (batch, 'two'), (rms, 'three')):
    failures.write(tmp_path, [trial], label, 'Traceback')
  failures.forget_mended(tmp_path, {'two': [layer], 'three': [rms, layer]})
  assert [failures.there_is(tmp_path, [t]) for t in (none, batch, rms)] == [False, False, True]


def test_what_fails_in_timing_is_told_and_keeps_the_records(tmp_path, monkeypatch):
  asked = study.from_config(small.config(epochs=1, timing=1))
  small.run(asked, tmp_path)
  monkeypatch.setattr(timing.Lane, 'epoch', lambda *_: 1 / 0)
  assert timing.guarded(asked, tmp_path) == ['timing: ZeroDivisionError: division by zero']
  assert failures.there_is(tmp_path, asked.trials)
  monkeypatch.undo()
  assert timing.guarded(asked, tmp_path) == []
  assert not failures.there_is(tmp_path, asked.trials)


@pytest.mark.parametrize(
  ('own', 'files', 'expected'),
  [
    ('0::/job/step', {'job/memory.max': '512', 'job/step/memory.max': 'max'}, [512]),
    ('0::/', {'memory.max': '64'}, [64]),
    ('4:cpu,memory:/job\n2:cpu:/other', {'memory/job/memory.limit_in_bytes': '7'}, [7]),
    ('0::/', {}, []),
  ],
)
def test_the_memory_that_a_container_or_a_job_may_have_counts(own, files, expected, tmp_path):
  (tmp_path / 'own').write_text(f'{own}\n')
  for name, text in files.items():
    (tmp_path / 'root' / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / 'root' / name).write_text(f'{text}\n')
  (tmp_path / 'memory.max').write_text('1')  # above the root it is nobody's
  assert list(memory.limits(tmp_path / 'root', tmp_path / 'own')) == expected
  assert list(memory.limits(tmp_path / 'root', tmp_path / 'none')) == []
  assert memory.size() <= os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')


def test_a_stream_that_nobody_reads_any_more_ends_nothing(capsys):
  read, write = os.pipe()
  with os.fdopen(write, 'w') as stream:
    lasting = output.Lasting(stream, 'standard output')
    assert lasting.write('seen\n') == 5 and not lasting.isatty()
    lasting.flush()
    os.close(read)
    for _ in range(2):
      print('lost', file=lasting, flush=True)
  assert capsys.readouterr().err.splitlines() == [
    'standard output: Broken pipe: no more is shown, all else goes on'
  ]


@pytest.mark.parametrize('closed', ['>&-', '>&- 2>&-', '<&- >&- 2>&-'])
def test_a_stream_that_was_never_open_ends_nothing_and_no_file_takes_its_place(closed, tmp_path):
  code = (
    'import os, pathlib, sys; from norms.lab import output; output.outlive(); print("lost");'
    'print("lost", file=sys.stderr); file = open("file", "w"); sys.exit(file.fileno())'
  )
  command = f"{shlex.quote(sys.executable)} -c '{code}' {closed}"
  environment = os.environ | {'PYTHONPATH': str(pathlib.Path(__file__).parents[2])}
  status = subprocess.run(['sh', '-c', command], cwd=tmp_path, env=environment).returncode
  assert status >= 3 and (tmp_path / 'file').read_text() == ''


def test_an_axis_without_values_is_named():
  with pytest.raises(ValueError, match='config.sweep.norm has no values: give at least one'):
    study.from_config(small.config(), overridden={'sweep.norm': ()})


@pytest.mark.parametrize('name', ['../../elsewhere', '', 5])
def test_a_comparison_has_a_name_that_a_folder_can_have(name):
  config = study.config_dict.ConfigDict(
    {'kind': 'parity', 'name': name, 'question': '', 'expectation': ''}
  )
  with pytest.raises(ValueError, match='config.name=.*: use a name of letters'):
    parity.from_config(config)


def test_timing_ends():
  with pytest.raises(ValueError, match='config.timing=1000000000: use a whole number from 0 to'):
    study.from_config(small.config(timing=10**9))


@pytest.mark.parametrize(
  ('text', 'says'),
  [
    ('def get_config():\n  return 1 / 0\n', 'mine.py, line 2: ZeroDivisionError: division'),
    ('assert False\n', 'mine.py, line 1: AssertionError'),
    ('def get_config(:\n', 'mine.py, line 1: SyntaxError: invalid syntax'),
    ('import no_such_thing\n', "mine.py, line 1: ModuleNotFoundError: No module named 'no_such"),
    ('def get_config():\n  return get_config()\n', 'mine.py, line 2: RecursionError: maximum'),
    ('import sys\nsys.exit(0)\n', 'mine.py, line 2: SystemExit: 0'),
    ('def get_config():\n  return\n', 'get_config gives None: return a ConfigDict'),
    ('def get_config():\n  return 5\n', 'get_config gives 5: return a ConfigDict'),
    ('', 'get_config'),
    (None, "mine.py' is a folder: name a file in it"),
  ],
)
def test_a_config_that_cannot_be_used_gets_one_line(text, says, tmp_path, command):
  path = tmp_path / 'mine.py'
  path.mkdir() if text is None else path.write_text(text)
  done = command(f'--config={path}', '--dry_run', f'--workdir={tmp_path}')
  assert done.returncode == 2, done.stderr
  assert len(done.stderr.splitlines()) == 1 and says in done.stderr


def test_a_get_hyper_that_exits_does_not_end_in_silence(tmp_path, command):
  (tmp_path / 'mine.py').write_text(
    'from norms.lab import study\nget_config = study.defaults\n'
    'def get_hyper(hyper):\n  raise SystemExit(0)\n'
  )
  done = command(f'--config={tmp_path}/mine.py', '--dry_run', f'--workdir={tmp_path}')
  assert done.returncode == 2 and 'mine.py, line 4 ends the program' in done.stderr
