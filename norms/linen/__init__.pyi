"""The modules of norms.linen, written by `python -m tests.stubs` from norms/catalogue.py."""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY
from typing import Any

from flax import linen as nn
from flax.typing import Dtype, Initializer
import jax
from jax.typing import ArrayLike

from norms import core
from norms.linen._src.batch import BatchNorm as BatchNorm
from norms.linen._src.kernels import SpectralNorm as SpectralNorm
from norms.linen._src.kernels import WeightNorm as WeightNorm
from norms.linen._src.sample import GroupNorm as GroupNorm
from norms.linen._src.sample import InstanceNorm as InstanceNorm
from norms.linen._src.sample import LayerNorm as LayerNorm
from norms.linen._src.sample import RMSNorm as RMSNorm
from norms.row import Row

__all__ = (
  'BatchNorm',
  'BatchRenorm',
  'Derf',
  'DyT',
  'EvoNormB0',
  'EvoNormS0',
  'FilterResponseNorm',
  'GhostBatchNorm',
  'GlobalResponseNorm',
  'GroupNorm',
  'InstanceNorm',
  'LayerNorm',
  'LocalResponseNorm',
  'MeanOnlyBatchNorm',
  'PositionalNorm',
  'RMSNorm',
  'ScaleNorm',
  'ScaledWeightStandardization',
  'SpectralNorm',
  'SwitchableNorm',
  'UnitNorm',
  'WeightNorm',
  'WeightStandardization',
  'module',
)

# Any: the fields of a class of a row of the user's are known at run time only.
def module(row: Row) -> type[Any]: ...

class BatchRenorm(nn.Module):
  use_running_average: bool | None = None
  _: KW_ONLY
  axis: core.Axes = -1
  momentum: float = 0.99
  epsilon: float | jax.Array = 1e-05
  r_max: float | jax.Array = 3.0
  d_max: float | jax.Array = 5.0
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    use_running_average: bool | None = None,
    *,
    mask: ArrayLike | None = None,
    axis: core.Axes = ...,
    momentum: float = ...,
    epsilon: float | jax.Array = ...,
    r_max: float | jax.Array = ...,
    d_max: float | jax.Array = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> jax.Array: ...

class GhostBatchNorm(nn.Module):
  use_running_average: bool | None = None
  _: KW_ONLY
  ghost_size: int = 32
  axis: core.Axes = -1
  momentum: float = 0.99
  epsilon: float | jax.Array = 1e-05
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    use_running_average: bool | None = None,
    *,
    mask: ArrayLike | None = None,
    ghost_size: int = ...,
    axis: core.Axes = ...,
    momentum: float = ...,
    epsilon: float | jax.Array = ...,
  ) -> jax.Array: ...

class MeanOnlyBatchNorm(nn.Module):
  use_running_average: bool | None = None
  _: KW_ONLY
  axis: core.Axes = -1
  momentum: float = 0.99
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    use_running_average: bool | None = None,
    *,
    mask: ArrayLike | None = None,
    axis: core.Axes = ...,
    momentum: float = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> jax.Array: ...

