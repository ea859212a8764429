"""Promises 1, 2 and 4 for other axes than the usual ones, also for two feature axes.

The tolerance is 2e-6, as in promise 1: the sums add the same terms in another order.
"""

import functools

import jax
import numpy as np

from promises import evaluation, layouts, measure, states


def _mask(row, layout):
  """A mask for one of the two layouts, none for the other: so both cases are tested."""
  return measure.scattered(measure.SHAPE) if layout == 'apart' and row.masked else None


def _case(row, mask):
  x, params, ct = measure.case(row)
  return x if mask is None else np.where(mask, x, np.float32(0)), params, ct


def _moved(row, layout, params):
  return {name: layout.parameter(row, name, p) for name, p in params.items()}


def _assert_near(row, layout, found, expected, ct):
  """Value and gradients are the usual ones, moved to the axes of the layout."""
  (z, gradients), (plain, plainly) = found, expected
  measure.assert_near(z, layout.move(plain), 2e-6, 'z')
  moved = {}
  for name, a in plainly.items():
    if name in ('mean', 'var'):
      moved[name] = layout.flat(a, row.features)
    else:
      moved[name] = layout.move(a) if name == 'x' else layout.parameter(row, name, a)
  measure.assert_near_gradients(gradients, moved, 2e-6, ct)


def check_training(name, row):
  """Value and gradients do not depend on where the axes lie."""
  layout, mask = layouts.LAYOUTS[name](row), _mask(row, name)
  x, params, ct = _case(row, mask)
  options = layout.options(row)
  if 'batch_stats' in row.drawn(x.shape):  # drawn for features on the last axis, so they move
    options['batch_stats'] = layout.statistics(row, row.drawn(x.shape)['batch_stats'])
  given = {} if mask is None else {'mask': layout.move(mask)}
  moved = layout.move(x), _moved(row, layout, params), layout.move(ct)
  found = measure.evaluate(functools.partial(row.call, **options), *moved, given)
  expected = measure.plain(row, x, params, ct, **({} if mask is None else {'mask': mask}))
  _assert_near(row, layout, found, expected, ct)


def check_evaluation(name, row):
  """In evaluation neither do value and gradients, nor running statistics after a step."""
  layout, mask = layouts.LAYOUTS[name](row), _mask(row, name)
  x, params, ct = _case(row, mask)
  stats, options = states.initial(row), layout.options(row)
  at = layout.move(x), _moved(row, layout, params), layout.statistics(row, stats)
  left_in = None if mask is None else layout.move(mask)

  @jax.jit
  def run(ct, *at):
    z, pull = jax.vjp(lambda *at: evaluation.call(row, *at, mask=left_in, **options), *at)
    dx, dparams, dstats = pull(ct)
    new = states.step(row, *at, mask=left_in, **options)[1]
    return (z, {'x': dx, 'mean': dstats.mean, 'var': dstats.var, **dparams}), new

  found, new = run(layout.move(ct), *at)
  expected = evaluation.plain(row, x, params, stats, ct, mask=mask)
  _assert_near(row, layout, found, expected, ct)
  after = states.moved(row, *measure.double((x, stats)), mask)
  states.assert_stats(new, layout.statistics(row, after))


def _two(row):
  return layouts.apart(row) != layouts.second(row)


PROMISES = tuple(
  (f'{what}-{name}', functools.partial(check, name), applies)
  for what, check, owed in (
    ('layout', check_training, lambda row: True),
    ('layout-evaluation', check_evaluation, lambda row: bool(row.state)),
  )
  for name, applies in (
    ('second', owed),
    ('apart', lambda row, owed=owed: owed(row) and _two(row)),
  )
)
