"""The rows of norms of activations beyond Flax's own."""

import functools

import numpy as np
import oracles
from oracles import activations

import norms
from rows.row import Row

_AFFINE = {'scale': (-1,), 'bias': (-1,)}
_GATED = {**_AFFINE, 'slope': (-1,)}
_MIXTURE = {**_AFFINE, 'mean_weights': 3, 'var_weights': 3}
_LOCAL = {'size': 4, 'k': 1.5, 'alpha': 0.3, 'beta': 0.75}


def _running(shape):
  """Running statistics for batch renorm, which needs them in training; each feature has its own."""
  mean, var = (
    np.linspace(*ends, shape[-1], dtype=np.float32) for ends in ((-0.4, 0.9), (0.5, 2.5))
  )
  return {'batch_stats': norms.BatchStats(mean, var)}


ROWS = (
  Row('batch-renorm', 'batch_renorm', norms.batch_renorm, activations.renorm, 1e-5, _AFFINE,
      drawn=_running, state=('mean', 'var'), split=0, complex=False, stops=True),
  Row('ghost', 'ghost', norms.ghost_batch_norm,
      functools.partial(activations.ghost, size=2), 1e-5, _AFFINE, options={'ghost_size': 2},
      scale_free=(2,), shift_free=(2,), state=('mean', 'var'), parts=2, fixed=(0,)),
  Row('mean-only', 'mean_only', norms.mean_only_batch_norm, activations.mean_only, None,
      {'bias': (-1,)}, shift_free=(2,), state=('mean',), split=0, kept=0,
      evaluation=activations.mean_only_by),
  Row('positional', 'positional', norms.positional_norm,
      functools.partial(oracles.standardise, axes=(2,)), 1e-5, {}, scale_free=(0, 1),
      shift_free=(0, 1), split=2),
  Row('unit', 'unit', norms.unit_norm, functools.partial(activations.unit, axes=(2,)), 1e-12, {},
      scale_free=(0, 1), split=2),
  Row('scale', 'scale', norms.scale_norm, functools.partial(activations.unit, axes=(2,)), 1e-12,
      {'scale': ()}, scale_free=(0, 1), split=2),
  Row('filter-response', 'filter_response', norms.filter_response_norm,
      activations.filter_response, 1e-6, _AFFINE, scale_free=(0, 2), split=1, fixed=(0,)),
  Row('filter-response-threshold', 'filter_response', norms.filter_response_norm,
      activations.filter_response, 1e-6, {**_AFFINE, 'threshold': (-1,)}, masked=False,
      complex=False, kept=None, fixed=(0,), variant=True),
  Row('filter-response-learnt', 'filter_response', norms.filter_response_norm,
      activations.filter_response, 1e-6, {**_AFFINE, 'learnt_epsilon': (-1,)}, split=1, kept=None,
      fixed=(0,), variant=True),
  Row('global-response', 'global_response', norms.global_response_norm,
      activations.global_response, 1e-6, _AFFINE, split=1, fixed=(0,),
      skip=('largest',)),  # z is up to 1 + 8 scale times as large as x, so it overflows
  Row('local-response', 'local_response', norms.local_response_norm,
      functools.partial(activations.local_response, **_LOCAL), None, {}, options=_LOCAL),
  Row('switchable', 'switchable', norms.switchable_norm, activations.switchable, 1e-5, _MIXTURE,
      scale_free=(), shift_free=(), state=('mean', 'var'), split=0, fixed=(0,),
      complex=False, evaluation=lambda x, mean, var, **given: activations.switchable(
        x, batch=(mean, var), **given)),
  Row('evonorm-b0', 'evonorm_b0', norms.evonorm_b0, activations.evonorm_b0, 1e-5, _GATED,
      state=('mean', 'var'), split=0, fixed=(0,), complex=False,
      evaluation=lambda x, mean, var, **given: activations.evonorm_b0(x, var=var, **given)),
  Row('evonorm-s0', 'evonorm_s0', norms.evonorm_s0, activations.evonorm_s0, 1e-5, _GATED,
      drawn=lambda shape: {'num_groups': min(4, shape[-1])}, split=1, fixed=(0, 2),
      complex=False),
  Row('dyt', 'dyt', norms.dyt, activations.dyt, None, {**_AFFINE, 'alpha': ()}, masked=False,
      complex=False),
  Row('derf', 'derf', norms.derf, activations.derf, None, {**_AFFINE, 'alpha': (), 'shift': ()},
      masked=False, complex=False),
)  # fmt: skip
