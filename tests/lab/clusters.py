"""A Dask scheduler and its workers as processes of this machine, and what ends with them."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
QUIET = {'DASK_LOGGING__DISTRIBUTED': 'critical', 'DASK_DISTRIBUTED__ADMIN__TICK__LIMIT': '60s'}


class Cluster:
  """A scheduler at `address`; its workers are `workers`, processes of one thread each."""

  def __init__(self, folder: pathlib.Path):
    self.folder = folder  # their temporary one, too
    self._log = (folder / 'cluster.log').open('w')
    file = folder / 'scheduler.json'
    options = ['--host=127.0.0.1', '--port=0', '--no-dashboard', f'--scheduler-file={file}']
    self.scheduler = self._start('scheduler', *options)
    until = time.monotonic() + 30
    while not (file.exists() and file.read_text().rstrip().endswith('}')):
      assert time.monotonic() < until and self.scheduler.poll() is None, 'no scheduler'
      time.sleep(0.05)
    self._file, self.workers = file, []
    self.address = next(
      word.strip('",') for word in file.read_text().split() if word.startswith('"tcp://')
    )

  def join(self, count: int, *options: str, **environment: str) -> list[subprocess.Popen]:
    """Starts so many workers more, and waits for them."""
    usual = ['--nthreads=1', '--no-nanny', '--no-dashboard', '--host=127.0.0.1']
    usual += [f'--scheduler-file={self._file}', f'--local-directory={self.folder}']
    started = [self._start('worker', *usual, *options, **environment) for _ in range(count)]
    self.workers += started
    import distributed  # of the extra `cluster`, which kills of other processes do without

    with distributed.Client(self.address, set_as_default=False) as client:
      client.wait_for_workers(len(self.workers), timeout=30)
    return started

  def _start(self, what: str, *options: str, **environment: str) -> subprocess.Popen:
    # Nothing of a user's is on its path: what a study names must come with it.
    own = {'PYTHONPATH': str(ROOT), 'TMPDIR': str(self.folder)}
    environment = os.environ | own | QUIET | environment
    return subprocess.Popen(
      [sys.executable, '-m', 'distributed.cli.dask_' + what, *options],
      cwd=self.folder, env=environment, stdout=self._log, stderr=self._log, start_new_session=True,
    )  # fmt: skip

  def close(self) -> None:
    """Ends all processes."""
    for process in (*self.workers, self.scheduler):
      with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
      process.wait()
    self._log.close()
