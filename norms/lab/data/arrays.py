"""Arrays that a user gives, checked and brought into one form; each mistake is one line."""

from collections.abc import Mapping
import hashlib
import json
from typing import NamedTuple

import numpy as np

from norms.lab import trial
from norms.lab.data.inputs import check_range, inputs, numbers
from norms.lab.data.splits import Data, Facts, Sizes, Split
from norms.lab.data.targets import check_every_class_is_trained, kind_of, number_of_classes, targets

SPLITS = ('train', 'test', 'validation')
_FORM = "{'train': (x, y), 'test': (x, y)}, perhaps with 'validation': (x, y) and 'classes': int"


class OwnData(NamedTuple):
  """A user's raw data, what is known of them, and the sha256 of their content."""

  data: Data
  facts: Facts
  sha256: str


def check_arrays(name: str, content: object, kind: str = '') -> OwnData:
  """The data of a mapping {'train': (x, y), 'test': (x, y)}, in the dtypes that Split has.

  kind: of the targets, of options.KINDS; '': as their dtype and shape say.

  Raises:
    ValueError: at the first thing that is wrong; it names the data, the split and the value.
  """
  what = f'data.name={name!r}'
  if not isinstance(content, Mapping):
    raise ValueError(f'{what} gives a {type(content).__name__}: give {_FORM}')
  for key in content:
    trial.one_of(f'{what}: key', key, (*SPLITS, 'classes'))
  pairs = {s: _pair(f'{what}, split {s}', content[s]) for s in SPLITS if content.get(s) is not None}
  for split in ('train', 'test'):
    if split not in pairs:
      raise ValueError(f'{what} has no split {split!r}: give {_FORM}')
  classes = number_of_classes(what, content.get('classes'))
  kind = kind or kind_of(what, pairs['train'][1], classes)
  x = inputs(what, {split: pair[0] for split, pair in pairs.items()})
  y = {s: targets(f'{what}, split {s}: y', pair[1], kind) for s, pair in pairs.items()}
  for part, arrays in (('x', x), ('y', y)):
    for split, array in arrays.items():
      if array.shape[1:] != arrays['train'].shape[1:]:
        raise ValueError(
          f'{what}: an example of {part} has shape {array.shape[1:]} in split {split} and '
          f'{arrays["train"].shape[1:]} in train: give one shape'
        )
  data = Data(**{split: Split(x[split], y[split]) for split in x})
  facts = _facts(what, data, kind, classes)
  return OwnData(data, facts, sha256(data, facts))


def sha256(data: Data, facts: Facts) -> str:
  """The sha256 of all arrays with their dtypes and shapes, and of the facts about them."""
  digest = hashlib.sha256()
  for split, arrays in zip(SPLITS, data, strict=True):
    for part, array in zip('xy', arrays or (), strict=bool(arrays)):
      # With dtype and shape, since other arrays may have the same bytes.
      digest.update(json.dumps([split, part, array.dtype.str, array.shape]).encode())
      # The bytes in order, whatever view of another array this is.
      digest.update(np.ascontiguousarray(array).data)
  digest.update(json.dumps([facts.sizes.kind, facts.counted, facts.sizes.classes]).encode())
  return digest.hexdigest()


def _pair(what: str, pair: object) -> tuple[np.ndarray, np.ndarray]:
  if not isinstance(pair, tuple | list) or len(pair) != 2:
    raise ValueError(f'{what} is a {type(pair).__name__}: give a pair (x, y)')
  # Without targets the input is its own target, or its next token is.
  x, y = pair if pair[1] is not None else (pair[0], pair[0])
  # What is true or false is a feature, or one of two classes.
  x, y = numbers(f'{what}: x', x, np.float32), numbers(f'{what}: y', y, np.int32)
  for part, array in (('x', x), ('y', y)):
    if not array.ndim or not array.size:
      raise ValueError(f'{what}: {part} is empty (shape {array.shape}): give examples')
  if len(x) != len(y):
    raise ValueError(f'{what}: x has {len(x)} examples and y {len(y)}: give a target for each')
  return x, y


def _facts(what: str, data: Data, kind: str, classes: int | None) -> Facts:
  """Sizes of the data, with as many classes as there are; ValueError at labels that do not fit."""
  splits = {name: split for name, split in zip(SPLITS, data, strict=True) if split is not None}
  x, y = data.train
  tokens = x.dtype == np.int32
  vocabulary = 1 + max(int(split.x.max()) for split in splits.values()) if tokens else 0
  if kind == 'floats':
    if classes is not None:
      raise ValueError(f'{what}: classes={classes}, and its targets are floats: leave it out')
    width = y.shape[1]
  else:
    # The tokens that a sequence goes on with are those that it consists of.
    labelled = 1 + max(int(split.y.max()) for split in splits.values())
    width = classes or max(labelled, vocabulary if kind == 'sequences' else 0)
    for name, split in splits.items():
      check_range(f'{what}, split {name}: y', split.y, 'class', width - 1)
      if kind == 'sequences' and tokens:
        check_range(f'{what}, split {name}: x', split.x, 'token', width - 1)
    if kind == 'classes' and classes is None:
      check_every_class_is_trained(what, y, width)
    vocabulary = width if kind == 'sequences' and tokens else vocabulary
  dtype = 'int32' if tokens else 'float32'
  size = Sizes(
    len(y), 0, len(data.test.y), x.shape[1:], width, kind, y.shape[1:], dtype, vocabulary
  )
  held_out = len(data.validation.y) if data.validation else 0
  return Facts(size, held_out, 255 if x.dtype == np.uint8 else 0, classes is None)
