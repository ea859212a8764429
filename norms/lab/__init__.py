"""The lab: plain data at both ends, jax only in the middle.

A config becomes a study, its trials, groups of trials that share a program, and a frame of records:

    grid, trial, study         what is asked, as plain data; config_keys says what each key means
    grouping                   which trials share a program, and how many run in one call
    columns, numerics, records what was found: the schema, the number of the arithmetic, the files
    sweep                      the loop over what has no record yet

Everything else has a room of its own:

    data        data sets as arrays, from downloads that are checked
    models      the networks, whose norm is an argument
    tasks       what they are trained for: losses, metrics, when a trial counts as trained
    engine      one trial, and one group of trials as compiled programs
    xla_cpu     what is written for XLA on CPUs, beside its plain formula
    runner      groups side by side: checks, processes, progress, timing
    statistics  intervals, claims and verdicts
    report      pages from records; no jax
    peers       the same norms in other libraries
    parity      how far they are from ours
"""

import importlib
from typing import Any

_HOMES = {
  'evaluate': 'reproduce', 'load_params': 'kept', 'network': 'reproduce', 'train': 'reproduce',
}  # fmt: skip


def __getattr__(name: str) -> Any:
  """The lab's public functions, loaded at first use: most of the lab needs no jax."""
  if name not in _HOMES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return getattr(importlib.import_module(f'{__name__}.{_HOMES[name]}'), name)
