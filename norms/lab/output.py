"""Standard output that may be closed before the end, as by `| head -1`, or lie on a full disk."""

import contextlib
import os
import sys
from typing import Any, TextIO

# In the order of their numbers: the least that is free is that of the next file.
STREAMS = {'stdin': 'standard input', 'stdout': 'standard output', 'stderr': 'standard error'}


class Lasting:
  """A stream on which nothing fails: what cannot be written any more is lost, and nothing else."""

  def __init__(self, stream: TextIO, name: str):
    self._stream, self._name = stream, name

  def write(self, text: str) -> int:
    """Writes what can be written."""
    try:
      return int(self._stream.write(text))
    except OSError as error:
      self._close(error)
      return len(text)

  def flush(self) -> None:
    """Flushes what can be flushed."""
    try:
      self._stream.flush()
    except OSError as error:
      self._close(error)

  def __getattr__(self, name: str) -> Any:  # whatever the stream has of that name
    return getattr(self._stream, name)

  def _close(self, error: OSError) -> None:
    # What the stream still holds goes nowhere, else Python would fail on it at its end.
    with contextlib.suppress(OSError):
      os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
    if self._stream is not sys.__stderr__:
      print(f'{self._name}: {error.strerror}: no more is shown, all else goes on', file=sys.stderr)


def outlive() -> None:
  """Makes this process go on whatever becomes of its standard output and error."""
  program: Any = sys  # whose streams, to a checker, are of one class only
  for name, said in STREAMS.items():
    if getattr(program, name) is None:
      # Closed before the program began, as by >&-: a file that is opened next must not be in its
      # place, since libraries write there.
      null = os.open(os.devnull, os.O_RDWR)
      setattr(program, name, os.fdopen(null, 'r' if name == 'stdin' else 'w', encoding='utf-8'))
    stream = getattr(program, name)
    if name != 'stdin' and not isinstance(stream, Lasting):
      setattr(program, name, Lasting(stream, said))
