"""The library's promises: each is a function of a row of the table, and fails or returns.

`PROMISES` holds all of them as (name, check, applies): `applies(row)` says whether the promise
applies to a row. Those whose names begin with slow- run with pytest -m slow.
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