class PositionalNorm(nn.Module):
  _: KW_ONLY
  feature_axes: core.Axes = -1
  epsilon: float | jax.Array = 1e-05
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  return_moments: bool = False
  def __call__(
    self,
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    feature_axes: core.Axes = ...,
    epsilon: float | jax.Array = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> Any: ...

class UnitNorm(nn.Module):
  _: KW_ONLY
  reduction_axes: core.Axes = -1
  epsilon: float | jax.Array = 1e-12
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    reduction_axes: core.Axes = ...,
    epsilon: float | jax.Array = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> jax.Array: ...

class ScaleNorm(nn.Module):
  _: KW_ONLY
  reduction_axes: core.Axes = -1
  epsilon: float | jax.Array = 1e-12
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer | None = ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    reduction_axes: core.Axes = ...,
    epsilon: float | jax.Array = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> jax.Array: ...

class FilterResponseNorm(nn.Module):
  _: KW_ONLY
  feature_axes: core.Axes = -1
  epsilon: float | jax.Array = 1e-06
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  use_threshold: bool = True
  threshold_init: Initializer = ...
  use_learnt_epsilon: bool = False
  learnt_epsilon_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    feature_axes: core.Axes = ...,
    epsilon: float | jax.Array = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> jax.Array: ...

class GlobalResponseNorm(nn.Module):
  _: KW_ONLY
  feature_axes: core.Axes = -1
  epsilon: float | jax.Array = 1e-06
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    feature_axes: core.Axes = ...,
    epsilon: float | jax.Array = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> jax.Array: ...

class LocalResponseNorm(nn.Module):
  _: KW_ONLY
  size: int = 5
  k: float | jax.Array = 2.0
  alpha: float | jax.Array = 0.0001
  beta: float | jax.Array = 0.75
  feature_axis: int = -1
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    size: int = ...,
    k: float | jax.Array = ...,
    alpha: float | jax.Array = ...,
    beta: float | jax.Array = ...,
    feature_axis: int = ...,
  ) -> jax.Array: ...

class SwitchableNorm(nn.Module):
  use_running_average: bool | None = None
  _: KW_ONLY
  feature_axes: core.Axes = -1
  momentum: float = 0.99
  epsilon: float | jax.Array = 1e-05
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  use_mean_weights: bool = True
  mean_weights_init: Initializer = ...
  use_var_weights: bool = True
  var_weights_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    use_running_average: bool | None = None,
    *,
    mask: ArrayLike | None = None,
    feature_axes: core.Axes = ...,
    momentum: float = ...,
    epsilon: float | jax.Array = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> jax.Array: ...

class EvoNormB0(nn.Module):
  use_running_average: bool | None = None
  _: KW_ONLY
  feature_axes: core.Axes = -1
  momentum: float = 0.99
  epsilon: float | jax.Array = 1e-05
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  use_slope: bool = True
  slope_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    use_running_average: bool | None = None,
    *,
    mask: ArrayLike | None = None,
    feature_axes: core.Axes = ...,
    momentum: float = ...,
    epsilon: float | jax.Array = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> jax.Array: ...

class EvoNormS0(nn.Module):
  _: KW_ONLY
  num_groups: int | None = 32
  group_size: int | None = None
  epsilon: float | jax.Array = 1e-05
  axis_name: str | None = None
  axis_index_groups: Sequence[Sequence[int]] | None = None
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  use_slope: bool = True
  slope_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    num_groups: int | None = ...,
    group_size: int | None = ...,
    epsilon: float | jax.Array = ...,
    axis_name: str | None = ...,
    axis_index_groups: Sequence[Sequence[int]] | None = ...,
  ) -> jax.Array: ...

class DyT(nn.Module):
  _: KW_ONLY
  feature_axes: core.Axes = -1
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  use_alpha: bool = True
  alpha_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    feature_axes: core.Axes = ...,
  ) -> jax.Array: ...

class Derf(nn.Module):
  _: KW_ONLY
  feature_axes: core.Axes = -1
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_scale: bool = True
  scale_init: Initializer = ...
  use_bias: bool = True
  bias_init: Initializer = ...
  use_alpha: bool = True
  alpha_init: Initializer = ...
  use_shift: bool = True
  shift_init: Initializer = ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    feature_axes: core.Axes = ...,
  ) -> jax.Array: ...

class WeightStandardization(nn.Module):
  layer_instance: nn.Module
  variable_filter: Iterable[str] | None = ...
  _: KW_ONLY
  axis: core.Axes | None = -1
  epsilon: float | jax.Array = 1e-10
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class ScaledWeightStandardization(nn.Module):
  layer_instance: nn.Module
  variable_filter: Iterable[str] | None = ...
  _: KW_ONLY
  axis: core.Axes | None = -1
  gamma: float = 1.0
  epsilon: float | jax.Array = 0.0001
  dtype: Dtype | None = None
  param_dtype: Dtype = ...
  use_gain: bool = True
  gain_init: Initializer = ...
  def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
