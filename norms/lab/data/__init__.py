"""Data sets by name, as plain arrays: inputs scaled, splits explicit.

The project's own sets are those of `known`, which `originals`, `formats`, `prepared` and `cache`
read. Data of a user's own, `own`, are a function, a file (`tables`) or what another package has
(`tfds_sets`, `hugging_face`); `arrays` checks them, with `inputs` and `targets`. `options` has the
keys of config.data, and `splits` cuts, `scaling` scales what was read.
"""

import functools
import hashlib
import importlib.util
import pathlib
from typing import Any, NamedTuple

import numpy as np

from norms.lab.data import cache, formats, originals, own, prepared, splits
from norms.lab.data.known import DATA, Known
from norms.lab.data.options import OPTIONS, Options, complete
from norms.lab.data.options import origin as form
from norms.lab.data.own import identified
from norms.lab.data.splits import Data, Sizes, Split

__all__ = [
  'DATA', 'OPTIONS', 'Data', 'Known', 'Origin', 'Sizes', 'Split', 'identified', 'load', 'origin',
  'sizes',
]  # fmt: skip


class Origin(NamedTuple):
  """Where arrays come from: the sha256 of their files, and whether it was known beforehand."""

  name: str
  source: str
  sha256: str
  verified: bool


def load(options: Options, manual_dir: str = '') -> Data:
  """The data set that `config.data` names; `manual_dir` has originals that need no download.

  Inputs are float32 (examples, ...), or tokens, int32 (examples, length). Targets are classes,
  int32 (examples,); of a user's own data also numbers, float32 (examples, outputs), or sequences,
  int32 (examples, length): `sizes(options).kind` says which.

  Raises:
    ValueError: one line, at a wrong option, a wrong file, or data that cannot be had.
  """
  return _load(tuple(sorted(identified(options, manual_dir).items())), manual_dir)


def sizes(options: Options) -> Sizes:
  """How many examples each split has, their shapes and kind; of our own sets nothing is read.

  Raises:
    ValueError: where a split asks for more than there is, and as `load` of a user's own data.
  """
  chosen = complete(options)
  if chosen['name'] not in DATA and chosen['sha256'] not in splits.OWN_FACTS:
    chosen = complete(identified(chosen))
  return splits.sizes(chosen)


def origin(options: Options, manual_dir: str = '') -> dict[str, Any]:
  """What goes on record with every result that these data gave."""
  chosen = complete(options)
  if chosen['name'] not in DATA:
    sha256 = own.read(chosen, manual_dir).sha256
    return Origin(chosen['name'], form(chosen), sha256, False)._asdict()
  return _raw(chosen['name'], chosen['source'], manual_dir)[1]._asdict()


# A handful: a full data set is up to 740 MB.
@functools.lru_cache(maxsize=4)
def _load(options: tuple, manual_dir: str) -> Data:
  chosen = complete(options)
  sizes(chosen)  # examples that do not exist are an error before anything is read
  if chosen['name'] not in DATA:
    return splits.make(own.read(chosen, manual_dir).data, chosen)
  return splits.make(_raw(chosen['name'], chosen['source'], manual_dir)[0], chosen)


@functools.cache
def _raw(name: str, source: str, manual_dir: str) -> tuple[Data, Origin]:
  known = DATA[name]
  if not known.forms:
    raw = digits()
    content = hashlib.sha256(b''.join(a.tobytes() for a in (*raw.train, *raw.test))).hexdigest()
    return raw, Origin(name, 'scikit-learn', content, False)
  if source == 'tfds':
    place = prepared.folder(name, manual_dir)
    content = prepared.sha256(place)
    raw = cache.arrays(name, content, known, lambda: prepared.read(known, place))
    return raw, Origin(name, 'tfds', content, False)
  if not manual_dir:
    # Parsed once, the originals are no longer needed: no download, not even the downloader.
    content = originals.registered_sha256(known)
    raw = cache.arrays(
      name, content, known, lambda: formats.read(known, originals.downloaded(name).paths)
    )
    return raw, Origin(name, 'originals', content, True)
  files = originals.on_disk(name, manual_dir)
  raw = cache.arrays(name, files.sha256, known, lambda: formats.read(known, files.paths))
  return raw, Origin(name, 'originals', files.sha256, files.verified)


def _embedded(package: str, file: str) -> pathlib.Path:
  """A data file of an installed package, which is not imported for it: that may take a second."""
  spec = importlib.util.find_spec(package)
  assert spec is not None and spec.origin is not None, f'{package} is a requirement'
  return pathlib.Path(spec.origin).parent / file


def digits() -> Data:
  """scikit-learn's embedded digits: 1797 images of 8x8, values 0..16; every fifth of a class is
  for testing, so that the split is fixed and stratified."""
  table = np.loadtxt(_embedded('sklearn', 'datasets/data/digits.csv.gz'), delimiter=',')
  x, y = table[:, :-1], table[:, -1]
  rank = np.zeros(len(y), int)
  for label in range(10):
    rank[y == label] = np.arange(np.sum(y == label))
  test = rank % 5 == 4
  x, y = x.reshape(-1, 8, 8, 1).astype(np.uint8), y.astype(np.uint8)
  return Data(Split(x[~test], y[~test]), Split(x[test], y[test]))
