"""What the comparisons with other libraries share: units, each run once and recorded in a file."""

from collections.abc import Iterable, Mapping
import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import os
import pathlib
import time
import traceback
from typing import Protocol
import warnings

import pandas as pd

import norms
from norms.lab import data as data_sets
from norms.lab import left, numerics, peers, records
from norms.lab.runner import same_files
from norms.lab.runner.provenance import provenance
from norms.lab.workdir import claims, failures


class Unit(Protocol):
  """What is measured and recorded at once: one norm of one library."""

  @property
  def hash(self) -> str:
    """The name under which records know it."""

  @property
  def label(self) -> str:
    """What progress calls it."""

  @property
  def version(self) -> str:
    """The version of the library, as 'flax 0.12.8'."""

  @property
  def data(self) -> tuple:
    """The options of a data set; () where it draws its own inputs."""

  @property
  def manual_dir(self) -> str:
    """Where the data's originals lie."""

  def ready(self) -> None:
    """Raises the error that would stop every unit."""

  def measure(self) -> pd.DataFrame:
    """Its rows."""


@dataclasses.dataclass(frozen=True)
class ParityStudy:
  """A comparison with other libraries, as a config describes it."""

  kind: str  # 'parity' or 'parity_drift'
  name: str
  question: str
  expectation: str
  doc: str
  command: str
  units: tuple[Unit, ...]
  reference: str  # what the reference found, in words, or ''
  absent: str  # a line on the libraries that are not installed, or ''


def pending(study: ParityStudy, workdir: str | os.PathLike) -> tuple[Unit, ...]:
  """The units that have no record yet.

  Raises:
    ValueError: where one has a record of other files than there are.
  """
  manual_dir = next((unit.manual_dir for unit in study.units), '')
  same_files.check(((u.hash, u.data) for u in study.units if u.data), manual_dir, workdir)
  done = records.done(workdir)
  return tuple(unit for unit in study.units if unit.hash not in done)


def describe(study: ParityStudy, units: tuple[Unit, ...], workdir: str | os.PathLike) -> str:
  """The plan in words, for --dry_run."""
  lines = [unit.label for unit in units] + ([study.absent] if study.absent else [])
  done = len(study.units) - len(units)
  lines += [f'{study.name}: {len(study.units)} units, {done} done, in {workdir}']
  return '\n'.join(lines + records.unused(workdir))


def run(
  study: ParityStudy,
  units: tuple[Unit, ...],
  workdir: str | os.PathLike,
  *,
  fail_fast: bool = False,
) -> list[str]:
  """Measures the units one after the other, but for what other processes do; a line per unit that
  failed."""
  failed: list[str] = []
  if study.absent:
    print(study.absent)
  for unit in units[:1]:
    unit.ready()
  with claims.present(workdir) if units else contextlib.nullcontext():
    while units and not (failed and fail_fast):
      for i, unit in enumerate(units, 1):
        with claims.held(workdir, [unit], functools.partial(records.done, workdir)) as mine:
          failure = _measured(unit, study, workdir, f'{i}/{len(units)}') if mine else ''
        failed += [failure] if failure else []
        if failure and fail_fast:
          break
      # What another process began, and left when it ended, is taken over.
      units = tuple(left.behind(workdir, units))
  return failed


def _measured(unit: Unit, study: ParityStudy, workdir: str | os.PathLike, place: str) -> str:
  """Records a unit; its failure as a line, or ''."""
  start, tile = time.perf_counter(), [unit]  # a file of records needs its hash alone
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')  # overflow is what some inputs are for
      frame = unit.measure().assign(trial=unit.hash)
  except Exception as error:
    failures.write(workdir, tile, unit.label, traceback.format_exc())
    return failures.line(unit.label, error)
  seconds = time.perf_counter() - start
  source = provenance(study.command, group=unit.label, trials=1, run_seconds=seconds)
  if unit.data:
    source['data'] = data_sets.origin(unit.data, unit.manual_dir)
  library, _, version = unit.version.partition(' ')
  # Figures depend on the library's version, which the lab's own provenance may not list.
  source['versions'] = {**source['versions'], library: version}
  records.write(workdir, tile, frame, source)
  failures.forget(workdir, tile)
  print(f'unit {place}: {unit.label}, {seconds:.1f} s', flush=True)
  return ''


def results(study: ParityStudy, workdir: str | os.PathLike) -> pd.DataFrame:
  """The records of this study's units, and of no other that the folder may hold, in its order."""
  frame = records.load(workdir)
  if frame.empty:
    return frame
  # Records are read file by file, in the order of hashes: tables want that of the config.
  rank = {unit.hash: i for i, unit in enumerate(study.units)}
  order = frame['trial'].map(rank).dropna().sort_values(kind='stable').index
  return frame.loc[order].reset_index(drop=True)


def digest(identity: Mapping[str, object]) -> str:
  """A short hash of all that identifies a unit."""
  text = json.dumps({**identity, 'numerics': numerics.NUMERICS}, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def version(library: str) -> str:
  """The distribution of a library and its version."""
  if library not in peers.LIBRARIES or library == peers.OURS:
    return f'norms {norms.__version__}'
  package = peers.LIBRARIES[library].needs[0]
  name = importlib.metadata.packages_distributions()[package][0]
  return f'{name} {importlib.metadata.version(name)}'


def code(names: Iterable[str]) -> str:
  """A hash of these files of the package, by path less .py: another source is another unit."""
  package = pathlib.Path(norms.__file__).parent
  files = [package / f'{name}.py' for name in dict.fromkeys(names)]
  return hashlib.sha256(b''.join(f.read_bytes() for f in files)).hexdigest()[:16]


def library() -> list[str]:
  """Our library's functions and their internals, as `code` names files."""
  package = pathlib.Path(norms.__file__).parent
  files = [*package.glob('*.py'), *package.glob('_src/*.py')]
  return sorted(f.relative_to(package).with_suffix('').as_posix() for f in files)
