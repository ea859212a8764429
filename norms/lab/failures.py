"""Failures of groups, on record beside the results: a text file each, until the group succeeds."""

from collections.abc import Iterable
import pathlib
import time

from norms.lab.records import Hashed, folder, tile_hash


def write(path, trials: Iterable[Hashed], label: str, text: str) -> pathlib.Path:
  """Puts a group's failure on record; `text` is its traceback."""
  target = _file(path, trials)
  target.parent.mkdir(parents=True, exist_ok=True)
  target.write_text(f'{label}\n{time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}\n{text}\n')
  return target


def there_is(path, trials: Iterable[Hashed]) -> bool:
  """Whether a group's failure is on record."""
  return _file(path, trials).exists()


def forget(path, trials: Iterable[Hashed]) -> None:
  """Removes the record of a failure."""
  _file(path, trials).unlink(missing_ok=True)


def _file(path, trials: Iterable[Hashed]) -> pathlib.Path:
  return folder(path) / f'{tile_hash(trials)}.error.txt'
