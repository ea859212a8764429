"""The error of one norm of one library on each named input, against the exact value."""

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np

from norms.lab import parity_cases, parity_exact, peers
from norms.lab.parity_setting import EPSILON, Setting, exact, options
from norms.lab.peers import Case, Found, differences

Row = dict[str, Any]


def rows(library: str, norm: str, setting: Setting) -> Iterator[Row]:
  """A row per dtype, input and quantity."""
  for dtype, names in setting.inputs:
    for name in names:
      if norm in peers.KERNEL and name in parity_cases.ACTIVATIONS_ONLY:
        continue
      if norm == 'spectral' and (dtype, name) != ('float32', 'unit'):
        continue  # many steps of an iteration say little of one division
      yield from _of_input(library, norm, setting, dtype, name)


def _of_input(library: str, norm: str, setting: Setting, dtype: str, name: str) -> Iterator[Row]:
  one = norm == 'group' and name == 'one element'
  case = parity_cases.draw(norm, name, dtype, setting.shape, seed=setting.seed)
  told = options(norm, setting, groups=case.x.shape[-1] if one else setting.groups)
  true, found, refused = exact(library, norm, case, told), None, ''
  try:
    found = peers.PEERS[library][norm](case, **told)
  except ValueError as error:  # PyTorch's, of one element
    refused = str(error).splitlines()[0]
  place = {'table': 'accuracy', 'dtype': dtype, 'input': name, 'refused': refused}
  place['known'] = differences.known_of_input(library, norm, dtype, name)
  for quantity, value in named(true).items():
    size = parity_exact.size(
      quantity, value, case, epsilon=EPSILON, flat=name in parity_cases.FLAT and norm != 'weight'
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
    return parity_exact.deviation(norm, found.z, case, told.get('groups', 1))
