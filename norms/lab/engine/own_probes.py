"""Probes of a user's own: what they measure of one trial as it stands, each number a column.

    def probe(apply, state, data):  # named in config.probes as mine:probe
      return {'kernel': jnp.linalg.norm(state.variables['params']['layer_0']['kernel'])}

`apply(variables, x)` gives the network's outputs as in evaluation, by running statistics where its
norm has these; it is the module's own `apply`, and takes `mutable` or `capture_intermediates`, too.
`state` is a `norms.lab.engine.training.State`, and `data` the `norms.lab.data.Data` of the network.
The function is traced by JAX, for several trials at once where these are computed together.
"""

from collections.abc import Mapping
import functools

import jax
import jax.numpy as jnp

from norms.lab.columns import OWN_PROBE
from norms.lab.data import Data
from norms.lab.engine.training import State, TrainSetup
from norms.lab.values import check_takes


def measure(setup: TrainSetup, state: State, data: Data) -> dict[str, jax.Array]:
  """`probes.<name>` for each number that each probe gives, as float32.

  Raises:
    ValueError: one line, where a probe gives anything else, or two the same name.
  """
  apply = functools.partial(setup.running.apply, train=False)
  found: dict[str, jax.Array] = {}
  for name, probe in setup.probes.items():
    if not callable(probe):
      raise ValueError(f'probe {name!r} is no function: give one of (apply, state, data)')
    check_takes(f'probe {name!r}', probe, 'apply', 'state', 'data')
    values = probe(apply, state, data)
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
      raise ValueError(f'probe {name!r} gives {values!r}: give a dict of names and numbers')
    for key, value in values.items():
      found = _with(found, name, key, jnp.asarray(value))
  return found


def _with(found: dict[str, jax.Array], probe: str, key: str, value: jax.Array) -> dict:
  if value.shape or jnp.iscomplexobj(value):
    raise ValueError(
      f'probe {probe!r}: {key} has the shape {value.shape} and dtype {value.dtype}: give one real '
      'number'
    )
  if (column := f'{OWN_PROBE}{key}') in found:
    raise ValueError(f'probe {probe!r}: another probe gives {key!r}, too: rename one')
  # In one dtype, so that a column has one type whatever numbers a probe gives.
  return found | {column: value.astype(jnp.float32)}
