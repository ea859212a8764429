"""What a program that runs the lab sets before it begins: where its processes come from, and where
compiled programs are kept."""

import atexit
from collections.abc import Iterator
import contextlib
import hashlib
import multiprocessing
from multiprocessing import forkserver, resource_tracker
import os
import pathlib
import platform
import re
import signal
import sys
import threading
from typing import Any

import jax

from norms.lab.store import durable

CACHE_BYTES = 2 * 2**30  # of compiled programs; those that were not used for longest are deleted
WORTH_KEEPING = 0.3  # seconds of a compilation; smaller ones are compiled about as fast as read
_starting = threading.Lock()


def cache_compilations(threads: int = 0) -> str:
  """Keeps compiled programs in the user's cache folder for later runs; '' or why it cannot, a line.

  The folder is $XDG_CACHE_HOME/norms or ~/.cache/norms, and holds at most CACHE_BYTES for each kind
  of machine and number of threads: as XLA compiles, it splits loops among the threads that there
  are, which shows in the last bits of sums. JAX's own variables (JAX_COMPILATION_CACHE_DIR,
  JAX_COMPILATION_CACHE_MAX_SIZE, JAX_ENABLE_COMPILATION_CACHE, ...) and its config come first.

  threads: how many XLA will have; 0: one for each core.
  """
  settings: Any = jax.config  # whose names jax makes as it is imported
  if settings.jax_compilation_cache_dir or not settings.jax_enable_compilation_cache:
    return ''
  home = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'))
  folder = home / 'norms' / f'compilations-{machine()}-{threads or cores()}'
  if not folder.is_absolute():  # of a user without a home
    return ''
  try:
    folder.mkdir(parents=True, exist_ok=True)
    durable.check_writable(folder)
  except OSError as error:
    return (
      f'compiled programs are not kept, since {folder} cannot be written ({error.strerror}): '
      'set JAX_COMPILATION_CACHE_DIR to a folder that can'
    )
  usual = {
    'jax_compilation_cache_max_size': CACHE_BYTES,
    'jax_persistent_cache_min_compile_time_secs': WORTH_KEEPING,
  }
  for name, value in usual.items():
    if name.upper() not in os.environ:
      jax.config.update(name, value)
  jax.config.update('jax_compilation_cache_dir', str(folder))
  return ''


def be_one_device() -> None:
  """Before JAX starts: a CPU is one device of this process, though XLA_FLAGS may make it several.

  Each would have a thread, and how sums are split among threads shows in their last bits.
  """
  if flags := os.environ.get('XLA_FLAGS'):
    os.environ['XLA_FLAGS'] = re.sub(r'--xla_force_host_platform_device_count=\S*', '', flags)


def settle_figures() -> None:
  """Where a user's home cannot be written to, gives matplotlib a folder for this run: each process
  would make one of its own, say so in two lines, and leave it where it is killed."""
  if 'MPLCONFIGDIR' in os.environ:
    return
  home = pathlib.Path(os.environ.get('XDG_CONFIG_HOME') or os.path.expanduser('~/.config'))
  try:
    (home / 'matplotlib').mkdir(parents=True, exist_ok=True)
    durable.check_writable(home / 'matplotlib')
  except OSError:
    folder = durable.temporary_folder()
    atexit.register(folder.cleanup)
    os.environ['MPLCONFIGDIR'] = folder.name


def machine() -> str:
  """A key of the processor's instructions: a program compiled for others may crash here."""
  info = pathlib.Path('/proc/cpuinfo')
  lines = info.read_text().splitlines() if info.exists() else []
  kinds = {line for line in lines if line.startswith(('flags', 'Features', 'model name'))}
  return hashlib.sha256(repr((platform.machine(), sorted(kinds))).encode()).hexdigest()[:16]


def cores() -> int:
  """How many this process may use."""
  allowed = getattr(os, 'sched_getaffinity', None)  # which macOS has not
  return len(allowed(0)) if allowed else os.cpu_count() or 1


def prepare() -> None:
  """Starts the process from which workers are forked: it imports for them while this one plans."""
  settle_figures()
  # Elsewhere a fork is not safe, and each worker imports for itself; one core makes no workers.
  if sys.platform != 'linux' or cores() < 2:
    return
  forkserver.set_forkserver_preload(['norms.lab.runner.forking'])
  # Ctrl-C is this process's to hear; the tracker, if it started later, would unblock it.
  resource_tracker.ensure_running()
  before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
  try:
    with served_forks():
      multiprocessing.set_start_method('forkserver', force=True)
  except OSError:  # a temporary folder that cannot have its socket: workers start anew
    pass
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def served_forks() -> Iterator[None]:
  """Within it the process runs from which others are forked; OSError where it cannot be started.

  Where it is killed meanwhile a fork is an OSError, too: else multiprocessing would start another
  one by itself, of which a kill leaves the socket.
  """
  server: Any = forkserver._forkserver
  with _starting:
    _serve_forks()
    server.ensure_running = lambda: None
    try:
      yield
    finally:
      del server.ensure_running


def _serve_forks() -> None:
  # Its socket is a file of the temporary folder for a moment only, and from then on has no name.
  config: Any = vars(multiprocessing.current_process())['_config']  # where Python notes the folder
  server: Any = forkserver._forkserver
  if server._forkserver_pid and durable.alive(server._forkserver_pid):
    return
  with contextlib.ExitStack() as stack:
    folder = os.open(stack.enter_context(durable.temporary_folder()), os.O_RDONLY)
    stack.callback(os.close, folder)
    stack.callback(config.update, tempdir=config.get('tempdir'))
    config['tempdir'] = f'/proc/self/fd/{folder}'  # short enough for a socket, whatever the path is
    forkserver.ensure_running()
    handle = os.open(server._forkserver_address, os.O_PATH)
    server._forkserver_address = f'/proc/self/fd/{handle}'
