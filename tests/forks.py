"""Runs pytest many times over, each in a process of its own that need not import jax and pytest.

A process imports them once, and is forked for each run. It imports nothing of the project, so that
each run imports the copy in its own folder; and it starts no JAX backend, whose threads would be
missing after a fork.
"""

from collections.abc import Iterable, Iterator
import gc
import importlib
import importlib.metadata
import os
import pathlib
import signal
import sys
import tempfile
import time
import traceback
from typing import IO, NamedTuple

# What the project and its tests import, beside pytest's plugins. None starts JAX's threads.
PRELOADED = (
  'pytest', 'hypothesis', 'chex', 'jax', 'jax.export', 'jaxlib.mlir.dialects.mhlo', 'flax.linen',
  'flax.nnx', 'optax', 'ml_collections.config_flags', 'numpy', 'pandas', 'pyarrow.parquet',
  'scipy.stats', 'sklearn.datasets', 'matplotlib.figure', 'jinja2', 'tqdm',
)  # fmt: skip
# A run that takes so many seconds hangs: the slowest takes some twenty.
LIMIT = 600


class Run(NamedTuple):
  """A folder with a copy of the project, and what pytest gets there."""

  name: str
  folder: pathlib.Path
  options: tuple[str, ...]


class Outcome(NamedTuple):
  """pytest's exit status, negative for a signal that ended it; what was printed; seconds."""

  status: int
  output: str
  seconds: float


def preload() -> None:
  """Imports what every run would import otherwise."""
  for name in PRELOADED:
    importlib.import_module(name)
  for plugin in importlib.metadata.entry_points(group='pytest11'):
    plugin.load()
  gc.freeze()  # none of it is looked through again by each run's collections of garbage


def outcomes(runs: Iterable[Run], at_once: int) -> Iterator[tuple[Run, Outcome]]:
  """Each run as it ends, so many side by side; the next is asked for where a process is free."""
  going: dict[int, _Going] = {}
  for run in runs:
    log = tempfile.TemporaryFile()  # noqa: SIM115 (_ended closes it)
    going[_start(run, log)] = _Going(run, log, time.monotonic())
    if len(going) == at_once:
      yield _ended(going)
  while going:
    yield _ended(going)


class _Going(NamedTuple):
  run: Run
  log: IO[bytes]
  start: float


def _ended(going: dict[int, _Going]) -> tuple[Run, Outcome]:
  pid, status = os.wait()
  run, log, start = going.pop(pid)
  with log:
    log.seek(0)
    output = log.read().decode(errors='replace')
  return run, Outcome(os.waitstatus_to_exitcode(status), output, time.monotonic() - start)


def _start(run: Run, log: IO[bytes]) -> int:
  _hold_that_a_fork_is_safe()
  sys.stdout.flush()
  pid = os.fork()
  if pid == 0:
    status = 70
    try:
      status = _pytest(run, log)
    except BaseException:
      traceback.print_exc()
    finally:
      sys.stdout.flush()
      sys.stderr.flush()
      os._exit(status)  # at once: what is to be done at the end of the parent is the parent's
  return pid


def _hold_that_a_fork_is_safe() -> None:
  from jax._src import xla_bridge

  assert not xla_bridge.backends_are_initialized(), 'a backend of JAX runs: its threads would stop'
  own = [name for name in sys.modules if name.split('.')[0] in ('norms', 'promises', 'configs')]
  assert not own, f'{own} would be the same in every run'


def _pytest(run: Run, log: IO[bytes]) -> int:
  """In the forked process: pytest in the run's folder."""
  signal.alarm(LIMIT)
  for stream in (1, 2):
    os.dup2(log.fileno(), stream)
  os.chdir(run.folder)
  os.environ['PYTHONPATH'] = sys.path[0] = str(run.folder)
  import pytest

  # pytest's plugins have been imported, which it would warn of, and warnings are errors here. The
  # temporary folders, too, are the run's own, and end with it.
  own = ['-n', '0', '-p', 'no:cacheprovider', '-W', 'ignore::pytest.PytestAssertRewriteWarning']
  own.append(f'--basetemp={run.folder}/tmp-{os.getpid()}')
  status = int(pytest.main([*own, *run.options]))
  at = sys.modules['norms'].__file__ or ''
  assert pathlib.Path(at).is_relative_to(run.folder), f'tested was {at}, not the copy'
  return status
