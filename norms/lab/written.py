"""Values of an axis as the command line has them: 0.1,1 or batch,layer or log(1e-3, 1, 9)."""

import ast
from collections.abc import Callable, Iterator
import math
import re
from typing import Any

from norms.lab.values import Given, is_number

MOST = 10**6  # values of an axis: more fill the memory before anything is said
HOW_MANY = f'how many, from 1 to {MOST}'
_OPEN, _CLOSE = '([{', ')]}'


def values(text: str) -> tuple:
  """The values of an axis: Python's own literals, or names, `log` and `lin` between commas.

  A tuple in parentheses, ('batch', 'layer'), is a list of values, too; several tuples are values.
  """
  try:
    value = ast.literal_eval(text.strip())
  except (SyntaxError, ValueError, RecursionError, MemoryError):
    return tuple(each for part in split(text) for each in _spread(part, literal))
  return tuple(value) if isinstance(value, tuple | list) else (value,)


def spread(text: str) -> tuple:
  """The values of an axis that a config gives as a text: names stay texts, log and lin count."""
  return tuple(each for part in split(text) for each in _spread(part, str))


def literal(text: str) -> Any:  # what the text says
  """One value: Python's own literal, true or false, else the text itself."""
  text = text.strip()
  try:
    return ast.literal_eval({'true': 'True', 'false': 'False'}.get(text, text))
  except (SyntaxError, ValueError, RecursionError, MemoryError):
    return text


def split(text: str) -> Iterator[str]:
  """The parts between commas, but for commas in brackets."""
  depth, part = 0, ''
  for character in f'{text},':
    # A comma inside log(1e-3, 1, 9) or a tuple separates nothing here.
    depth += (character in _OPEN) - (character in _CLOSE)
    if character == ',' and depth <= 0:
      if part.strip():
        yield part.strip()
      part = ''
    else:
      part += character
  if part.strip(' ,'):
    raise ValueError(f'{text!r} has a bracket that is not closed: close it')


def log(low: float, high: float, n: int) -> tuple[float, ...]:
  """`n` values from `low` to `high`, each the same multiple of the one before."""
  if not (finite(low, high) and low > 0 and high > 0 and is_count(n)):
    raise ValueError(f'log({low!r}, {high!r}, {n!r}): give two positive numbers and {HOW_MANY}')
  return _between(low, high, n, lambda share: low * (high / low) ** share)


def lin(low: float, high: float, n: int) -> tuple[float, ...]:
  """`n` values from `low` to `high`, at equal distances."""
  if not (finite(low, high) and is_count(n)):
    raise ValueError(f'lin({low!r}, {high!r}, {n!r}): give two numbers and {HOW_MANY}')
  return _between(low, high, n, lambda share: low + (high - low) * share)


def finite(*numbers: Given) -> bool:
  """Whether all are numbers, and none is infinite or NaN."""
  return all(map(is_number, numbers)) and all(map(math.isfinite, numbers))


def is_count(n: object) -> bool:
  """Whether it is a whole number from 1 to MOST."""
  return isinstance(n, int) and not isinstance(n, bool) and 0 < n <= MOST


AXES: dict[str, Callable[..., tuple[float, ...]]] = {'log': log, 'lin': lin}


def _spread(part: str, single: Callable[[str], object]) -> tuple:
  call = re.fullmatch(r'(log|lin)\s*\((.*)\)', part, re.DOTALL)
  if not call:
    return (single(part),)
  name, arguments = call[1], [literal(each) for each in split(call[2])]
  if len(arguments) != 3:
    raise ValueError(f'{part} has {len(arguments)} numbers: write {name}(low, high, how many)')
  return AXES[name](*arguments)


def _between(low: float, high: float, n: int, value: Callable[[float], float]) -> tuple[float, ...]:
  # Twelve digits are the same on every machine, whatever its logarithms.
  inner = [float(f'{value(k / (n - 1)):.12g}') for k in range(1, n - 1)]
  return (float(low), *inner, float(high))[:n]
