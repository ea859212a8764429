"""A value made once, whatever the number of threads that ask for it."""

from collections.abc import Callable, Hashable
from concurrent import futures
import threading
from typing import TypeVar

from norms.lab.runner import memory

_T = TypeVar('_T')


class Once:
  """Makes each key's value once, however many threads ask for it at the same time.

  What could not be made is not tried again, but for want of memory, of which there may be more.
  """

  def __init__(self):
    self._lock = threading.Lock()
    self._made: dict[Hashable, futures.Future] = {}

  def __call__(self, key: Hashable, make: Callable[[], _T]) -> _T:
    with self._lock:
      first = key not in self._made
      # Others find the future at once, and wait for it without the lock.
      future = self._made.setdefault(key, futures.Future())
    if first:
      try:
        future.set_result(make())
      # Ctrl-C, too: who waits for the future would wait for ever.
      except BaseException as error:
        future.set_exception(error)
        if memory.failed(error):
          with self._lock:
            del self._made[key]
    return future.result()
