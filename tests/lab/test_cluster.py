"""Promises of a study on a cluster: it finds what this machine finds, whoever is killed."""

from concurrent import futures
import contextlib
import dataclasses
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import commands
import pandas as pd
import pytest
import small

from norms.lab import records, session, study
from norms.lab.cluster import seats
from norms.lab.cluster.cluster import Cluster
from norms.lab.workdir import claims, kept
from tests.kills.living import alive, all_end, descendants

pytest.importorskip('distributed', reason='the extra `cluster` is not installed')
clusters, driving, member = map(
  importlib.import_module, ('clusters', 'norms.lab.cluster.driving', 'norms.lab.cluster.member')
)
pytestmark = [pytest.mark.faults, pytest.mark.filterwarnings('ignore')]  # distributed's own
SMOKE = {'chunk': 1}
OTHER = 'Metadata-Version: 2.1\nName: norms\nVersion: 9.9.9\n'
NORM = """import flax.linen as nn
from mine_inner import FACTOR
class Mine(nn.Module):
  def __call__(self, x):
    return FACTOR * x
"""
DATA = """import pathlib, numpy as np
def load():
  x = np.load(pathlib.Path(__file__).parent / 'x.npy')
  return {'train': (x[:64], np.arange(64) % 2), 'test': (x[64:], np.arange(32) % 2)}
"""


@pytest.fixture(scope='module')
def cluster(tmp_path_factory):
  with contextlib.closing(clusters.Cluster(tmp_path_factory.mktemp('cluster'))) as made:
    made.join(3)
    yield made


@pytest.fixture(scope='module')
def smoke():
  return study.from_config(commands.ROOT / 'configs/sweep.py:smoke', overridden=SMOKE)


@pytest.fixture(scope='module')
def here(smoke, tmp_path_factory):
  """What this machine finds, in processes of one thread each, as a cluster's."""
  folder = tmp_path_factory.mktemp('here')
  session.run(smoke, folder, processes=True, progress=False)
  return sorted_records(folder)


def sorted_records(folder):
  return records.load(folder).sort_values(['trial', 'epoch'], ignore_index=True)


def engine(cluster, then=None, **options):
  """Cluster, which calls `then` at each tick."""

  def run(asked, groups, workdir, *, tick, **how):
    def ticks(*told):
      tick(*told)
      if then:
        then()

    return Cluster(cluster.address, **options)(asked, groups, workdir, tick=ticks, **how)

  return run


def run(asked, folder, cluster, then=None, **options):
  return session.run(asked, folder, progress=False, engine=engine(cluster, then, **options))


def test_a_cluster_finds_to_the_bit_what_this_machine_finds(cluster, smoke, here, tmp_path):
  frame = run(smoke, tmp_path, cluster)
  assert not frame.attrs['failed'] and len(frame['trial'].unique()) == 24
  pd.testing.assert_frame_equal(sorted_records(tmp_path), here, check_exact=True)
  assert session.plan(smoke, tmp_path).empty
  assert {path.name for path in tmp_path.rglob('.*')} == {claims.FILE}


def test_a_worker_that_is_killed_loses_no_trial_and_no_bit(cluster, smoke, here, tmp_path):
  killed = []

  def kill():
    busy = [worker for worker in cluster.workers if descendants(worker.pid)]
    if busy and not killed:
      assert list(cluster.folder.glob('.norms.*'))
      killed.extend([busy[0], *descendants(busy[0].pid)])
      busy[0].send_signal(signal.SIGKILL)

  frame = run(smoke, tmp_path, cluster, kill)
  killed[0].wait()
  cluster.workers.remove(killed[0])
  cluster.join(1)
  assert not frame.attrs['failed'] and not any(map(alive, killed[1:]))
  until = time.monotonic() + 10
  while (left := len(list(cluster.folder.glob('.norms.*')))) > len(seated(cluster)):
    assert time.monotonic() < until, f'{left} folders are left'
    time.sleep(0.1)
  pd.testing.assert_frame_equal(sorted_records(tmp_path), here, check_exact=True)


