"""Flax nnx modules: Flax's own under Flax's names, arguments and variables, in place of Flax's.

What differs from flax.nnx, and why, is in each class's docstring; one thing holds for all:
entries that a mask leaves out are 0 before the affine, where Flax normalises them all the same.
The catalogue's other norms are classes here too, made from their rows on first use.
"""

from typing import Any

from norms import catalogue
from norms.nnx import derived
from norms.nnx.batch import BatchNorm as BatchNorm
from norms.nnx.kernels import SpectralNorm as SpectralNorm
from norms.nnx.kernels import WeightNorm as WeightNorm
from norms.nnx.sample import GroupNorm as GroupNorm
from norms.nnx.sample import InstanceNorm as InstanceNorm
from norms.nnx.sample import LayerNorm as LayerNorm
from norms.nnx.sample import RMSNorm as RMSNorm

# Those by hand, and those that are made from rows.
__all__ = (*sorted(catalogue.CLASSES), 'module')


def module(row: catalogue.Row) -> Any:
  """The class of a row, of the catalogue or of yours; ValueError where it has none."""
  return catalogue.module(row, globals(), derived.of)


def __getattr__(name: str) -> Any:
  """The classes that are made from rows."""
  if name in catalogue.CLASSES:
    return derived.of(catalogue.CLASSES[name])
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  return sorted(__all__)
