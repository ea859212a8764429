"""The lab from Python, by its public names: the same as train.py does, step by step."""

import io
import os
import pathlib
import re
import subprocess
import sys
import threading
import types

import pandas as pd
import pytest
import small

from norms import lab
from norms.lab import config_file, records, session, study, sweep
from norms.lab.runner.progress import Progress
from norms.lab.store import durable

ROOT = pathlib.Path(__file__).parents[2]
CLAIM = ('beats', {'norm': 'layer', 'than': 'none'})


@pytest.fixture(scope='module')
def ran(tmp_path_factory):
  """(study, folder, frame) of six nets."""
  asked = lab.Study.from_config(
    small.config(norm=('none', 'layer'), seed=(0, 1, 2), claims=(CLAIM,), epochs=1)
  )
  folder = tmp_path_factory.mktemp('ran')
  return asked, folder, lab.run(asked, folder, progress=False)


def test_dir_shows_the_public_names_and_each_is_there():
  assert dir(lab) == sorted(lab.__all__)
  assert all(callable(getattr(lab, name)) for name in lab.__all__ if name != 'figure')
  with pytest.raises(AttributeError, match='has no attribute .plot.'):
    lab.plot  # noqa: B018


def test_records_are_read_without_what_trains_or_draws(ran):
  heavy = 'optax', 'flax', 'matplotlib', 'sklearn', 'tensorflow', 'norms.lab.engine'
  code = (
    'import sys\nfrom norms import lab\nassert "pandas" not in sys.modules\n'
    f'assert len(lab.load({str(ran[1])!r})) == 12\n'
    f'print(*(name for name in {heavy} if name in sys.modules))'
  )
  done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT)
  assert done.returncode == 0 and done.stdout.split() == [], (done.stdout, done.stderr)


def test_a_study_is_made_of_a_config_a_dict_or_a_file():
  made = small.config(norm=('none', 'layer'))
  assert lab.Study.from_config(made).trials == lab.Study.from_config(made.to_dict()).trials
  path = ROOT / 'configs/cifar_batch_size.py'
  file = config_file.read(path)
  by_hand = study.from_config(file.get_config(), get_hyper=file.get_hyper, doc=file.doc)
  assert lab.Study.from_config(path) == by_hand and file.get_hyper and by_hand.doc
  smoke = lab.Study.from_config(f'{ROOT}/configs/sweep.py:smoke', overridden={'sweep.seed': (7,)})
  assert {trial.seed for trial in smoke.trials} == {7}


@pytest.mark.parametrize(
  ('name', 'text', 'says'),
  [
    ('mine.py', '"""Nothing."""', 'has no get_config'),
    ('mine.txt', 'get_config', 'is no Python file'),
  ],
)
def test_a_file_that_is_no_config_gets_one_line(name, text, says, tmp_path):
  (tmp_path / name).write_text(text)
  with pytest.raises(ValueError, match=says) as error:
    lab.Study.from_config(tmp_path / name)
  assert '\n' not in str(error.value)


def test_run_returns_the_records_and_plan_what_is_missing(ran):
  asked, folder, frame = ran
  pd.testing.assert_frame_equal(
    frame.sort_values(['trial', 'epoch'], ignore_index=True),
    lab.load(folder).sort_values(['trial', 'epoch'], ignore_index=True),
  )
  assert frame['trial'].nunique() == 6 and frame.attrs['failed'] == []
  assert lab.plan(asked, folder).empty
  wider = lab.Study.from_config(small.config(norm=('none', 'batch'), seed=(0, 1, 2), epochs=1))
  missing = lab.plan(wider, folder)
  assert list(missing['trials']) == [3] and missing['group'][0].startswith('batch, batch 256')
  assert missing['seconds'].isna().all() and (missing['memory_mb'] > 0).all()
  assert lab.plan(asked, folder / 'other')['trials'].sum() == 6
  assert not (folder / 'other').exists()


def test_verdicts_and_the_report_are_those_of_the_command(ran):
  asked, folder, frame = ran
  (found,) = lab.verdicts(frame, asked.claims)
  page = lab.report(frame, asked, folder)
  assert page == folder / 'report' / 'index.html'
  said = re.sub(r'<span class="note">|</span>', '', page.read_text())
  assert found.sentence in said
  assert (folder / 'report' / 'figures' / 'training_curves.svg').exists()
  assert lab.report is sys.modules['norms.lab.report'] and lab.report.write


