"""How far one norm of one library is from ours, on unit-scale input in float32."""

from collections.abc import Callable, Iterator
import functools
from typing import Any

import numpy as np

from norms.lab import parity_cases, peers
from norms.lab.parity_accuracy import named
from norms.lab.parity_setting import Setting, exact, options
from norms.lab.peers import differences

Row = dict[str, Any]


def rows(library: str, norm: str, setting: Setting) -> Iterator[Row]:
  """A row per quantity: outputs, gradients, parameters after some steps, running statistics."""
  theirs, ours = peers.PEERS[library][norm], peers.PEERS[peers.OURS][norm]
  beside = functools.partial(_row, library, norm)
  draw = functools.partial(parity_cases.draw, norm, 'unit', 'float32', setting.shape)
  fresh, case = draw(seed=setting.seed, fresh=True), draw(seed=setting.seed)
  told = options(norm, setting)
  true = exact(library, norm, fresh, told)
  yield beside('output', theirs(fresh, **told).z, ours(fresh, **told).z, true.z)
  found = [named(f(case, **told)) for f in (theirs, ours)]
  found.append(named(exact(library, norm, case, told)))
  for name in found[0]:
    shown = 'output with scale and bias' if name == 'output' else name
    yield beside(shown, *(f[name] for f in found))
  if differences.EPSILON.get((library, norm), 0) is not None:
    left = {name: value for name, value in told.items() if name != 'epsilon'}
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
