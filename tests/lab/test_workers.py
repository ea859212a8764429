"""Promises of worker processes: what threads give, and nothing left behind however it ends."""

from concurrent import futures
import contextlib
import multiprocessing
from multiprocessing import forkserver
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytest
import small

from norms.lab import grouping, records, startup, study, sweep
from norms.lab.runner import helping, progress, serving
from tests.kills.living import alive, all_end, descendants

ROOT = pathlib.Path(__file__).parents[2]
TRAINED = ['trial', 'epoch', 'step', 'minibatch_loss', 'first_loss', 'grad_norm', 'test_accuracy']


def test_processes_record_what_threads_record(tmp_path):
  """To the bit in training; an evaluation's sums may be split among threads in another way."""
  made = small.config(norm=('none', 'batch'), batch_size=(128, 256), seed=(0, 1))
  made.chunk = 1
  frames = [
    small.run(made, tmp_path / str(spawn), spawn=spawn)[0].sort_values(['trial', 'epoch'])
    for spawn in (False, True)
  ]
  threads, processes = frames
  for column in TRAINED:
    np.testing.assert_array_equal(threads[column], processes[column], err_msg=column)
  np.testing.assert_allclose(threads['test_loss'], processes['test_loss'], rtol=1e-5)


@pytest.mark.usefixtures('forked')
def test_progress_is_told_and_a_request_to_stop_is_heard(tmp_path):
  asked = study.from_config(small.config(norm=('none', 'batch', 'users_own:Breaks'), epochs=50))
  groups = sweep.pending(asked, tmp_path)
  told = []
  failed = sweep.run(
    asked, groups, tmp_path, tick=lambda *said: told.append(said), fail_fast=True, spawn=True
  )
  assert len(failed) == 1 and 'users_own:Breaks' in failed[0] and 'out of luck' in failed[0]
  (error,) = records.folder(tmp_path).glob('*.error.txt')
  assert 'Traceback' in error.read_text()
  assert {group for group, *_ in told} <= set(groups)
  assert all(done in (0, 5) for _, done, _ in told)  # steps of an epoch of one lane


@pytest.mark.usefixtures('forked')
def test_a_process_that_dies_fails_its_group_and_no_other(tmp_path):
  made = small.config(norm=('users_own:Dies', 'none', 'batch'))
  frame, failed, _ = small.run(made, tmp_path, spawn=True)
  assert sorted(frame['norm'].unique()) == ['batch', 'none']
  assert len(failed) == 1 and '\n' not in failed[0]
  assert 'users_own:Dies' in failed[0] and 'its process ended with exit code 9' in failed[0]
  (error,) = records.folder(tmp_path).glob('*.error.txt')
  assert 'users_own:Dies' in error.read_text()


@pytest.mark.usefixtures('forked')
def test_a_server_of_forks_that_is_killed_while_a_worker_starts_is_replaced(tmp_path):
  with startup.served_forks():
    pass
  server = vars(forkserver._forkserver)['_forkserver_pid']
  os.kill(server, signal.SIGSTOP)  # it is asked, and will not answer
  threading.Timer(0.5, os.kill, (server, signal.SIGKILL)).start()
  _, failed, _ = small.run(small.config(norm=('none', 'batch'), epochs=1), tmp_path, spawn=True)
  assert not failed and vars(forkserver._forkserver)['_forkserver_pid'] != server


ASKS_AND_GOES = """
import os
from multiprocessing import forkserver
from norms.lab import startup
startup.prepare()
status, asking = forkserver.connect_to_new_process([])
os.close(asking)
assert forkserver.read_signed(status) > 0  # the process that was forked
assert forkserver.read_signed(status) == 1  # and how it ended
"""


@pytest.mark.skipif(startup.cores() < 2, reason='one core forks no workers')
def test_a_driver_that_is_gone_while_it_starts_a_worker_leaves_no_words():
  ended = subprocess.run([sys.executable, '-c', ASKS_AND_GOES], capture_output=True, text=True)
  assert (ended.returncode, ended.stdout, ended.stderr) == (0, '', '')


def semaphores():
  """Those that this process holds."""
  lines = pathlib.Path('/proc/self/maps').read_text().splitlines()
  return {line.split()[-1] for line in lines if '/sem.' in line}


@pytest.mark.usefixtures('forked')
def test_nothing_of_a_server_of_forks_lies_in_the_temporary_folder(tmp_path, monkeypatch):
  """Nor of the locks that Python shares among processes: a kill would leave it."""
  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / ('long' * 40)))
  (tmp_path / ('long' * 40)).mkdir()
  before = semaphores()
  with helping.helper() as helper:
    pass
  server = vars(forkserver._forkserver)['_forkserver_pid']
  with startup.served_forks():
    os.kill(server, signal.SIGKILL)  # another one takes its place, but not by itself
    assert all_end({server}, 5)
    with pytest.raises(OSError):
      forkserver.connect_to_new_process([])
    assert not list(tmp_path.rglob('?*/*'))
  with helping.helper() as helper, contextlib.closing(progress.Progress(())):
    assert helper and helper.submit(int, 5).result() == 5
    assert not list(tmp_path.rglob('?*/*'))
    assert semaphores() <= before
    assert isinstance(helper.submit(int, 'x').exception(), ValueError)
    with pytest.raises(futures.BrokenExecutor):
      helper.submit(os._exit, 1).result()
  assert vars(forkserver._forkserver)['_forkserver_pid'] != server


@pytest.mark.usefixtures('forked')
def test_a_report_is_drawn_alone_where_no_process_can_be_had(monkeypatch):
  def killed(*_):
    raise EOFError

  monkeypatch.setattr(helping.workers, 'started', killed)
  with helping.helper() as helper:
    assert helper is None


