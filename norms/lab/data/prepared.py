"""tensorflow-datasets' own preparation of a data set: array_record files, in an order of its own.

A set that is prepared already is read without TensorFlow; preparing it needs TensorFlow.
"""

import importlib.util
import pathlib

import numpy as np

from norms.lab.data import originals
from norms.lab.data.formats import labels
from norms.lab.data.known import Known
from norms.lab.data.splits import Data, Split

_FILES = '*.array_record*'


def folder(name: str, manual_dir: str) -> pathlib.Path:
  """The newest prepared set in tensorflow-datasets' folder; made first where there is none.

  Raises:
    ValueError: where there is none and it cannot be made.
  """
  if importlib.util.find_spec('array_record') is None:
    raise ValueError('data.source=tfds needs the package array_record: install it, or leave it out')
  root = originals.tfds_folder()
  if not _sets(root / name):
    if importlib.util.find_spec('tensorflow') is None:
      raise ValueError(
        f'data.source=tfds: {root / name} holds no prepared array_record set, and preparing one '
        'needs the package tensorflow: install it, set TFDS_DATA_DIR, or use data.source=originals'
      )
    _prepare(name, root, manual_dir)
  return _sets(root / name)[-1]


def _sets(root: pathlib.Path) -> list[pathlib.Path]:
  """Folders of prepared sets, root/version or root/config/version; unfinished ones have no info."""
  folders = {file.parent for file in root.glob(f'**/{_FILES}')}
  return sorted(place for place in folders if (place / 'dataset_info.json').is_file())


def _prepare(name: str, root: pathlib.Path, manual_dir: str) -> None:
  import tensorflow_datasets as tfds  # a second or more to import: not before it is needed

  files = originals.on_disk(name, manual_dir) if manual_dir else originals.downloaded(name)
  place = next(iter(files.paths.values())).parent if manual_dir else None
  builder = tfds.builder(name, data_dir=root, file_format='array_record')
  # Files that the user has put there need no download.
  config = tfds.download.DownloadConfig(manual_dir=place)
  builder.download_and_prepare(download_dir=root / 'downloads', download_config=config)


def sha256(place: pathlib.Path) -> str:
  """One sha256 of all prepared files."""
  return originals.combined_sha256(
    {file.name: originals.sha256(file) for file in place.glob(_FILES)}
  )


def read(known: Known, place: pathlib.Path) -> Data:
  """Raw images and labels, as the originals' parsers give them.

  Raises:
    ValueError: where the set has other counts or shapes than the data set.
  """
  import tensorflow_datasets as tfds

  source = tfds.builder_from_directory(place).as_data_source()
  return Data(*(_split(known, n, source[split], place)
                for split, n in (('train', known.train), ('test', known.test))))  # fmt: skip


def _split(known: Known, n: int, source, place: pathlib.Path) -> Split:
  shape = np.shape(source[0]['image']) if len(source) else ()
  if len(source) != n or shape != known.shape:
    raise ValueError(
      f'{place} holds a split of {len(source)} images of {shape}, not {n} of {known.shape}: '
      'prepare it again'
    )
  split = Split(np.empty((n, *shape), np.uint8), np.empty(n, np.uint8))
  for i in range(n):
    example = source[i]
    split.x[i], split.y[i] = example['image'], example['label']
  return Split(split.x, labels(split.y, place, known))
