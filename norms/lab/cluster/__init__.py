"""Groups on the workers of a Dask scheduler, in place of this machine's.

`cluster` is what `norms.lab.sweep` is given: `parts` cuts the tasks, `parcel` is what they need,
`driving` asks for them and `received` writes what comes back. A worker has `member`, which keeps
processes (`seats`), each a `seat` of one study; they are `norms.lab.runner.serving` as those here.
"""
