"""Starts train.py in a session of its own: as a command, or forked from what has imported it all.

To import takes seconds, and a kill comes sooner. The fork is the driver alone: the process from
which it has its workers forked is started by the lab itself, as ever.
"""

from collections.abc import Sequence
import contextlib
import gc
import importlib
import json
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[2]
TRAIN = ROOT / 'train.py'
# None of it starts a backend of JAX, whose threads a fork loses.
PRELOADED = ('norms.lab.sweep', 'norms.lab.session', 'norms.lab.parity', 'norms.lab.live',
             'norms.lab.models', 'norms.lab.reporting', 'norms.lab.report', 'norms.lab.report.live',
             'norms.lab.runner.workers', 'norms.lab.report.figures', 'matplotlib.figure',
             'ml_collections.config_flags', 'sklearn.datasets')  # fmt: skip


class Driver:
  """train.py, begun: `said` is the file of its standard error."""

  def __init__(self, pid: int, said: pathlib.Path, poll):
    self.pid, self.said, self.begun = pid, said, time.monotonic()
    self._poll, self._status = poll, None

  def status(self) -> int | None:
    """How it ended, negative for a signal; None where it runs."""
    if self._status is None:
      self._status = self._poll()
    return self._status

  def wait(self, seconds: float) -> int | None:
    """Its status, within so many seconds."""
    until = time.monotonic() + seconds
    while self.status() is None and time.monotonic() < until:
      time.sleep(0.02)
    return self.status()

  def lines(self) -> list[str]:
    """What it has put on standard error."""
    return self.said.read_text().splitlines()


class Starter:
  """Starts drivers with an environment."""

  def __init__(self, environment: dict[str, str], folder: pathlib.Path):
    self._environment = os.environ | {'PYTHONPATH': str(ROOT)} | environment
    self._folder, self._count = folder, 0
    self._server = subprocess.Popen(
      [sys.executable, '-c', 'from tests.kills import starts; starts.serve()'],
      cwd=ROOT, env=self._environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
      start_new_session=True,
    )  # fmt: skip
    self.pid = self._server.pid

  def start(self, arguments: Sequence[str], *, anew: bool = False) -> Driver:
    """train.py with arguments; anew: by a Python that has imported nothing."""
    self._count += 1
    streams = [self._folder / f'{self._count}.{name}' for name in ('out', 'err')]
    if not anew:
      pid = self._ask([*arguments, *map(str, streams)])
      with contextlib.suppress(ProcessLookupError):
        while os.getpgid(pid) != pid:  # until then Ctrl-C cannot be sent to it
          time.sleep(0.001)
      return Driver(pid, streams[1], lambda: self._ask(pid))
    with streams[0].open('w') as out, streams[1].open('w') as err:
      process = subprocess.Popen(
        [sys.executable, str(TRAIN), *arguments], cwd=ROOT, env=self._environment,
        stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
      )  # fmt: skip
    return Driver(process.pid, streams[1], process.poll)

  def _ask(self, what):
    assert self._server.stdin and self._server.stdout
    self._server.stdin.write(json.dumps(what) + '\n')
    self._server.stdin.flush()
    return json.loads(self._server.stdout.readline())

  def close(self) -> None:
    """Ends the process from which drivers are forked."""
    with self._server:
      assert self._server.stdin
      self._server.stdin.close()


def serve() -> None:
  """Starts a driver for each list of arguments on stdin; says of each number how it has ended."""
  signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where a shell has said so
  for name in PRELOADED:
    importlib.import_module(name)
  gc.freeze()
  for line in sys.stdin:
    asked = json.loads(line)
    if isinstance(asked, int):
      pid, status = os.waitpid(asked, os.WNOHANG)
      print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
    elif pid := os.fork():
      print(pid, flush=True)
    else:
      return _drive(*asked)  # its end is the forked process's


def _drive(*asked: str) -> None:
  *arguments, out, err = asked
  for stream, path in enumerate((os.devnull, out, err)):
    os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
  os.setsid()
  sys.argv = [str(TRAIN), *arguments]
  runpy.run_path(str(TRAIN), run_name='__main__')
