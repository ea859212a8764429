"""From raw inputs to the splits of a study: how many of each, how scaled, in which layout."""

import math
from typing import Any, NamedTuple

import numpy as np

from norms.lab.data.known import DATA
from norms.lab.data.options import Options, complete
from norms.lab.data.scaling import factors, lay_out, rescale
from norms.lab.values import Settings


class Split(NamedTuple):
  """Inputs (examples, ...), float32, raw ones uint8; labels (examples,), int32.

  Data of your own may have tokens for inputs, int32 (examples, length), and for targets numbers,
  float32 (examples, outputs), or sequences, int32 (examples, length).
  """

  x: Any  # np.ndarray; jax.Array where a compiled function has taken it
  y: Any  # as x


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
  """What is known of a data set's splits before they are made."""

  train: int
  validation: int
  test: int
  shape: tuple[int, ...]  # of one input
  classes: int  # the width of a model's last layer: classes, or numbers per target
  kind: str = 'classes'  # of targets, of KINDS
  target_shape: tuple[int, ...] = ()  # of one target: (outputs,) of floats, (length,) of sequences
  dtype: str = 'float32'  # of inputs; int32: tokens
  vocabulary: int = 0  # of tokens: the largest one and 1


class Facts(NamedTuple):
  """What is known of raw splits: all of them, as they were read."""

  sizes: Sizes
  validation: int = 0  # examples of a validation split of their own
  top: int = 0  # the largest value of a pixel; 0: of inputs that are no images
  counted: bool = True  # classes are those that the labels name, not a number that was given


# What was found in data of your own, by the sha256 of their arrays.
OWN_FACTS: dict[str, Facts] = {}


def facts(chosen: Settings) -> Facts:
  """What is known of the data set of these options, which are complete.

  Raises:
    KeyError: where these are a user's own data, and nobody has read them yet.
  """
  if chosen['name'] not in DATA:
    return OWN_FACTS[chosen['sha256']]
  known = DATA[chosen['name']]
  raw_sizes = Sizes(known.train, 0, known.test, known.shape, known.classes)
  if chosen['kind'] == 'floats':
    raw_sizes = raw_sizes._replace(classes=1, kind='floats', target_shape=(1,))
  return Facts(raw_sizes, top=known.top)


def sizes(options: Options) -> Sizes:
  """How many examples each split has, and their shape: arithmetic, nothing is read.

  Raises:
    ValueError: where a split asks for more than there is, or for a layout that is not to be had.
  """
  chosen = complete(options)
  whole, held_out, _, _ = facts(chosen)
  own, remain = whole.train, whole.train - (0 if held_out else chosen['validation'])
  if remain <= 0:
    raise ValueError(
      f'data.validation={chosen["validation"]} leaves nothing to train on: {chosen["name"]} has '
      f'{own} training examples'
    )
  for key, most, where in (
    ('train', remain, 'remain for training'),
    ('validation', held_out or own, 'are in the validation split'),
    ('test', whole.test, 'are in the test split'),
  ):
    if chosen[key] > most:
      raise ValueError(
        f'data.{key}={chosen[key]} is more than the {most} examples of {chosen["name"]} that '
        f'{where}: use at most that, or 0 for all'
      )
  images = len(whole.shape) == 3
  if not images and chosen['layout'] in ('image', 'flat_channels_first'):
    raise ValueError(
      f'data.layout={chosen["layout"]!r} needs images (height, width, channels), not inputs of '
      f'shape {whole.shape}: drop it'
    )
  as_it_is = chosen['layout'] in ('', 'image')
  return whole._replace(
    train=chosen['train'] or remain,
    validation=chosen['validation'] or held_out,
    test=chosen['test'] or whole.test,
    shape=whole.shape if as_it_is else (math.prod(whole.shape),),
  )


def make(raw: Data, options: Options) -> Data:
  """The study's splits of raw inputs: images, uint8 (examples, height, width, channels), or own.

  What the inputs are normalised by is taken of the training split less the validation examples,
  before the `train` subset: a subset's inputs are those of the whole, and no input that a net is
  judged by has a part in it. Tokens stay as they are.
  """
  chosen, wanted = complete(options), sizes(options)
  known = facts(chosen)
  # A validation split of its own takes nothing from the training examples.
  pool = raw.train.x if raw.validation else raw.train.x[: len(raw.train.x) - wanted.validation]
  tokens, layout = wanted.dtype == 'int32', chosen['layout']
  shift, scale = factors(pool, 'none' if tokens else chosen['normalize'], known.top)

  def split(whole: Split, rows: slice) -> Split:
    x, y = lay_out(whole.x[rows], layout), whole.y[rows]
    x = np.array(x, np.int32) if tokens else rescale(x, lay_out(shift, layout), scale)
    if wanted.kind == 'floats':
      return Split(x, np.array(y, np.float32).reshape(len(y), -1))
    return Split(x, np.array(y, np.int32))

  train = split(raw.train, slice(wanted.train))
  absent = sorted(set(range(wanted.classes)) - set(train.y.tolist())) if _counts(known) else []
  if absent:
    raise ValueError(
      f'data.train={wanted.train} leaves class {absent[0]} of {chosen["name"]} without a training '
      'example: use more'
    )
  held_out = None
  if raw.validation:
    held_out = split(raw.validation, slice(wanted.validation))
  elif wanted.validation:
    held_out = split(raw.train, slice(len(pool), len(raw.train.x)))
  return Data(train, split(raw.test, slice(wanted.test)), held_out)


def _counts(known: Facts) -> bool:
  """Whether a class without a training example is a mistake."""
  return known.sizes.kind == 'classes' and known.counted
