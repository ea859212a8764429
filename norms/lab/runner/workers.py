"""Who runs groups, one at a time each: a thread, or on a CPU better a process of its own.

In threads every small step of one group waits for the other's in XLA's one pool of threads: beside
each other two groups take 1.4 times as long as in processes with a pool each.
"""

from collections.abc import Callable, Iterator
import contextlib
import multiprocessing
from multiprocessing import resource_tracker
import os
import pathlib
import signal
import threading
import time

from norms._src.xla_cpu import special_formulas_allowed
from norms.lab import startup
from norms.lab.grouping import Group
from norms.lab.runner import limits, serving, tiles
from norms.lab.runner.execution import Tick
from norms.lab.runner.memory import OutOfMemory
from norms.lab.runner.once import Once
from norms.lab.study import Study
from norms.lab.workdir import failures

SOON = 0.1  # seconds until another process is asked


class Thread:
  """Runs groups in the thread that calls it; what several make alike is made `once`.

  What takes longer than `time_limit` seconds ends at its next epoch.
  """

  def __init__(
    self, study: Study, workdir: str | os.PathLike, once: Once, device, time_limit: float = 0
  ):
    self._job, self._time_limit = (study, workdir, once, device), time_limit

  def __call__(self, group: Group, tick: Tick) -> str:
    """Runs a group: '', or its failure as one line."""
    return tiles.guarded(group, *self._job, limits.at_each_epoch(self._time_limit, tick))

  def end(self) -> None:
    """Nothing here: what runs ends where its tick raises Stopped, at its next epoch."""

  close = end


class Process:
  """Runs groups in a process of its own, which takes `threads` for the number of cores.

  It is killed where a group takes longer than `time_limit` seconds, whatever it does.
  """

  def __init__(self, study: Study, workdir: str | os.PathLike, threads: int, time_limit: float = 0):
    self._job = (study, pathlib.Path(workdir), threads, not special_formulas_allowed())
    self._ended, self._time_limit = False, time_limit
    self._start()

  def _start(self) -> None:
    self._process, self._pipe = started(_serve, *self._job)
    self._ready = False

  def __call__(self, group: Group, tick: Tick) -> str:
    """Runs a group: '', or its failure as one line."""
    try:
      if not self._ready:  # to start takes seconds, which are not the group's
        self._ready = self._pipe.recv()
      return serving.ask(self._pipe, group, tick, limits.Limit(self._time_limit))
    except limits.TooLong as error:
      self._process.kill()  # what hangs may not hear that it is asked to end
      self._process.join()
      return self._failure(group, str(error))
    except (EOFError, OSError):
      if self._ended:
        return ''
      self._process.terminate()
      self._process.join()
      code = self._process.exitcode
      reason = f'its process ended with exit code {code}'
      if code == -signal.SIGKILL:  # as the kernel ends what takes too much
        return OutOfMemory(self._failure(group, f'{reason} (out of memory?)'))
      reason = f'{reason}: run the same command again'
      return self._failure(group, reason, recorded=code != -signal.SIGTERM)

  def _failure(self, group: Group, reason: str, *, recorded: bool = True) -> str:
    """What ended the process, in one line; another one takes its place.

    recorded: unless it is no failure, since somebody ended the process.
    """
    if recorded:
      failures.write(self._job[1], group.trials, group.label, reason)
    self._start()
    return f'{group.label}: {reason}'

  def end(self) -> None:
    """Ends the process at once; the tile that it runs has no record, and runs again."""
    self._ended = True
    self._process.terminate()

  def close(self) -> None:
    """Ends the process, which runs no group any more."""
    self._pipe.close()
    self._process.join()


def context():
  """How processes start: forked from a server if the program has chosen that (train.py does).

  Else anew. A fork of a process that runs JAX may hang; the server only imports it.
  """
  if multiprocessing.get_start_method(allow_none=True) == 'forkserver':
    return multiprocessing.get_context('forkserver')
  return multiprocessing.get_context('spawn')


def started(serve: Callable[..., None], *arguments):
  """A process that does serve(pipe, *arguments), and the other end of its pipe.

  Whoever it is forked from may be killed just then: another one is asked. What was forked all the
  same finds its pipe closed, and ends.
  """
  made = context()
  for last in (False, False, True):
    mine, theirs = made.Pipe()
    process = made.Process(target=serve, args=(theirs, *arguments), daemon=True)
    try:
      with contextlib.closing(theirs):
        _start(process)
      return process, mine
    except (EOFError, OSError):
      mine.close()
      if last:
        raise
      time.sleep(SOON)
  raise AssertionError


def _start(process) -> None:
  # Ctrl-C reaches all processes of a terminal: this one hears it, and ends the others. They start
  # with what is blocked here; multiprocessing's own helper, if it started then, would unblock it.
  resource_tracker.ensure_running()
  forks = multiprocessing.get_start_method(allow_none=True) == 'forkserver'
  with _uninterrupted(), startup.served_forks() if forks else contextlib.nullcontext():
    process.start()


def end_with_who_asked() -> None:
  """Ends this process when the one that asked for it is gone, killed perhaps, whatever it does."""
  asking = multiprocessing.parent_process()
  assert asking is not None

  def watch() -> None:
    asking.join()
    os._exit(1)

  threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
  """Ctrl-C is blocked, for what starts within too, and heard afterwards.

  Blocked in this thread: another one may hear it, and then Python would stop the main thread all
  the same, half-way through a process's start.
  """
  heard: list[int] = []
  main = threading.current_thread() is threading.main_thread()
  handler = signal.signal(signal.SIGINT, lambda number, _: heard.append(number)) if main else None
  before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
  try:
    yield
  finally:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if main:
      signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
  if heard:
    signal.raise_signal(signal.SIGINT)


def _serve(pipe, study: Study, workdir: pathlib.Path, threads: int, plain: bool) -> None:
  """The process."""
  end_with_who_asked()  # an epoch of a large network may take minutes
  startup.be_one_device()  # it runs one group at a time
  serving.begin(threads)
  with contextlib.suppress(OSError):  # of one that has no group for this process
    pipe.send(True)
  serving.serve(pipe, study, workdir, plain)
