"""What a program that runs the lab sets before it begins: where its processes come from."""

import multiprocessing
from multiprocessing import forkserver, resource_tracker
import os
import signal
import sys


def prepare() -> None:
  """Starts the process from which workers are forked: it imports for them while this one plans."""
  # Elsewhere a fork is not safe, and each worker imports for itself; one core makes no workers.
  if sys.platform != 'linux' or len(os.sched_getaffinity(0)) < 2:
    return
  forkserver.set_forkserver_preload(['norms.lab.runner.workers'])
  # Ctrl-C is this process's to hear; the tracker, if it started later, would unblock it.
  resource_tracker.ensure_running()
  before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
  try:
    forkserver.ensure_running()
    multiprocessing.set_start_method('forkserver', force=True)
  except OSError:  # a temporary folder with a path too long for its socket: workers start anew
    pass
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
