"""What a user gives as inputs: numbers, and which of features, tokens and images they are."""

from typing import Any

import numpy as np


def numbers(what: str, values: Any, truth: type) -> np.ndarray:  # values: of a user's function
  """The values as an array of whole numbers or floats, in the machine's own order of bytes.

  truth: the dtype of what is true or false.

  Raises:
    ValueError: at objects, text, dates and complex numbers, and at rows of unequal lengths.
  """
  try:
    array = np.asarray(values)
  except ValueError as error:
    raise ValueError(f'{what} has rows of unequal lengths: pad or cut them to one') from error
  if array.dtype.kind == 'b':
    return array.astype(truth)
  if array.dtype.kind in 'iuf':
    wide = array.dtype.kind == 'f' and array.dtype.itemsize > 8  # long double
    return array.astype(np.float64 if wide else array.dtype.newbyteorder('='), copy=False)
  first = repr(array.flat[0])[:60] if array.size else 'nothing'
  raise ValueError(
    f'{what} has dtype {array.dtype} (first {first}): give numbers, as integers or floats'
  )


def inputs(what: str, x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Floats as they are, tokens as int32, images as uint8 (as floats, if values are not 0..255).

  Whole numbers of shape (examples, length) are tokens; of more axes they are images, of one channel
  where there are three.

  Raises:
    ValueError: at inputs of no such shape, not finite, or of other dtypes than those of training.
  """
  trained = x['train'].dtype
  for split, array in x.items():
    if array.ndim < 2:
      raise ValueError(
        f'{what}, split {split}: x has shape {array.shape}: give (examples, features), as '
        'x[:, None]'
      )
    if (array.dtype.kind == 'f') != (trained.kind == 'f'):
      raise ValueError(
        f'{what}: x is {array.dtype} in split {split} and {trained} in train: give floats for '
        'features, whole numbers for tokens and images'
      )
    check_finite(f'{what}, split {split}: x', array)
  if trained.kind == 'f':
    return x
  if x['train'].ndim == 2:
    for split, array in x.items():
      check_range(f'{what}, split {split}: x', array, 'token', 2**31 - 1)
    return {split: array.astype(np.int32) for split, array in x.items()}
  # Images of a user may be of another range: then they are floats, not wrapped to 8 bits.
  fits = all(array.min() >= 0 and array.max() <= 255 for array in x.values())
  return {
    split: (array[..., None] if array.ndim == 3 else array).astype(np.uint8 if fits else np.float64)
    for split, array in x.items()
  }


def check_finite(what: str, array: np.ndarray) -> None:
  """ValueError at the first number that float32 does not hold."""
  if array.dtype.kind != 'f':
    return
  # A float64 beyond float32 becomes infinite here, and is then named.
  with np.errstate(over='ignore'):
    bad = ~np.isfinite(array.astype(np.float32, copy=False))
  if bad.any():
    index = np.unravel_index(np.argmax(bad), bad.shape)
    raise ValueError(
      f'{what} of example {index[0]} holds {array[index]}, no finite number of float32: mend that '
      'example or leave it out'
    )


def check_range(what: str, array: np.ndarray, noun: str, most: int) -> None:
  """ValueError at the first number out of 0..most."""
  bad = (array < 0) | (array > most)
  if bad.any():
    index = np.unravel_index(np.argmax(bad), bad.shape)
    raise ValueError(
      f'{what} of example {index[0]} is {array[index]:.0f}, out of range 0..{most}: each {noun} is '
      'a whole number from 0 on'
    )
