"""One row per norm: what it is, where it comes from, what it needs."""

from collections.abc import Callable, Mapping
import dataclasses
import difflib
import functools
import importlib
import math
import types
from typing import Any

from norms import (
  batch,
  evonorm,
  kernels,
  mixed,
  pointwise,
  position,
  renorm,
  response,
  sample,
  standardization,
)
from norms.row import Parameter, Row

__all__ = (
  'CLASSES', 'NORMS', 'Parameter', 'Row', 'find', 'load', 'module',
)  # fmt: skip

_SCALE, _BIAS = {'scale': Parameter(1)}, {'bias': Parameter(0)}
_AFFINE = _SCALE | _BIAS
_GATED = _AFFINE | {'slope': Parameter(1)}
_MIXTURE = {'mean_weights': Parameter(1, (3,)), 'var_weights': Parameter(1, (3,))}
_SQUASHED = _AFFINE | {'alpha': Parameter(0.5, ())}

_ROWS = (
  Row('none', 'none'),
  Row('batch', 'activation', batch.batch_norm, 'BatchNorm',
      'Ioffe and Szegedy 2015, arXiv:1502.03167', parameters=_AFFINE, state=True),
  Row('layer', 'activation', sample.layer_norm, 'LayerNorm',
      'Ba, Kiros and Hinton 2016, arXiv:1607.06450', parameters=_AFFINE),
  Row('group', 'activation', sample.group_norm, 'GroupNorm',
      'Wu and He 2018, arXiv:1803.08494', parameters=_AFFINE, groups=True),
  Row('instance', 'activation', sample.instance_norm, 'InstanceNorm',
      'Ulyanov, Vedaldi and Lempitsky 2016, arXiv:1607.08022', parameters=_AFFINE),
  Row('rms', 'activation', sample.rms_norm, 'RMSNorm',
      'Zhang and Sennrich 2019, arXiv:1910.07467', parameters=_SCALE),
  # These two have no parameters here: their modules are written by hand, with Flax's variables. The
  # length g is Flax's parameter `scale`, and u and sigma are in `batch_stats`.
  Row('weight', 'kernel', kernels.weight_norm, 'WeightNorm',
      'Salimans and Kingma 2016, arXiv:1602.07868'),
  Row('spectral', 'kernel', kernels.spectral_norm, 'SpectralNorm',
      'Miyato et al. 2018, arXiv:1802.05957'),
  # Within these bounds batch renorm is batch norm, and a ghost so large is the whole batch.
  Row('batch_renorm', 'activation', renorm.batch_renorm, 'BatchRenorm',
      'Ioffe 2017, arXiv:1702.03275', parameters=_AFFINE, state=True,
      exact={'r_max': 1.0, 'd_max': 0.0}),
  Row('ghost', 'activation', batch.ghost_batch_norm, 'GhostBatchNorm',
      'Hoffer, Hubara and Soudry 2017, arXiv:1705.08741', parameters=_AFFINE, state=True,
      exact={'ghost_size': 2**31 - 1}),
  Row('mean_only', 'activation', renorm.mean_only_batch_norm, 'MeanOnlyBatchNorm',
      'Salimans and Kingma 2016, arXiv:1602.07868', parameters=_BIAS, state=True, keeps=('mean',)),
  Row('positional', 'activation', position.positional_norm, 'PositionalNorm',
      'Li et al. 2019, arXiv:1907.04312', moments=True),
  Row('unit', 'activation', position.unit_norm, 'UnitNorm'),
  Row('scale', 'activation', position.scale_norm, 'ScaleNorm',
      'Nguyen and Salazar 2019, arXiv:1910.05895', parameters={'scale': Parameter(math.sqrt, ())}),
  Row('filter_response', 'activation', response.filter_response_norm, 'FilterResponseNorm',
      'Singh and Krishnan 2020, arXiv:1911.09737',
      parameters=_AFFINE | {'threshold': Parameter(0),
                            'learnt_epsilon': Parameter(1e-4, used=False)}),
  Row('global_response', 'activation', response.global_response_norm, 'GlobalResponseNorm',
      'Woo et al. 2023, arXiv:2301.00808', parameters={'scale': Parameter(0)} | _BIAS),
  Row('local_response', 'activation', response.local_response_norm, 'LocalResponseNorm',
      'Krizhevsky, Sutskever and Hinton 2012, doi:10.1145/3065386'),
  Row('switchable', 'activation', mixed.switchable_norm, 'SwitchableNorm',
      'Luo et al. 2019, arXiv:1806.10779', parameters=_AFFINE | _MIXTURE, state=True),
  Row('evonorm_b0', 'activation', evonorm.evonorm_b0, 'EvoNormB0',
      'Liu et al. 2020, arXiv:2004.02967', parameters=_GATED, state=True),
  Row('evonorm_s0', 'activation', evonorm.evonorm_s0, 'EvoNormS0',
      'Liu et al. 2020, arXiv:2004.02967', parameters=_GATED, groups=True),
  Row('dyt', 'activation', pointwise.dyt, 'DyT', 'Zhu et al. 2025, arXiv:2503.10622',
      parameters=_SQUASHED),
  Row('derf', 'activation', pointwise.derf, 'Derf', 'Chen et al. 2025, arXiv:2512.10938',
      parameters=_SQUASHED | {'shift': Parameter(0, ())}),
  Row('weight_standardization', 'kernel', standardization.weight_standardization,
      'WeightStandardization', 'Qiao et al. 2019, arXiv:1903.10520'),
  Row('scaled_weight_standardization', 'kernel', standardization.scaled_weight_standardization,
      'ScaledWeightStandardization', 'Brock, De and Smith 2021, arXiv:2101.08692',
      parameters={'gain': Parameter(1)}),
)  # fmt: skip