@pytest.mark.parametrize('write', ['driver', 'workers'])
def test_two_drivers_at_once_run_each_group_once(
  write, cluster, smoke, here, tmp_path, monkeypatch
):
  """One of them has what the other leaves, and says who has the rest."""
  ended, store = [], driving.Run._store

  def seen(self, group, *rest):
    ended.extend(trial.hash for trial in group.trials)
    store(self, group, *rest)

  monkeypatch.setattr(driving.Run, '_store', seen)
  with futures.ThreadPoolExecutor(2) as pool:
    begun = [pool.submit(run, smoke, tmp_path, cluster, write=write) for _ in range(2)]
    frames = [each.result() for each in begun]
  assert sorted(ended) == sorted(trial.hash for trial in smoke.trials)
  assert not all(frame.attrs['left'] for frame in frames)
  assert not any(frame.attrs['failed'] for frame in frames)
  pd.testing.assert_frame_equal(sorted_records(tmp_path), here, check_exact=True)


def test_a_users_modules_and_data_travel_and_are_never_stale(cluster, tmp_path, monkeypatch):
  """They lie where no worker looks; what a file's function reads is not there either."""
  import numpy as np

  folder = tmp_path / 'mine'
  folder.mkdir()
  (folder / 'mine_norm.py').write_text(NORM)
  (folder / 'mine_data.py').write_text(DATA)
  np.save(folder / 'x.npy', np.random.default_rng(0).normal(size=(96, 4)))
  monkeypatch.syspath_prepend(folder)
  first = []
  for factor in (1, 3):
    (folder / 'mine_inner.py').write_text(f'FACTOR = {factor}\n')
    for name in ('mine_norm', 'mine_inner'):
      sys.modules.pop(name, None)
    made = small.config(norm='mine_norm:Mine', batch_size=32, epochs=1, keep='final')
    made.data.name = 'mine_data:load'
    asked = study.from_config(made)
    frame = run(asked, tmp_path / 'results', cluster)
    assert not frame.attrs['failed']
    first.append(float(frame['test_loss'].iloc[0]))
    assert 'params' in kept.load_params(tmp_path / 'results', asked.trials[0])
  assert first[0] != first[1]


def test_a_group_that_fails_or_ends_its_process_is_on_record_and_others_run(cluster, tmp_path):
  made = small.config(norm=('users_own:Breaks', 'users_own:Dies', 'none'), epochs=1)
  frame = run(study.from_config(made), tmp_path, cluster)
  breaks, dies = sorted(frame.attrs['failed'])
  assert 'users_own:Breaks' in breaks and 'out of luck' in breaks
  assert 'users_own:Dies, batch 256' in dies and '3 workers were lost' in dies
  said = [path.read_text() for path in records.folder(tmp_path).glob('*.error.txt')]
  assert len(said) == 2 and any('Traceback' in text for text in said)
  assert set(frame['norm']) == {'none'}


def test_a_group_that_hangs_is_ended_and_no_worker_is_lost(cluster, tmp_path):
  asked = study.from_config(small.config(norm='users_own:HangsTraced', epochs=1))
  how = {'progress': False, 'engine': engine(cluster), 'time_limit': 2}
  (line,) = session.run(asked, tmp_path, **how).attrs['failed']
  assert line.startswith('users_own:HangsTraced, batch 256') and 'time_limit=2 s' in line
  (error,) = records.folder(tmp_path).glob('*.error.txt')
  assert 'time_limit=2 s' in error.read_text()
  assert all(worker.poll() is None for worker in cluster.workers)


