"""The processes in which a worker of a cluster has groups run, each of one study alone.

Nothing here starts JAX, and what comes and goes is bytes: a worker is of no study.
"""

from collections.abc import Callable, Iterator
import contextlib
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import threading

from norms.lab.store import durable

SEAT = pathlib.Path(__file__).with_name('seat.py')  # whose own imports come late
IDLE = 5  # seconds after which a process ends that has nothing to run
SOON = 5  # seconds in which a process ends whose pipe is closed
OFTEN = 0.5  # seconds between the moments at which is asked whether to go on
GoesOn = Callable[[int, int], bool]  # of (further trial-steps, lanes that have diverged)


class Gone(Exception):
  """The process that ran a group has ended, of itself."""


class Killed(Gone):
  """It was killed, by the kernel perhaps, as that ends what takes too much memory."""


class Refused(Exception):
  """This worker cannot run the study; its words are one line."""


def no_scheduler(address: str) -> ValueError:
  """Of one that is gone."""
  return ValueError(
    f'the scheduler at {address} is gone: what is finished is kept; start it and its workers '
    'again, and run the same command to go on'
  )


class Seat:
  """A process that has a study; it writes to `workdir`, or to a folder that goes with it."""

  def __init__(self, packed: bytes, workdir: str, threads: int):
    self._folder = durable.temporary_folder()
    self._workdir = pathlib.Path(workdir or pathlib.Path(self._folder.name, 'results'))
    self._pipe, theirs = multiprocessing.Pipe()
    # It finds what this worker finds, in this order, and not what lies in its current folder.
    command = [sys.executable, '-P', str(SEAT), str(theirs.fileno()), self._folder.name]
    paths = os.pathsep.join(filter(None, sys.path))
    with contextlib.closing(theirs):
      self._process = subprocess.Popen(
        command, stdin=subprocess.PIPE, pass_fds=[theirs.fileno()],
        env=os.environ | {'PYTHONPATH': paths},
      )  # fmt: skip
    self.timer: threading.Timer | None = None
    try:
      with self._told():
        self._pipe.send((packed, str(self._workdir), threads))
        said = self._pipe.recv()
      if said:
        raise Refused(said)
    except BaseException:
      self.close()
      raise

  def run(self, group: bytes, goes_on: GoesOn) -> str | None:
    """Runs a group: '' or its failure as one line; None where it is not to go on."""
    diverged = 0
    with self._told():
      self._pipe.send_bytes(group)
      while True:
        if not self._pipe.poll(OFTEN):
          if not goes_on(0, diverged):
            return None
          continue
        said = self._pipe.recv()
        if isinstance(said, str):
          return said
        done, diverged = said
        if not goes_on(done, diverged):
          return None
        self._pipe.send(True)

  @contextlib.contextmanager
  def _told(self) -> Iterator[None]:
    """What the pipe raises where the process is gone, in words."""
    try:
      yield
    except (EOFError, OSError) as error:
      try:
        code = self._process.wait(SOON)  # its own: killed here, it would seem to lack memory
      except subprocess.TimeoutExpired:
        self.kill()
        raise Gone('its process closed its pipe') from error
      said = f'its process ended with exit code {code}'
      if code == -signal.SIGKILL:
        raise Killed(f'{said} (out of memory?)') from error
      raise Gone(said) from error

  def taken(self) -> dict[str, bytes]:
    """The files that it wrote, by their paths in its folder, from which they are gone."""
    found = {}
    for path in sorted(self._workdir.rglob('*')):
      if path.is_file():
        found[path.relative_to(self._workdir).as_posix()] = path.read_bytes()
        path.unlink()
    return found

  def kill(self) -> None:
    """Ends the process, whatever it does."""
    self._process.kill()
    self._process.wait()

  @property
  def lives(self) -> bool:
    """Whether it was not killed."""
    return self._process.poll() is None

  def close(self) -> None:
    """Ends the process, and takes its folder away."""
    self.kill()
    self._process.stdin.close()  # type: ignore[union-attr]
    self._pipe.close()
    self._folder.cleanup()


_idle: dict[str, list[Seat]] = {}
_lock = threading.Lock()


@contextlib.contextmanager
def seat(job: str, packed: bytes, workdir: str, threads: int) -> Iterator[Seat]:
  """A process of this study: one that waits for more, with what it compiled, or a new one.

  Raises:
    Gone, Refused: where it cannot start.
  """
  with _lock:
    waiting = _idle.get(job)
    taken = waiting.pop() if waiting else None
  if taken and taken.timer:
    taken.timer.cancel()
  if taken and not taken.lives:  # killed while it waited
    taken.close()
    taken = None
  mine = taken or Seat(packed, workdir, threads)
  try:
    yield mine
  except BaseException:
    mine.close()
    raise
  if not mine.lives:
    mine.close()
    return
  mine.timer = threading.Timer(IDLE, leave, (job, mine))
  mine.timer.daemon = True
  with _lock:
    _idle.setdefault(job, []).append(mine)
  mine.timer.start()


def leave(job: str, one: Seat | None = None) -> None:
  """Ends the processes of a study that wait for more, or one of them."""
  with _lock:
    ending = [each for each in _idle.get(job, ()) if one in (None, each)]
    # One whose time is up may have been taken again just now.
    _idle[job] = [each for each in _idle.get(job, ()) if each not in ending]
    if not _idle[job]:
      del _idle[job]
  for each in ending:
    each.close()
