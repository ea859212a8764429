"""Worker processes for a CPU, where groups in threads of one process get in each other's way.

There every small step of one waits for the other's in XLA's one pool of threads: beside each other
two groups take 1.4 times as long in threads as in processes with a pool each.
"""

import multiprocessing
import os
import pathlib
import signal
import threading
from typing import Any

import jax

from norms.lab import execution, records
from norms.lab.execution import Stopped, Tick
from norms.lab.once import Once
from norms.lab.plan import Group
from norms.lab.study import Study


class Process:
  """A process that runs the groups it is called with, one after the other."""

  def __init__(self, study: Study, workdir: str | os.PathLike, threads: int):
    self._job = (study, pathlib.Path(workdir), threads)
    self._start()

  def _start(self) -> None:
    spawn = multiprocessing.get_context('spawn')  # a fork of a process that runs JAX may hang
    self._pipe, theirs = spawn.Pipe()
    self._process = spawn.Process(target=_serve, args=(theirs, *self._job), daemon=True)
    main = threading.current_thread() is threading.main_thread()
    # Ctrl-C reaches all processes; this one alone says so, and ends the others at an epoch's end.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    self._process.start()
    if main:
      signal.signal(signal.SIGINT, before)
    theirs.close()

  def __call__(self, group: Group, tick: Tick) -> str:
    """Runs a group: '', or its failure as one line."""
    try:
      self._pipe.send(group)
      while not isinstance(said := self._pipe.recv(), str):
        self._pipe.send(_goes_on(tick, group, said))
      return said
    except (EOFError, OSError):
      self._process.terminate()
      self._process.join()
      reason = f'its process ended with exit code {self._process.exitcode}'
      records.write_error(self._job[1], group.trials, group.label, f'{reason} (out of memory?)')
      self._start()
      return f'{group.label}: {reason}: run the same command again'

  def close(self) -> None:
    """Ends the process, which must not be running a group."""
    self._pipe.close()
    self._process.join()


def _goes_on(tick: Tick, group: Group, said: Any) -> bool:
  try:
    tick(group, *said)
  except Stopped:
    return False
  return True


def _serve(pipe, study: Study, workdir: pathlib.Path, threads: int) -> None:
  """The process: runs each group that is sent, and asks at each epoch whether to go on."""
  os.environ['NPROC'] = str(threads)  # what XLA takes for the number of cores, when it starts
  device, once = jax.local_devices()[0], Once()

  def tick(group: Group, done: int, diverged: int) -> None:
    try:
      pipe.send((done, diverged))
      going = pipe.recv()
    except (EOFError, OSError):
      os._exit(1)  # who asked is gone, killed perhaps: leave no process behind
    if not going:
      raise Stopped

  while True:
    try:
      group = pipe.recv()
    except EOFError:
      return
    pipe.send(execution.guarded(group, study, workdir, once, device, tick))
