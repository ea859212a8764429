"""Designs of trials as lists of {key: value}: the vocabulary of a config's get_hyper(hyper)."""

from collections.abc import Hashable, Iterable, Mapping
import dataclasses
import functools
import itertools
import math
from random import Random

from norms.lab.values import Given, Settings
from norms.lab.written import HOW_MANY, finite, is_count
from norms.lab.written import lin as lin
from norms.lab.written import log as log

Points = list[dict]

# Why the command line may choose among the values of a key, and give it no other.
FIXED, PAIRED, DRAWN = 'fixes', 'pairs', 'draws'


class Point(dict):
  """Values by key; `bound` says of a key that is FIXED, PAIRED or DRAWN that it is."""

  def __init__(self, values: Settings, bound: Mapping[str, str]):
    super().__init__(values)
    self.bound = dict(bound)


@dataclasses.dataclass(frozen=True)
class Range:
  """Values from `low` to `high`, for `random` and `sobol`; of `logs`, decades are alike."""

  key: str
  low: float
  high: float
  logs: bool
  whole: bool

  def at(self, share: float) -> float:
    """The value at a share, from 0 to 1, of the range."""
    low, high = (math.log(self.low), math.log(self.high)) if self.logs else (self.low, self.high)
    value = low + share * (high - low)
    value = math.exp(value) if self.logs else value
    # Six digits are enough for a drawn value, and are the same on every machine.
    value = round(value) if self.whole else float(f'{value:.6g}')
    return min(max(value, self.low), self.high)


def sweep(key: str, values: Iterable) -> Points:
  """One point per value; the key may be written config.key, and dotted."""
  if not isinstance(values, Iterable) or isinstance(values, str):
    raise ValueError(f'hyper.sweep({key!r}, {values!r}): give a tuple, as in {(values,)!r}')
  return [{key.removeprefix('config.'): value} for value in values]


def fixed(key: str, value: object, length: int = 1) -> Points:
  """The same value, `length` times; the command line does not change it."""
  return [Point(point, dict.fromkeys(point, FIXED)) for point in sweep(key, [value] * length)]


def product(sweeps: Iterable[Points]) -> Points:
  """Every combination."""
  parts = [_points('product', part) for part in sweeps]
  return [_union(points) for points in itertools.product(*parts)]


def zipit(sweeps: Iterable[Points]) -> Points:
  """Point by point; a sweep of one point goes with every other."""
  sweeps = [_points('zipit', part) for part in sweeps]
  n = max(map(len, sweeps), default=0)
  if any(len(points) not in (1, n) for points in sweeps):
    lengths = [len(points) for points in sweeps]
    raise ValueError(f'hyper.zipit got sweeps of lengths {lengths}: make them equal, or 1')
  rows = [[points[i if len(points) > 1 else 0] for points in sweeps] for i in range(n)]
  return [_union(row, PAIRED if len(sweeps) > 1 else '') for row in rows]


def chainit(sweeps: Iterable[Points]) -> Points:
  """One after the other."""
  return list(itertools.chain(*(_points('chainit', part) for part in sweeps)))


def uniform(key: str, low: float, high: float, *, whole: bool = False) -> Range:
  """A range for `random` and `sobol`; `whole` rounds to whole numbers."""
  if not (finite(low, high) and low < high):
    raise ValueError(f'hyper.uniform({key!r}, {low!r}, {high!r}): give two numbers, low < high')
  return Range(key.removeprefix('config.'), low, high, logs=False, whole=whole)


def loguniform(key: str, low: float, high: float, *, whole: bool = False) -> Range:
  """A range for `random` and `sobol`, whose every decade is as likely; `whole` rounds."""
  if not (finite(low, high) and 0 < low < high):
    raise ValueError(
      f'hyper.loguniform({key!r}, {low!r}, {high!r}): give two numbers, 0 < low < high'
    )
  return Range(key.removeprefix('config.'), low, high, logs=True, whole=whole)


