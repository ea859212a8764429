"""Promises 1, 2, 4 and 6 for complex input, whose mean is complex and whose variance is real.

The tolerances are those of promises 1 and 2: 2e-6 in float32, 1e-12 in float64.
"""

import functools

import chex
import jax
import numpy as np

from promises import devices, evaluation, measure, states

EXACT = 1e-12


def _case(row, dtype='complex128'):
  """Input, parameters and cotangent; the parameters are real, with half the bits of the input."""
  params = measure.parameters(row, dtype=np.zeros((), dtype).real.dtype)
  return measure.draw(dtype=dtype), params, measure.draw(dtype=dtype, seed=2)


def check_value(row):
  """The value, where real and imaginary part have offsets and magnitudes of their own."""
  for name in ('unit', 'offset_1e4', 'magnitude_1e9', 'magnitude_1e-9'):
    x, params = measure.draw(dtype='complex64', name=name), measure.parameters(row)
    z = measure.forward(row.call, x, params)
    chex.assert_type(z, np.complex64)
    measure.assert_near(z, row.plain(*measure.double((x, params))), 2e-6, f'z of {name}')


def check_gradient(row):
  """The gradient on an offset, where the sums see the rounding error of a complex mean."""
  x, params, ct = measure.case(row, dtype='complex64', name='offset_1e4')
  params = measure.parameters(row)
  _, gradients = measure.ours(row, x, params, ct)
  _, plain = measure.plain(row, x, params, ct)
  measure.assert_near_gradients(gradients, plain, 2e-6, ct)


def _assert_exact(found, expected):
  (z, gradients), (plain, plainly) = found, expected
  measure.assert_near(z, plain, EXACT, 'z')
  measure.assert_near_relatively(gradients, plainly, EXACT, 'a gradient')


def check_mask(row):
  """Masked values equal plain autodiff; a NaN in one part of a masked entry changes no bit."""
  mask = measure.scattered(measure.SHAPE)
  x, params, ct = _case(row)
  with jax.enable_x64(True):
    found, *filled = (
      measure.ours(row, np.where(mask, x, filling), params, ct, mask=mask)
      for filling in (0, complex(np.nan, 1), complex(1, np.nan), 3e300)
    )
  _assert_exact(found, measure.plain(row, np.where(mask, x, 0), params, ct, mask=mask))
  for other in filled:
    measure.assert_same(other, found, 'z or a gradient')


def check_evaluation(row):
  """Value and gradients in evaluation, by a complex mean and a real variance, with a mask."""
  mask = measure.scattered(measure.SHAPE)
  x, params, ct = _case(row)
  with jax.enable_x64(True):
    stats = states.initial(row, 'complex128')
    filled = np.where(mask, x, complex(1, np.nan))
    found = evaluation.ours(row, filled, params, stats, ct, {'mask': mask})
  plain = evaluation.plain(row, np.where(mask, x, 0), params, stats, ct, mask=mask)
  _assert_exact(found, plain)


def check_update(row):
  """The running mean is complex and the running variance real, also for a masked batch."""
  x, params, _ = _case(row, 'complex64')
  stats = states.initial(row, 'complex64')
  for mask in (None, measure.scattered(measure.SHAPE)):
    _, new = states.compiled(row)(x, params, stats, mask)
    chex.assert_type([new.mean, new.var], [np.complex64, np.float32])
    states.assert_stats(new, states.moved(row, *measure.double((x, stats)), mask))


def check_devices(row):
  """Two devices with different counts give the value and gradient of one device."""
  x, params, ct = _case(row)
  mask = devices.masks(row)[1]
  with jax.enable_x64(True):
    f = devices.MODES['vmap'](
      lambda x, params, mask: row.call(x, params, mask=mask, axis_name=devices.AXIS)
    )
    z, gradients = measure.ours(row, x, params, ct, mask=mask)
    run = functools.partial(devices.value_and_gradients, f)
    arguments = devices.parts(row, x), devices.shared(row, params), devices.parts(row, mask)
    found, dx, dparams = jax.jit(run)(arguments, devices.parts(row, ct))
  whole = functools.partial(devices.whole, row)
  together = {name: devices.together(row, name, a) for name, a in dparams.items()}
  _assert_exact((whole(found), {'x': whole(dx), **together}), (z, gradients))


def _full(row):
  return row.complex and not row.variant


PROMISES = (
  ('complex-value', check_value, _full),
  ('complex-gradient', check_gradient, _full),
  ('complex-mask', check_mask, lambda row: row.complex and row.masked),
  ('complex-evaluation', check_evaluation, lambda row: row.complex and bool(row.state)),
  ('complex-update', check_update, lambda row: row.complex and bool(row.state)),
  ('complex-devices', check_devices, lambda row: _full(row) and row.split is not None),
)
