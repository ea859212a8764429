"""One trial on several devices, and on those of several processes, through train.py.

Eight virtual devices of a CPU stand in for a mesh; what is compared is what the records hold.
"""

import os
import pathlib
import socket
import subprocess
import sys

import chex
import jax
import numpy as np
import pytest
import small

from norms.lab import job as jobs
from norms.lab import records, study
from norms.lab.runner import checks

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[2]
MEASURED = ['train_loss', 'test_loss', 'minibatch_loss', 'grad_norm']
# 300 examples of digits in batches of 60: five steps an epoch.
FLAGS = (
  '--config=configs/sweep.py', '--config.name=devices', '--config.epochs=1', '--config.claims=()',
  '--config.data.train=300', '--config.data.test=100', '--config.sweep.batch_size=60',
  '--config.sweep.init_scale=1', '--config.sweep.seed=0', '--config.sweep.norm=batch,layer',
)  # fmt: skip
SHARED = ('--config.sweep.devices=4', '--config.sweep.sync_batch_stats=True,False')


def started(folder, *flags: str, devices: int, **environment: str) -> subprocess.Popen:
  more = {'XLA_FLAGS': f'--xla_force_host_platform_device_count={devices}', **environment}
  return subprocess.Popen(
    [sys.executable, 'train.py', *FLAGS, *flags, f'--workdir={folder}'], cwd=ROOT, text=True,
    env={**os.environ, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
  )  # fmt: skip


def frame(folder):
  """The records, a row for each norm, sync_batch_stats and epoch."""
  rows = records.load(folder)
  if 'sync_batch_stats' not in rows:
    rows = rows.assign(sync_batch_stats=True)
  rows['sync_batch_stats'] = rows['sync_batch_stats'].fillna(True).astype(bool)
  return rows.set_index(['norm', 'sync_batch_stats', 'epoch']).sort_index()


def finished(*processes) -> list[str]:
  said = [process.communicate(timeout=300)[0] for process in processes]
  assert not any(process.returncode for process in processes), '\n'.join(said)
  return said


def job(folder, *flags: tuple[str, ...]) -> list[subprocess.Popen]:
  """The processes of one job, two devices each."""
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    address = f'127.0.0.1:{free.getsockname()[1]}'
  about = {'JAX_COORDINATOR_ADDRESS': address, 'JAX_NUM_PROCESSES': str(len(flags))}
  return [
    started(folder, *mine, devices=2, JAX_PROCESS_ID=str(i), **about)
    for i, mine in enumerate(flags)
  ]


@pytest.fixture(scope='module')
def alone(tmp_path_factory):
  """The records of one device."""
  folder = tmp_path_factory.mktemp('alone')
  finished(started(folder, devices=1))
  return frame(folder)


@pytest.fixture(scope='module')
def shared(tmp_path_factory):
  """The records of four devices in one process."""
  folder = tmp_path_factory.mktemp('shared')
  finished(started(folder, *SHARED, devices=4))
  return frame(folder)


@pytest.mark.parametrize('norm', ['batch', 'layer'])
def test_a_batch_over_four_devices_is_one_batch(norm, alone, shared):
  """Within the rounding of another order of sums, which five steps of training enlarge."""
  for epoch in (0, 1):
    for name in MEASURED:
      a, b = (rows.loc[(norm, True, epoch), name] for rows in (alone, shared))
      np.testing.assert_allclose(b, a, rtol=1e-5, err_msg=name)


def test_statistics_of_each_device_are_another_trial(shared):
  """Of batch norm; layer norm has none of the batch."""
  loss = shared['train_loss']
  assert abs(loss['batch', True, 1] - loss['batch', False, 1]) > 1e-3
  np.testing.assert_allclose(loss['layer', True, 1], loss['layer', False, 1], rtol=1e-6)
  assert shared['trial'].nunique() == 4


def test_two_processes_of_two_devices_are_one_job(shared, tmp_path):
  """Each computes its share of every step; the first writes, and writes it once."""
  first, second = finished(*job(tmp_path, SHARED, SHARED))
  assert 'report: ' in first and 'report: ' not in second
  both = frame(tmp_path)
  assert len(both) == len(shared)
  for name in MEASURED:
    chex.assert_trees_all_close(both[name].to_numpy(), shared[name].to_numpy(), rtol=1e-5)


def test_processes_that_plan_different_trials_do_not_begin(tmp_path):
  """They would wait for each other within steps, for ever."""
  both = job(tmp_path, SHARED, (*SHARED, '--config.sweep.seed=1'))
  said = [process.communicate(timeout=120)[0] for process in both]
  assert [process.returncode for process in both] == [2, 2], said
  assert all('the processes of this job plan different trials' in each for each in said)
  assert not records.files(tmp_path)


def test_what_a_job_of_several_does_not_do_is_refused(monkeypatch):
  """Also by a second study of one process."""
  monkeypatch.setattr(jax.distributed, 'is_initialized', lambda: True)
  with pytest.raises(ValueError, match='config.checkpoint=5 is for a job of one process'):
    jobs.join(checkpoint=5, timing=0)


@pytest.mark.parametrize(
  ('changes', 'says'),
  [
    ({'devices': 1000}, 'devices=1000, and JAX has'),
    ({'devices': 0}, 'devices=0: use a whole number from 1 on'),
    ({'devices': 2, 'batch_size': 33}, 'batch_size=33 is no multiple of devices=2'),
    ({'devices': 2, 'sync_batch_stats': (True, 5)}, 'sync_batch_stats=5 is not known: use one of'),
  ],
)
def test_devices_that_cannot_be_are_refused(changes, says):
  with pytest.raises(ValueError, match=says):
    checks.check(study.from_config(small.config(norm='batch', **changes)))


def test_one_device_has_one_way_to_take_statistics():
  both = [study.from_config(small.config(sync_batch_stats=s)).trials[0].hash for s in (True, False)]
  assert both[0] == both[1] == study.from_config(small.config()).trials[0].hash
