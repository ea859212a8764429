"""The results store: one Parquet file per finished tile, complete or not there at all."""

from collections.abc import Iterable, Mapping
import hashlib
import json
import os
import pathlib
import tempfile
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from norms.lab import columns, measured, numerics
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
  with tempfile.TemporaryFile(dir=target):
    pass


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
  put(file_path, table)


def put(file_path: pathlib.Path, table: pa.Table) -> None:
  """Writes a file, complete or not at all."""
  file_path.parent.mkdir(parents=True, exist_ok=True)
  # The process id keeps two runs on one folder from writing into the same temporary file.
  temporary = file_path.with_name(f'.{file_path.name}.{os.getpid()}')
  try:
    with temporary.open('wb') as file:
      parquet.write_table(table, file, compression='zstd')
      file.flush()
      os.fsync(file.fileno())
    temporary.replace(file_path)
  finally:
    temporary.unlink(missing_ok=True)
  # Without it a power cut may lose the new name, though the file's bytes are on disk.
  directory = os.open(file_path.parent, os.O_RDONLY)
  try:
    os.fsync(directory)
  finally:
    os.close(directory)


def tile_hash(trials: Iterable[Hashed]) -> str:
  """The name of a tile's file."""
  text = ' '.join(sorted(trial.hash for trial in trials))
  return hashlib.sha256(text.encode()).hexdigest()[:20]


def files(path) -> list[pathlib.Path]:
  """The finished files, in a fixed order."""
  return sorted(folder(path).glob('*.parquet'))


def load(path) -> pd.DataFrame:
  """All rows of a study, one per trial and epoch; `path` is results/<study>.

  norms.lab.columns says what each column is. `frame.attrs['axes']` are the axes of the study, as
  its files say; files from before these were kept do not, and then there is no such entry.

  The column `numerics` says under which number of norms.lab.numerics a row was made: with another
  than numerics.NUMERICS it is an older one, which no sweep takes for done.

  Raises:
    ValueError: where a file cannot be read, a trial stands in two files, or a column holds what
      cannot be of its dtype.
  """
  paths = files(path)
  if not paths:
    return pd.DataFrame()
  # All are read before any is used: one torn file is named, and no half of a study is shown.
  tables = [read(file) for file in paths]
  frames = [_frame(table) for table in tables]
  owner: dict[str, pathlib.Path] = {}
  for file, frame in zip(paths, frames, strict=True):
    for trial in frame[columns.TRIAL].unique():
      if owner.setdefault(trial, file) != file:
        raise ValueError(
          f'trial {trial} stands in {owner[trial]} and in {file}: delete one, its trials run again'
        )
  frame = _typed(pd.concat(frames, ignore_index=True).fillna(COLUMN_DEFAULTS), folder(path))
  axes = [(table.schema.metadata or {}).get(_AXES) for table in tables]
  if None not in axes:
    names = [axis for text in axes if text for axis in json.loads(text)]
    frame.attrs[columns.AXES] = list(dict.fromkeys(names))
  tasks = [measured.from_json((table.schema.metadata or {}).get(_MEASURED)) for table in tables]
  measured.register(tasks)
  frame.attrs |= measured.scores(tasks)
  return frame


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
          f'({str(error).splitlines()[0]}): delete the files, and their trials run again'
        ) from error
  return frame


def done(path) -> set[str]:
  """The hashes of the trials that are finished."""
  tables = [read(file, [columns.TRIAL]) for file in files(path)]
  return {trial for table in tables for trial in table[columns.TRIAL].to_pylist()}


def provenance(path) -> list[dict[str, Any]]:
  """What each file says of how it came to be: command, commit, versions, device, seconds."""
  return [_origin(read(file, [columns.TRIAL])) for file in files(path)]


def unused(path) -> list[str]:
  """A line where there are trials of another numerics, which no sweep takes for done."""
  tables = [read(file, [columns.TRIAL]) for file in files(path)]
  counts = [(numerics.of(_origin(table)), len(table[columns.TRIAL].unique())) for table in tables]
  line = numerics.unused(counts)
  return [f'{folder(path)}: {line}'] if line else []


def _origin(table: pa.Table) -> dict[str, Any]:
  origin = json.loads((table.schema.metadata or {}).get(_KEY, b'{}'))
  return {**origin, 'numerics': numerics.of(origin)}


def _frame(table: pa.Table) -> pd.DataFrame:
  frame = table.to_pandas()
  frame.attrs.clear()  # what the writer's frame carried is not what the file says
  return frame.assign(**{columns.NUMERICS: _origin(table)['numerics']})


def read(file: pathlib.Path, names: list[str] | None = None) -> pa.Table:
  """A file's table, or some columns of it; a ValueError of one line where it cannot be read."""
  try:
    return parquet.read_table(file, columns=names)
  except (pa.ArrowException, OSError, ValueError) as error:
    reason = str(error).splitlines()[0]
    raise ValueError(
      f'records file {file} cannot be read ({reason}): delete it, and its trials run again'
    ) from error
