"""How long a group may run: train.py --time_limit=SECONDS, which is no part of any trial."""

import math
import time

from norms.lab.runner.execution import Tick

FOREVER = 3600.0  # seconds, since no system waits for longer than it can count; asked for again


class TooLong(Exception):
  """A group has run for longer than it may."""


def check(seconds: float) -> None:
  """Raises ValueError unless a group may run for so long; 0 is for ever."""
  if not 0 <= seconds < math.inf:
    raise ValueError(f'time_limit={seconds!r}: use a positive number of seconds, or 0 for none')


class Limit:
  """So many seconds from now on, 0 for ever."""

  def __init__(self, seconds: float):
    self._seconds, self._until = seconds, time.monotonic() + (seconds or math.inf)

  def left(self) -> float:
    """Seconds that are left, some of them where they are many.

    Raises:
      TooLong: where none are left.
    """
    left = self._until - time.monotonic()
    if left <= 0:
      raise TooLong(
        f'ran longer than time_limit={self._seconds:g} s, compiling included: give it more, or '
        'find what hangs, and run the same command again'
      )
    return min(left, FOREVER)


def at_each_epoch(seconds: float, tick: Tick) -> Tick:
  """`tick`, which from now on also ends what has run for longer than so many seconds."""
  limit = Limit(seconds)

  def within(*progress) -> None:
    tick(*progress)
    limit.left()

  return within
