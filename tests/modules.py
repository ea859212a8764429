"""The modules that stand in for Flax's, with options, and runs of linen and nnx modules."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import chex
from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

import norms.linen
import norms.nnx

SHAPE = (4, 6, 8)
NAMES = (
  'BatchNorm', 'LayerNorm', 'RMSNorm', 'GroupNorm', 'InstanceNorm', 'SpectralNorm', 'WeightNorm',
)  # fmt: skip
NORMAL = jax.nn.initializers.normal(1.0)


@dataclasses.dataclass(frozen=True)
class Case:
  """An activation norm: its class's name, its options, and nnx's size."""

  id: str
  name: str
  options: Mapping[str, Any]
  num_features: int

  def linen(self, library=norms.linen, **more):
    return getattr(library, self.name)(**{**self.training, **self.options, **more})

  def nnx(self, library=norms.nnx, **more):
    options = {**self.options, **more}
    return getattr(library, self.name)(self.num_features, **options, rngs=nnx.Rngs(0))

  @property
  def training(self):
    return {'use_running_average': False} if self.name == 'BatchNorm' else {}

  @property
  def parameters(self):
    """Names, in the order in which they are drawn."""
    return ('scale',) if self.name == 'RMSNorm' else ('scale', 'bias')

  @property
  def random(self):
    return {f'{name}_init': NORMAL for name in self.parameters}


CASES = (
  Case('batch', 'BatchNorm', {}, 8),
  Case('batch-first', 'BatchNorm', {'axis': 1, 'momentum': 0.5}, 6),
  Case('layer', 'LayerNorm', {}, 8),
  Case('layer-wide', 'LayerNorm',
       {'reduction_axes': (1, 2), 'feature_axes': (1, 2), 'epsilon': 1e-3}, 48),
  Case('rms', 'RMSNorm', {}, 8),
  Case('group', 'GroupNorm', {'num_groups': 4}, 8),
  Case('group-size', 'GroupNorm', {'num_groups': None, 'group_size': 2}, 8),
  Case('instance', 'InstanceNorm', {}, 8),
)  # fmt: skip


def draw(seed=0, dtype='float32', shape=SHAPE):
  return jnp.asarray(np.random.default_rng(seed).normal(0.5, 2, shape), dtype)


def bits(a) -> bytes:
  """Shape, dtype and bytes: equal for two arrays that are equal to the bit."""
  return np.asarray(a).tobytes()


def run_linen(module, variables, x, ct, **call):
  """Output, new statistics, and gradients of x and the parameters."""

  def apply(params, x):
    return module.apply({**variables, 'params': params}, x, mutable=['batch_stats'], **call)

  y, pull, new = jax.vjp(apply, variables['params'], x, has_aux=True)
  dparams, dx = pull(ct.astype(y.dtype))
  return y, new.get('batch_stats', {}), {'x': dx, **dparams}


def run_nnx(module, x, ct, **call):
  """The same of an nnx module, which it leaves as it was."""
  graph, params, rest = nnx.split(module, nnx.Param, ...)

  def apply(params, x):
    copy = nnx.merge(graph, params, rest, copy=True)
    y = copy(x, **call)
    return y, nnx.to_pure_dict(nnx.state(copy, nnx.BatchStat))

  y, pull, new = jax.vjp(apply, params, x, has_aux=True)
  dparams, dx = pull(ct.astype(y.dtype))
  return y, new, {'x': dx, **nnx.to_pure_dict(dparams)}


def close(found, expected, tolerance=1e-6):
  """Of trees: shapes, dtypes, and values relative to each array's largest entry (or to 1)."""

  def leaf(path, a, b):
    limit = tolerance * max(1, np.max(np.abs(b)))
    message = jax.tree_util.keystr(path)
    chex.assert_trees_all_close(a, b, rtol=0, atol=limit, custom_message=message)

  chex.assert_trees_all_equal_shapes_and_dtypes(found, expected)
  jax.tree.map_with_path(leaf, found, expected)