@pytest.mark.parametrize('unread', [True, False])
def test_a_worker_whose_driver_is_gone_says_no_word(unread):
  """Nor where it has told what the driver has not read: the pipe ends in another way then."""
  driver, worker = multiprocessing.Pipe()
  if unread:
    serving.answer(worker, 'how a group ended')
  driver.close()
  assert serving.asked(worker) is None
  serving.answer(worker, 'how a group ended')


def test_the_groups_of_a_family_go_to_one_worker_while_they_last():
  """Compiled together; a worker that takes over what another began compiles group by group."""
  asked = study.from_config(small.config(norm=('none', 'batch'), batch_size=(64, 128, 256)))
  waiting = sweep.Waiting(grouping.share_programs(grouping.groups(asked.trials), workers=2))
  first, second = {}, {}
  taken = [
    (worker, group.static.norm, group.static.batch_size, len(group.sizes))
    for worker in (1, 2, 1, 1, 1, 2)
    if (group := waiting.take({1: first, 2: second}[worker]))
  ]
  assert taken == [
    (1, 'none', 64, 3), (2, 'batch', 64, 3), (1, 'none', 128, 3), (1, 'none', 256, 3),
    (1, 'batch', 128, 1), (2, 'batch', 256, 3),
  ]  # fmt: skip
  assert waiting.take(first) is None


def test_a_family_that_another_process_is_at_work_on_comes_last_and_is_not_compiled_whole():
  asked = study.from_config(small.config(norm=('none', 'batch'), batch_size=(64, 128)))
  groups = grouping.share_programs(grouping.groups(asked.trials), workers=2)
  held = {'another': {groups[0].trials[0].hash, 'of another study'}}
  waiting, mine = sweep.Waiting(groups, lambda: held), {}
  taken = [waiting.take(mine) for _ in groups]
  assert groups[0].static.norm == 'none' and len(groups[0].sizes) == 2
  found = [
    (group.static.norm, group.static.batch_size, len(group.sizes)) for group in taken if group
  ]
  assert found == [('batch', 64, 2), ('batch', 128, 2), ('none', 64, 1), ('none', 128, 1)]


@pytest.mark.usefixtures('forked')
def test_what_ends_the_process_of_a_family_ends_no_other_group_of_it(tmp_path, monkeypatch):
  monkeypatch.setattr(sweep, 'cores', lambda: 2)
  monkeypatch.setattr(sweep, 'at_once', lambda groups: 1)  # nobody else to take the others over
  made = small.config(norm='users_own:DiesAt128', batch_size=(64, 128, 256), chunk=1)
  for missing in ([64, 128], [128]):
    frame, failed, _ = small.run(made, tmp_path, spawn=True)
    assert len(frame['trial'].unique()) == 3 - len(missing)
    assert sorted(int(line.split(', ')[1].split()[1]) for line in failed) == missing


@pytest.fixture
def interruptible():
  """What a shell runs in the background ignores SIGINT, and hands that on to what it starts."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


SMOKE = [sys.executable, 'train.py', '--config=configs/sweep.py:smoke']


@pytest.fixture(scope='module')
def ended(tmp_path_factory):
  """The folder of a study of which all trials are on record: what is left is the report."""
  folder = tmp_path_factory.mktemp('ended')
  subprocess.run([*SMOKE, f'--workdir={folder}'], cwd=ROOT, check=True, capture_output=True)
  return folder


@pytest.mark.slow
@pytest.mark.usefixtures('interruptible')
@pytest.mark.parametrize(
  ('when', 'how'),
  [('training', signal.SIGINT), ('reporting', signal.SIGINT), ('reporting', signal.SIGKILL)],
)
def test_no_process_is_left_behind(how, when, tmp_path, request):
  command = [*SMOKE, f'--workdir={tmp_path}']
  if when == 'reporting':
    shutil.copytree(request.getfixturevalue('ended'), tmp_path, dirs_exist_ok=True)
  else:
    command.append('--config.epochs=2000')
  # The server, multiprocessing's own tracker, and two workers or the process that helps to draw.
  wanted = 3 if when == 'reporting' else 2 + min(2, sweep.cores())
  process = subprocess.Popen(
    command, cwd=ROOT, start_new_session=True, text=True,
    stdout=subprocess.PIPE, stderr=subprocess.PIPE,
  )  # fmt: skip
  try:
    while len(descendants(process.pid)) < wanted and process.poll() is None:
      time.sleep(0.05)
    time.sleep(8 if when == 'training' else 0)
    children = descendants(process.pid)
    assert children
    if how == signal.SIGKILL:
      process.kill()
    else:
      os.killpg(process.pid, how)  # as a terminal sends Ctrl-C: to all
    _, said = process.communicate(timeout=60)
  except subprocess.TimeoutExpired:  # one that is left holds the pipe, for ever perhaps
    for child in filter(alive, children):
      os.kill(child, signal.SIGKILL)
    raise
  finally:
    process.kill()
    process.communicate()
  assert all_end(children, 30)
  if how == signal.SIGINT:
    assert process.returncode == 130
    assert said.strip().splitlines() == [
      'train.py: stopped; what is finished is kept, run the same command to go on'
    ]


def test_cores_are_counted_where_a_process_cannot_be_bound_to_some(monkeypatch):
  assert sweep.cores() == len(os.sched_getaffinity(0))
  monkeypatch.delattr(os, 'sched_getaffinity')  # as on macOS
  assert sweep.cores() == os.cpu_count()
