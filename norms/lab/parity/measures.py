"""What is measured of one norm of one library: its distance from ours, and from the exact value."""

from collections.abc import Callable, Iterator
import functools
from typing import Any

import ml_dtypes
import numpy as np

from norms.lab import mistakes, peers
from norms.lab.parity import cases, exact
from norms.lab.parity.cases import Setting, options
from norms.lab.peers import Case, Result, differences

RecordRow = dict[str, Any]  # by column: numbers and texts


def from_ours(library: str, norm: str, setting: Setting) -> Iterator[RecordRow]:
  """A row per quantity, on unit-scale input in float32.

  Quantities: outputs, gradients, parameters after some steps, running statistics.
  """
  theirs, ours = peers.PEERS[library][norm], peers.PEERS[peers.OURS][norm]
  row = functools.partial(_row, library, norm)
  draw = functools.partial(cases.draw, norm, 'unit', 'float32', setting.shape)
  case, norm_options = draw(seed=setting.seed), options(norm, setting)
  # A fresh layer, whose scale is 1 and bias 0: only then is a difference that of the statistics.
  for quantity, shape in cases.sizes(norm, setting).items():
    fresh = cases.draw(norm, 'unit', 'float32', shape, seed=setting.seed, fresh=True)
    true = exact.as_library_defines(library, norm, fresh, norm_options)
    yield row(quantity, theirs(fresh, **norm_options).z, ours(fresh, **norm_options).z, true.z)
  results = [by_quantity(f(case, **norm_options)) for f in (theirs, ours)]
  results.append(by_quantity(exact.as_library_defines(library, norm, case, norm_options)))
  for name in results[0]:
    shown = 'output with scale and bias' if name == 'output' else name
    yield row(shown, *(f[name] for f in results))
  # Not if the library has no default: there is nothing to compare then.
  if differences.EPSILON.get((library, norm), 0) is not None:
    without_epsilon = {name: value for name, value in norm_options.items() if name != 'epsilon'}
    fresh = draw(seed=setting.seed, fresh=True)
    yield row(
      'output at defaults', theirs(fresh, **without_epsilon).z, ours(fresh, **without_epsilon).z
    )
  target = draw(seed=setting.seed + 1).cotangent
  trained = [peer.train(case, target, setting.steps, **norm_options) for peer in (theirs, ours)]
  for name in trained[0]:
    yield row(f'{name} after {setting.steps} steps', *(f[name] for f in trained))
  if norm == 'batch' and library != 'tensorflow':  # whose operations keep no statistics
    yield from _running(library, setting, row)


def _running(library: str, setting: Setting, row: Callable[..., RecordRow]) -> Iterator[RecordRow]:
  rng = np.random.default_rng(setting.seed + 2)
  inputs = (rng.standard_normal(setting.shape) for _ in range(setting.steps))
  batches = [(1 + 2 * x).astype(np.float32) for x in inputs]
  theirs, ours = (
    peers.PEERS[name]['batch'].running(batches, momentum=0.9) for name in (library, peers.OURS)
  )
  for name in ('mean', 'var'):
    yield row(f'running {name}', theirs[name], ours[name])


def _row(
  library: str,
  norm: str,
  quantity: str,
  theirs: np.ndarray,
  ours: np.ndarray,
  exact_values: np.ndarray | None = None,
) -> RecordRow:
  """Mean and largest difference, the largest entry, and each one's mean error, if known."""
  # In float64, so that the comparison itself rounds nothing.
  a, b = (np.asarray(values, np.float64) for values in (theirs, ours))
  errors = [
    np.nan if exact_values is None else float(np.mean(np.abs(values - exact_values)))
    for values in (a, b)
  ]
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


