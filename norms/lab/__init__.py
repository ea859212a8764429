"""The lab: plain data at both ends, jax only in the middle.

From Python, in a notebook or a script:

    config = lab.defaults()                  what is asked: every key of a config
    study = lab.Study.from_config(config)    validated; also from the path of a config's file
    lab.plan(study)                          a frame of what would be trained
    frame = lab.run(study)                   trains what is missing; or lab.load('results/mine')
    lab.figure.training_curves(frame)        any figure of a report
    lab.verdicts(frame, study.claims)        what the records say of each claim
    lab.report(frame, study)                 writes the page
    lab.compare(before, after)               what changed from one study to another

A config becomes a study, its trials, groups of trials that share a program, and a frame of records:

    grid, trial, asked, study  what is asked, as plain data; config_keys says what each key means
    grouping, spreading        which trials share a program, and how many run in one call; what
                               each device has of them
    updates                    how parameters are updated: schedule, clipping, weight decay
    columns, numerics, records what was found: the schema, the number of the arithmetic, the files
    sweep, left                the loop over what has no record yet, and what others are at work on
    reproduce                  one trial again, alone
    startup, job               the cache of compiled programs, where processes come from, and other
                               processes of one job
    session, reporting, live   the steps above, which train.py takes too, its pages
    evidence                   the two files of a report from which it can be written again
    figure, timed, two_studies what is made of records, beside statistics and report

Everything else has a room of its own:

    data        data sets as arrays, from downloads that are checked
    models      the networks, whose norm is an argument
    tasks       what they are trained for: losses, metrics, when a trial counts as trained
    engine      one trial, and one group of trials as compiled programs
    xla_cpu     what is written for XLA on CPUs, beside its plain formula
    runner      groups side by side: checks, processes, progress, timing
    cluster     groups on the workers of a Dask scheduler
    store       how records are kept on disk: checksums, an index, large files of small ones
    workdir     what lies beside them: parameters, checkpoints, failures, who trains what
    statistics  intervals, claims and verdicts
    report      pages from records; no jax
    peers       the same norms in other libraries
    parity      how far they are from ours
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from norms.lab import figure as figure
  from norms.lab import report as report
  from norms.lab.records import load as load
  from norms.lab.reproduce import evaluate as evaluate
  from norms.lab.reproduce import network as network
  from norms.lab.reproduce import train as train
  from norms.lab.session import plan as plan
  from norms.lab.session import run as run
  from norms.lab.statistics import verdicts as verdicts
  from norms.lab.study import Study as Study
  from norms.lab.study import defaults as defaults
  from norms.lab.two_studies import compare as compare
  from norms.lab.workdir.kept import load_params as load_params

# Where each public name is; a name without a colon is a module. They load on first use, so that a
# report or a frame of records needs nothing of what trains.
_PLACES = {
  'Study': 'norms.lab.study:Study',
  'compare': 'norms.lab.two_studies:compare',
  'defaults': 'norms.lab.study:defaults',
  'evaluate': 'norms.lab.reproduce:evaluate',
  'figure': 'norms.lab.figure',
  'load': 'norms.lab.records:load',
  'load_params': 'norms.lab.workdir.kept:load_params',
  'network': 'norms.lab.reproduce:network',
  'plan': 'norms.lab.session:plan',
  'report': 'norms.lab.report',
  'run': 'norms.lab.session:run',
  'train': 'norms.lab.reproduce:train',
  'verdicts': 'norms.lab.statistics:verdicts',
}
__all__ = [*_PLACES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:  # a class, a function or a module
  if name not in _PLACES:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  module, _, attribute = _PLACES[name].partition(':')
  found = importlib.import_module(module)
  return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
  return sorted(__all__)
