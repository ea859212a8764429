"""Normalisations for JAX and Flax: pure functions here, modules in norms.linen and norms.nnx."""

import importlib
from typing import Any

from norms.batch import batch_norm as batch_norm
from norms.batch import ghost_batch_norm as ghost_batch_norm
from norms.catalogue import NORMS as NORMS
from norms.evonorm import evonorm_b0 as evonorm_b0
from norms.evonorm import evonorm_s0 as evonorm_s0
from norms.kernels import spectral_norm as spectral_norm
from norms.kernels import weight_norm as weight_norm
from norms.kernels import weight_norm_init as weight_norm_init
from norms.mixed import switchable_norm as switchable_norm
from norms.pointwise import derf as derf
from norms.pointwise import dyt as dyt
from norms.position import moment_shortcut as moment_shortcut
from norms.position import positional_norm as positional_norm
from norms.position import scale_norm as scale_norm
from norms.position import unit_norm as unit_norm
from norms.precise import batch_statistics as batch_statistics
from norms.precise import merge_statistics as merge_statistics
from norms.precise import precise_statistics as precise_statistics
from norms.renorm import batch_renorm as batch_renorm
from norms.renorm import mean_only_batch_norm as mean_only_batch_norm
from norms.response import filter_response_norm as filter_response_norm
from norms.response import global_response_norm as global_response_norm
from norms.response import local_response_norm as local_response_norm
from norms.response import tlu as tlu
from norms.running import BatchStats as BatchStats
from norms.sample import group_norm as group_norm
from norms.sample import instance_norm as instance_norm
from norms.sample import layer_norm as layer_norm
from norms.sample import rms_norm as rms_norm
from norms.standardization import activation_gain as activation_gain
from norms.standardization import scaled_weight_standardization as scaled_weight_standardization
from norms.standardization import weight_standardization as weight_standardization
from norms.xla_cpu import plain_formulas as plain_formulas

__version__ = '0.1.0'


def __getattr__(name: str) -> Any:
  """Loads the modules on first use: importing flax.nnx takes optax with it."""
  if name in ('linen', 'nnx'):
    return importlib.import_module(f'norms.{name}')
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
