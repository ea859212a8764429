"""The library's promises: each a function of one row of the table, which fails or returns.

`PROMISES` holds all of them as (name, check, applies): `applies(row)` says whether a row owes it.
Those whose names begin with slow- are for pytest -m slow.
"""

from promises import (
  axes,
  complexes,
  constant,
  devices,
  dtypes,
  eight,
  evaluation,
  export,
  formula,
  gradients,
  handed,
  invariances,
  left_out,
  lowering,
  masks,
  memory,
  meshes,
  modules,
  states,
  synchronised,
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
    eight,
    meshes,
    states,
    synchronised,
    evaluation,
    axes,
    complexes,
    left_out,
    memory,
    modules,
    handed,
    constant,
    export,
    lowering,
  )  # fmt: skip
  for promise in module.PROMISES
)
