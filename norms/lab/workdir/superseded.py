"""A trial that runs again, for its parameters, has one record: the older rows leave their files."""

from collections.abc import Iterable, Iterator
import contextlib
import os

from norms.lab import records
from norms.lab.store import packed, stored
from norms.lab.trial import Trial
from norms.lab.workdir import claims


@contextlib.contextmanager
def withdrawn(path: str | os.PathLike, trials: Iterable[Trial]) -> Iterator[None]:
  """Withdraws the rows of trials that are written within, while nobody else rewrites files: of two
  that do so at once, each would bring back what the other took out."""
  with claims.alone(path, claims.ROWS):
    withdraw(path, trials)
    yield


def withdraw(path: str | os.PathLike, trials: Iterable[Trial]) -> None:
  """Takes the rows of trials out of the files that hold them.

  But for the file of these trials alone, which is replaced when they are written.
  """
  trials, where = list(trials), records.folder(path)
  own, hashes = records.tile_hash(trials), {trial.hash for trial in trials}
  packed.clear(where)  # what a file replaces counts again where that file is gone
  for name, file in stored.files(where).items():
    held = (trial for tile in file.tiles for trial in tile.trials)
    if name != f'{own}.parquet' and not hashes.isdisjoint(held):
      packed.without(where / name, hashes)
