"""Groups that run side by side, as `norms.lab.sweep` asks for them.

`checks` says before anything runs whether a study can run, and what it takes of the `memory` that
there is; `planned` has the plan as a table and in words. `identity` holds what is imported to the
source that a trial's hash was made of, `same_files` the data's files to those that records are of.
`execution` compiles and trains one group, `tiles` claims and records its tiles, in a thread or a
process of `workers`, where `once` makes what groups share, and `rows` makes records of what it
found; `helping` has one more process for the report. `progress` shows how far they are. `limits`
says how long a group may take, and `sparing` runs one with less at once where memory does not
suffice. `provenance` is what is kept of the machine and the source, and `timing` times an epoch of
each norm afterwards. `epochs` says which epoch of a trial is its best and which its last, `keeping`
saves parameters, and `resuming` how a tile stands, to go on from.
"""
