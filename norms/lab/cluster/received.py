"""Files of results from other machines: each is checked, and takes its place whole."""

from collections.abc import Mapping
import os
import pathlib
import shutil
import time
from typing import Any

from norms.lab import records
from norms.lab.grouping import Group
from norms.lab.store import checked, durable, stored
from norms.lab.workdir import claims, failures, kept, superseded

LATE = 10  # seconds in which a file must be seen that another machine wrote


def store(
  workdir: str | os.PathLike, group: Group, files: Mapping[str, bytes]
) -> list[dict[str, Any]]:
  """Writes what a group left: its records first, since parameters belong to what is recorded.

  Returns:
    What each file of records says of how it came to be.

  Raises:
    checked.Damaged: where one is not what was written, or not of this group.
    OSError: where it cannot be written.
  """
  tiles = {f'records/{records.tile_hash(tile.trials)}.parquet': tile for tile in group.tiles}
  origins = []
  for name in sorted(tiles.keys() & files.keys()):
    target = records.folder(workdir) / pathlib.PurePath(name).name
    alone = claims.alone(workdir, claims.ROWS)
    with alone, durable.replacing(target) as temporary:
      temporary.write_bytes(files[name])
      (found,) = stored.read(temporary, ()).file.tiles
      if set(found.trials) != {trial.hash for trial in tiles[name].trials}:
        raise checked.Damaged(f'{name} of {group.label} holds other trials')
      if any(other.startswith(kept.FOLDER) for other in files):
        superseded.withdraw(workdir, tiles[name].trials)
    origins.append(found.origin)
  _keep(workdir, files)
  failures.forget(workdir, group.trials)
  for name, raw in files.items():
    if name.endswith(failures.SUFFIX):
      with durable.replacing(records.folder(workdir) / pathlib.PurePath(name).name) as temporary:
        temporary.write_bytes(raw)
  return origins


def written(workdir: str | os.PathLike, group: Group, *, whole: bool) -> list[dict[str, Any]]:
  """What the files say that a worker wrote here of a group, or, where that failed, of some of it.

  Raises:
    ValueError: where it wrote them elsewhere.
  """
  folder, until = records.folder(workdir), time.monotonic() + LATE
  names = {records.tile_hash(tile.trials) for tile in group.tiles}
  while True:
    tiles = (tile for file in stored.files(folder).values() for tile in file.tiles)
    origins = {tile.name: tile.origin for tile in tiles if tile.name in names}
    if len(origins) == len(names) or not whole:
      return list(origins.values())
    if time.monotonic() > until:
      raise ValueError(
        f'a worker wrote records of {group.label}, and they are not in {folder}: give '
        '--write=driver, by which files come back'
      )
    time.sleep(0.1)


def _keep(workdir: str | os.PathLike, files: Mapping[str, bytes]) -> None:
  """Parameters: a trial's are staged, and then take the place of older ones."""
  trials: dict[str, dict[pathlib.PurePath, bytes]] = {}
  for name, raw in files.items():
    folder, *inner = pathlib.PurePosixPath(name).parts
    if folder == kept.FOLDER and not inner[0].startswith('.'):
      trials.setdefault(inner[0], {})[pathlib.PurePath(*inner[1:])] = raw
  for trial, parts in trials.items():
    target = kept.folder(workdir) / trial
    staged = durable.beside(target)
    for inside, raw in parts.items():
      (staged / inside).parent.mkdir(parents=True, exist_ok=True)
      (staged / inside).write_bytes(raw)
    shutil.rmtree(target, ignore_errors=True)
    staged.rename(target)