NORMS: Mapping[str, Row] = types.MappingProxyType({row.name: row for row in _ROWS})

CLASSES: Mapping[str, Row] = types.MappingProxyType(
  {row.class_name: row for row in _ROWS if row.function is not None}
)


def module(row: Row, by_hand: Mapping[str, Any], derive: Callable[[Row], type]) -> type:
  """A row's class: the one in `by_hand` under its name, or else the one that `derive` makes.

  Raises:
    ValueError: where the row has no function to derive it from.
  """
  if isinstance(row.module, type):
    return row.module
  if row.function is None:
    raise ValueError(f'norm {row.name!r} has no function, and so no module: name another')
  # A row of a user's may have the class name of one in the catalogue, but for another function.
  ours = CLASSES.get(row.class_name)
  same = ours is not None and ours.function is row.function
  named: type | None = by_hand.get(row.class_name) if same else None
  return derive(row) if named is None else named


@functools.cache  # so that one name always gives the same row, and the same module class
def find(name: str) -> Row:
  """The row of that name in the catalogue, or for a user's `package.module:object`.

  The object is a Row or a linen module class.

  Raises:
    ValueError: where there is none; it names the nearest.
  """
  if name in NORMS:
    return NORMS[name]
  if ':' not in name:
    near = difflib.get_close_matches(name, NORMS, n=1)
    hint = f'did you mean {near[0]!r}? ' if near else ''
    raise ValueError(
      f'norm {name!r} is not known: {hint}use one of {", ".join(NORMS)}, or package.module:object'
    )
  loaded = load(name, 'norm')
  if isinstance(loaded, Row):
    # As the config names it, since a user's row may bear the name of one of ours.
    return dataclasses.replace(loaded, name=name)
  if not isinstance(loaded, type):
    raise ValueError(
      f'norm {name!r} is a {type(loaded).__name__}: name a norms.catalogue.Row or a linen class'
    )
  # By Flax's convention, a module with running statistics has this field.
  fields = getattr(loaded, '__dataclass_fields__', {})
  return Row(name, 'activation', None, loaded, state='use_running_average' in fields)


def load(dotted: str, what: str) -> Any:  # an object of the user's
  """The object of `package.module:object`; ValueError in one line where it is not there."""
  module_name, _, attribute = dotted.partition(':')
  try:
    module = importlib.import_module(module_name)
  except ImportError as error:
    raise ValueError(
      f'{what} {dotted!r}: cannot import {module_name!r} ({error}): '
      'is its folder on PYTHONPATH, or installed?'
    ) from error
  if not hasattr(module, attribute):
    public = [n for n in vars(module) if not n.startswith('_')]
    near = difflib.get_close_matches(attribute, public, n=1)
    hint = f': did you mean {near[0]!r}?' if near else f': it has {", ".join(public)}'
    raise ValueError(f'{what} {dotted!r}: no {attribute!r} in {module_name}{hint}')
  return getattr(module, attribute)
