"""Data of a user's own: a function, a file, or what another package has; read once, and known by
the sha256 of their content, which is part of a trial."""

from collections.abc import Callable, Hashable
import functools
import inspect
import pathlib
from typing import Any
import zipfile

import numpy as np

from norms import catalogue
from norms.lab import trial
from norms.lab.data import arrays, hugging_face, splits, tables, tfds_sets
from norms.lab.data.arrays import SPLITS, OwnData
from norms.lab.data.options import Options, complete, origin
from norms.lab.values import Settings

# By their sha256: data that another process read, and that this one was given.
GIVEN: dict[str, OwnData] = {}


def identified(options: Options, manual_dir: str = '') -> dict[str, Any]:
  """The options of a trial: of a user's own data with the sha256 of what they hold.

  Raises:
    ValueError: where the data cannot be had, or are not as they should be.
  """
  chosen = complete(options)
  if origin(chosen) == 'known':
    return dict(options)
  return {**dict(options), 'sha256': read(chosen, manual_dir).sha256}


def read(chosen: Settings, manual_dir: str = '') -> OwnData:
  """The raw data of these options, which are complete; from then on `splits.facts` knows them.

  Raises:
    ValueError: where they cannot be had, are not as they should be, or are not those of the sha256.
  """
  where, name = origin(chosen), chosen['name']
  if (content := GIVEN.get(chosen['sha256'])) is None:
    source, version = _source(where, name, manual_dir)
    content = _read(name, where, source, version, chosen['target'], chosen['kind'])
  if chosen['sha256'] not in ('', content.sha256):
    raise ValueError(
      f'data.name={name!r} gives other data (sha256 {content.sha256}) than those that were planned '
      f'with (sha256 {chosen["sha256"]}): let it give the same each time, with a seed for what it '
      'draws, or drop config.data.sha256'
    )
  # `splits.sizes` needs these facts for every trial, without reading the data again.
  splits.OWN_FACTS[content.sha256] = content.facts
  return content


def _source(where: str, name: str, manual_dir: str) -> tuple[Any, Hashable]:  # see _read
  """(what is read, which version of it): another version is read anew."""
  if where == 'function':
    return _function(name), None
  if where == 'tfds':
    return tfds_sets.folder(name, manual_dir), None
  if where == 'hf':
    return name, None
  state = pathlib.Path(name).expanduser().stat()
  return name, (state.st_mtime_ns, state.st_size)


# A handful: a data set may be large.
@functools.lru_cache(maxsize=4)
def _read(
  name: str,
  where: str,
  source: Any,  # a function, a name or a folder, as `where` says
  version: Hashable,
  target: str,
  kind: str,
) -> OwnData:
  # It is a part of the key of the cache only: a file that has changed is read anew.
  del version
  readers: dict[str, Callable[[], object]] = {
    'function': lambda: source(),
    '.npz': lambda: npz(source),
    'tfds': lambda: tfds_sets.read(name, source, target),
    'hf': lambda: hugging_face.read(source, target),
  }
  content = readers.get(where, lambda: tables.read(source, target))()
  return arrays.check_arrays(name, content, kind)


def _function(name: str) -> Callable[[], object]:
  function = catalogue.load(name, 'data')
  if not callable(function):
    raise ValueError(f'data.name={name!r} is a {type(function).__name__}: name a function')
  needed = [
    p.name for p in inspect.signature(function).parameters.values()
    if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
  ]  # fmt: skip
  if needed:
    raise ValueError(
      f'data.name={name!r} is called without arguments, and needs {", ".join(needed)}: give each a '
      'default'
    )
  return function


def npz(name: str) -> dict[str, Any]:
  """{'train': (x, y), ...} of a file with arrays x_train, y_train, x_test, y_test, and perhaps
  x_validation, y_validation and classes. Nothing is unpickled.

  Raises:
    ValueError: at a file that is no .npz, a key that is missing or unknown, and objects.
  """
  keys = [f'{part}_{split}' for split in SPLITS for part in 'xy']
  with pathlib.Path(name).expanduser().open('rb') as opened:  # NumPy's own is left open at an error
    try:
      file = np.load(opened, allow_pickle=False)
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
      raise ValueError(f'{name} is no .npz file ({error}): write it with np.savez') from error
    if not isinstance(file, np.lib.npyio.NpzFile):
      raise ValueError(f'{name} holds one array, as .npy files do: write it with np.savez')
    content = {key: _member(name, file, key) for key in file.files}
  for key in content:
    trial.one_of(f'{name}: key', key, (*keys, 'classes'))
  wanted = keys if any(key in content for key in keys[4:]) else keys[:4]
  for key in wanted:
    if key not in content:
      raise ValueError(f'{name} has no array {key!r}: give {", ".join(wanted)}')
  pairs: dict[str, Any] = {
    split: (content[f'x_{split}'], content[f'y_{split}'])
    for split in SPLITS if f'x_{split}' in content
  }  # fmt: skip
  return {**pairs, 'classes': content['classes']} if 'classes' in content else pairs


def _member(name: str, file: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
  try:
    return file[key]
  except (ValueError, zipfile.BadZipFile, EOFError) as error:
    why = f'cannot be read ({error})'
    if 'allow_pickle' in str(error):
      why = 'holds Python objects, and no pickle is loaded'
    raise ValueError(f'{name}: {key} {why}: save it as an array of numbers') from error