def test_results_lie_in_a_folder_of_the_studys_name(monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  asked = lab.Study.from_config(small.config(epochs=1))
  frame = lab.run(asked, progress=False)
  assert records.files('results/small') and lab.report(frame, asked).exists()


def test_it_runs_in_a_thread_that_is_not_the_main_one(tmp_path, capsys):
  """As a notebook's server or a user interface has it: no signal handler can be set there."""
  asked = lab.Study.from_config(small.config(epochs=1))
  found = []
  thread = threading.Thread(target=lambda: found.append(lab.run(asked, tmp_path, processes=False)))
  thread.start()
  thread.join()
  assert len(found[0]) == 2 and 'group 1/1: none, batch 256' in capsys.readouterr().out


def test_what_fails_is_told_and_kept_with_the_frame(tmp_path, capsys, monkeypatch):
  def fails(*_):
    raise RuntimeError('out of luck')

  monkeypatch.setattr('norms.lab.runner.execution.compile_group', fails)
  asked = lab.Study.from_config(small.config(epochs=1))
  frame = lab.run(asked, tmp_path, progress=False, processes=False)
  (line,) = frame.attrs['failed']
  assert frame.empty and 'RuntimeError: out of luck' in line
  assert line in capsys.readouterr().err


@pytest.mark.parametrize(
  ('main', 'norm', 'expected'),
  [
    ({}, 'layer', True),
    ({'__file__': 'script.py'}, 'layer', False),
    ({}, '__main__:Mine', False),
  ],
)
def test_workers_are_used_where_they_can_start(main, norm, expected, monkeypatch):
  """Not of a script, which each would run again, nor for what only the notebook defines."""
  module = types.ModuleType('__main__')
  vars(module).update(main)
  asked = lab.Study.from_config(small.config(norm=norm))
  monkeypatch.setitem(sys.modules, '__main__', module)
  assert session._workers_can_start(asked) == expected


def test_what_a_notebook_defines_is_known_by_its_source(monkeypatch, tmp_path):
  from norms.lab import source

  module = types.ModuleType('__main__')
  monkeypatch.setitem(sys.modules, '__main__', module)
  hashes = []
  for i, text in enumerate(('def f(x):\n  return x\n', 'def f(x):\n  return 2 * x\n')):
    file = tmp_path / f'cell_{i}.py'
    file.write_text(text)
    exec(compile(text, str(file), 'exec'), vars(module))
    hashes.append(source.digest('__main__:f'))
  assert '' != hashes[0] != hashes[1] != ''
  exec('def g(x): return x', vars(module))
  with pytest.raises(ValueError, match='put it into a file'):
    source.digest('__main__:g')


def test_progress_that_no_terminal_shows_is_lines_without_carriage_returns():
  asked = lab.Study.from_config(small.config(norm=('none', 'layer'), epochs=1))
  groups = session.sweep.pending(asked, 'nowhere')
  stream = io.StringIO()
  progress = Progress(groups, stream=stream)
  for group in groups:
    progress(group, 5, 0)
  progress.close()
  lines = stream.getvalue()
  assert '\r' not in lines and '\x1b' not in lines
  assert [line.split(':')[0] for line in lines.splitlines()] == ['group 1/2', 'group 2/2']


@pytest.mark.slow
@pytest.mark.parametrize('how', ['cells', 'script'])
def test_a_notebook_has_worker_processes_and_a_script_without_a_guard_runs(how, tmp_path):
  """A notebook's __main__ is no file, as that of `python -c`."""
  code = (
    'from norms import lab\nfrom norms.lab.runner import workers\n'
    'made = []\nstart = workers.Process.__init__\n'
    'workers.Process.__init__ = lambda *a: (made.append(a), start(*a))[1]\n'
    f'config = lab.Study.from_config("{ROOT}/configs/sweep.py:smoke",'
    ' overridden={"sweep.norm": ("none", "layer"), "sweep.batch_size": (256,)})\n'
    f'frame = lab.run(config, {str(tmp_path / "results")!r})\n'
    'print(len(made) > 0, frame["norm"].nunique(), frame.attrs["failed"])\n'
  )
  script = tmp_path / 'script.py'
  script.write_text(code)
  command = [sys.executable, *(['-c', code] if how == 'cells' else [str(script)])]
  done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
  assert done.returncode == 0, done.stderr
  assert done.stdout.splitlines()[-1] == f'{how == "cells"} 2 []'


@pytest.mark.parametrize(
  ('options', 'says'),
  [
    ({'norm': 'layr', 'than': 'none'}, "'beats' cannot be judged: no trial is of layr"),
    ({'norm': 'layer', 'than': 'none', 'at': {'seed': 7}}, 'no trial has seed 7; the records hold'),
    (
      {'norm': 'layer', 'than': 'none', 'at': {'sed': 0}},
      "unknown column 'sed': did you mean 'seed'",
    ),
    ({'norm': 'layer', 'than': 'none', 'at': {'seed': 1}}, ''),
    ({'axis': 'seed', 'value': 0, 'than': 9}, 'no trial has seed 9'),
  ],
)
def test_a_plan_says_which_claims_no_trial_can_judge(options, says, tmp_path):
  claims = (('beats', options),)
  asked = lab.Study.from_config(small.config(norm=('none', 'layer'), seed=(0, 1), claims=claims))
  text = session.describe(asked, tmp_path)
  assert ('cannot be judged' in text) == bool(says) and says in text


def test_what_a_worker_left_that_was_killed_is_gone_at_the_end(tmp_path):
  def engine(asked, groups, workdir, **how):
    failed = sweep.run(asked, groups, workdir, **how)
    with subprocess.Popen(['true']) as killed:
      pass
    own = durable.beside(records.folder(workdir) / 'one.parquet')
    own.with_name(own.name.replace(f'-{os.getpid()}-', f'-{killed.pid}-')).touch()
    return failed

  asked = study.from_config(small.config(epochs=1))
  assert not session.run(asked, tmp_path, progress=False, engine=engine).empty
  assert not list(tmp_path.rglob('*.tmp'))
