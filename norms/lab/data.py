"""A data set as plain arrays: inputs scaled, labels whole numbers, splits explicit."""

from collections.abc import Mapping
import functools
from typing import Any, NamedTuple

import numpy as np

from norms.lab import trial


class Split(NamedTuple):
  """Inputs, float32 (examples, ...); labels, int32 (examples,)."""

  x: np.ndarray
  y: np.ndarray


class Data(NamedTuple):
  """The splits of one data set: a pytree of arrays, passed to compiled functions as it is."""

  train: Split
  test: Split

  @property
  def classes(self) -> int:
    """How many classes the labels name."""
    return int(self.train.y.max()) + 1

  @property
  def chance(self) -> float:
    """What guessing reaches on the test split: even odds, or the largest class if that is more."""
    return max(1 / self.classes, float(np.bincount(self.test.y).max() / len(self.test.y)))


def digits() -> Data:
  """scikit-learn's embedded digits: 1797 images of 8x8 as 64 features; every fifth of a class
  is for testing, so that the split is fixed and stratified."""
  from sklearn import datasets  # a second to import: not before it is needed

  x, y = datasets.load_digits(return_X_y=True)
  rank = np.zeros(len(y), int)
  for label in range(10):
    rank[y == label] = np.arange(np.sum(y == label))
  test = rank % 5 == 4
  x = standardise(x, x[~test])
  return Data(_split(x[~test], y[~test]), _split(x[test], y[test]))


def standardise(x: np.ndarray, train: np.ndarray) -> np.ndarray:
  """By one mean and one deviation of all the training inputs: features keep their ratios."""
  return (x - train.mean()) / train.std()


def _split(x, y) -> Split:
  return Split(np.ascontiguousarray(x, np.float32), np.ascontiguousarray(y, np.int32))


DATA = {'digits': digits}


@functools.cache
def _load(options: tuple) -> Data:
  given = dict(options)
  make = DATA[trial.one_of('data', given.pop('name'), DATA)]
  if given:
    raise ValueError(f'data {make.__name__!r} takes no option {sorted(given)[0]!r}: remove it')
  return make()


def load(options: Mapping[str, Any] | tuple) -> Data:
  """The data set that `config.data` names."""
  return _load(tuple(sorted(dict(options).items())))
