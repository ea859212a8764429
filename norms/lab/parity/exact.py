"""What each norm is exactly: the paper's formula and hand-derived gradients, in float64, plainly.

Nothing here comes from the library, so that both can be wrong only independently of one another.
"""

import numpy as np

from norms.lab.peers import Case, Result, differences
from norms.lab.values import Settings

AXES = {'batch': (0, 1, 2), 'layer': (-1,), 'rms': (-1,), 'instance': (1, 2), 'group': (1, 2, 4)}


def as_library_defines(library: str, norm: str, case: Case, options: Settings) -> Result:
  """`value` with the epsilon of this library, which weight norms place differently."""
  if norm == 'weight':
    pair = (library, norm)
    epsilon = differences.EPSILON.get(pair, 1e-12)
    options = {'epsilon': epsilon, 'floor': pair in differences.FLOOR}
  return value(norm, case, **options)


def value(
  norm: str,
  case: Case,
  *,
  epsilon: float = 0.0,
  groups: int = 1,
  floor: bool = False,
  steps: int = 0,
) -> Result:
  """The value and the gradients of <cotangent, value>.

  floor: the squared length is max(|v|^2, epsilon), not |v|^2 + epsilon. steps: of the power
  iteration, which other libraries need; it is unused here.
  """
  del steps
  # float64 holds every input of 16 or 32 bits exactly: only the formula rounds.
  wide = case.each(lambda a: a.astype(np.float64))
  if norm == 'spectral':
    return _spectral(wide)
  if norm == 'weight':
    return _weight(wide, epsilon, floor)
  # Groups become an axis of their own, so that one formula serves all norms.
  split = wide.each(lambda a: _view(norm, a, groups))
  result = _standardised(split, AXES[norm], epsilon, center=norm != 'rms')
  shapes = {name: a.shape for name, a in case.parameters.items()}
  gradients = {name: a.reshape(shapes[name]) for name, a in result.gradients.items()}
  return Result(result.z.reshape(case.x.shape), gradients)


def deviation(norm: str, z: np.ndarray, case: Case, groups: int = 1) -> float:
  """The standard deviation of the normalised input that is farthest from 1; NaN with none."""
  if norm not in AXES or norm == 'rms':
    return float('nan')
  y = (z.astype(np.float64) - case.bias.astype(np.float64)) / case.scale.astype(np.float64)
  deviations = np.std(_view(norm, y, groups), AXES[norm])
  return float(deviations.flat[np.argmax(np.abs(deviations - 1))])


def size(quantity: str, value: np.ndarray, case: Case, *, epsilon: float, flat: bool) -> float:
  """What an error is measured by: the largest entry.

  Of `flat` input, where nothing or a single term is left, no less than what is usual: of the
  output the scale, of the gradient of x the steepest slope, of a sum the root of its squares.
  """
  largest = float(np.max(np.abs(value), initial=0))
  if flat and case.scale is not None:
    scale, ct = (np.abs(a.astype(np.float64)) for a in (case.scale, case.cotangent))
    # A sum of terms of either sign has the size of the root of their squares, by chance.
    terms = np.sqrt(np.max(np.sum(ct**2, tuple(range(ct.ndim - 1)))))
    slope = np.max(ct * scale) / np.sqrt(epsilon) if largest < 1e-9 else 0.0
    usual = {'output': np.max(scale), 'gradient of x': slope}
    largest = max(largest, float(usual.get(quantity, terms)))
  return largest or 1.0


def _view(norm: str, a: np.ndarray, groups: int) -> np.ndarray:
  """The last axis split into groups, where the norm has them."""
  return a.reshape(*a.shape[:-1], groups, -1) if norm == 'group' else a


def _standardised(case: Case, axes: tuple[int, ...], epsilon: float, center: bool) -> Result:
  """z = y scale + bias, y = (x - <x>) r; dx = r (dy - <dy> - y <y dy>)."""
  x, scale, bias, ct = case
  x = x - _mean(x, axes) if center else x
  r = 1 / np.sqrt(_mean(x**2, axes) + epsilon)
  y, dy = x * r, ct * scale
  gradients = {'x': r * (dy - (_mean(dy, axes) if center else 0) - y * _mean(y * dy, axes))}
  examples = tuple(range(x.ndim - np.ndim(scale)))
  gradients['scale'] = np.sum(ct * y, examples)
  if bias is not None:
    gradients['bias'] = np.sum(ct, examples)
  return Result(y * scale + (0 if bias is None else bias), gradients)


def _mean(a: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
  """In two steps: the first one's rounding error is taken out by the second."""
  first = np.mean(a, axes, keepdims=True)
  return first + np.mean(a - first, axes, keepdims=True)


def _weight(case: Case, epsilon: float, floor: bool) -> Result:
  """w = g v / length; if v has length 0, the value and the gradient are 0."""
  v, g, _, ct = case
  # Where the squared length is below epsilon, a floor makes the length constant: it does not vary
  # with v, and neither does that part of the gradient.
  square = np.sum(v**2, 0)
  length = np.sqrt(np.maximum(square, epsilon) if floor else square + epsilon)
  inverse = np.divide(1, length, out=np.zeros_like(length), where=square > 0)
  y, varies = v * inverse, (square > epsilon) if floor else 1.0
  projection = np.sum(ct * y, 0)
  return Result(g * y, {'x': g * inverse * (ct - varies * y * projection), 'scale': projection})


def _spectral(case: Case) -> Result:
  """w / sigma, sigma the largest singular value: d sigma = u^T dw v."""
  w, ct = case.x, case.cotangent
  u, s, v = np.linalg.svd(w, full_matrices=False)
  return Result(w / s[0], {'x': ct / s[0] - np.sum(ct * w) / s[0] ** 2 * np.outer(u[:, 0], v[0])})
