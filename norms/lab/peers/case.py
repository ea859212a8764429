"""The input and the result of a peer: NumPy arrays, whichever library is in between."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

RATE, MOMENTUM = 0.1, 0.9  # of the optimiser that parameters are compared after


class Case(NamedTuple):
  """An input of a norm with its parameters, and a cotangent of its output; of one dtype."""

  x: np.ndarray
  scale: Any  # an array, or None where the norm has none, which the norm's function knows
  bias: Any  # like scale
  cotangent: np.ndarray

  @property
  def parameters(self) -> dict[str, np.ndarray]:
    """What is differentiated and trained, by name."""
    arrays = {'x': self.x, 'scale': self.scale, 'bias': self.bias}
    return {name: a for name, a in arrays.items() if a is not None}

  def each(self, change: Callable[[np.ndarray], np.ndarray]) -> 'Case':
    """All arrays changed."""
    changed: list[Any] = [None if a is None else change(a) for a in self]
    return Case(*changed)


class Result(NamedTuple):
  """An output and the gradients of x, scale and bias; what is not differentiable is left out."""

  z: np.ndarray
  gradients: dict[str, np.ndarray]


def drop_none(**options) -> dict:
  """The options that are not None; for the others the library's own default holds."""
  return {name: value for name, value in options.items() if value is not None}
