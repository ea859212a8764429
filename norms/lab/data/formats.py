"""Parsers of the original files: IDX (Fashion-MNIST, MNIST) and CIFAR-10's binary batches.

They trust nothing: a file is what its name says, whole and in range, or one line says what is
wrong with it. Nothing is unpickled, nothing is extracted to disk.
"""

from collections.abc import Mapping
import gzip
import math
import pathlib
import tarfile
import zlib

import numpy as np

from norms.lab.data.known import BATCHES, Known
from norms.lab.data.splits import Data, Split

Paths = Mapping[str, pathlib.Path]


def read(known: Known, paths: Paths) -> Data:
  """Raw images, uint8 (examples, height, width, channels), and labels, uint8, of one form's files.

  Raises:
    ValueError: at a file that is cut short, damaged, of another kind or count, or with a label
      out of range; it names the file.
  """
  # Two spellings of the names are in use: train-images-idx3-ubyte and train-images.idx3-ubyte.
  by_start = {name.partition('-idx')[0].partition('.idx')[0]: path for name, path in paths.items()}
  if 'train-images' in by_start:
    return Data(
      *(
        Split(
          idx(by_start[f'{start}-images'], (n, *known.shape[:2])).reshape(n, *known.shape),
          labels(idx(by_start[f'{start}-labels'], (n,)), by_start[f'{start}-labels'], known),
        )
        for start, n in (('train', known.train), ('t10k', known.test))
      )
    )
  batches = list(_members(paths) if len(paths) == 1 else _files(paths))
  parts = [cifar(content, known.train // 5, known, path) for content, path in batches[:5]]
  content, path = batches[5]
  train = Split(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
  return Data(train, cifar(content, known.test, known, path))


def idx(path: pathlib.Path, shape: tuple[int, ...]) -> np.ndarray:
  """The bytes of an IDX file, .gz or not: magic 0 0 8 and the rank, the shape as big-endian
  32-bit numbers, then the values."""
  content = path.read_bytes() if path.suffix != '.gz' else _gunzipped(path)
  magic, start = bytes((0, 0, 8, len(shape))), 4 + 4 * len(shape)
  if content[:4] != magic:
    raise ValueError(
      f'{path} begins with bytes {content[:4].hex(" ")} and not with {magic.hex(" ")}: this is '
      f'no IDX file of {"images" if len(shape) == 3 else "labels"}, use the original'
    )
  # A file that is cut short within its header is padded, so that the message names its shape.
  stated = tuple(int(n) for n in np.frombuffer(content[4:start].ljust(start - 4, b'\0'), '>u4'))
  if stated != shape:
    raise ValueError(f'{path} says that it holds {_times(stated)} values, not {_times(shape)}')
  if len(content) != start + math.prod(shape):
    raise ValueError(
      f'{path} holds {len(content)} bytes and not the {start + math.prod(shape)} of '
      f'{_times(shape)} values: it is {_how_wrong(len(content), start + math.prod(shape))}'
    )
  return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def cifar(content: bytes, examples: int, known: Known, path: pathlib.Path | str) -> Split:
  """A binary batch: of each example a byte for the label, then its red, green and blue planes."""
  height, width, channels = known.shape
  size = examples * (1 + math.prod(known.shape))
  if len(content) != size:
    raise ValueError(
      f'{path} holds {len(content)} bytes and not the {size} of {examples} examples: it is '
      f'{_how_wrong(len(content), size)}'
    )
  rows = np.frombuffer(content, np.uint8).reshape(examples, -1)
  planes = rows[:, 1:].reshape(examples, channels, height, width)
  x = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))  # any other order is slow to store
  return Split(x, labels(rows[:, 0], path, known))


def labels(y: np.ndarray, path: pathlib.Path | str, known: Known) -> np.ndarray:
  """The labels, none of them out of range."""
  wrong = np.flatnonzero(y >= known.classes)
  if len(wrong):
    raise ValueError(
      f'{path}: example {wrong[0]} has label {y[wrong[0]]}, out of range 0..{known.classes - 1}: '
      'use the original'
    )
  return y


def _gunzipped(path: pathlib.Path) -> bytes:
  try:
    with gzip.open(path) as file:
      return file.read()
  except (EOFError, gzip.BadGzipFile, zlib.error) as error:
    raise _damaged(path, error) from error


def _members(paths: Paths):
  """The batches in a tar.gz, (content, name) in order; whatever else is in there stays there."""
  ((_, path),) = paths.items()
  contents = {}
  try:
    # As a stream: members are read in one pass, and a member's path is never used.
    with tarfile.open(path, 'r|gz') as tar:
      for member in tar:
        name = pathlib.PurePosixPath(member.name).name
        file = tar.extractfile(member) if member.isfile() and name in BATCHES else None
        if file is not None:
          contents[name] = file.read()
  except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
    raise _damaged(path, error) from error
  missing = [name for name in BATCHES if name not in contents]
  if missing:
    raise ValueError(f'{path} holds no {missing[0]}: it is not the original, download it again')
  return [(contents[name], f'{path}:{name}') for name in BATCHES]


def _files(paths: Paths):
  return [(paths[name].read_bytes(), paths[name]) for name in BATCHES]


def _damaged(path: pathlib.Path | str, error: Exception) -> ValueError:
  return ValueError(f'{path} is cut short or damaged ({error}): download it again')


def _how_wrong(size: int, expected: int) -> str:
  return f'{"cut short" if size < expected else "too long"}, download it again'


def _times(shape: tuple[int, ...]) -> str:
  return 'x'.join(map(str, shape))
