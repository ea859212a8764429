"""Four processes on one folder beside one alone: what they run, and what it costs.

    python -m tests.processes [--config.KEY=VALUE ...] > results/reliability/processes.txt

Each process has one core, and so one worker, a thread. Four of them share two cores, perhaps with
others: what counts is the time that processors worked for the groups, and that of the processes and
all that they start, with imports, compiling and the report. Seconds by the clock are printed, too.
By default the plan is the main sweep's with many more epochs, over ten minutes of one process.
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

import numpy as np
import pandas as pd

from norms.lab import records
from norms.lab.runner.provenance import provenance

ROOT = pathlib.Path(__file__).parents[1]
PLAN = ('--config=configs/sweep.py', '--config.epochs=255')
ALLOWED = 1.1  # of the seconds that one process needs
# train.py, where each tile leaves a line with its seconds, of the processor and by the clock.
SEEN = """
import runpy, sys, time
from norms.lab.runner import tiles
run, file = tiles._run_tile, open(sys.argv.pop(1), 'a', buffering=1)
def seen(*arguments):
  cpu, wall = time.process_time(), time.perf_counter()
  run(*arguments)
  print(time.process_time() - cpu, time.perf_counter() - wall, file=file)
tiles._run_tile, sys.argv[0] = seen, 'train.py'
runpy.run_path('train.py', run_name='__main__')
"""


class Cost(NamedTuple):
  """What some processes on one folder did."""

  frame: pd.DataFrame  # the records, in an order of their own
  files: int  # groups, each of one tile
  again: int  # trials that were recorded more than once
  in_report: int  # trials that the report has
  said: int  # processes that wrote it
  cpu: float  # seconds
  wall: float
  run: tuple[float, float]  # both, of all groups together


def measured(count: int, folder: pathlib.Path, plan: Sequence[str] = PLAN) -> Cost:
  """Runs so many processes at once, and waits for all."""
  seen = [sys.executable, '-c', SEEN, str(folder / 'groups.txt')]
  command = [*seen, *plan, f'--workdir={folder / "results"}']
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
  run = np.loadtxt(folder / 'groups.txt', ndmin=2)
  if len(run) != len(told):
    raise RuntimeError(f'{len(run)} groups were run, and {len(told)} are on record')
  return Cost(
    frame.sort_values(['trial', 'epoch'], ignore_index=True),
    len(told),
    sum(each['trials'] for each in told) - frame['trial'].nunique(),
    len(lines) - 1,
    sum('\nreport: ' in text for text in said),
    cpu,
    wall,
    (float(run[:, 0].sum()), float(run[:, 1].sum())),
  )


def _cpu() -> float:
  """Seconds of all processes that have been waited for, and of theirs."""
  used = resource.getrusage(resource.RUSAGE_CHILDREN)
  return used.ru_utime + used.ru_stime


def main(plan: Sequence[str]) -> int:
  """Prints both; 1 where something ran twice or is missing, or groups cost over a tenth more."""
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
      f'{"":12} groups    {cost.run[0]:7.1f} s of CPU {cost.run[1]:7.1f} s by the clock\n'
      f'{"":12} processes {cost.cpu:7.1f} s of CPU {cost.wall:7.1f} s by the clock'
    )
  equal = one.frame.equals(four.frame)
  print(f'\nrecords equal to the bit: {"yes" if equal else "no"}')
  more = four.run[0] / one.run[0]
  print(f'groups, CPU of four over that of one: {more:.3f}, at most {ALLOWED} are allowed')
  print(f'processes with all that they do, likewise: {four.cpu / one.cpu:.3f}')
  whole = not four.again and four.in_report == one.in_report == one.frame['trial'].nunique()
  return 0 if equal and whole and more <= ALLOWED else 1


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:] or PLAN))
