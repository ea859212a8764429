"""Grids of trials as lists of {key: value}: the vocabulary of a config's get_hyper(hyper)."""

from collections.abc import Iterable
import functools
import itertools

Points = list[dict]


def sweep(key: str, values: Iterable) -> Points:
  """One point per value; the key may be written config.key, and dotted."""
  return [{key.removeprefix('config.'): value} for value in values]


def fixed(key: str, value, length: int = 1) -> Points:
  """The same value, `length` times."""
  return sweep(key, [value] * length)


def product(sweeps: Iterable[Points]) -> Points:
  """Every combination."""
  return [_union(parts) for parts in itertools.product(*sweeps)]


def zipit(sweeps: Iterable[Points]) -> Points:
  """Point by point; a sweep of one point goes with every other."""
  sweeps = [list(points) for points in sweeps]
  n = max(map(len, sweeps), default=0)
  if any(len(points) not in (1, n) for points in sweeps):
    lengths = [len(points) for points in sweeps]
    raise ValueError(f'hyper.zipit got sweeps of lengths {lengths}: make them equal, or 1')
  return [_union(points[i if len(points) > 1 else 0] for points in sweeps) for i in range(n)]


def chainit(sweeps: Iterable[Points]) -> Points:
  """One after the other."""
  return list(itertools.chain(*sweeps))


def axes(points: Points) -> dict[str, tuple]:
  """The swept keys with their distinct values, in the order in which they come."""
  keys = dict.fromkeys(itertools.chain(*points))
  return {k: tuple(dict.fromkeys(p[k] for p in points if k in p)) for k in keys}


def _union(points: Iterable[dict]) -> dict:
  return functools.reduce(lambda a, b: {**a, **b}, points, {})
