"""The number of the arithmetic: figures of one number agree, but for a processor's last bits.

It is part of a trial's identity and stands in every file of records. Whoever changes the library so
that curves leave the reference in tests/lab/reference.json raises it, and trials run again.
"""

from collections.abc import Iterable, Mapping
from typing import Any

# 1: the order of a sum depended on its size and on the machine.
# 2: one formula at every size; what is special to a platform is chosen as a program is lowered.
NUMERICS = 2
BEFORE = 1  # of what was written when there was no number


def of(origin: Mapping[str, Any]) -> int:
  """The number under which a file's records were made, from what the file says of itself."""
  return int(origin.get('numerics', BEFORE))


def unused(files: Iterable[tuple[int, int]]) -> str:
  """How many trials are of another number, from (number, trials) of each file; '' for none."""
  trials: dict[int, int] = {}
  for number, count in files:
    trials[number] = trials.get(number, 0) + count
  trials.pop(NUMERICS, None)
  each = [f'{n} trial{"s" * (n != 1)} of numerics {number}' for number, n in sorted(trials.items())]
  return f'{", ".join(each)} not used: numerics is {NUMERICS} now' if each else ''
