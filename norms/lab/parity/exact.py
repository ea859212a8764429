"""What each norm is exactly: the paper's formula and hand-derived gradients, in float64, plainly.

Nothing here comes from the library, so that both can be wrong only independently of one another.
"""

from typing import Any

import numpy as np

from norms.lab.peers import Case, Found, differences

AXES = {'batch': (0, 1, 2), 'layer': (-1,), 'rms': (-1,), 'instance': (1, 2), 'group': (1, 2, 4)}


def meant(library: str, norm: str, case: Case, told: dict[str, Any]) -> Found:
  """`value`, epsilon being what the library means by it."""
  if norm == 'weight':
    pair = (library, norm)
    epsilon = differences.EPSILON.get(pair, 1e-12)
    told = {'epsilon': epsilon, 'floor': pair in differences.FLOOR}
  return value(norm, case, **told)


def value(norm: str, case: Case, *, epsilon=0.0, groups=1, floor=False, steps=0) -> Found:
  """The value and the gradients of <cotangent, value>.

  floor: epsilon is the least that a squared length counts for. steps: of an iteration that is
  needed by others.
  """
  del steps
  wide = case.each(lambda a: a.astype(np.float64))
  if norm == 'spectral':
    return _spectral(wide)
  if norm == 'weight':
    return _weight(wide, epsilon, floor)
  split = wide.each(lambda a: _view(norm, a, groups))
  found = _standardised(split, AXES[norm], epsilon, center=norm != 'rms')
  shapes = {name: a.shape for name, a in case.parameters.items()}
  gradients = {name: a.reshape(shapes[name]) for name, a in found.gradients.items()}
  return Found(found.z.reshape(case.x.shape), gradients)


def deviation(norm: str, z, case: Case, groups=1) -> float:
  """The standard deviation of the normalised input that is farthest from 1; NaN with none."""
  if norm not in AXES or norm == 'rms':
    return float('nan')
  y = (z.astype(np.float64) - case.bias.astype(np.float64)) / case.scale.astype(np.float64)
  found = np.std(_view(norm, y, groups), AXES[norm])
  return float(found.flat[np.argmax(np.abs(found - 1))])


def size(quantity: str, value, case: Case, *, epsilon: float, flat: bool) -> float:
  """What an error is measured by: the largest entry.

  Of `flat` input, where nothing or a single term is left, no less than what is usual: of the
  output the scale, of the gradient of x the steepest slope, of a sum the root of its squares.
  """
  largest = float(np.max(np.abs(value), initial=0))
  if flat and case.scale is not None:
    scale, ct = (np.abs(a.astype(np.float64)) for a in (case.scale, case.cotangent))
    terms = np.sqrt(np.max(np.sum(ct**2, tuple(range(ct.ndim - 1)))))
    slope = np.max(ct * scale) / np.sqrt(epsilon) if largest < 1e-9 else 0.0
    usual = {'output': np.max(scale), 'gradient of x': slope}
    largest = max(largest, float(usual.get(quantity, terms)))
  return largest or 1.0


def _view(norm: str, a, groups: int):
  """The last axis split into groups, where the norm has them."""
  return a.reshape(*a.shape[:-1], groups, -1) if norm == 'group' else a


def _standardised(case: Case, axes, epsilon: float, center: bool) -> Found:
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
  return Found(y * scale + (0 if bias is None else bias), gradients)


def _mean(a, axes):
  """In two steps: the first one's rounding error is taken out by the second."""
  first = np.mean(a, axes, keepdims=True)
  return first + np.mean(a - first, axes, keepdims=True)


def _weight(case: Case, epsilon: float, floor: bool) -> Found:
  """w = g v / length; of a v of length 0 the value and the gradient are 0."""
  v, g, _, ct = case
  square = np.sum(v**2, 0)
  length = np.sqrt(np.maximum(square, epsilon) if floor else square + epsilon)
  inverse = np.divide(1, length, out=np.zeros_like(length), where=square > 0)
  y, moves = v * inverse, (square > epsilon) if floor else 1.0
  along = np.sum(ct * y, 0)
  return Found(g * y, {'x': g * inverse * (ct - moves * y * along), 'scale': along})


def _spectral(case: Case) -> Found:
  """w / sigma, sigma the largest singular value: d sigma = u^T dw v."""
  w, ct = case.x, case.cotangent
  u, s, v = np.linalg.svd(w, full_matrices=False)
  return Found(w / s[0], {'x': ct / s[0] - np.sum(ct * w) / s[0] ** 2 * np.outer(u[:, 0], v[0])})
