"""Normalisations for JAX and Flax: pure functions here, modules in norms.linen and norms.nnx."""

import importlib
import types
from typing import TYPE_CHECKING

from norms._src.running import BatchStats
from norms._src.xla_cpu import plain_formulas
from norms.batch import batch_norm, ghost_batch_norm
from norms.catalogue import NORMS
from norms.evonorm import evonorm_b0, evonorm_s0
from norms.kernels import spectral_norm, weight_norm, weight_norm_init
from norms.mixed import switchable_norm
from norms.pointwise import derf, dyt
from norms.position import moment_shortcut, positional_norm, scale_norm, unit_norm
from norms.precise import batch_statistics, merge_statistics, precise_statistics
from norms.renorm import batch_renorm, mean_only_batch_norm
from norms.response import filter_response_norm, global_response_norm, local_response_norm, tlu
from norms.sample import group_norm, instance_norm, layer_norm, rms_norm
from norms.standardization import (
  activation_gain,
  scaled_weight_standardization,
  weight_standardization,
)

__version__ = '0.1.0'

__all__ = (  # and norms.linen and norms.nnx, which a star import would load
  'NORMS', 'BatchStats', 'activation_gain', 'batch_norm', 'batch_renorm', 'batch_statistics',
  'derf', 'dyt', 'evonorm_b0', 'evonorm_s0', 'filter_response_norm', 'ghost_batch_norm',
  'global_response_norm', 'group_norm', 'instance_norm', 'layer_norm', 'local_response_norm',
  'mean_only_batch_norm', 'merge_statistics', 'moment_shortcut', 'plain_formulas',
  'positional_norm', 'precise_statistics', 'rms_norm', 'scale_norm',
  'scaled_weight_standardization', 'spectral_norm', 'switchable_norm', 'tlu', 'unit_norm',
  'weight_norm', 'weight_norm_init', 'weight_standardization',
)  # fmt: skip


if TYPE_CHECKING:
  from norms import linen as linen
  from norms import nnx as nnx
else:

  def __getattr__(name: str) -> types.ModuleType:
    """Loads the modules on first use: importing flax.nnx takes optax with it."""
    if name in ('linen', 'nnx'):
      return importlib.import_module(f'norms.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  return sorted([*__all__, '__version__', 'catalogue', 'core', 'linen', 'nnx', 'reduction', 'row'])
