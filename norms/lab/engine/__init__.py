"""One trial, and one group of trials as compiled programs.

`training` starts a trial and takes its steps by `optimizer`, at the rates of `schedules`;
`evaluation`, `probes` and `own_probes` measure it as it stands. `program` compiles a group,
whose lanes `chunks` cuts into what is computed at once, and `replay` says where initial kernels and
batches come from. Nothing here knows of files of records, or of processes.
"""