def random(parts: Iterable[Points | Range], n: int, *, seed: int = 0) -> Points:
  """`n` points, each part drawn by itself: from a range, or one of the points of a sweep.

  They depend on `seed` and the order of the parts alone, and the first ones not on `n`.
  """
  parts = _parts('random', parts, n)
  generator = Random(seed)
  return [_drawn(parts, [generator.random() for _ in parts]) for _ in range(n)]


def sobol(parts: Iterable[Points | Range], n: int, *, seed: int = 0) -> Points:
  """As `random`, but spread more evenly: Sobol's sequence, shifted by an offset from `seed`.

  A power of two for `n` spreads best. Sobol 1967; the offset is of Cranley and Patterson 1976.
  """
  from scipy.stats import qmc  # which takes a second to import

  parts = _parts('sobol', parts, n)
  generator = Random(seed)
  offset = [generator.random() for _ in parts]
  # Without scipy's own scrambling, whose random numbers depend on versions.
  sequence = qmc.Sobol(len(parts), scramble=False).random_base2(math.ceil(math.log2(n)))[:n]
  return [
    _drawn(parts, [(x + move) % 1 for x, move in zip(row, offset, strict=True)])
    for row in sequence.tolist()
  ]


def axes(points: Points) -> dict[str, tuple]:
  """The swept keys with their distinct values, in the order in which they come."""
  keys = dict.fromkeys(itertools.chain(*points))
  return {k: tuple(dict.fromkeys(hashable(p[k]) for p in points if k in p)) for k in keys}


def drawn(points: Points) -> tuple[str, ...]:
  """The keys whose values were drawn, so that no two of their values need stand in one point."""
  bounds = [getattr(point, 'bound', {}) for point in points]
  return tuple(dict.fromkeys(k for bound in bounds for k, how in bound.items() if how == DRAWN))


def hashable(value: object) -> Hashable:
  """The value, with lists as tuples and dicts as tuples of pairs."""
  if isinstance(value, Mapping):
    return tuple((key, hashable(each)) for key, each in value.items())
  return tuple(map(hashable, value)) if isinstance(value, list | tuple) else value


def _points(what: str, part: Given) -> Points:
  if isinstance(part, Range):
    raise ValueError(
      f'hyper.{what} got a range of {part.key}: give it to hyper.random or hyper.sobol'
    )
  is_list = isinstance(part, Iterable) and not isinstance(part, str | Mapping)
  points = list(part) if is_list else [part]
  if not is_list or not all(isinstance(point, Mapping) for point in points):
    raise ValueError(f'hyper.{what} got {part!r}: give it a list of what hyper.sweep returns')
  return points


def _parts(what: str, parts: Iterable[Points | Range], n: int) -> list[Points | Range]:
  if not is_count(n):
    raise ValueError(f'hyper.{what}(..., n={n!r}): give {HOW_MANY}')
  checked = [part if isinstance(part, Range) else _points(what, part) for part in parts]
  if not all(checked):
    raise ValueError(f'hyper.{what} got a sweep without values: give at least one')
  return checked


def _drawn(parts: list[Points | Range], shares: list[float]) -> Point:
  """The point at these shares of the parts."""
  chosen = [
    {part.key: part.at(share)} if isinstance(part, Range) else part[int(share * len(part))]
    for part, share in zip(parts, shares, strict=True)
  ]
  return _union(chosen, DRAWN)


def _union(points: Iterable[dict], how: str = '') -> Point:
  """One point of all keys; with `how` each key that is not bound yet is bound so."""
  points = list(points)
  # Where two sweeps set one key, the later one counts.
  values: dict = functools.reduce(lambda a, b: {**a, **b}, points, {})
  bound = dict.fromkeys(values, how) if how else {}
  for point in points:
    bound |= getattr(point, 'bound', {})
  return Point(values, bound)
