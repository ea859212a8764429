"""From raw images to the splits of a study: how many of each, how scaled, in which layout."""

from collections.abc import Callable, Mapping
from concurrent import futures
import math
from typing import Any, NamedTuple

import numpy as np

from norms.lab import study, trial
from norms.lab.data.known import DATA, Known

NORMALIZE = ('standardise', 'unit', 'mean_image', 'none')
LAYOUTS = ('image', 'flat', 'flat_channels_first')
SOURCES = ('originals', 'tfds')
Options = Mapping[str, Any] | tuple  # config.data, or a trial's pairs of it
# Images taken at once: small enough that the float64 between is never in memory as a whole.
_BLOCK = 256


class Split(NamedTuple):
  """Inputs (examples, ...), float32, raw ones uint8; labels (examples,), int32."""

  x: Any  # np.ndarray; jax.Array where a compiled function has taken it
  y: Any


class Data(NamedTuple):
  """The splits of one data set: a pytree of arrays, passed to compiled functions as it is."""

  train: Split
  test: Split
  validation: Split | None = None

  @property
  def classes(self) -> int:
    """How many classes the labels name."""
    return int(self.train.y.max()) + 1

  @property
  def chance(self) -> float:
    """What guessing reaches on the test split: even odds, or the largest class if that is more."""
    return max(1 / self.classes, float(np.bincount(self.test.y).max() / len(self.test.y)))


class Sizes(NamedTuple):
  """What is known of a data set's splits before it is read."""

  train: int
  validation: int
  test: int
  shape: tuple[int, ...]  # of one input
  classes: int


def complete(options: Options) -> dict[str, Any]:
  """config.data with every option, each checked.

  Raises:
    ValueError: at an unknown option or value.
  """
  for key in dict(options):
    trial.one_of('config.data option', key, tuple(study.DATA))
  chosen = {**study.DATA, **dict(options)}
  known = DATA[trial.one_of('data', chosen['name'], DATA)]
  chosen['layout'] = chosen['layout'] or known.layout
  for key, valid in (('normalize', NORMALIZE), ('layout', LAYOUTS), ('source', SOURCES)):
    trial.one_of(f'data.{key}', chosen[key], valid)
  if chosen['source'] == 'tfds' and not known.forms:
    raise ValueError(f'data.source=tfds: tensorflow-datasets has no {chosen["name"]}, leave it out')
  for key in ('train', 'validation', 'test'):
    if not isinstance(chosen[key], int) or isinstance(chosen[key], bool) or chosen[key] < 0:
      raise ValueError(f'data.{key}={chosen[key]!r}: use a whole number of examples, 0 for default')
  return chosen


def sizes(options: Options) -> Sizes:
  """How many examples each split has, and their shape: arithmetic, nothing is read.

  Raises:
    ValueError: where a split asks for more than there is.
  """
  chosen = complete(options)
  known = DATA[chosen['name']]
  remain = known.train - chosen['validation']
  if remain <= 0:
    raise ValueError(
      f'data.validation={chosen["validation"]} leaves nothing to train on: {chosen["name"]} has '
      f'{known.train} training examples'
    )
  for key, most, where in (('train', remain, 'remain for training'),
                           ('test', known.test, 'are in the test split')):  # fmt: skip
    if chosen[key] > most:
      raise ValueError(
        f'data.{key}={chosen[key]} is more than the {most} examples of {chosen["name"]} that '
        f'{where}: use at most that, or 0 for all'
      )
  shape = known.shape if chosen['layout'] == 'image' else (math.prod(known.shape),)
  return Sizes(chosen['train'] or remain, chosen['validation'], chosen['test'] or known.test,
               shape, known.classes)  # fmt: skip


def make(raw: Data, options: Options) -> Data:
  """The study's splits of raw images, uint8 (examples, height, width, channels).

  What the inputs are normalised by is taken of the training split less the validation examples,
  before the `train` subset: a subset's inputs are those of the whole, and no input that a net is
  judged by has a part in it.
  """
  chosen, want = complete(options), sizes(options)
  known = DATA[chosen['name']]
  pool = raw.train.x[: known.train - want.validation]
  shift, scale = factors(pool, chosen['normalize'], known)

  def split(whole: Split, rows: slice) -> Split:
    x, y = laid_out(whole.x[rows], chosen['layout']), whole.y[rows]
    return Split(scaled(x, laid_out(shift, chosen['layout']), scale), np.array(y, np.int32))

  train = split(raw.train, slice(want.train))
  absent = sorted(set(range(want.classes)) - set(train.y.tolist()))
  if absent:
    raise ValueError(
      f'data.train={want.train} leaves class {absent[0]} of {chosen["name"]} without a training '
      'example: use more'
    )
  held_out = split(raw.train, slice(len(pool), known.train)) if want.validation else None
  return Data(train, split(raw.test, slice(want.test)), held_out)


def factors(pool: np.ndarray, normalize: str, known: Known) -> tuple[np.ndarray, float]:
  """(shift, scale), float64, by which inputs x become (x - shift) / scale; of uint8 images."""
  if normalize == 'mean_image':
    return (sum(_each(lambda block: block.sum(0, dtype=np.int64), pool)) / len(pool))[None], 1.0
  if normalize != 'standardise':
    return np.zeros((1, 1, 1, 1)), float(known.top if normalize == 'unit' else 1)
  # In whole numbers throughout: mean and variance are exact but for one rounding.
  each = _each(_moments, pool)
  n, total, squares = pool.size, *map(sum, zip(*each, strict=True))
  if n * squares == total**2:
    raise ValueError(f'the training inputs are all {total / n:g}: there is nothing to learn from')
  return np.full((1, 1, 1, 1), total / n), math.sqrt((n * squares - total**2) / n**2)


def _moments(block: np.ndarray) -> tuple[int, int]:
  squares = np.square(block, dtype=np.uint16)  # 255^2 fits
  return int(block.sum(dtype=np.int64)), int(squares.sum(dtype=np.int64))


def scaled(x: np.ndarray, shift: np.ndarray, scale: float) -> np.ndarray:
  """(x - shift) / scale, computed in float64 and rounded once to float32."""
  made = np.empty(x.shape, np.float32)
  _each(lambda rows, block: np.copyto(rows, (block - shift) / scale, 'same_kind'), made, x)
  return made


def laid_out(x: np.ndarray, layout: str) -> np.ndarray:
  """Images (n, height, width, channels) in the wanted layout; one number stays one."""
  if layout == 'flat_channels_first':
    x = x.transpose(0, 3, 1, 2)
  return x if layout == 'image' else x.reshape(len(x), -1)


def _each(function: Callable, *arrays: np.ndarray) -> list:
  """The function of each block of examples, on all cores: NumPy works without Python's lock."""
  cut = [[a[i : i + _BLOCK] for i in range(0, len(a), _BLOCK)] for a in arrays]
  with futures.ThreadPoolExecutor() as pool:
    return list(pool.map(function, *cut))
