"""What a user gives as targets: classes, numbers to predict, or sequences of classes."""

import numpy as np

from norms.lab.data.inputs import check_finite, check_range

SHAPES = {'classes': '(examples,)', 'floats': '(examples, outputs)',
          'sequences': '(examples, length)'}  # fmt: skip


def kind_of(what: str, y: np.ndarray, classes: int | None) -> str:
  """Which kind of targets these are, unless config.data.kind says so.

  Raises:
    ValueError: at a column of classes, which might be sequences of length 1.
  """
  if y.dtype.kind == 'f':
    return 'floats' if classes is None else 'classes'
  if y.ndim == 2 and y.shape[1] == 1:
    raise ValueError(f'{what}: y has shape {y.shape}: give classes as (examples,), as y[:, 0]')
  return 'classes' if y.ndim == 1 else 'sequences'


def targets(what: str, y: np.ndarray, kind: str) -> np.ndarray:
  """Targets of a kind: int32 (examples,), float32 (examples, outputs) or int32 (examples, length).

  Raises:
    ValueError: where they are not of the kind, or not finite.
  """
  check_finite(what, y)
  if y.ndim != SHAPES[kind].count(', ') + 1 and not (kind == 'floats' and y.ndim == 1):
    raise ValueError(
      f'{what} has shape {y.shape}: {kind} are {SHAPES[kind]}; config.data.kind says which of '
      f'{", ".join(SHAPES)} targets are'
    )
  if kind == 'floats':
    return y.astype(np.float32).reshape(len(y), -1)
  # Labels may come as floats: 3.0 is a class all the same.
  broken = y != np.round(y)
  if broken.any():
    index = np.unravel_index(np.argmax(broken), y.shape)
    raise ValueError(
      f'{what} of example {index[0]} is {y[index]}, no whole number: number the classes from 0, or '
      "set config.data.kind='floats' to predict numbers"
    )
  check_range(what, y, 'class', 2**31 - 2)
  return y.astype(np.int32)


def number_of_classes(what: str, classes: object) -> int | None:
  """How many classes the user says there are; None: as many as the labels name."""
  if classes is None:
    return None
  number = np.asarray(classes)
  if number.ndim or number.dtype.kind not in 'iu' or number < 2:
    raise ValueError(f'{what}: classes={classes!r}: give a whole number from 2 on, or leave it out')
  return int(number)


def check_every_class_is_trained(what: str, y: np.ndarray, classes: int) -> None:
  """ValueError where a class has no training example: labels that begin at 1, most often."""
  if classes < 2:
    raise ValueError(f'{what}: every label is 0: give at least two classes')
  present = np.unique(y)
  if len(present) < classes:
    gaps = np.flatnonzero(present != np.arange(len(present)))
    absent = gaps[0] if len(gaps) else len(present)
    raise ValueError(
      f'{what}: no training example has class {absent} of 0..{classes - 1}: number the classes '
      "from 0 without gaps, give 'classes', or set config.data.kind='floats' to predict numbers"
    )
