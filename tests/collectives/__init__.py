"""What a compiled program exchanges between devices, and the memory that it needs besides.

`python -m tests.collectives` prints it of our modules and of Flax's.
"""

import collections
from collections.abc import Mapping
import dataclasses
import math
import re

KINDS = ('all-reduce', 'all-gather', 'collective-permute', 'all-to-all', 'reduce-scatter')
# '%name = type kind(operands)': a definition, not a use. A type may be a tuple: XLA puts exchanges
# that do not wait for each other into one. What begins with -start ends with -done, and is one.
_DEFINED = re.compile(rf'^\s*(?:ROOT )?%\S+ = (.*?)\s({"|".join(KINDS)})(?:-start)?\(', re.M)
_ARRAY = re.compile(r'\b[a-z]+(\d+)\w*\[([\d,]*)\]')


@dataclasses.dataclass(frozen=True)
class Cost:
  """Of one compiled program.

  counts: exchanges of each kind.
  gathered: bytes of the largest array that an all-gather makes.
  temporary: bytes that a device needs besides arguments and results.
  """

  counts: Mapping[str, int]
  gathered: int
  temporary: int

  @property
  def exchanges(self) -> int:
    return sum(self.counts.values())

  def __str__(self):
    each = ', '.join(f'{n} {kind}' for kind, n in sorted(self.counts.items())) or 'no exchange'
    return f'{each}; at most {self.gathered} bytes gathered; {self.temporary} temporary'


def cost(compiled) -> Cost:
  """Of what jax.jit(f).lower(...).compile() gives."""
  found = _DEFINED.findall(compiled.as_text())
  gathered = (_largest(made) for made, kind in found if kind == 'all-gather')
  temporary = compiled.memory_analysis().temp_size_in_bytes
  return Cost(collections.Counter(kind for _, kind in found), max(gathered, default=0), temporary)


def _largest(made: str) -> int:
  """Bytes of the largest array of an HLO type, such as (f32[8,64]{1,0}, f32[64]{0})."""
  arrays = ((int(bits), sizes.split(',')) for bits, sizes in _ARRAY.findall(made))
  return max(bits // 8 * math.prod(int(n) for n in sizes if n) for bits, sizes in arrays)
