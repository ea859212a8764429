"""Normalisations for JAX and Flax: pure functions here, modules in norms.linen and norms.nnx."""

import importlib
from typing import Any

from norms.batch import BatchStats as BatchStats
from norms.batch import batch_norm as batch_norm
from norms.catalogue import NORMS as NORMS
from norms.kernels import spectral_norm as spectral_norm
from norms.kernels import weight_norm as weight_norm
from norms.sample import group_norm as group_norm
from norms.sample import instance_norm as instance_norm
from norms.sample import layer_norm as layer_norm
from norms.sample import rms_norm as rms_norm

__version__ = '0.1.0'


def __getattr__(name: str) -> Any:
  """Loads the modules on first use: importing flax.nnx takes optax with it."""
  if name in ('linen', 'nnx'):
    return importlib.import_module(f'norms.{name}')
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