def from_exact(library: str, norm: str, setting: Setting) -> Iterator[RecordRow]:
  """A row per dtype, input and quantity, on each named input: the mean of some draws' errors."""
  for dtype, names in setting.inputs:
    for name in names:
      if norm in peers.KERNEL and name in cases.ACTIVATIONS_ONLY:
        continue
      if norm == 'spectral' and (dtype, name) != ('float32', 'unit'):
        continue  # many steps of an iteration say little of one division
      seeds = range(setting.seed, setting.seed + setting.draws)
      by_draw = [
        list(_errors_on_input(library, norm, setting, dtype, name, seed)) for seed in seeds
      ]
      yield from map(_mean_over_draws, zip(*by_draw, strict=True))


def _mean_over_draws(rows: tuple[RecordRow, ...]) -> RecordRow:
  """One quantity's rows, a draw each, as one: of a single draw the order of adding decides."""
  mean = {key: float(np.mean([row[key] for row in rows])) for key in ('error', 'two_ulp')}
  # A mean of deviations would hide the draw in which cancellation showed.
  farthest = max((row['std'] for row in rows), key=lambda std: abs(std - 1))
  lost = sum(row['lost'] for row in rows)
  return {**rows[0], **mean, 'std': farthest, 'lost': lost, 'draws': len(rows)}


def _errors_on_input(
  library: str, norm: str, setting: Setting, dtype: str, name: str, seed: int
) -> Iterator[RecordRow]:
  single = norm == 'group' and name == 'one element'
  case = cases.draw(norm, name, dtype, setting.shape, seed=seed)
  norm_options = options(norm, setting, groups=case.x.shape[-1] if single else setting.groups)
  exact_result, result, refused = (
    exact.as_library_defines(library, norm, case, norm_options),
    None,
    '',
  )
  try:
    result = peers.PEERS[library][norm](case, **norm_options)
  except ValueError as error:  # PyTorch's, of one element
    refused = mistakes.first_line(error)
  row = {'table': 'accuracy', 'dtype': dtype, 'input': name, 'refused': refused}
  row['known'] = differences.known_of_input(library, norm, dtype, name)
  for quantity, value in by_quantity(exact_result).items():
    size = exact.size(
      quantity, value, case, epsilon=cases.EPSILON, flat=name in cases.FLAT and norm != 'weight'
    )
    measured = None if result is None else by_quantity(result)[quantity]
    std = _deviation(norm, result, case, norm_options) if quantity == 'output' else np.nan
    yield {**row, 'quantity': quantity, 'std': std, **error_of(measured, value, size, dtype)}


def by_quantity(result: Result) -> dict[str, np.ndarray]:
  """The output and the gradients by the names under which the records know them."""
  gradients = {f'gradient of {name}': a for name, a in result.gradients.items()}
  return {'output': result.z, **gradients}


def error_of(a: np.ndarray | None, true: np.ndarray, size: float, dtype: str) -> RecordRow:
  """The largest error and two ulp, both over `size`; how many entries are lost.

  Lost is what is not finite though the dtype could hold the exact value.
  """
  limits = ml_dtypes.finfo(dtype)
  ulp = float(limits.eps) * 2.0 ** np.floor(np.log2(size))
  # A unit in the last place is never less than the smallest subnormal number.
  bound = 2 * max(ulp, float(limits.smallest_subnormal)) / size
  if a is None:
    return {'error': np.nan, 'lost': 0, 'two_ulp': bound}
  a = np.asarray(a, np.float64)
  representable = np.abs(true) <= float(limits.max)
  lost = representable & ~np.isfinite(a)
  errors = np.abs(a - true)[representable & ~lost]
  error = float(np.max(errors)) / size if errors.size else np.nan
  return {'error': error, 'lost': int(np.sum(lost)), 'two_ulp': bound}


def _deviation(norm: str, result: Result | None, case: Case, norm_options: RecordRow) -> float:
  if result is None:
    return float('nan')
  # An output that overflowed has no deviation, and NaN says so without a warning.
  with np.errstate(invalid='ignore', over='ignore'):
    return exact.deviation(norm, result.z, case, norm_options.get('groups', 1))
