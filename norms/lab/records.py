"""The results store: one Parquet file per finished tile, complete or not there at all.

`stored` knows what the files hold without opening them again, `packed` puts many small ones
together, `united` makes one frame of them.
"""

from collections.abc import Collection, Iterable, Mapping
import contextlib
import hashlib
import json
import os
import pathlib
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from norms.lab import columns, measured, numerics
from norms.lab.store import checked, durable, packed, stored, united


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
  durable.clear_within(target.parent)
  durable.check_writable(target)
  packed.clear(target)


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
  metadata = {} if axes is None else {stored.AXES: json.dumps(list(axes)).encode()}
  metadata |= {} if task is None else {stored.MEASURED: task.to_json()}
  # In the file itself: a folder of results that is copied in part still says where each came from.
  about = {**(table.schema.metadata or {}), stored.KEY: origin, **metadata}
  table = table.replace_schema_metadata(about)
  checked.write(file_path, table)


def tile_hash(trials: Iterable[Hashed]) -> str:
  """The name of a tile's file."""
  text = ' '.join(sorted(trial.hash for trial in trials))
  return hashlib.sha256(text.encode()).hexdigest()[:20]


def files(path) -> list[pathlib.Path]:
  """The files whose rows count, in a fixed order: not those that `compact` has put together."""
  where = folder(path)
  return [where / name for name in stored.files(where)]


def damaged(path) -> dict[pathlib.Path, str]:
  """The files that are not what was written, with what is wrong; their trials count as not done."""
  where = folder(path)
  found = stored.files(where).items()
  return {where / name: file.damage for name, file in found if file.damage}


def set_aside(path) -> list[str]:
  """Gives damaged files another name, so that their trials run again; a line for each."""
  lines = []
  for file in damaged(path):
    target = file.with_name(f'{file.name}.damaged')
    file.replace(target)
    lines.append(f'{file} is damaged or foreign: it is now {target.name}, and its trials run again')
  return lines


def compact(path) -> list[pathlib.Path]:
  """Puts small files together, up to store.packed.MOST tiles in one; returns the new files.

  Nothing is lost whenever it is killed, and whoever reads at the same time reads the same. A run
  that leaves more than norms.lab.store.packed.FROM small files does this at its end.
  """
  return packed.pack(folder(path))


def tidy(path) -> None:
  """What a run does at its end: what killed workers left goes, and many small files become one.

  A folder that is full, or whose files are gone, stays as it is.
  """
  with contextlib.suppress(OSError):
    durable.clear_within(folder(path).parent)
    if packed.worth_it(folder(path)):
      packed.pack(folder(path))


def load(path, names: Collection[str] | None = None) -> pd.DataFrame:
  """All rows of a study, one per trial and epoch; `path` is results/<study>.

  norms.lab.columns says what each column is. `frame.attrs['axes']` are the axes of the study, as
  its files say; files from before these were kept do not, and then there is no such entry.

  The column `numerics` says under which number of norms.lab.numerics a row was made: with another
  than numerics.NUMERICS it is an older one, which no sweep takes for done.

  Args:
    path: the study's results folder, or its records folder.
    names: the columns that are wanted, beside trial and numerics: of many trials a few columns take
      a fraction of the time. By default all.

  Raises:
    ValueError: where a file cannot be read or is damaged, a column holds what cannot be of its
      dtype, or no file has a column that is wanted.
  """
  where = folder(path)
  # All are read before any is used: one torn file is named, and no half of a study is shown.
  found = united.read(where, names)
  if not found:
    return pd.DataFrame()
  frame = united.frame(found, names, where)
  tiles = [tile for each in found for tile in each.file.tiles]
  if all(tile.axes is not None for tile in tiles):
    axes = [axis for tile in tiles for axis in tile.axes or ()]
    frame.attrs[columns.AXES] = list(dict.fromkeys(axes))
  texts = dict.fromkeys(tile.measured for tile in tiles)
  tasks = [measured.from_json(None if text is None else text.encode()) for text in texts]
  measured.register(tasks)
  frame.attrs |= measured.scores(tasks)
  return frame


def done(path) -> set[str]:
  """The hashes of the trials that are finished."""
  return {trial for tile in _tiles(path) for trial in tile.trials}


def provenance(path) -> list[dict[str, Any]]:
  """What each tile says of how it came to be: command, commit, versions, device, seconds."""
  return [tile.origin for tile in _tiles(path)]


def origins(path) -> dict[str, dict[str, Any]]:
  """Of each finished trial, by its hash, what its tile says of that."""
  return {trial: tile.origin for tile in _tiles(path) for trial in tile.trials}


def unused(path) -> list[str]:
  """A line where there are trials of another numerics, which no sweep takes for done."""
  counts = [(tile.origin['numerics'], len(tile.trials)) for tile in _tiles(path)]
  line = numerics.unused(counts)
  return [f'{folder(path)}: {line}'] if line else []


def _tiles(path) -> list[stored.Tile]:
  """All tiles in the order of their names, wherever they are stored."""
  tiles = [tile for file in stored.files(folder(path)).values() for tile in file.tiles]
  return sorted(tiles, key=lambda tile: tile.name)