@pytest.mark.parametrize('write', ['driver', 'workers'])
def test_a_group_that_is_killed_for_its_memory_runs_again_with_less(
  write, cluster, tmp_path, capfd
):
  """As the kernel ends what takes too much: no worker is lost, and the group is not given up."""
  made = small.config(norm=('users_own:Killed', 'none'), epochs=1, chunk=4)
  made.norm_options['users_own:Killed'] = {'seen': str(tmp_path / 'seen'), 'times': 2}
  made.sweep.learning_rate = (0.1, 0.2, 0.3, 0.4)
  frame = run(study.from_config(made), tmp_path, cluster, write=write)
  assert not frame.attrs['failed'] and frame.groupby('norm')['trial'].nunique().tolist() == [4, 4]
  said = [line.partition(': ')[2] for line in capfd.readouterr().err.splitlines()]
  killed = 'its process ended with exit code -9 (out of memory?); again with chunk '
  assert [line for line in said if line] == [f'{killed}2, not 4', f'{killed}1, not 2']
  chunks = {each['group'].split(',')[0]: each['chunk'] for each in records.provenance(tmp_path)}
  assert chunks == {'users_own:Killed': 1, 'none': 4}
  assert all(worker.poll() is None for worker in cluster.workers)


def test_a_worker_of_another_version_is_refused_unless_that_is_allowed(cluster, tmp_path):
  """And where a worker announces a device, groups go there alone."""
  package = tmp_path / 'other' / 'norms-9.9.9.dist-info'
  package.mkdir(parents=True)
  (package / 'METADATA').write_text(OTHER)
  paths = f'{package.parent}:{clusters.ROOT}'
  (worker,) = cluster.join(1, '--resources=GPU=1', PYTHONPATH=paths)
  asked = study.from_config(small.config(norm=('none', 'batch'), epochs=1))
  said = r'worker tcp.*: norms 9.9.9 \(here .*\): install the same .* --allow_versions'
  try:
    with pytest.raises(ValueError, match=said):
      run(asked, tmp_path / 'refused', cluster)
    run(asked, tmp_path / 'allowed', cluster, allow_versions=True, write='workers')
  finally:
    cluster.workers.remove(worker)
    worker.kill()
    worker.wait()
  origins = records.provenance(tmp_path / 'allowed')
  assert [each['versions']['norms'] for each in origins] == ['9.9.9', '9.9.9']


def test_a_worker_that_joins_later_is_refused_by_its_task():
  task = member.Task('job', 0, (), '', {'jax': '0.0.1'})
  with pytest.raises(
    seats.Refused, match=r'worker: jax .* \(here 0.0.1\): install .*allow_versions'
  ):
    member.check(task, 'worker')


def test_devices_are_counted_where_a_trial_runs(cluster, tmp_path):
  """Not where it is planned; and before anything is trained."""
  asked = study.from_config(small.config(epochs=1, batch_size=64, devices=16, norm='batch'))
  said = r'^worker tcp://\S+: devices=16, and JAX has \d: use at most that; on a CPU XLA_FLAGS'
  with pytest.raises(ValueError, match=said) as error:
    run(asked, tmp_path, cluster)
  assert '\n' not in str(error.value) and not records.files(tmp_path)


def test_a_driver_needs_no_devices(tmp_path):
  asked = study.from_config(small.config(batch_size=900, devices=9))
  with pytest.raises(ValueError, match='devices=9, and JAX has 8'):
    session.describe(asked, tmp_path)
  assert '9 devices' in session.describe(asked, tmp_path, elsewhere=True)
  with pytest.raises(ValueError, match='no scheduler answers'):
    session.run(asked, tmp_path, progress=False, engine=Cluster('tcp://127.0.0.1:9'))


def test_a_worker_without_the_drivers_folder_is_refused(tmp_path):
  task = member.Task('job', 0, (), str(tmp_path), {})
  with pytest.raises(seats.Refused, match=f'worker: has no {tmp_path}: give --write=driver'):
    member.check(task, 'worker')
  records.prepare(tmp_path)
  member.check(task, 'worker')


