"""The arrays of originals once parsed, as .npy files in the user's cache: the second start is fast.

An entry is named by the sha256 of the files that it was parsed from, and is there whole or not.
"""

from collections.abc import Callable
import hashlib
import json
import os
import pathlib
import shutil

from absl import logging
import numpy as np

from norms.lab.data.known import Known
from norms.lab.data.splits import Data, Split
from norms.lab.store import durable

SUMS = 'sums.json'  # of each file: when it was written, in nanoseconds, and its sha256


def folder() -> pathlib.Path:
  """Where entries are: norms/data in XDG_CACHE_HOME, or in ~/.cache."""
  home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  return pathlib.Path(home) / 'norms' / 'data'


def arrays(name: str, sha256: str, known: Known, make: Callable[[], Data]) -> Data:
  """The entry of these files, made where there is none; as maps of the files, so read when used."""
  entry = folder() / f'{name}-{sha256[:32]}'
  cached = find(entry, known)
  if cached is not None:
    return cached
  parsed = make()
  try:
    _store(entry, parsed)
  except OSError as error:  # a full disk or a home without write access costs time, not the run
    logging.warning('%s is parsed anew at each start, it cannot be kept: %s', name, error)
  return find(entry, known) or parsed


def find(entry: pathlib.Path, known: Known) -> Data | None:
  """The arrays of an entry; None where it is not there, or not whole."""
  sizes = {'train': known.train, 'test': known.test}
  try:
    data = Data(*(_split(entry, split, (n, *known.shape)) for split, n in sizes.items()))
    _check_sums(entry)
    return data
  except (OSError, ValueError, EOFError):
    shutil.rmtree(entry, ignore_errors=True)
    return None


def _split(entry: pathlib.Path, split: str, shape: tuple[int, ...]) -> Split:
  x, y = (
    np.load(entry / f'{split}_{part}.npy', mmap_mode='r', allow_pickle=False) for part in 'xy'
  )
  if (x.shape, y.shape, x.dtype, y.dtype) != (shape, shape[:1], np.uint8, np.uint8):
    raise ValueError(f'{entry} holds other arrays')
  return Split(x, y)


def _check_sums(entry: pathlib.Path) -> None:
  """Raises ValueError where somebody wrote other arrays in place of those that were stored."""
  for name, (at, sha256) in json.loads((entry / SUMS).read_text(encoding='utf-8')).items():
    # To read all at each start takes a second; a file that nobody touched is what it was.
    if (entry / name).stat().st_mtime_ns != at and _sum(entry / name) != sha256:
      raise ValueError(f'{entry / name} holds other arrays')


def _sum(path: pathlib.Path) -> str:
  with path.open('rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def _store(entry: pathlib.Path, data: Data) -> None:
  """Written beside its place and then moved there, so that a kill leaves no half of it."""
  entry.parent.mkdir(parents=True, exist_ok=True)
  durable.clear(entry.parent)
  temporary = durable.beside(entry)
  temporary.mkdir()
  try:
    for split, arrays in (('train', data.train), ('test', data.test)):
      for part, values in zip('xy', arrays, strict=True):
        with (temporary / f'{split}_{part}.npy').open('wb') as file:
          np.save(file, values, allow_pickle=False)
          file.flush()
          # Or a power cut may leave a name without bytes.
          os.fsync(file.fileno())
    sums = {f.name: (f.stat().st_mtime_ns, _sum(f)) for f in temporary.iterdir()}
    (temporary / SUMS).write_text(json.dumps(sums), encoding='utf-8')
    if not entry.exists():  # another process may have been first
      temporary.replace(entry)
  finally:
    shutil.rmtree(temporary, ignore_errors=True)
