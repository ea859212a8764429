"""Kills, interrupts and closed outputs: what is finished stays, no process is left."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from norms.lab import records, sweep
from tests.kills.living import all_end, descendants

pytestmark = pytest.mark.faults
ROOT = pathlib.Path(__file__).parents[2]
SMOKE = [sys.executable, 'train.py', '--config=configs/sweep.py:smoke']
STOPPED = 'train.py: stopped; what is finished is kept, run the same command to go on'


@pytest.fixture
def start():
  """Starts the command in a session of its own, as a terminal does; what is left is killed."""
  begun = []
  # A signal that is ignored here, as in the background of a shell, would be ignored there, too.
  before = signal.signal(signal.SIGINT, signal.default_int_handler)

  def started(*arguments, **options):
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE} | options
    process = subprocess.Popen(
      [*SMOKE, *arguments], cwd=ROOT, start_new_session=True, text=True, **pipes
    )
    begun.append(process)
    return process

  yield started
  signal.signal(signal.SIGINT, before)
  for process in begun:
    with contextlib.suppress(ProcessLookupError):
      os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def until_workers_train(process):
  while len(descendants(process.pid)) < 2 + min(2, sweep.cores()) and process.poll() is None:
    time.sleep(0.05)
  time.sleep(8)
  return descendants(process.pid)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('after', [0.5, 0.9, 2.0])
def test_an_interrupt_while_starting_is_heard(after, number, start, tmp_path):
  process = start(f'--workdir={tmp_path}', '--config.epochs=2000')
  time.sleep(after)
  children = descendants(process.pid)
  os.killpg(process.pid, number)
  _, said = process.communicate(timeout=20)
  assert (process.returncode, said.splitlines()) == (128 + number, [STOPPED])
  assert all_end(children, 10)


def test_sigterm_ends_a_sweep_within_ten_seconds(start, tmp_path):
  process = start(f'--workdir={tmp_path}', '--config.epochs=2000')
  children = until_workers_train(process)
  begun = time.monotonic()
  process.terminate()
  _, said = process.communicate(timeout=20)
  assert (process.returncode, said.splitlines()) == (143, [STOPPED])
  assert time.monotonic() - begun < 10 and all_end(children, 10)


def test_workers_end_with_a_driver_that_is_killed_whatever_they_do(start, tmp_path):
  """Here in an epoch that takes minutes; no file is left of them either, and not one word."""
  (tmp_path / 'tmp').mkdir()
  process = start(
    f'--workdir={tmp_path}', '--config.sweep.batch_size=8',
    '--config.model_options.features=(4096,4096,4096)',
    env=os.environ | {'TMPDIR': str(tmp_path / 'tmp')},
  )  # fmt: skip
  children = until_workers_train(process)
  process.kill()
  _, said = process.communicate()
  assert children and all_end(children, 10)
  assert not said and not list((tmp_path / 'tmp').iterdir())


@pytest.mark.parametrize('how', ['closed', 'full'])
def test_a_closed_standard_output_ends_nothing(how, start, tmp_path):
  arguments = [f'--workdir={tmp_path}', '--config.sweep.batch_size=256']
  if how == 'closed':
    read, write = os.pipe()
    os.close(read)
  else:
    write = os.open('/dev/full', os.O_WRONLY)
  process = start(*arguments, stdout=write)
  os.close(write)
  _, said = process.communicate(timeout=120)
  reason = 'Broken pipe' if how == 'closed' else 'No space left on device'
  assert process.returncode == 0, said
  assert said.splitlines() == [f'standard output: {reason}: no more is shown, all else goes on']
  assert len(records.files(tmp_path)) > 1 and (tmp_path / 'report' / 'index.html').exists()


def test_two_overlapping_sweeps_at_once_both_report(start, tmp_path):
  both = [
    start(f'--workdir={tmp_path}', '--config.sweep.batch_size=256', f'--config.sweep.seed={seeds}')
    for seeds in ('0,1', '1,2')
  ]
  for process in both:
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
  frame = records.load(tmp_path)
  assert frame.groupby('trial')['epoch'].nunique().eq(frame.groupby('trial').size()).all()
  assert sorted(frame['seed'].unique()) == [0, 1, 2]


FULL = """
mount -t tmpfs -o size=32k none $0 || exit 77
"$@"; echo status $?
ls -A $0/records
mount -o remount,size=32m $0
"$@"; echo status $?
ls -A $0/records
mount -o remount,ro $0
"$@" --config.sweep.seed=2; echo status $?
"""


def test_a_full_disk_costs_what_has_no_room_and_a_read_only_one_nothing(tmp_path):
  """Real ones, where a user may mount what nobody else sees."""
  (tmp_path / 'disk').mkdir()
  command = [*SMOKE, '--config.sweep.batch_size=256', f'--workdir={tmp_path}/disk']
  done = subprocess.run(
    ['unshare', '-rm', 'sh', '-c', FULL, str(tmp_path / 'disk'), *command],
    cwd=ROOT, capture_output=True, text=True,
  )  # fmt: skip
  if done.returncode in (1, 77):
    pytest.skip(f'nothing can be mounted here: {done.stderr}')
  full, whole, read_only = done.stdout.split('status ')[1:]
  files = [name for name in full.split() if name.endswith('.parquet')]
  assert full[0] in '12' and len(files) == 1 and '.tmp' not in full
  assert whole.startswith('0\n.claims') and whole.count('.parquet') == 3 and 'error' not in whole
  assert set(files) <= set(whole.split()) and read_only.strip() == '2'
  assert 'Traceback' not in done.stderr and 'Read-only file system' in done.stderr
  assert all("No space left on device: '" in line for line in done.stderr.splitlines()[:-1])
