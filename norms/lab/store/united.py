"""One frame of all files of records: each trial once, in the order of tiles, typed."""

from collections.abc import Collection, Sequence
from concurrent import futures
import functools
import pathlib

import numpy as np
import pandas as pd
import pyarrow as pa

from norms.lab import columns, mistakes
from norms.lab.store import checked, stored
from norms.lab.store.stored import Files, Read, Tile
from norms.lab.trial import COLUMN_DEFAULTS

PANDAS = {'float': 'float64', 'int': 'Int64', 'bool': 'boolean'}  # which may lack values
TRIES = 5
_RANK = 'norms.rank'  # of a row: its tile's, in the order of their names


def read(folder: pathlib.Path, names: Collection[str] | None) -> list[Read]:
  """Every file whose rows count, read and checked once.

  Raises:
    ValueError: where one cannot be read, or is damaged; the next run sets that one aside.
  """
  for attempt in range(TRIES):  # what is put together meanwhile is found elsewhere
    known = stored.files(folder)
    try:
      with futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(functools.partial(_read, folder, known, names), known))
    except FileNotFoundError as error:
      if attempt == TRIES - 1:
        raise ValueError(f'records file {error.filename} is gone: read {folder} again') from error
  raise AssertionError


def _read(folder: pathlib.Path, known: Files, names: Collection[str] | None, name: str) -> Read:
  try:
    return stored.read(folder / name, names)
  except checked.Damaged as error:
    # Its size and time may be as they were: the index takes it for whole.
    stored.remember(
      folder, {**known, name: known[name]._replace(tiles=(), damage=str(error))}, stored.WORTH
    )
    raise


def frame(
  found: Sequence[Read], names: Collection[str] | None, where: pathlib.Path
) -> pd.DataFrame:
  """The rows of all files, as `records.load` gives them.

  Raises:
    ValueError: where a column holds what cannot be of its dtype, or no file has one of `names`.
  """
  tiles = sorted((tile for each in found for tile in each.file.tiles), key=lambda tile: tile.name)
  rank = {id(tile): i for i, tile in enumerate(tiles)}
  together: dict[tuple[pa.Schema, bytes], list[pa.Table]] = {}
  # In the order of the first tile: columns stand as they first appear, however tiles are stored.
  for file, table in sorted(found, key=lambda each: min(rank[id(t)] for t in each.file.tiles)):
    rows = [tile.rows for tile in file.tiles]
    ranks = np.repeat([rank[id(tile)] for tile in file.tiles], rows)
    table = table.append_column(_RANK, pa.array(ranks, pa.int64()))
    # Tables of one schema, and of one meaning of its columns to pandas, become one frame at once.
    pandas = (table.schema.metadata or {}).get(b'pandas', b'{}')
    together.setdefault((table.schema.remove_metadata(), pandas), []).append(table)
  frames = [pa.concat_tables(tables).to_pandas() for tables in together.values()]
  for each in frames:
    each.attrs.clear()  # what the writer's frame carried is not what the file says
  made = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
  order = made.pop(_RANK).to_numpy()
  made[columns.NUMERICS] = np.array([tile.origin['numerics'] for tile in tiles])[order]
  if (keep := _each_once(made[columns.TRIAL], tiles, order)) is not None:
    made, order = made[keep], order[keep]
  if (np.diff(order) < 0).any():
    made = made.iloc[np.argsort(order, kind='stable')]
  made = _typed(made.reset_index(drop=True).fillna(COLUMN_DEFAULTS), where)
  missing = [name for name in names or () if name not in made]
  if missing:
    raise ValueError(f'records in {where} have no column {missing[0]!r}: leave it out')
  return made


def _each_once(trials: pd.Series, tiles: list[Tile], order: np.ndarray) -> np.ndarray | None:
  """Which rows count: of a trial in several tiles those of the tile that was begun first.

  Two studies that share trials, and run at the same time, both train them. Both are right. None:
  all count.
  """
  if len({each for tile in tiles for each in tile.trials}) == sum(len(t.trials) for t in tiles):
    return None
  owner: dict[str, int] = {}
  for i in sorted(range(len(tiles)), key=lambda i: tiles[i].origin.get('started', '')):
    for trial in tiles[i].trials:
      owner.setdefault(trial, i)
  return trials.map(owner).to_numpy() == order


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
