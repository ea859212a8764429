"""The rows of Flax's own norms."""

import functools

import oracles

import norms
from rows.row import Row


def _standard(gradient_axes, features=None, center=True):
  known = {'axes': gradient_axes, 'features': features, 'center': center}
  return {
    'oracle': functools.partial(oracles.standardise, **known),
    'gradients': (
      functools.partial(oracles.staged_gradient, **known),
      functools.partial(oracles.simplified_gradient, **known),
    ),
  }


def _grouped(axes, groups):
  known = {'axes': axes}
  gradients = (oracles.staged_gradient, oracles.simplified_gradient)
  return {
    'oracle': functools.partial(oracles.group, **known),
    'gradients': tuple(
      functools.partial(oracles.group_gradient, gradient=g, groups=groups, **known)
      for g in gradients
    ),
  }


_LAST = {'scale': (-1,), 'bias': (-1,)}
_BOTH = {'scale': (1, 2), 'bias': (1, 2)}

ROWS = (
  Row('batch', 'batch', norms.batch_norm, **_standard((0, 1)), epsilon=1e-5, params=_LAST,
      scale_free=(2,), shift_free=(2,), state=('mean', 'var'), split=0),
  Row('batch-two-axes', 'batch', norms.batch_norm, **_standard((2,), (0, 1)), epsilon=1e-5,
      params={'scale': (0, 1), 'bias': (0, 1)}, options={'axis': (1, 0)}, scale_free=(0, 1),
      shift_free=(0, 1), state=('mean', 'var'), split=2, variant=True),
  Row('layer', 'layer', norms.layer_norm, **_standard((2,)), epsilon=1e-6, params=_LAST,
      scale_free=(0, 1), shift_free=(0, 1), split=2),
  Row('layer-all-features', 'layer', norms.layer_norm, **_standard((1, 2)), epsilon=1e-6,
      params=_BOTH, options={'reduction_axes': (1, 2), 'feature_axes': (1, 2)},
      scale_free=(0,), shift_free=(0,), variant=True),
  Row('layer-positions', 'layer', norms.layer_norm, **_standard((1, 2)), epsilon=1e-6,
      params=_LAST, options={'reduction_axes': (1, 2)}, scale_free=(0,), shift_free=(0,), split=1,
      variant=True),
  Row('rms', 'rms', norms.rms_norm, **_standard((2,), center=False), epsilon=1e-6,
      params={'scale': (-1,)}, scale_free=(0, 1), split=2),
  Row('rms-positions', 'rms', norms.rms_norm, **_standard((1, 2), center=False), epsilon=1e-6,
      params={'scale': (-1,)}, options={'reduction_axes': (1, 2)}, scale_free=(0,), split=1,
      variant=True),
  Row('group', 'group', norms.group_norm, **_grouped((1, 2), 4), epsilon=1e-6, params=_LAST,
      drawn=lambda shape: {'num_groups': min(4, shape[-1])}, scale_free=(0,), shift_free=(0,),
      split=1, fixed=(0, 2)),
  Row('group-size', 'group', norms.group_norm, **_grouped((2,), 2), epsilon=1e-6, params=_LAST,
      options={'num_groups': None, 'reduction_axes': -1},
      drawn=lambda shape: {'group_size': min(4, shape[-1])}, scale_free=(0, 1), shift_free=(0, 1),
      fixed=(0, 2), variant=True),
  Row('instance', 'instance', norms.instance_norm, **_standard((1,)), epsilon=1e-6, params=_LAST,
      scale_free=(0, 2), shift_free=(0, 2), split=1, fixed=(0,)),
)  # fmt: skip
