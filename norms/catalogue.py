"""One row per norm: what it is, where it comes from, what it needs."""

from collections.abc import Callable, Mapping
import dataclasses
import difflib
import importlib
import types
from typing import Any, Literal

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

Kind = Literal['none', 'activation', 'kernel']


@dataclasses.dataclass(frozen=True)
class Row:
  """A norm, as configs, models, tests and reports know it.

  Attributes:
    name: the key in NORMS; what a config says.
    kind: acts on activations, wraps a layer for its kernel, or does nothing.
    function: the pure function.
    module: the class of that name in norms.linen and norms.nnx; or a linen class of the user's.
    paper: the source.
    options: defaults of the module's options that a study uses.
    state: keeps running statistics (and so takes `use_running_average` and `momentum`).
    groups: needs a number of groups that divides the channels.
    key: draws random numbers when it is called.
  """

  name: str
  kind: Kind
  function: Callable[..., Any] | None = None
  module: str | type | None = None
  paper: str = ''
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  state: bool = False
  groups: bool = False
  key: bool = False


_ROWS = (
  Row('none', 'none'),
  Row('batch', 'activation', batch.batch_norm, 'BatchNorm',
      'Ioffe and Szegedy 2015, arXiv:1502.03167', state=True),
  Row('layer', 'activation', sample.layer_norm, 'LayerNorm',
      'Ba, Kiros and Hinton 2016, arXiv:1607.06450'),
  Row('group', 'activation', sample.group_norm, 'GroupNorm',
      'Wu and He 2018, arXiv:1803.08494', groups=True),
  Row('instance', 'activation', sample.instance_norm, 'InstanceNorm',
      'Ulyanov, Vedaldi and Lempitsky 2016, arXiv:1607.08022'),
  Row('rms', 'activation', sample.rms_norm, 'RMSNorm',
      'Zhang and Sennrich 2019, arXiv:1910.07467'),
  Row('weight', 'kernel', kernels.weight_norm, 'WeightNorm',
      'Salimans and Kingma 2016, arXiv:1602.07868'),
  # Its own u and sigma are in batch_stats; it takes `update_stats` in the call.
  Row('spectral', 'kernel', kernels.spectral_norm, 'SpectralNorm',
      'Miyato et al. 2018, arXiv:1802.05957'),
  Row('batch_renorm', 'activation', renorm.batch_renorm, None,
      'Ioffe 2017, arXiv:1702.03275', state=True),
  Row('ghost', 'activation', batch.ghost_batch_norm, None,
      'Hoffer, Hubara and Soudry 2017, arXiv:1705.08741', state=True),
  Row('mean_only', 'activation', renorm.mean_only_batch_norm, None,
      'Salimans and Kingma 2016, arXiv:1602.07868', state=True),
  Row('positional', 'activation', position.positional_norm, None,
      'Li et al. 2019, arXiv:1907.04312'),
  Row('unit', 'activation', position.unit_norm),
  Row('scale', 'activation', position.scale_norm, None,
      'Nguyen and Salazar 2019, arXiv:1910.05895'),
  Row('filter_response', 'activation', response.filter_response_norm, None,
      'Singh and Krishnan 2020, arXiv:1911.09737'),
  Row('global_response', 'activation', response.global_response_norm, None,
      'Woo et al. 2023, arXiv:2301.00808'),
  Row('local_response', 'activation', response.local_response_norm, None,
      'Krizhevsky, Sutskever and Hinton 2012, doi:10.1145/3065386'),
  Row('switchable', 'activation', mixed.switchable_norm, None,
      'Luo et al. 2019, arXiv:1806.10779', state=True),
  Row('evonorm_b0', 'activation', evonorm.evonorm_b0, None,
      'Liu et al. 2020, arXiv:2004.02967', state=True),
  Row('evonorm_s0', 'activation', evonorm.evonorm_s0, None,
      'Liu et al. 2020, arXiv:2004.02967', groups=True),
  Row('dyt', 'activation', pointwise.dyt, None, 'Zhu et al. 2025, arXiv:2503.10622'),
  Row('derf', 'activation', pointwise.derf, None, 'Chen et al. 2025, arXiv:2512.10938'),
  Row('weight_standardization', 'kernel', standardization.weight_standardization, None,
      'Qiao et al. 2019, arXiv:1903.10520'),
  Row('scaled_weight_standardization', 'kernel',
      standardization.scaled_weight_standardization, None,
      'Brock, De and Smith 2021, arXiv:2101.08692'),
)  # fmt: skip

NORMS: Mapping[str, Row] = types.MappingProxyType({row.name: row for row in _ROWS})


def find(name: str) -> Row:
  """The row of that name; or of a user's `package.module:object`, a Row or a linen module class.

  Raises:
    ValueError: where there is none, naming the nearest.
  """
  if name in NORMS:
    return NORMS[name]
  if ':' not in name:
    near = difflib.get_close_matches(name, NORMS, n=1)
    hint = f'did you mean {near[0]!r}? ' if near else ''
    raise ValueError(
      f'norm {name!r} is not known: {hint}use one of {", ".join(NORMS)}, or package.module:object'
    )
  found = load(name, 'norm')
  if isinstance(found, Row):
    return dataclasses.replace(found, name=name)
  if not isinstance(found, type):
    raise ValueError(
      f'norm {name!r} is a {type(found).__name__}: name a norms.catalogue.Row or a linen class'
    )
  fields = getattr(found, '__dataclass_fields__', {})
  return Row(name, 'activation', None, found, state='use_running_average' in fields)


def load(dotted: str, what: str) -> Any:
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
