"""What a run may say and answer that was killed in part or as a whole."""

from collections.abc import Iterable, Sequence
import re

from tests.kills import victims
from tests.kills.victims import Plan

STOPPED = 'train.py: stopped; what is finished is kept, run the same command to go on'
SAID = (
  re.escape(STOPPED),
  'failed: .*: its process ended with exit code .*',
  r'.*: its process ended with exit code -9 \(out of memory\?\); again with .*',
  r'failed: .*: \d+ workers were lost with it, .*',
  'train.py: the scheduler at .* is gone: what is finished is kept; .*',
  'train.py: no scheduler answers at .*',
  'no worker has joined the scheduler yet: waiting',
  # Python's own, of a process of its own.
  '.*UserWarning: resource_tracker: process died unexpectedly, relaunching.*',
  r'  warnings.warn\(.resource_tracker: process died unexpectedly, .*',
)  # fmt: skip
# As it says it itself, and where its end comes before it may: after the last line of all.
OF_DRIVER = {victims.KILL: {-9}, victims.TERM: {143, -15}, victims.INT: {130, -2}}


def odd(lines: Iterable[str]) -> list[str]:
  """The lines that nobody should have to read."""
  return [line for line in lines if not re.fullmatch('|'.join(SAID), line)]


def statuses(plans: Sequence[Plan]) -> set[int]:
  """How a driver may end: by itself well, or with groups that failed; as it was told; in a line."""
  found = {0} | ({1} if plans else set())
  for plan in plans:
    if plan.victim in (victims.DRIVER, victims.ALL):
      found |= OF_DRIVER[plan.number]
    elif plan.victim == victims.SCHEDULER:
      found.add(2)
  return found
