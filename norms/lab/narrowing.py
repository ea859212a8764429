"""The points of a study, with what the command line changes: new values, or some of the old."""

from collections.abc import Callable, Iterable, Mapping

from norms.lab import grid, values, written
from norms.lab.grid import Point, Points
from norms.lab.overrides import SWEEP, flat, parts, swept
from norms.lab.values import Settings


def points(sweep: Settings, get_hyper: Callable | None, overridden: Settings) -> Points:
  """The design: of get_hyper where there is one, else the product of the axes."""
  for key in swept(overridden):
    if key in overridden:
      raise ValueError(f'config.{key} and config.sweep.{key} are both given: drop one of them')
    if not swept(overridden)[key]:
      raise ValueError(f'config.sweep.{key} has no values: give at least one, or drop it')
  if get_hyper is not None:
    design = get_hyper(grid)
    if (
      not design
      or not isinstance(design, list | tuple)
      or not all(isinstance(p, Mapping) for p in design)
    ):
      raise ValueError(
        f'get_hyper gives {design!r}: return a list of points, as hyper.product does'
      )
    return narrow(list(design), overridden, 'get_hyper of this config')
  axes = flat(sweep) | swept(overridden)
  design = grid.product(grid.sweep(key, _values(key, v)) for key, v in axes.items() if v != ())
  single = {key: v for key, v in overridden.items() if not key.startswith(SWEEP)}
  return narrow(design, single, 'config.sweep')


def column(key: str) -> str:
  """The column of the records that holds a key of a point."""
  head, *inner = parts(key)
  if head == 'norm_options':  # a norm has its own options only
    inner = inner[1:]
  return 'data' if key == 'data.name' else '.'.join([head, *inner])


def narrow(points: Points, overrides: Settings, source: str) -> Points:
  """The points with overridden keys: by new values, or by those of the points that have them.

  source: where the points come from, in words. An axis that is in a product with all others takes
  new values, and so does the seed; among values that are paired with others, or were drawn, the
  command line chooses.

  Raises:
    ValueError: at a key that is fixed, or a value that a paired or drawn key has not.
  """
  axes = swept(overrides)
  single = flat({k: v for k, v in overrides.items() if not k.startswith(SWEEP)})
  for key, new in axes.items():
    points = _narrow_key(points, key, new, source)
  for key, value in single.items():
    points = _narrow_key(points, key, (value,), source, is_axis=False)
  return points


def _values(key: str, axis_values: object) -> tuple:
  axis_values = values.listed(f'sweep.{key}', axis_values)
  # A text may be several values, as a,b on a command line that knows no tuples.
  return tuple(
    value
    for v in axis_values
    for value in (written.spread(v) if isinstance(v, str) and v else (v,))
  )


def _narrow_key(
  points: Points, key: str, new: tuple, source: str, *, is_axis: bool = True
) -> Points:
  flag = f'config.{SWEEP if is_axis else ""}{key}={",".join(map(str, new))}'
  keys = {name for point in points for name in point}
  for name in sorted(keys):
    if name.startswith(f'{key}.') or key.startswith(f'{name}.'):
      raise ValueError(f'{flag}: {source} sets {name}: override that key, or change it there')
  if key not in keys:
    return grid.product([points, grid.sweep(key, new)]) if is_axis else points
  current = grid.axes(points)[key]
  wanted = tuple(map(grid.hashable, new))
  reasons = {getattr(point, 'bound', {}).get(key) for point in points} - {None}
  # No design depends on which seeds there are, so they may always be replaced.
  if key == 'seed' or (not reasons and _is_factor(points, key)):
    return _replace_values(points, key, new)
  if not is_axis and grid.FIXED in reasons and set(current) != set(wanted):
    raise ValueError(f'{flag}: {source} fixes {key} to {_listed(current)}: change it there')
  if missing := [value for value in wanted if value not in current]:
    reason = min(filter(None, reasons), default=grid.PAIRED)
    raise ValueError(
      f'{flag}: {source} {reason} the values of {key}, and {missing[0]!r} is not among them: '
      f'use some of {_listed(current)}, or change it there'
    )
  # Where a point lacks the key, the config's own value counts, which a single override has changed.
  return [p for p in points if (grid.hashable(p[key]) in wanted if key in p else not is_axis)]


def _is_factor(points: Points, key: str) -> bool:
  """Whether all values of a key go with all combinations of the other keys."""
  by_rest: dict[tuple, set] = {}
  for point in points:
    by_rest.setdefault(_others(point, key), set()).add(grid.hashable(point.get(key)))
  return len(set(map(frozenset, by_rest.values()))) == 1


def _replace_values(points: Points, key: str, new: tuple) -> Points:
  """New values of a key with every combination of the others."""
  # The first point of each combination counts, as reversed() makes the last one written.
  point_of = {_others(point, key): point for point in reversed(points)}
  first = dict.fromkeys(_others(point, key) for point in points)
  return [
    Point({**point_of[rest], key: value}, getattr(point_of[rest], 'bound', {}))
    for rest in first
    for value in new
  ]


def _others(point: Settings, key: str) -> tuple[tuple[str, str], ...]:
  return tuple(sorted((k, repr(grid.hashable(v))) for k, v in point.items() if k != key))


def _listed(values: Iterable) -> str:
  return ', '.join(map(str, values))
