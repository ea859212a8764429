"""The number of the arithmetic: figures of one number agree, but for a processor's last bits.

It is part of a trial's identity and stands in every file of records. Whoever changes the library so
that curves leave the reference in tests/lab/reference.json, or that a trial counts as trained by
another rule, raises it, and trials run again.
"""

from collections.abc import Iterable, Mapping
from typing import Any

# 1: the order of a sum depended on its size and on the machine.
# 2: one formula at every size; what is special to a platform is chosen as a program is lowered.
# 3: the same curves; trained by McNemar's test, whose counts are recorded, and not by the loss.
NUMERICS = 3
BEFORE = 1  # of what was written when there was no number


def of(origin: Mapping[str, Any]) -> int:
  """The number under which a file's records were made, from what the file says of itself."""
  return int(origin.get('numerics', BEFORE))


def unused(files: Iterable[tuple[int, int]], number: int | None = None) -> str:
  """How many trials are of another number, from (number, trials) of each file; '' for none.

  number: that of what is used; None: today's.
  """
  number = NUMERICS if number is None else number
  trials: dict[int, int] = {}
  for other, count in files:
    trials[other] = trials.get(other, 0) + count
  trials.pop(number, None)
  each = [f'{n} trial{"s" * (n != 1)} of numerics {other}' for other, n in sorted(trials.items())]
  return f'{", ".join(each)} not used: numerics is {number} now' if each else ''