def test_a_process_whose_worker_is_killed_ends_also_while_it_imports(tmp_path):
  """Which takes seconds; its folder, which only it can delete then, goes with it."""
  (tmp_path / 'norms').mkdir()
  (tmp_path / 'norms' / '__init__.py').write_text('import time\ntime.sleep(600)\n')
  folder = tmp_path / 'folder'
  (folder / 'results').mkdir(parents=True)
  mine, theirs = multiprocessing.Pipe()
  with contextlib.closing(mine), contextlib.closing(theirs):
    process = subprocess.Popen(
      [sys.executable, '-P', seats.SEAT, str(theirs.fileno()), folder], stdin=subprocess.PIPE,
      pass_fds=[theirs.fileno()], env=os.environ | {'PYTHONPATH': str(tmp_path)},
    )  # fmt: skip
    process.stdin.close()
    assert process.wait(30) == 1 and not folder.exists()


def test_groups_end_with_a_driver_that_is_killed(cluster, tmp_path):
  process = subprocess.Popen(
    [sys.executable, 'train.py', '--config=configs/sweep.py:smoke', f'--workdir={tmp_path}',
     '--config.epochs=20000', f'--scheduler={cluster.address}'],
    cwd=commands.ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
  )  # fmt: skip
  try:
    idle = set(seated(cluster))
    while not (begun := set(seated(cluster)) - idle):
      assert process.poll() is None
      time.sleep(0.1)
  finally:
    process.kill()
    process.wait()
  assert all_end(begun, 20)


def seated(cluster):
  return [child for worker in cluster.workers for child in descendants(worker.pid)]


def test_a_scheduler_that_is_killed_is_said_and_the_next_start_goes_on(cluster, smoke, tmp_path):
  """The last of this file with this scheduler: no other test has it."""

  killed = []

  def kill():
    if records.files(tmp_path) and not killed:
      cluster.scheduler.kill()
      killed.append(time.monotonic())

  with pytest.raises(ValueError, match=r'scheduler at tcp.* is gone: what is finished is kept'):
    run(smoke, tmp_path, cluster, kill)
  assert time.monotonic() - killed[0] < 30
  done = {path: path.read_bytes() for path in records.files(tmp_path)}
  frame = session.run(smoke, tmp_path, progress=False)
  assert len(frame['trial'].unique()) == 24 and 0 < len(done) < len(records.files(tmp_path))
  assert all(path.read_bytes() == raw for path, raw in done.items())


def test_a_scheduler_that_is_killed_before_anything_runs_is_said(smoke, tmp_path, monkeypatch):
  check = driving.Run._check_workers

  def kill(self):
    made.scheduler.kill()
    made.scheduler.wait()
    check(self)

  monkeypatch.setattr(driving.Run, '_check_workers', kill)
  with (
    contextlib.closing(clusters.Cluster(tmp_path)) as made,
    pytest.raises(ValueError, match=r'scheduler at tcp.* is gone: what is finished is kept'),
  ):
    run(smoke, tmp_path / 'results', made)


def test_without_a_scheduler_there_is_one_line(tmp_path):
  begun = time.monotonic()
  done = commands.train('--scheduler=tcp://127.0.0.1:9', f'--workdir={tmp_path}')
  assert done.returncode == 2 and time.monotonic() - begun < 60
  assert len(done.stderr.splitlines()) == 1, done.stderr
  assert 'no scheduler answers at tcp://127.0.0.1:9' in done.stderr


@pytest.mark.parametrize('address', ['nonsense', 'foo://here:1', 'tcp://127.0.0.1:port'])
def test_an_address_that_is_none_is_one_line(address, tmp_path):
  asked = study.from_config(small.config())
  with pytest.raises(ValueError, match=f'no scheduler answers at {address} '):
    session.run(asked, tmp_path, progress=False, engine=Cluster(address))


def test_checkpoints_need_a_folder_that_workers_share(tmp_path):
  asked = dataclasses.replace(study.from_config(small.config()), checkpoint=1.0)
  with pytest.raises(ValueError, match='config.checkpoint=1.0 needs a folder .* --write=workers'):
    session.run(asked, tmp_path, progress=False, engine=Cluster('tcp://127.0.0.1:9'))
