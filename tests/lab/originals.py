"""Small originals that a test can write, and the real ones where this machine has them."""

import dataclasses
import functools
import gzip
import hashlib
import io
import os
import pathlib
import tarfile

import numpy as np
import pytest

from norms.lab import data
from norms.lab.data import known

ROOT = pathlib.Path(__file__).parents[2]
REAL = pathlib.Path(os.environ.get('NORMS_TEST_DATA') or ROOT.parent / 'shared' / 'data')


def real(name: str) -> str:
  """The manual_dir of the real originals; skips where they are not."""
  if not (REAL / name).is_dir():
    pytest.skip(f'{REAL / name} is not there: set NORMS_TEST_DATA to a folder with {name}/')
  return str(REAL)


def forget():
  """As a new process: nothing loaded yet."""
  data._load.cache_clear()
  data._raw.cache_clear()


def images(n: int, shape=(28, 28, 1), seed=0):
  """Images and labels, all ten classes among every ten."""
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (n, *shape), np.uint8), (np.arange(n) % 10).astype(np.uint8)


def idx(values: np.ndarray) -> bytes:
  """An IDX file."""
  shape = b''.join(n.to_bytes(4, 'big') for n in values.shape)
  return bytes((0, 0, 8, values.ndim)) + shape + values.tobytes()


@functools.cache
def mnist_files() -> dict[str, bytes]:
  """40 training and 20 test images, unpacked."""
  (train_x, train_y), (test_x, test_y) = images(40), images(20, seed=1)
  return {
    'train-images-idx3-ubyte': idx(train_x[..., 0]),
    'train-labels-idx1-ubyte': idx(train_y),
    't10k-images-idx3-ubyte': idx(test_x[..., 0]),
    't10k-labels-idx1-ubyte': idx(test_y),
  }


@functools.cache
def cifar_files() -> dict[str, bytes]:
  """Five batches of ten training images and one of twenty test images."""
  files = {}
  for i, name in enumerate(known.BATCHES):
    x, y = images(10 if i < 5 else 20, (3, 32, 32), seed=i)
    files[name] = np.concatenate([y[:, None], x.reshape(len(y), -1)], 1).tobytes()
  return files


def packed(files: dict[str, bytes]) -> dict[str, bytes]:
  """As downloaded: each IDX file as .gz, the CIFAR batches as one tar.gz."""
  if 'test_batch.bin' not in files:
    return {f'{name}.gz': gzip.compress(content, mtime=0) for name, content in files.items()}
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode='w') as tar:
    for name, content in files.items():
      member = tarfile.TarInfo(f'cifar-10-batches-bin/{name}')
      member.size = len(content)
      tar.addfile(member, io.BytesIO(content))
  return {'cifar-10-binary.tar.gz': gzip.compress(buffer.getvalue(), mtime=0)}


def put(folder: pathlib.Path, files: dict[str, bytes]) -> pathlib.Path:
  """The files in a folder."""
  folder.mkdir(parents=True, exist_ok=True)
  for name, content in files.items():
    (folder / name).write_bytes(content)
  return folder


def _form(files: dict[str, bytes], checked=True) -> known.Form:
  def sha256(content):
    return hashlib.sha256(content).hexdigest() if checked else ''

  return {name: known.File(len(content), sha256(content)) for name, content in files.items()}


def small(name: str) -> known.Known:
  """What would be known of a data set, were it these few images."""
  if name == 'cifar10':
    forms = (_form(packed(cifar_files())), _form(cifar_files(), checked=False))
    return dataclasses.replace(known.DATA[name], train=50, test=20, forms=forms)
  forms = (_form(packed(mnist_files())), _form(mnist_files()))
  return dataclasses.replace(known.DATA[name], train=40, test=20, forms=forms)


@pytest.fixture
def few(monkeypatch, tmp_path):
  """mnist and cifar10 as the small originals, every cache folder of this test's own."""
  for name in ('mnist', 'cifar10'):
    monkeypatch.setitem(known.DATA, name, small(name))
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  forget()
  yield tmp_path
  forget()
