"""What is measured of one norm of one library: its distance from ours, and from the exact value."""

from collections.abc import Callable, Iterator
import functools
from typing import Any

import ml_dtypes
import numpy as np

from norms.lab import peers
from norms.lab.parity import cases, exact
from norms.lab.parity.cases import Setting, options
from norms.lab.peers import Case, Found, differences

Row = dict[str, Any]


def from_ours(library: str, norm: str, setting: Setting) -> Iterator[Row]:
  """A row per quantity, on unit-scale input in float32.

  Quantities: outputs, gradients, parameters after some steps, running statistics.
  """
  theirs, ours = peers.PEERS[library][norm], peers.PEERS[peers.OURS][norm]
  beside = functools.partial(_row, library, norm)
  draw = functools.partial(cases.draw, norm, 'unit', 'float32', setting.shape)
  case, told = draw(seed=setting.seed), options(norm, setting)
  for quantity, shape in cases.sizes(norm, setting).items():
    fresh = cases.draw(norm, 'unit', 'float32', shape, seed=setting.seed, fresh=True)
    true = exact.meant(library, norm, fresh, told)
    yield beside(quantity, theirs(fresh, **told).z, ours(fresh, **told).z, true.z)
  found = [named(f(case, **told)) for f in (theirs, ours)]
  found.append(named(exact.meant(library, norm, case, told)))
  for name in found[0]:
    shown = 'output with scale and bias' if name == 'output' else name
    yield beside(shown, *(f[name] for f in found))
  if differences.EPSILON.get((library, norm), 0) is not None:
    left = {name: value for name, value in told.items() if name != 'epsilon'}
    fresh = draw(seed=setting.seed, fresh=True)
    yield beside('output at defaults', theirs(fresh, **left).z, ours(fresh, **left).z)
  aim = draw(seed=setting.seed + 1).cotangent
  trained = [peer.train(case, aim, setting.steps, **told) for peer in (theirs, ours)]
  for name in trained[0]:
    yield beside(f'{name} after {setting.steps} steps', *(f[name] for f in trained))
  if norm == 'batch' and library != 'tensorflow':  # whose operations keep no statistics
    yield from _running(library, setting, beside)


def _running(library: str, setting: Setting, beside: Callable[..., Row]) -> Iterator[Row]:
  rng = np.random.default_rng(setting.seed + 2)
  drawn = (rng.standard_normal(setting.shape) for _ in range(setting.steps))
  batches = [(1 + 2 * x).astype(np.float32) for x in drawn]
  theirs, ours = (
    peers.PEERS[name]['batch'].running(batches, momentum=0.9) for name in (library, peers.OURS)
  )
  for name in ('mean', 'var'):
    yield beside(f'running {name}', theirs[name], ours[name])


def _row(library: str, norm: str, quantity: str, theirs, ours, true=None) -> Row:
  """Mean and largest difference, the largest entry, and each one's mean error, if known."""
  a, b = (np.asarray(each, np.float64) for each in (theirs, ours))
  errors = [np.nan if true is None else float(np.mean(np.abs(each - true))) for each in (a, b)]
  return {
    'table': 'parity',
    'quantity': quantity,
    'known': differences.known(library, norm, quantity),
    'mean_difference': float(np.mean(np.abs(a - b))),
    'max_difference': float(np.max(np.abs(a - b))),
    'largest': float(np.max(np.abs(b))),
    'theirs_error': errors[0],
    'ours_error': errors[1],
  }


def from_exact(library: str, norm: str, setting: Setting) -> Iterator[Row]:
  """A row per dtype, input and quantity, on each named input: the mean of some draws' errors."""
  for dtype, names in setting.inputs:
    for name in names:
      if norm in peers.KERNEL and name in cases.ACTIVATIONS_ONLY:
        continue
      if norm == 'spectral' and (dtype, name) != ('float32', 'unit'):
        continue  # many steps of an iteration say little of one division
      seeds = range(setting.seed, setting.seed + setting.draws)
      drawn = [list(_of_input(library, norm, setting, dtype, name, seed)) for seed in seeds]
      yield from map(_together, zip(*drawn, strict=True))


def _together(rows: tuple[Row, ...]) -> Row:
  """One quantity's rows, a draw each, as one: of a single draw the order of adding decides."""
  mean = {key: float(np.mean([row[key] for row in rows])) for key in ('error', 'two_ulp')}
  farthest = max((row['std'] for row in rows), key=lambda std: abs(std - 1))
  lost = sum(row['lost'] for row in rows)
  return {**rows[0], **mean, 'std': farthest, 'lost': lost, 'draws': len(rows)}


def _of_input(
  library: str, norm: str, setting: Setting, dtype: str, name: str, seed: int
) -> Iterator[Row]:
  one = norm == 'group' and name == 'one element'
  case = cases.draw(norm, name, dtype, setting.shape, seed=seed)
  told = options(norm, setting, groups=case.x.shape[-1] if one else setting.groups)
  true, found, refused = exact.meant(library, norm, case, told), None, ''
  try:
    found = peers.PEERS[library][norm](case, **told)
  except ValueError as error:  # PyTorch's, of one element
    refused = str(error).splitlines()[0]
  place = {'table': 'accuracy', 'dtype': dtype, 'input': name, 'refused': refused}
  place['known'] = differences.known_of_input(library, norm, dtype, name)
  for quantity, value in named(true).items():
    size = exact.size(
      quantity, value, case, epsilon=cases.EPSILON, flat=name in cases.FLAT and norm != 'weight'
    )
    a = None if found is None else named(found)[quantity]
    std = _deviation(norm, found, case, told) if quantity == 'output' else np.nan
    yield {**place, 'quantity': quantity, 'std': std, **error_of(a, value, size, dtype)}


def named(found: Found) -> dict[str, np.ndarray]:
  """The output and the gradients by the names under which the records know them."""
  gradients = {f'gradient of {name}': a for name, a in found.gradients.items()}
  return {'output': found.z, **gradients}


def error_of(a, true, size: float, dtype: str) -> Row:
  """The largest error and two ulp, both over `size`; how many entries are lost.

  Lost is what is not finite though the dtype could hold the exact value.
  """
  limits = ml_dtypes.finfo(dtype)
  ulp = float(limits.eps) * 2.0 ** np.floor(np.log2(size))
  bound = 2 * max(ulp, float(limits.smallest_subnormal)) / size
  if a is None:
    return {'error': np.nan, 'lost': 0, 'two_ulp': bound}
  a = np.asarray(a, np.float64)
  due = np.abs(true) <= float(limits.max)
  lost = due & ~np.isfinite(a)
  errors = np.abs(a - true)[due & ~lost]
  error = float(np.max(errors)) / size if errors.size else np.nan
  return {'error': error, 'lost': int(np.sum(lost)), 'two_ulp': bound}


def _deviation(norm: str, found: Found | None, case: Case, told: Row) -> float:
  if found is None:
    return float('nan')
  with np.errstate(invalid='ignore', over='ignore'):
    return exact.deviation(norm, found.z, case, told.get('groups', 1))
