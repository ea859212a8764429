"""The store at scale: how long a plan, a load and compaction take with very many trials on record.

Records are made up, and written by the lab's own writer into a temporary folder: a design like that
of the default sweep with more seeds, a tile of some trials a file, five epochs, all columns.
"""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import numpy as np
import pandas as pd

from norms.lab import columns, grouping, records, study
from norms.lab.store import packed
from norms.lab.trial import Trial

ROOT = pathlib.Path(__file__).parents[2]
PER_SEED = 90  # trials of the default sweep
COLUMNS = (columns.TRIAL, columns.EPOCH, columns.NORM, columns.SEED, columns.TEST_ACCURACY)
EPOCHS = 5
MEASURED = ('train_loss', 'train_accuracy', 'test_loss', 'test_accuracy', 'test_accuracy_running',
            'minibatch_loss', 'first_loss', 'grad_norm')  # fmt: skip
SIZES = ((10**4, 1), (10**5, 90), (10**6, 256))  # (trials, trials in a tile)
ONE = ('--config=configs/sweep.py', f'--config.epochs={EPOCHS}', '--config.sweep.seed=0',
       '--config.sweep.norm=none', '--config.sweep.init_scale=1.0', '--config.sweep.batch_size=64'
       )  # fmt: skip


def arguments(trials: int) -> list[str]:
  """The command line of so many trials, or of a few more."""
  seeds = ','.join(map(str, range(-(-trials // PER_SEED))))
  return ['--config=configs/sweep.py', f'--config.sweep.seed={seeds}', f'--config.epochs={EPOCHS}']


def write(folder: pathlib.Path, trials: int, tile: int) -> int:
  """Writes records of so many trials; returns how many files these are."""
  from configs import sweep

  seeds = tuple(range(-(-trials // PER_SEED)))
  config = sweep.get_config()
  config.epochs = EPOCHS
  asked = study.from_config(config, overridden={'sweep.seed': seeds})
  origin = {'command': 'python train.py', 'started': '2026-01-01T00:00:00Z', 'commit': '0' * 12}
  origin |= {'versions': dict.fromkeys(('python', 'jax', 'jaxlib', 'flax', 'optax'), '1.2.3')}
  random, files = np.random.default_rng(0), 0
  for group in grouping.groups(asked.trials, lanes=tile):
    program = group.static.hash
    for each in group.tiles:
      more = {'trials': len(each.trials), 'program': program, 'group': group.label}
      told = origin | more | {'compile_seconds': 0.0, 'run_seconds': 1.0}
      records.write(folder, each.trials, rows(each.trials, random), told, ['init_scale'])
      files += 1
  return files


def rows(trials: tuple[Trial, ...], random: np.random.Generator) -> pd.DataFrame:
  """A tile's records, all its columns, with numbers that nothing was measured for."""
  settings = pd.DataFrame([trial.columns() for trial in trials])
  frame = settings.loc[settings.index.repeat(EPOCHS + 1)].reset_index(drop=True)
  frame[columns.EPOCH] = np.tile(np.arange(EPOCHS + 1), len(trials))
  frame[columns.STEP] = 22 * frame[columns.EPOCH]
  for name in MEASURED:
    frame[name] = random.random(len(frame), np.float32)
  frame[columns.DIVERGED_AT] = pd.array([pd.NA] * len(frame), 'Int64')
  return frame.assign(trained=True)


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
  """Prints the seconds of what is within."""
  begun = time.perf_counter()
  yield
  print(f'  {what:40} {time.perf_counter() - begun:8.2f} s', flush=True)


class Used(NamedTuple):
  """What a process took."""

  seconds: float  # by the clock
  cpu: float  # seconds of all cores, which other processes beside it hardly change
  # GiB, the most that it had at any moment, or the process that started it and wrote the records:
  # Linux lets a process inherit that, so that this is an upper bound.
  memory: float


def command(*given: str) -> Used:
  """Runs a process of Python."""
  begun = time.perf_counter()
  process = subprocess.Popen(
    [sys.executable, *given], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
  )
  assert process.stdout and process.stderr
  process.stdout.read(), process.stderr.read()
  _, status, used = os.wait4(process.pid, 0)
  process.returncode = os.waitstatus_to_exitcode(status)
  if process.returncode:
    raise RuntimeError(f'{given[0]} ends with exit status {process.returncode}')
  cpu = used.ru_utime + used.ru_stime
  return Used(time.perf_counter() - begun, cpu, used.ru_maxrss / 2**20)


def measure(trials: int, tile: int) -> None:
  """Prints a table for so many trials."""
  plan = ['train.py', *arguments(trials), '--dry_run']
  alone = 'from norms.lab import records; records.load'
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    with timed('written'):
      files = write(folder, trials, tile)
    size = sum(file.stat().st_size for file in records.files(folder)) / 2**20
    print(f'{trials} trials in {files} files, {size:.0f} MiB', flush=True)
    for state in ('no index', 'index'):
      if state == 'no index':
        (records.folder(folder) / '.index').unlink(missing_ok=True)
      show(f'--dry_run, {state}', command(*plan, f'--workdir={folder}'))
    show('load of 5 columns', command('-c', f'{alone}({name!r}, {COLUMNS!r})'))
    show('command of one trial, done', command('train.py', *ONE, f'--workdir={folder}'))
    with timed('compaction'):
      made = records.compact(folder)
    print(f'{len(made)} files', flush=True)
    show('--dry_run, compacted', command(*plan, f'--workdir={folder}'))
    show('load of 5 columns, compacted', command('-c', f'{alone}({name!r}, {COLUMNS!r})'))
    show('load of all columns, compacted', command('-c', f'{alone}({name!r})'))


def show(what: str, used: Used) -> None:
  """One line: seconds and memory of a process of its own, imports included."""
  figures = f'{used.seconds:8.2f} s {used.cpu:8.2f} s of CPU {used.memory:6.2f} GiB'
  print(f'  {what:40} {figures}', flush=True)


def run(*, tiny: bool) -> None:
  """Prints what each size takes."""
  print(f'files are packed {packed.MOST} tiles in one; processes by the clock, with their imports')
  for trials, tile in ((180, 10),) if tiny else SIZES:
    measure(trials, tile)
