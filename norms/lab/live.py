"""A page for whoever waits: while a study runs, its results so far stand where its report will."""

import logging
import math
import pathlib
import threading
import time
from types import TracebackType
from typing import Any

from norms.lab import left, records, sweep
from norms.lab.store import durable
from norms.lab.study import Study
from norms.lab.workdir import claims

EVERY, SHARE = 10.0, 0.05  # seconds between two pages, and the share of the time that they may take
PAUSE = 0.5


class Live:
  """Writes report/index.html of a running study from its first new file of records on.

  `norms.lab.session.run` calls it with how far it is. Within `with` a thread writes; after an
  error, as of Ctrl-C, the page says that the run was stopped. After a kill it stays as it is: it
  says when it was written, that the run is not finished, and how to go on.
  """

  def __init__(self, study: Study, workdir: pathlib.Path, every: float = EVERY):
    self._study, self._workdir, self._every = study, workdir, every
    self._page = workdir / 'report' / 'index.html'
    self._known = self._written = set(records.files(workdir))
    self._content: dict[str, Any] = {}  # what a template reads
    self._done, self._total, self._begun = 0, 0, time.monotonic()
    self._ended = threading.Event()
    self._thread = threading.Thread(target=self._watch, daemon=True)

  def __call__(self, done: int, total: int) -> None:
    """So many of all trial-steps are done."""
    self._done, self._total = done, total

  def __enter__(self) -> 'Live':
    self._thread.start()
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    traceback: TracebackType | None,
  ) -> None:
    self._ended.set()
    self._thread.join()
    if kind is not None and self._content:
      self._write(goes_on=False)

  def _watch(self) -> None:
    # A report's imports take a second, which training hides.
    from norms.lab.report import live  # noqa: F401

    pause = PAUSE
    while not self._ended.wait(pause):
      pause = PAUSE
      # A process that is told nothing helps another one, whose page this is.
      if self._total and set(records.files(self._workdir)) > self._known:
        before = time.thread_time()
        try:
          self._write()
        except Exception:  # a page for a look must not end a run; the report will say what is wrong
          logging.getLogger(__name__).debug('no page so far', exc_info=True)
        pause = max(self._every, (time.thread_time() - before) / SHARE)

  def _write(self, *, goes_on: bool = True) -> None:
    from norms.lab.report import live

    files = set(records.files(self._workdir))
    if files != self._written:  # else only the time has changed
      frame = sweep.results(self._study, self._workdir)
      if frame.empty:
        return
      self._content, self._written = live.contents(frame, self._study), files
    text = live.text(self._content, seconds=self._left(), every=self._every, goes_on=goes_on)
    # Not in place of the report, which another process writes that ended last.
    with claims.alone(self._workdir, claims.REPORT, wait=False) as mine:
      if mine and left.of(self._workdir, self._study.trials):
        with durable.replacing(self._page) as path:
          path.write_text(text, encoding='utf-8', newline='\n')

  def _left(self) -> float:
    """The seconds that the rest takes at the speed so far, compilation and all."""
    if not self._done:
      return math.nan
    return (time.monotonic() - self._begun) * (self._total - self._done) / self._done
