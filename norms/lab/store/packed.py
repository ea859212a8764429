"""Many small files of records as one: a large sweep's folder stays quick to list and to read.

A file of many tiles carries its own manifest: what each tile says of itself, and which files, by
name and sha256, it takes the place of. It appears whole (temporary name, fsync, replace, fsync of
the folder), and from that moment those files do not count; then they are deleted, by the next run
where a kill came between. A file of the same name that another run has written since has another
sha256, and counts.
"""

from collections.abc import Collection, Iterable, Sequence
import contextlib
import hashlib
import json
import pathlib

import pyarrow as pa
import pyarrow.compute as pc

from norms.lab import columns
from norms.lab.store import checked, stored
from norms.lab.store.stored import File, Read, Tile

FROM = 256  # small files, from which on a run packs them at its end
MOST = 128  # tiles in a file: all that one flipped bit can lose
PREFIX = 'packed-'


def pack(folder: pathlib.Path) -> list[pathlib.Path]:
  """Puts the small files of a folder together where they have the same columns."""
  clear(folder)
  waiting: dict[tuple, list[Read]] = {}
  made = []
  for file in filter(_is_small, stored.files(folder).values()):
    with contextlib.suppress(checked.Damaged, FileNotFoundError):
      each = stored.read(folder / file.name)
      schema = each.table.schema.remove_metadata()
      alike = waiting.setdefault((schema, *_of_pandas(each.table).values()), [])
      alike.append(each)
      if len(alike) == MOST:
        made.append(_pack(folder, alike))
        alike.clear()
  made += [_pack(folder, alike) for alike in waiting.values() if len(alike) > 1]
  clear(folder)
  return made


def worth_it(folder: pathlib.Path) -> bool:
  """Whether there are so many small files that it is time to put them together."""
  return sum(map(_is_small, stored.files(folder).values())) >= FROM


def clear(folder: pathlib.Path) -> None:
  """Deletes the files whose tiles another one holds."""
  for name, file in stored.replaced(folder).items():
    path = folder / name
    # Another process may have written it anew since.
    with contextlib.suppress(FileNotFoundError):
      if checked.Stamp.of(path.stat()) == file.stamp:
        path.unlink()


def without(path: pathlib.Path, trials: Collection[str]) -> None:
  """Takes the rows of trials out of a file, which is gone where nothing is left."""
  file, table = stored.read(path)
  keep = pc.invert(pc.is_in(table[columns.TRIAL], pa.array(sorted(trials), pa.string())))
  left, begin = list[Tile](), 0
  for tile in file.tiles:
    rows = pc.sum(keep.slice(begin, tile.rows)).as_py() or 0
    begin += tile.rows
    if rows:
      left.append(tile._replace(rows=rows))
  if not left:
    path.unlink()
  elif stored.TILES in table.schema.metadata:
    _write(path, table.filter(keep), left, file.replaces)
  else:
    checked.write(path, table.filter(keep))


def _is_small(file: File) -> bool:
  return len(file.tiles) == 1 and not file.name.startswith(PREFIX)


def _pack(folder: pathlib.Path, small: Sequence[Read]) -> pathlib.Path:
  tables = [table.replace_schema_metadata(_of_pandas(table)) for _, table in small]
  tiles = [tile for file, _ in small for tile in file.tiles]
  replaced = [(file.name, file.sha256) for file, _ in small]
  name = hashlib.sha256(json.dumps(replaced).encode()).hexdigest()[:20]
  path = folder / f'{PREFIX}{name}.parquet'
  _write(path, pa.concat_tables(tables), tiles, replaced)
  return path


def _of_pandas(table: pa.Table) -> dict[bytes, bytes]:
  """What pandas needs of a file's metadata, which is the same in all that are put together."""
  return {b'pandas': (table.schema.metadata or {}).get(b'pandas', b'{}')}


def _write(
  path: pathlib.Path, table: pa.Table, tiles: Iterable[Tile], replaced: Iterable[tuple[str, str]]
) -> None:
  told = [[tile.name, tile.rows, tile.origin, tile.axes, tile.measured] for tile in tiles]
  about = {stored.TILES: json.dumps(told), stored.REPLACES: json.dumps(list(replaced))}
  checked.write(path, table.replace_schema_metadata({**_of_pandas(table), **about}))
