"""One trial on several devices, and on those of several processes, through train.py.

Eight virtual devices of a CPU stand in for a mesh; what is compared is what the records hold.
"""

import os
import pathlib
import socket
import subprocess
import sys
from typing import NamedTuple

import chex
import in_both_widths
import jax
import numpy as np
import pandas as pd
import pytest
import small

from norms.lab import job as jobs
from norms.lab import records, study
from norms.lab.runner import checks

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[2]
MEASURED = ['train_loss', 'test_loss', 'minibatch_loss', 'grad_norm']
# 320 examples of digits in batches of 64: five steps an epoch.
FLAGS = (
  '--config=configs/sweep.py', '--config.name=devices', '--config.epochs=1', '--config.claims=()',
  '--config.data.train=320', '--config.data.test=100', '--config.sweep.batch_size=64',
  '--config.sweep.init_scale=1', '--config.sweep.seed=0', '--config.sweep.norm=batch,layer',
  '--config.sweep.sync_batch_stats=True,False',
)  # fmt: skip
# What five steps of training make of another order of sums.
FLOAT32, FLOAT64 = 1e-5, 1e-9


def started(script: str, *arguments: str, devices: int, **environment: str) -> subprocess.Popen:
  more = {'XLA_FLAGS': f'--xla_force_host_platform_device_count={devices}', **environment}
  return subprocess.Popen(
    [sys.executable, script, *arguments], cwd=ROOT, text=True,
    env={**os.environ, 'PYTHONPATH': str(ROOT), **more}, stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
  )  # fmt: skip


def frame(folder):
  """The records, a row for each norm, devices, sync_batch_stats and epoch."""
  rows = records.load(folder)
  rows = rows.fillna({'devices': 1, 'sync_batch_stats': True})
  rows = rows.astype({'devices': int, 'sync_batch_stats': bool})
  return rows.set_index(['norm', 'devices', 'sync_batch_stats', 'epoch']).sort_index()


def finished(*processes) -> list[str]:
  said = [process.communicate(timeout=300)[0] for process in processes]
  assert not any(process.returncode for process in processes), '\n'.join(said)
  return said


def job(script: str, *arguments: tuple[str, ...]) -> list[subprocess.Popen]:
  """The processes of one job, four devices each."""
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    address = f'127.0.0.1:{free.getsockname()[1]}'
  about = {'JAX_COORDINATOR_ADDRESS': address, 'JAX_NUM_PROCESSES': str(len(arguments))}
  return [
    started(script, *mine, devices=4, JAX_PROCESS_ID=str(i), **about)
    for i, mine in enumerate(arguments)
  ]


class Found(NamedTuple):
  """What processes found: records of train.py, what was measured in float64, and their words."""

  records: pd.DataFrame
  wide: dict[str, np.ndarray]
  said: list[str]

  @classmethod
  def of(cls, folder, processes: list[subprocess.Popen]) -> 'Found':
    said = finished(*processes)
    with np.load(folder / in_both_widths.FILE) as wide:
      return cls(frame(folder), dict(wide), said)


@pytest.fixture(scope='module')
def one(tmp_path_factory):
  """One process of eight devices, which all share a batch, or of which one has it alone."""
  folder = tmp_path_factory.mktemp('one')
  flags = (str(folder), *FLAGS, '--config.sweep.devices=1,8')
  return Found.of(folder, [started(in_both_widths.__file__, *flags, devices=8)])


@pytest.fixture(scope='module')
def two(tmp_path_factory):
  """Two processes of four devices each, as one job."""
  folder = tmp_path_factory.mktemp('two')
  flags = (str(folder), *FLAGS, '--config.sweep.devices=8')
  return Found.of(folder, job(in_both_widths.__file__, flags, flags))


def wide(found: Found, of: str) -> dict[str, np.ndarray]:
  """What was measured in float64 of a 'devices/synchronised'."""
  measured = {k.removeprefix(of): v for k, v in found.wide.items() if k.startswith(f'{of}/')}
  assert len(measured) == 6
  chex.assert_type(list(measured.values()), np.float64)
  return measured


@pytest.mark.parametrize('norm', ['batch', 'layer'])
def test_a_batch_over_eight_devices_is_one_batch(norm, one):
  """Synchronised; within the rounding of another order of sums, which five steps enlarge."""
  for epoch in (0, 1):
    alone, shared = (one.records.loc[(norm, n, True, epoch), MEASURED] for n in (1, 8))
    np.testing.assert_allclose(shared.astype(float), alone.astype(float), rtol=FLOAT32)


def test_a_batch_over_eight_devices_is_one_batch_in_float64(one):
  shared, alone = wide(one, '8/True'), wide(one, '1/True')
  chex.assert_trees_all_close(shared, alone, rtol=FLOAT64, atol=FLOAT64)


def test_statistics_of_each_device_are_another_trial(one):
  """Of batch norm; layer norm has none of the batch."""
  loss = one.records['train_loss']
  assert abs(loss['batch', 8, True, 1] - loss['batch', 8, False, 1]) > 1e-3
  np.testing.assert_allclose(loss['layer', 8, True, 1], loss['layer', 8, False, 1], rtol=FLOAT32)
  assert one.records['trial'].nunique() == 6
  kernels = (wide(one, f'8/{synchronised}')['/kernel'] for synchronised in (True, False))
  assert np.abs(np.subtract(*kernels)).max() > 1e-3


def test_two_processes_of_four_devices_are_one_job(one, two):
  """Each computes its share of every step; the first writes, and writes it once."""
  first, second = two.said
  assert 'report: ' in first and 'report: ' not in second
  eight = one.records.xs(8, level='devices', drop_level=False)
  assert two.records.index.equals(eight.index)
  for name in MEASURED:
    chex.assert_trees_all_close(*(f[name].to_numpy() for f in (two.records, eight)), rtol=FLOAT32)


@pytest.mark.parametrize('synchronised', [True, False])
def test_two_processes_find_in_float64_what_one_finds(synchronised, one, two):
  both = (wide(found, f'8/{synchronised}') for found in (two, one))
  chex.assert_trees_all_close(*both, rtol=FLOAT64, atol=FLOAT64)


def test_processes_that_plan_different_trials_do_not_begin(tmp_path):
  """They would wait for each other within steps, for ever."""
  flags = (*FLAGS, '--config.sweep.devices=8', f'--workdir={tmp_path}')
  both = job('train.py', flags, (*flags, '--config.sweep.seed=1'))
  said = [process.communicate(timeout=120)[0] for process in both]
  assert [process.returncode for process in both] == [2, 2], said
  assert all('the processes of this job plan different trials' in each for each in said)
  assert not records.files(tmp_path)


def test_what_a_job_of_several_does_not_do_is_refused(monkeypatch):
  """Also by a second study of one process."""
  monkeypatch.setattr(jax.distributed, 'is_initialized', lambda: True)
  with pytest.raises(ValueError, match='config.checkpoint=5 is for a job of one process'):
    jobs.join({'config.checkpoint': 5, 'config.timing': 0})


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
