"""Failures of groups, on record beside the results: a text file each, until the group succeeds."""

from collections.abc import Iterable, Mapping
import contextlib
import os
import pathlib
import time

from norms.lab import mistakes, records
from norms.lab.records import Hashed, folder, tile_hash
from norms.lab.store import durable

SUFFIX, TRIALS = '.error.txt', 'trials:'


def write(path: str | os.PathLike, trials: Iterable[Hashed], label: str, text: str) -> pathlib.Path:
  """Puts a group's failure on record; `text` is its traceback.

  A disk that is full has no place for it: that the group failed is said all the same.
  """
  trials = list(trials)
  target, now = _file(path, trials), time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
  hashes = ' '.join(trial.hash for trial in trials)
  with contextlib.suppress(OSError), durable.replacing(target) as temporary:
    temporary.write_text(f'{label}\n{now}\n{TRIALS} {hashes}\n{text}\n', encoding='utf-8')
  return target


def line(label: str, error: BaseException) -> str:
  """A failure in one line; an error without words is known by where it arose."""
  said = str(error).strip().splitlines()
  return f'{label}: {type(error).__name__}: {said[0] if said else mistakes.place(error)}'


def there_is(path: str | os.PathLike, trials: Iterable[Hashed]) -> bool:
  """Whether a group's failure is on record."""
  return _file(path, trials).exists()


def trials(path: str | os.PathLike) -> set[str]:
  """The hashes of the trials whose failure is on record."""
  texts = (file.read_text(encoding='utf-8') for file in folder(path).glob(f'*{SUFFIX}'))
  lines = (line for text in texts for line in text.splitlines()[2:3] if line.startswith(TRIALS))
  return {trial for line in lines for trial in line.split()[1:]}


def forget(path: str | os.PathLike, trials: Iterable[Hashed]) -> None:
  """Removes the record of a failure."""
  _file(path, trials).unlink(missing_ok=True)


def forget_mended(path: str | os.PathLike, groups: Mapping[str, Iterable[Hashed]]) -> None:
  """Removes the records of failures whose trials are all done by now, or whose group is.

  groups: those that were to be run, by label. One's own norm that is mended is another trial, since
  its source is part of a trial, under the label that it had.
  """
  errors = list(folder(path).glob(f'*{SUFFIX}'))
  done = records.done(path) if errors else set()
  mended = {label for label, trials in groups.items() if {t.hash for t in trials} <= done}
  for error in errors:
    label, _, named, *_ = [*error.read_text(encoding='utf-8').splitlines(), '', '', '']
    hashes = named.split()[1:] if named.startswith(TRIALS) else ()
    if label in mended or (hashes and done.issuperset(hashes)):
      error.unlink(missing_ok=True)


def _file(path: str | os.PathLike, trials: Iterable[Hashed]) -> pathlib.Path:
  return folder(path) / f'{tile_hash(trials)}{SUFFIX}'
