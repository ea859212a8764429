"""The table of tests/test_norms.py on an accelerator: pytest -m gpu, where JAX has one.

What needs several devices is left to virtual ones, in the table itself.
"""

import jax
from promises import (
  dtypes,
  export,
  formula,
  gradients,
  invariances,
  masks,
  memory,
  modules,
  states,
  transforms,
)  # fmt: skip
import pytest
from rows import ROWS

ONE_DEVICE = (
  formula, gradients, invariances, masks, dtypes, transforms, states, memory, modules, export,
)  # fmt: skip


def table():
  """Rows and promises, without those for several devices and those that repeat others in full."""
  for row in ROWS:
    for name, check, applies in (promise for module in ONE_DEVICE for promise in module.PROMISES):
      if applies(row) and not name.startswith(('slow-', 'state-synchronised-')):
        yield pytest.param(row, check, id=f'{row.id}-{name}')


def accelerator():
  """The first device that is no CPU, or None."""
  return next((device for device in jax.devices() if device.platform != 'cpu'), None)


@pytest.mark.gpu
@pytest.mark.parametrize('row, check', list(table()))
def test_promise(row, check):
  device = accelerator()
  if device is None:
    pytest.skip(f'JAX has no accelerator here: its devices are {jax.devices()}')
  with jax.default_device(device):
    check(row)


def test_every_norm_is_tried():
  """Though no machine of the default tests has an accelerator."""
  tried = {param.values[0].norm for param in table()}
  assert tried == {row.norm for row in ROWS}
