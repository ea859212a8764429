"""Flax linen modules: Flax's own under Flax's names, fields and variables, in place of Flax's.

Each class's docstring says what differs from flax.linen, and why. One difference is common to all:
entries that a mask leaves out are 0 before scale and bias, whereas Flax normalises them, too.
The other norms of the catalogue are classes here, too, made from their rows on first use.
"""

from norms import catalogue
from norms.linen._src import derived
from norms.linen._src.batch import BatchNorm as BatchNorm
from norms.linen._src.kernels import SpectralNorm as SpectralNorm
from norms.linen._src.kernels import WeightNorm as WeightNorm
from norms.linen._src.sample import GroupNorm as GroupNorm
from norms.linen._src.sample import InstanceNorm as InstanceNorm
from norms.linen._src.sample import LayerNorm as LayerNorm
from norms.linen._src.sample import RMSNorm as RMSNorm

# The classes written by hand, and those that __getattr__ makes from rows.
__all__ = (*sorted(catalogue.CLASSES), 'module')


def module(row: catalogue.Row) -> type:
  """The class for a row of the catalogue or of yours; ValueError where the row has no function."""
  return catalogue.module(row, globals(), derived.make_class)


def __getattr__(name: str) -> type:
  """Makes a class from its row on first use."""
  if name in catalogue.CLASSES:
    return derived.make_class(catalogue.CLASSES[name])
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  return sorted(__all__)
