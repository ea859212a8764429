"""The library's promises: each a function of one row of the table, which fails or returns.

`PROMISES` holds all of them as (name, check, applies): `applies(row)` says whether a row owes it.
Those whose names begin with slow- are for pytest -m slow.
"""

from promises import (
  devices,
  dtypes,
  formula,
  gradients,
  invariances,
  masks,
  memory,
  modules,
  states,
  transforms,
)  # fmt: skip

PROMISES = tuple(
  promise
  for module in (
    formula,
    gradients,
    invariances,
    masks,
    dtypes,
    transforms,
    devices,
    states,
    memory,
    modules,
  )  # fmt: skip
  for promise in module.PROMISES
)
