"""One more process for what comes after training: it draws, while this one computes."""

from collections.abc import Callable, Iterator
from concurrent import futures
import contextlib
import gc

from norms.lab import columns
from norms.lab.runner import serving, workers


@contextlib.contextmanager
def helper() -> Iterator[futures.Executor | None]:
  """Such a process; None where it would not start at once, or not at all."""
  made = None
  if workers.context().get_start_method() == 'forkserver':
    with contextlib.suppress(EOFError, OSError):  # who draws alone takes longer, and draws the same
      made = Helper()
  try:
    yield made
  finally:
    if made:
      made.shutdown()


class Helper(futures.Executor):
  """A process at the other end of a pipe, which does one thing after the other.

  A pool of Python's own has semaphores beside, which have names and outlive a kill.
  """

  def __init__(self):
    self._process, self._pipe = workers.started(_help, columns.added)
    self._asks = futures.ThreadPoolExecutor(1)

  def submit(self, what: Callable, /, *arguments, **named) -> futures.Future:
    """What it returns there; a BrokenExecutor where the process is gone."""
    return self._asks.submit(self._ask, what, arguments, named)

  def _ask(self, *job):
    try:
      self._pipe.send(job)
      result, error = self._pipe.recv()
    except (EOFError, OSError) as gone:
      raise futures.BrokenExecutor('the process that helps is gone') from gone
    if error:
      raise error
    return result

  def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
    """Ends the process, whatever it does."""
    self._process.terminate()
    self._asks.shutdown(wait, cancel_futures=cancel_futures)
    self._process.join()


def _help(pipe, rows: dict[str, columns.Column]) -> None:
  """The process: rows are the columns that a task added."""
  gc.freeze()
  columns.added.update(rows)
  workers.end_with_who_asked()
  while (job := serving.asked(pipe)) is not None:
    what, arguments, named = job
    done: tuple[object, Exception | None]
    try:
      done = what(*arguments, **named), None
    except Exception as error:
      done = None, error
    serving.answer(pipe, done)
