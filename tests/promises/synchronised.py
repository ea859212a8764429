"""Promise 6 for running statistics, on two devices: they are those of the whole batch."""

import functools
import operator

import jax
import numpy as np

from promises import devices, measure, states


def check_synchronised(mode, row):
  """Statistics are weighted by counts; each device gets those of the whole batch."""
  x, params, _ = measure.case(row)
  named = functools.partial(states.step, row, axis_name=devices.AXIS)
  f = devices.MODES[mode](lambda x, params, stats, mask: named(x, params, stats, mask=mask)[1])
  for mask in devices.masks(row):
    _, expected = states.compiled(row)(x, params, states.initial(row), mask)
    found = f(
      devices.parts(row, x), *devices.both((params, states.initial(row))), devices.parts(row, mask)
    )
    for device in range(2):
      states.assert_stats(jax.tree.map(operator.itemgetter(device), found), expected)


def check_groups(row):
  """Devices in different groups have different statistics."""
  x, params, _ = measure.case(row)
  options = {'axis_name': devices.AXIS, 'axis_index_groups': [[0], [1]]}
  f = devices.MODES['shard_map-unchecked'](functools.partial(states.step, row, **options))
  _, found = f(devices.parts(row, x), *devices.both((params, states.initial(row))))
  for device, part in enumerate(np.split(measure.double(x), 2, row.split)):
    expected = states.moved(row, part, measure.double(states.initial(row)))
    states.assert_stats(jax.tree.map(operator.itemgetter(device), found), expected)


def _state(row):
  return row.state and row.split is not None


def _full(row):
  return _state(row) and not row.variant


PROMISES = (
  ('state-synchronised-pmap', functools.partial(check_synchronised, 'pmap'), _full),
  ('state-synchronised-shard_map', functools.partial(check_synchronised, 'shard_map'), _state),
  ('state-groups', check_groups, _full),
)
