"""Layouts: other orders of an input's axes, with the options and parameters that go with them.

A norm of (examples, positions, features) is the same norm for any layout of these entries, such as
features on another axis, or on two. So the oracles, which know one layout, are enough for all.
"""

from collections.abc import Sequence
import inspect
from typing import Any, NamedTuple

import jax
import numpy as np

from promises import measure

_NAMED = ('axis', 'feature_axes', 'feature_axis', 'reduction_axes')


class Layout(NamedTuple):
  """Splits each of the three axes into parts, and puts the parts in another order."""

  cut: tuple[tuple[int, ...], ...]
  order: tuple[int, ...]

  @property
  def shape(self) -> tuple[int, ...]:
    """The shape of the input in this layout."""
    return self.move(np.empty(measure.SHAPE)).shape

  def move(self, a):
    """Moves an array of three axes, each of the usual size or of size 1, to this layout."""
    sizes = zip(np.shape(a), self.cut, strict=True)
    return a.reshape([m for n, cut in sizes for m in (cut if n > 1 else [1] * len(cut))]).transpose(
      self.order
    )

  def where(self, axes: Sequence[int]) -> list[int]:
    """The axes of this layout that hold parts of the usual axes, the last ones first."""
    parts = [axis for axis, cut in enumerate(self.cut) for _ in cut]
    return [a for a, part in enumerate(self.order) if parts[part] in axes][::-1]

  def parameter(self, row, name, value):
    """Moves a parameter; its axes are the places of its usual axes, in ascending order."""
    axes = row.params[name]
    return value if isinstance(axes, int) else self.flat(value, [a % 3 for a in axes])

  def flat(self, value, axes):
    """Moves an array that has only some of the usual axes."""
    spread = np.reshape(value, [n if a in axes else 1 for a, n in enumerate(measure.SHAPE)])
    moved, places = self.move(spread), self.where(axes)
    return moved.reshape([n for a, n in enumerate(moved.shape) if a in places])

  def statistics(self, row, stats):
    """Moves running statistics, which have the axes of the features."""
    return jax.tree.map(lambda a: self.flat(a, row.features), stats)

  def options(self, row) -> dict[str, Any]:
    """The options that name axes; unsorted, and the last axis as a negative number."""
    found: dict[str, Any] = {}
    for name, argument in inspect.signature(row.function).parameters.items():
      value = row.options.get(name, argument.default)
      if name in _NAMED and value is not None:
        usual = {a % 3 for a in ([value] if isinstance(value, int) else value)}
        places = [a - len(self.order) * (not i) for i, a in enumerate(self.where(usual))]
        found[name] = places[0] if len(places) == 1 else tuple(places)
    return found


_CUT = {0: ((4,), (6,), (2, 4)), 2: ((4,), (2, 3), (8,))}


def second(row) -> Layout:
  """Features follow the examples; where features must be last, positions lie on two axes."""
  return Layout(_CUT[2], (0, 2, 1, 3)) if 2 in row.fixed else Layout(((4,), (6,), (8,)), (0, 2, 1))


def apart(row) -> Layout:
  """Features on two axes, around the positions, and also before the examples where allowed."""
  if 2 in row.fixed:
    return second(row)
  if 'feature_axis' in inspect.signature(row.function).parameters:
    return Layout(((4,), (6,), (8,)), (2, 1, 0))
  return Layout(_CUT[0], (0, 2, 1, 3) if 0 in row.fixed else (2, 1, 3, 0))


LAYOUTS = {'second': second, 'apart': apart}
