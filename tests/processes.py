"""Four processes on one folder beside one alone: what they run, and what it costs.

    python -m tests.processes [--config.KEY=VALUE ...] > results/reliability/processes.txt

Each process has one core, and so one worker. Four of them share two cores, perhaps with others:
what counts is the time that processors worked, of the processes and all that they start, compiling
and imports with it. Seconds by the clock are printed, too. By default the plan is the main sweep's
with many more epochs, over ten minutes of one process.
"""

from collections.abc import Sequence
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import pandas as pd

from norms.lab import records
from norms.lab.runner.provenance import provenance

ROOT = pathlib.Path(__file__).parents[1]
PLAN = ('--config=configs/sweep.py', '--config.epochs=275')
ALLOWED = 1.1  # of the seconds that one process needs


class Cost(NamedTuple):
  """What some processes on one folder did."""

  frame: pd.DataFrame  # the records, in an order of their own
  files: int  # groups, each of one tile
  again: int  # trials that were recorded more than once
  in_report: int  # trials that the report has
  said: int  # processes that wrote it
  cpu: float  # seconds
  wall: float
  run: float  # seconds by the clock of all groups


def measured(count: int, folder: pathlib.Path, plan: Sequence[str] = PLAN) -> Cost:
  """Runs so many processes at once, and waits for all."""
  command = [sys.executable, 'train.py', *plan, f'--workdir={folder / "results"}']
  # Programs that were compiled before would favour whoever comes second.
  environment = os.environ | {'XDG_CACHE_HOME': str(folder / 'cache')}
  begun, before, mine = time.perf_counter(), _cpu(), os.sched_getaffinity(0)
  processes = []
  for i in range(count):
    os.sched_setaffinity(0, {sorted(mine)[i % len(mine)]})
    with (folder / f'{i}.txt').open('w') as said:
      processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said))
  os.sched_setaffinity(0, mine)
  statuses = [process.wait() for process in processes]
  if any(statuses):
    raise RuntimeError(f'train.py ended with {statuses}')
  wall, cpu = time.perf_counter() - begun, _cpu() - before
  told, frame = records.provenance(folder / 'results'), records.load(folder / 'results')
  lines = (folder / 'results' / 'report' / 'trials.csv').read_text().splitlines()
  said = [(folder / f'{i}.txt').read_text() for i in range(count)]
  return Cost(
    frame.sort_values(['trial', 'epoch'], ignore_index=True),
    len(told),
    sum(each['trials'] for each in told) - frame['trial'].nunique(),
    len(lines) - 1,
    sum('\nreport: ' in text for text in said),
    cpu,
    wall,
    sum(each['run_seconds'] for each in told),
  )


def _cpu() -> float:
  """Seconds of all processes that have been waited for, and of theirs."""
  used = resource.getrusage(resource.RUSAGE_CHILDREN)
  return used.ru_utime + used.ru_stime


def main(plan: Sequence[str]) -> int:
  """Prints both; 1 where something ran twice or is missing, or four cost over a tenth more."""
  with tempfile.TemporaryDirectory() as folder:
    places = [pathlib.Path(folder, name) for name in ('one', 'four')]
    for place in places:
      place.mkdir()
    one, four = (measured(n, place, plan) for n, place in zip((1, 4), places, strict=True))
  told = provenance('')
  versions = ', '.join(f'{name} {version}' for name, version in told['versions'].items())
  print('python -m tests.processes', *plan)
  print(f'{told["started"]}, commit {told["commit"]}, {told["device"]}, {told["cores"]} cores')
  print(f'{versions}\n')
  for name, cost in (('one process', one), ('four', four)):
    print(
      f'{name:12} {cost.frame["trial"].nunique()} trials in {cost.files} groups, {cost.again} '
      f'recorded twice, {cost.in_report} in the report, which {cost.said} wrote\n'
      f'{"":12} {cost.cpu:8.1f} s of CPU {cost.wall:8.1f} s by the clock, groups {cost.run:.1f} s'
    )
  equal = one.frame.equals(four.frame)
  print(f'\nrecords equal to the bit: {"yes" if equal else "no"}')
  print(f'CPU of four over that of one: {four.cpu / one.cpu:.3f}, at most {ALLOWED} are allowed')
  whole = not four.again and four.in_report == one.in_report == one.frame['trial'].nunique()
  return 0 if equal and whole and four.cpu <= ALLOWED * one.cpu else 1


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:] or PLAN))
