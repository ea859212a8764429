"""Promise 1 where one parameter or all are None: the result is as if they did nothing.

The tolerance is 2e-6, as in promise 1.
"""

import jax
import numpy as np

from promises import evaluation, measure, states

# The value that None stands for, where it is not 1.
_NEUTRAL = {
  'bias': 0.0,
  'alpha': 0.5,
  'shift': 0.0,
  'threshold': -np.inf,
  'learnt_epsilon': 0.0,
}


def _neutral(name, parameter):
  return np.full_like(parameter, _NEUTRAL.get(name, 1.0))


def _choices(row):
  """Parameters with all of them None, and with each one None."""
  return [set(row.params), *({name} for name in row.params if len(row.params) > 1)]


def _compare(row, ours, plain):
  """Compares ours(params) with plain(params), for all choices in one program."""
  params = measure.parameters(row)

  def given(out):
    return {n: p for n, p in params.items() if n not in out}

  found = jax.jit(lambda: [ours(given(out)) for out in _choices(row)])()
  for out, z in zip(_choices(row), found, strict=True):
    neutral = {n: _neutral(n, p) if n in out else p for n, p in params.items()}
    measure.assert_near(z, plain(measure.double(neutral)), 2e-6, f'z without {sorted(out)}')


def _input(row):
  """The input, with a mask where the norm takes one, as some norms set masked z themselves."""
  mask = {'mask': measure.scattered(measure.SHAPE)} if row.masked else {}
  return np.where(mask.get('mask', True), measure.draw(), np.float32(0)), mask


def check_training(row):
  x, more = _input(row)
  _compare(
    row,
    lambda params: row.call(x, params, **more),
    lambda params: row.plain(measure.double(x), params, **more),
  )


def check_evaluation(row):
  x, more = _input(row)
  stats = states.initial(row)
  wide = measure.double((stats.mean, stats.var))
  _compare(
    row,
    lambda params: evaluation.call(row, x, params, stats, **more),
    lambda params: row.plain_by(measure.double(x), params, *wide, **more),
  )


PROMISES = (
  ('formula-left-out', check_training, lambda row: bool(row.params)),
  ('evaluation-left-out', check_evaluation, lambda row: bool(row.state)),
)
