"""What a study's folder holds beside its records.

`kept` has saved parameters, `checkpoints` tiles to go on from, and `failures` the tracebacks of
groups. `claims` and `shards` say which of several processes trains what; `superseded` takes out the
older rows of a trial that ran again.
"""
