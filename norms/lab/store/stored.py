"""What the files of records hold, without opening those that are known: an index beside them.

A file of records holds tiles: one as it was written, or many where `packed` has put them together.
What was once read of a file, and found whole, stands in memory and in `.index`, under the file's
size, time and inode; a file of another stamp is read, its sha256 with it. The index holds nothing
of its own: where it is torn or absent, or says something else than the folder, the files are read.
"""

from collections.abc import Collection, Iterable, Mapping
from concurrent import futures
import contextlib
import functools
import json
import os
import pathlib
from typing import Any, NamedTuple

import pyarrow as pa

from norms.lab import columns, numerics
from norms.lab.store import checked
from norms.lab.store.checked import Stamp

INDEX = '.index'
WORTH = 16  # files that were read anew, from which on it is worth the index's own writing
KEY, AXES, MEASURED = b'norms.provenance', b'norms.axes', b'norms.measured'
TILES, REPLACES = b'norms.tiles', b'norms.replaces'  # of a file of many


class Tile(NamedTuple):
  """Trials that were recorded at once: how many rows they have, and what is said of them."""

  name: str
  rows: int
  trials: tuple[str, ...]  # hashes
  origin: dict[str, Any]  # the provenance, and the number of its arithmetic
  axes: tuple[str, ...] | None  # of its study; None: not recorded
  measured: str | None


class File(NamedTuple):
  """What is known of a file; of a damaged one what is wrong with it, and no tile."""

  name: str
  stamp: Stamp
  sha256: str
  tiles: tuple[Tile, ...]
  replaces: tuple[tuple[str, str], ...] = ()  # names and sha256 of files whose tiles these are
  damage: str = ''


Files = Mapping[str, File]  # by name
_memory: dict[pathlib.Path, Files] = {}


class Read(NamedTuple):
  """A file, and those of its columns that were asked for."""

  file: File
  table: pa.Table


def files(folder: pathlib.Path) -> Files:
  """The files of a folder by name, in a fixed order, less those that another one replaces."""
  return _apart(everything(folder))[0]


def replaced(folder: pathlib.Path) -> Files:
  """The files whose tiles another one holds: those that a kill left, or that are being deleted."""
  return _apart(everything(folder))[1]


def _apart(found: Files) -> tuple[Files, Files]:
  gone = {each for file in found.values() for each in file.replaces}
  dead = {name: file for name, file in found.items() if (name, file.sha256) in gone}
  return {name: found[name] for name in sorted(found.keys() - dead.keys())}, dead


def everything(folder: pathlib.Path) -> Files:
  """Every file of the folder by name; those that are new or changed are read and checked."""
  found, known = {}, _known(folder)
  new = []
  for name, stamp in sorted(_stamps(folder).items()):
    if name in known and known[name].stamp == stamp:
      found[name] = known[name]
    else:
      new.append(folder / name)
  with futures.ThreadPoolExecutor(4) as pool:
    found |= {file.name: file for file in pool.map(_looked_at, new) if file}
  if new or found.keys() != known.keys():
    remember(folder, found, len(new))
  return found


def read(path: pathlib.Path, names: Collection[str] | None = None) -> Read:
  """A file that is read and checked, as `checked.content` does, with its column of trials."""
  wanted = None if names is None else {*names, columns.TRIAL}
  table, sha256, stamp = checked.content(path, wanted)
  checked.check_trials(path, table)
  metadata = table.schema.metadata or {}
  told = json.loads(metadata[TILES]) if TILES in metadata else [_single(path, table)]
  tiles, begin = [], 0
  for name, rows, origin, axes, measured in told:
    trials = table[columns.TRIAL].slice(begin, rows).unique().to_pylist()
    origin = {**origin, 'numerics': numerics.of(origin)}
    tiles.append(_tile(trials, name, rows, origin, axes, measured))
    begin += rows
  replaces = tuple(map(tuple, json.loads(metadata.get(REPLACES, b'[]'))))
  return Read(File(path.name, stamp, sha256, tuple(tiles), replaces), table)


def _single(path: pathlib.Path, table: pa.Table) -> tuple:
  """What a file of one tile says of it."""
  metadata = table.schema.metadata or {}
  axes = json.loads(metadata[AXES]) if AXES in metadata else None
  measured = metadata[MEASURED].decode() if MEASURED in metadata else None
  return path.stem, table.num_rows, json.loads(metadata.get(KEY, b'{}')), axes, measured


def _looked_at(path: pathlib.Path) -> File | None:
  """What is to be known of a file; None where it is gone by now."""
  try:
    stamp = Stamp.of(path.stat())
    return read(path, ()).file
  except FileNotFoundError:
    return None
  except checked.Damaged as error:
    return File(path.name, stamp, '', (), damage=str(error))


def _stamps(folder: pathlib.Path) -> dict[str, Stamp]:
  found = {}
  with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
    for entry in entries:
      if entry.name.endswith('.parquet') and not entry.name.startswith('.') and entry.is_file():
        with contextlib.suppress(FileNotFoundError):
          found[entry.name] = Stamp.of(entry.stat())
  return found


def remember(folder: pathlib.Path, found: Files, new: int) -> None:
  """Keeps what is known of all files: for this process, and where much is new for the next ones."""
  _memory[folder.absolute()] = dict(found)
  if new >= WORTH:
    # A folder that cannot be written to is read all the same.
    with contextlib.suppress(OSError):
      _write(folder / INDEX, found.values())


def _known(folder: pathlib.Path) -> Files:
  place = folder.absolute()
  if place not in _memory:
    _memory[place] = _read(folder / INDEX)
  return _memory[place]


def _write(path: pathlib.Path, found: Iterable[File]) -> None:
  """The index: a row per tile, and one of a file that has none."""
  rows = [
    {
      'file': file.name, 'stamp': list(file.stamp), 'sha256': file.sha256, 'damage': file.damage,
      'replaces': json.dumps(file.replaces) if i == 0 else '[]',
      'trials': None if tile is None else list(tile.trials),
      'tile': None if tile is None else json.dumps([tile.name, tile.rows, *tile[3:]]),
    }
    for file in found
    for i, tile in enumerate(file.tiles or (None,))
  ]  # fmt: skip
  checked.write(path, pa.Table.from_pylist(rows, _schema()))


def _read(path: pathlib.Path) -> Files:
  """The files by what an index says; none where it cannot be read, or says what it should not."""
  found: dict[str, File] = {}
  try:
    rows = checked.read(path).to_pylist()
    for row in rows:
      before = found[row['file']].tiles if row['file'] in found else ()
      own = () if row['tile'] is None else (_tile(row['trials'], *json.loads(row['tile'])),)
      replaces = tuple(map(tuple, json.loads(row['replaces']))) or (
        found[row['file']].replaces if before else ()
      )
      stamp, sha256 = Stamp(*row['stamp']), row['sha256']
      found[row['file']] = File(row['file'], stamp, sha256, before + own, replaces, row['damage'])
  except (OSError, ValueError, KeyError, TypeError):  # torn, or of another version: read the files
    return {}
  return found


def _tile(trials: Iterable[str], name: str, rows: int, origin, axes, measured) -> Tile:
  axes = None if axes is None else tuple(axes)
  return Tile(name, rows, tuple(trials), origin, axes, measured)


@functools.cache
def _schema() -> pa.Schema:
  text = pa.string()
  kinds = {'file': text, 'stamp': pa.list_(pa.int64(), 3), 'sha256': text, 'damage': text}
  return pa.schema({**kinds, 'replaces': text, 'trials': pa.list_(text), 'tile': text})
