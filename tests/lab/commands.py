"""train.py as a user calls it: in a process of its own, or forked from one that has imported JAX.

To import JAX, Flax and the lab takes two seconds, and to plan a study or refuse it a tenth of one.
"""

from collections.abc import Callable, Iterator
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
import tempfile

ROOT = pathlib.Path(__file__).parents[2]
TRAIN = ROOT / 'train.py'
# What a command imports that plans. None of it starts a backend of JAX, whose threads a fork loses.
PRELOADED = ('norms.lab.sweep', 'norms.lab.parity', 'norms.lab.overrides', 'norms.lab.models',
             'norms.lab.runner.checks', 'norms.lab.runner.workers')  # fmt: skip


def _environment() -> dict[str, str]:
  """In which the norms and models of these tests are found."""
  return os.environ | {'PYTHONPATH': os.pathsep.join([str(ROOT), str(ROOT / 'tests/lab')])}


def train(
  *arguments: str, cwd: pathlib.Path = ROOT, **environment: str
) -> subprocess.CompletedProcess:
  """The finished command, in a process of its own."""
  return subprocess.run(
    [sys.executable, str(TRAIN), *arguments],
    cwd=cwd, env=_environment() | environment, capture_output=True, text=True, timeout=300,
  )  # fmt: skip


@contextlib.contextmanager
def forked() -> Iterator[Callable[..., subprocess.CompletedProcess]]:
  """A function like `train` for commands that start no workers."""
  server = subprocess.Popen(
    [sys.executable, '-c', 'import commands; commands.serve()'],
    cwd=ROOT, env=_environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
  )  # fmt: skip
  with server, tempfile.TemporaryDirectory() as folder:
    said = [pathlib.Path(folder, name) for name in ('stdout', 'stderr')]

    def run(*arguments: str) -> subprocess.CompletedProcess:
      assert server.stdin and server.stdout
      server.stdin.write(json.dumps([arguments, *map(str, said)]) + '\n')
      server.stdin.flush()
      status = int(server.stdout.readline())
      return subprocess.CompletedProcess(arguments, status, *(path.read_text() for path in said))

    yield run


def serve() -> None:
  """Runs one command for each line of stdin, and prints its exit status."""
  for name in PRELOADED:
    importlib.import_module(name)
  gc.freeze()
  for line in sys.stdin:
    pid = os.fork()
    if not pid:
      return _run(*json.loads(line))  # its end is the forked process's
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _run(arguments: list[str], *said: str) -> None:
  signal.alarm(60)  # whatever it is told, a command that plans ends
  for stream, path in enumerate((os.devnull, *said)):
    os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
  sys.argv = [str(TRAIN), *arguments]
  runpy.run_path(str(TRAIN), run_name='__main__')
