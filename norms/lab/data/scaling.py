"""Inputs scaled and laid out: (x - shift) / scale, in float64 and rounded once to float32."""

from collections.abc import Callable
from concurrent import futures
import math

import numpy as np

# Examples taken at once: few enough that the float64 between is never in memory as a whole.
_BLOCK = 256
Scale = float | np.ndarray


def factors(pool: np.ndarray, normalize: str, top: int) -> tuple[np.ndarray, Scale]:
  """(shift, scale), float64, by which inputs x become (x - shift) / scale.

  pool: the training inputs that these are taken of, uint8 or floating.
  top: the largest value of a pixel; 0: the largest magnitude in the pool.

  Raises:
    ValueError: where all inputs are equal, so that there is no scale.
  """
  # Of as many axes as the inputs, so that it is laid out as they are.
  zero = np.zeros((1,) * pool.ndim)
  if normalize == 'none':
    return zero, 1.0
  if normalize == 'unit':
    return zero, float(top) or _largest(pool)
  if normalize == 'mean_image':
    # Sums of bytes are exact in whole numbers, in whatever order blocks are added.
    wide = np.int64 if pool.dtype == np.uint8 else np.float64
    return (sum(_map_blocks(lambda block: block.sum(0, dtype=wide), pool)) / len(pool))[None], 1.0
  if pool.dtype != np.uint8:
    return _standard(pool)
  # In whole numbers throughout: mean and variance are exact but for one rounding.
  each = _map_blocks(_moments, pool)
  n, total, squares = pool.size, *map(sum, zip(*each, strict=True))
  # The difference is n^2 times the variance, without rounding: 0 only if all are equal.
  if n * squares == total**2:
    raise _constant(total / n)
  return zero + total / n, math.sqrt((n * squares - total**2) / n**2)


def _moments(block: np.ndarray) -> tuple[int, int]:
  squares = np.square(block, dtype=np.uint16)  # 255^2 fits
  return int(block.sum(dtype=np.int64)), int(squares.sum(dtype=np.int64))


def _largest(pool: np.ndarray) -> float:
  largest = float(max(_map_blocks(lambda block: np.abs(block).max(), pool)))
  if not largest:
    raise _constant(0)
  return largest


def _standard(pool: np.ndarray) -> tuple[np.ndarray, Scale]:
  """Mean and deviation: of each feature of a table, whose units differ; else of all entries."""
  axes, n = (0, len(pool)) if pool.ndim == 2 else (None, pool.size)

  def mean(function: Callable) -> np.ndarray:
    return sum(_map_blocks(lambda block: np.sum(function(block), axes, dtype=np.float64), pool)) / n

  low, high = pool.min(axes), pool.max(axes)
  if np.all(low == high):
    raise _constant(float(pool.flat[0]))
  # The mean of equal numbers may be rounded; a feature that is constant becomes 0.
  shift = np.where(low == high, low, mean(lambda block: block)).astype(np.float64)
  scale = np.sqrt(mean(lambda block: np.square(block.astype(np.float64) - shift)))
  scale = np.where(scale > 0, scale, 1.0)
  if pool.ndim == 2:
    return shift[None], scale[None]
  return shift.reshape((1,) * pool.ndim), float(scale)


def _constant(value: float) -> ValueError:
  return ValueError(f'the training inputs are all {value:g}: there is nothing to learn from')


def rescale(x: np.ndarray, shift: np.ndarray, scale: Scale) -> np.ndarray:
  """(x - shift) / scale, computed in float64 and rounded once to float32."""
  result = np.empty(x.shape, np.float32)
  _map_blocks(lambda rows, block: np.copyto(rows, (block - shift) / scale, 'same_kind'), result, x)
  return result


def lay_out(x: np.ndarray, layout: str) -> np.ndarray:
  """Images (n, height, width, channels) in the wanted layout; one number stays one."""
  if layout == 'flat_channels_first':
    x = x.transpose(0, 3, 1, 2)
  return x if layout in ('', 'image') else x.reshape(len(x), -1)


def _map_blocks(function: Callable, *arrays: np.ndarray) -> list:
  """The function of each block of examples, on all cores: NumPy works without Python's lock."""
  blocks = [[a[i : i + _BLOCK] for i in range(0, len(a), _BLOCK)] for a in arrays]
  # Blocks bound the memory: a float64 of a whole data set would be eight times its bytes.
  with futures.ThreadPoolExecutor() as pool:
    return list(pool.map(function, *blocks))
