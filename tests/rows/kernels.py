"""The rows of norms of kernels."""

import functools

import numpy as np
import oracles
from oracles import kernels

import norms
from rows.row import Row


def _weighted(axes):
  return {
    'oracle': functools.partial(oracles.weight, axes=axes),
    'gradients': (functools.partial(oracles.weight_gradient, axes=axes),),
    'masked': False,
    # For a kernel of length 0 see test_a_zero_kernel_keeps_still.
    'skip': ('zero',),
  }


def _direction(shape):
  """The vector u from which spectral norm starts."""
  return {'u': np.linspace(0.5, 1.5, shape[-1], dtype=np.float32)}


ROWS = (
  Row('weight', 'weight', norms.weight_norm, epsilon=1e-12, params={'g': (-1,)}, scale_free=(2,),
      **_weighted((0, 1))),
  Row('weight-whole', 'weight', norms.weight_norm, epsilon=1e-12, params={'g': ()},
      options={'axis': None}, scale_free=(), variant=True, **_weighted((0, 1, 2))),
  # It keeps products in float32 and a copy of w, so it makes no promise of memory.
  Row('spectral', 'spectral', norms.spectral_norm, kernels.spectral, 1e-12, {}, drawn=_direction,
      scale_free=(), masked=False, stops=True, kept=None, fixed=(2,), complex=False,
      skip=('subnormal', 'no-example')),
  Row('weight-standardization', 'weight_standardization', norms.weight_standardization,
      functools.partial(oracles.standardise, axes=(0, 1)), 1e-10, {}, scale_free=(2,),
      shift_free=(2,), masked=False),
  Row('scaled-weight-standardization', 'scaled_weight_standardization',
      norms.scaled_weight_standardization,
      functools.partial(kernels.scaled_standardization, gamma=1.7), 1e-4, {'gain': (-1,)},
      options={'gamma': 1.7}, scale_free=(2,), shift_free=(2,), masked=False),
)  # fmt: skip
