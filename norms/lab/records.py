"""The results store: one Parquet file per finished tile, complete or not there at all."""

from collections.abc import Iterable, Iterator, Mapping
import contextlib
import hashlib
import json
import os
import pathlib
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from norms.lab import checked, columns, durable, measured, mistakes, numerics
from norms.lab.trial import COLUMN_DEFAULTS

PANDAS = {'float': 'float64', 'int': 'Int64', 'bool': 'boolean'}  # which may lack values
_KEY, _AXES, _MEASURED = b'norms.provenance', b'norms.axes', b'norms.measured'


class Hashed(Protocol):
  """What is recorded, a trial or a unit of a comparison: its hash names its file."""

  @property
  def hash(self) -> str: ...


def folder(path: str | os.PathLike) -> pathlib.Path:
  """The records folder of a study's results folder (or the folder itself)."""
  path = pathlib.Path(path)
  return path if path.name == 'records' else path / 'records'


def prepare(path) -> None:
  """Makes the folder of the records, and tries to write there; OSError where that fails."""
  target = folder(path)
  target.mkdir(parents=True, exist_ok=True)
  durable.clear(target)
  durable.check_writable(target)


def write(
  path,
  trials: Iterable[Hashed],
  frame: pd.DataFrame,
  provenance: Mapping[str, Any],
  axes: Iterable[str] | None = None,
  task: measured.Measured | None = None,
):
  """Stores a tile's rows under the hash of its trials; atomic, so kill -9 leaves no torn file.

  axes: the columns that are axes of the study; kept beside the provenance, where they are given,
  as is what the task measures.
  """
  file_path = folder(path) / f'{tile_hash(trials)}.parquet'
  table = pa.Table.from_pandas(frame, preserve_index=False)
  origin = json.dumps({'numerics': numerics.NUMERICS, **provenance}).encode()
  metadata = {} if axes is None else {_AXES: json.dumps(list(axes)).encode()}
  metadata |= {} if task is None else {_MEASURED: task.to_json()}
  # In the file itself: a folder of results that is copied in part still says where each came from.
  table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: origin, **metadata})
  checked.write(file_path, table)


def tile_hash(trials: Iterable[Hashed]) -> str:
  """The name of a tile's file."""
  text = ' '.join(sorted(trial.hash for trial in trials))
  return hashlib.sha256(text.encode()).hexdigest()[:20]


def files(path) -> list[pathlib.Path]:
  """The finished files, in a fixed order."""
  return sorted(folder(path).glob('*.parquet'))


def damaged(path) -> dict[pathlib.Path, str]:
  """The files that are not what was written, with what is wrong; their trials count as not done."""
  found = {}
  for file in files(path):
    try:
      checked.read(file)
    except checked.Damaged as error:
      found[file] = str(error)
  return found


def set_aside(path) -> list[str]:
  """Gives damaged files another name, so that their trials run again; a line for each."""
  lines = []
  for file in damaged(path):
    target = file.with_name(f'{file.name}.damaged')
    file.replace(target)
    lines.append(f'{file} is damaged: it is now {target.name}, and its trials run again')
  return lines


def _origins(path) -> Iterator[tuple[pa.Table, dict[str, Any]]]:
  """The trials of each file that is whole, and what it says of how it came to be."""
  for file in files(path):
    with contextlib.suppress(checked.Damaged):
      table = checked.read(file, [columns.TRIAL])
      yield table, _origin(table)


def load(path) -> pd.DataFrame:
  """All rows of a study, one per trial and epoch; `path` is results/<study>.

  norms.lab.columns says what each column is. `frame.attrs['axes']` are the axes of the study, as
  its files say; files from before these were kept do not, and then there is no such entry.

  The column `numerics` says under which number of norms.lab.numerics a row was made: with another
  than numerics.NUMERICS it is an older one, which no sweep takes for done.

  Raises:
    ValueError: where a file cannot be read or is damaged, or a column holds what cannot be of its
      dtype.
  """
  paths = files(path)
  if not paths:
    return pd.DataFrame()
  # All are read before any is used: one torn file is named, and no half of a study is shown.
  tables = list(map(checked.read, paths))
  frames = pd.concat(_each_once(tables), ignore_index=True)
  frame = _typed(frames.fillna(COLUMN_DEFAULTS), folder(path))
  axes = [(table.schema.metadata or {}).get(_AXES) for table in tables]
  if None not in axes:
    names = [axis for text in axes if text for axis in json.loads(text)]
    frame.attrs[columns.AXES] = list(dict.fromkeys(names))
  tasks = [measured.from_json((table.schema.metadata or {}).get(_MEASURED)) for table in tables]
  measured.register(tasks)
  frame.attrs |= measured.scores(tasks)
  return frame


def _each_once(tables: list[pa.Table]) -> list[pd.DataFrame]:
  """The tables as frames; of a trial that stands in several the one that was begun first counts.

  Two studies that share trials, and run at the same time, both train them. Both are right.
  """
  frames, owner = list(map(_frame, tables)), dict[str, int]()
  for i in sorted(range(len(tables)), key=lambda i: _origin(tables[i]).get('started', '')):
    for trial in frames[i][columns.TRIAL].unique():
      owner.setdefault(trial, i)
  return [frame[frame[columns.TRIAL].map(owner) == i] for i, frame in enumerate(frames)]


def _typed(frame: pd.DataFrame, where: pathlib.Path) -> pd.DataFrame:
  """The frame, with what a setting is where no value is recorded, and with numbers in place of the
  objects that a file without any value of a column leaves."""
  for name in filter(columns.has_row, frame):
    if columns.of(name).absent is not None:
      frame[name] = frame[name].fillna(columns.of(name).absent)
    dtype = PANDAS.get(columns.of(name).dtype)
    if dtype and not pd.api.types.is_numeric_dtype(frame[name].dtype):
      try:
        frame[name] = frame[name].astype(dtype)
      except (TypeError, ValueError) as error:
        raise ValueError(
          f'records in {where}: column {name} holds what is no {columns.of(name).dtype} '
          f'({mistakes.first_line(error)}): delete the files, and their trials run again'
        ) from error
  return frame


def done(path) -> set[str]:
  """The hashes of the trials that are finished."""
  tables = (table for table, _ in _origins(path))
  return {trial for table in tables for trial in table[columns.TRIAL].unique().to_pylist()}


def provenance(path) -> list[dict[str, Any]]:
  """What each file says of how it came to be: command, commit, versions, device, seconds."""
  return [origin for _, origin in _origins(path)]


def unused(path) -> list[str]:
  """A line where there are trials of another numerics, which no sweep takes for done."""
  counts = [(numerics.of(origin), len(t[columns.TRIAL].unique())) for t, origin in _origins(path)]
  line = numerics.unused(counts)
  return [f'{folder(path)}: {line}'] if line else []


def _origin(table: pa.Table) -> dict[str, Any]:
  origin = json.loads((table.schema.metadata or {}).get(_KEY, b'{}'))
  return {**origin, 'numerics': numerics.of(origin)}


def _frame(table: pa.Table) -> pd.DataFrame:
  frame = table.to_pandas()
  frame.attrs.clear()  # what the writer's frame carried is not what the file says
  return frame.assign(**{columns.NUMERICS: _origin(table)['numerics']})
