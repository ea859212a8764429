"""The modules of norms.nnx, written by `python -m tests.stubs` from norms/catalogue.py."""

from collections.abc import Mapping, Sequence
from typing import Any

from flax import nnx
from flax.typing import Dtype, Initializer, PromoteDtypeFn
import jax
from jax.typing import ArrayLike

from norms import core
from norms.nnx._src.batch import BatchNorm as BatchNorm
from norms.nnx._src.kernels import SpectralNorm as SpectralNorm
from norms.nnx._src.kernels import WeightNorm as WeightNorm
from norms.nnx._src.parameters import Norm
from norms.nnx._src.sample import GroupNorm as GroupNorm
from norms.nnx._src.sample import InstanceNorm as InstanceNorm
from norms.nnx._src.sample import LayerNorm as LayerNorm
from norms.nnx._src.sample import RMSNorm as RMSNorm
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

class BatchRenorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    use_running_average: bool | None = False,
    axis: core.Axes = -1,
    momentum: float = 0.99,
    epsilon: float | jax.Array = 1e-05,
    r_max: float | jax.Array = 3.0,
    d_max: float | jax.Array = 5.0,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    bias_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
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

class GhostBatchNorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    use_running_average: bool | None = False,
    ghost_size: int = 32,
    axis: core.Axes = -1,
    momentum: float = 0.99,
    epsilon: float | jax.Array = 1e-05,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    bias_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
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

class MeanOnlyBatchNorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    use_running_average: bool | None = False,
    axis: core.Axes = -1,
    momentum: float = 0.99,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    bias_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
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

class PositionalNorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    feature_axes: core.Axes = -1,
    epsilon: float | jax.Array = 1e-05,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    return_moments: bool = False,
    promote_dtype: PromoteDtypeFn = ...,
    rngs: nnx.Rngs | None = None,
  ) -> None: ...
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

class UnitNorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    reduction_axes: core.Axes = -1,
    epsilon: float | jax.Array = 1e-12,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    promote_dtype: PromoteDtypeFn = ...,
    rngs: nnx.Rngs | None = None,
  ) -> None: ...
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

class ScaleNorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    reduction_axes: core.Axes = -1,
    epsilon: float | jax.Array = 1e-12,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer | None = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
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

class FilterResponseNorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    feature_axes: core.Axes = -1,
    epsilon: float | jax.Array = 1e-06,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    use_threshold: bool = True,
    threshold_init: Initializer = ...,
    use_learnt_epsilon: bool = False,
    learnt_epsilon_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    bias_metadata: Mapping[str, Any] = ...,
    threshold_metadata: Mapping[str, Any] = ...,
    learnt_epsilon_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
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

class GlobalResponseNorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    feature_axes: core.Axes = -1,
    epsilon: float | jax.Array = 1e-06,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    bias_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
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

class LocalResponseNorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    size: int = 5,
    k: float | jax.Array = 2.0,
    alpha: float | jax.Array = 0.0001,
    beta: float | jax.Array = 0.75,
    feature_axis: int = -1,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    promote_dtype: PromoteDtypeFn = ...,
    rngs: nnx.Rngs | None = None,
  ) -> None: ...
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

class SwitchableNorm(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    use_running_average: bool | None = False,
    feature_axes: core.Axes = -1,
    momentum: float = 0.99,
    epsilon: float | jax.Array = 1e-05,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    use_mean_weights: bool = True,
    mean_weights_init: Initializer = ...,
    use_var_weights: bool = True,
    var_weights_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    bias_metadata: Mapping[str, Any] = ...,
    mean_weights_metadata: Mapping[str, Any] = ...,
    var_weights_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
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

class EvoNormB0(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    use_running_average: bool | None = False,
    feature_axes: core.Axes = -1,
    momentum: float = 0.99,
    epsilon: float | jax.Array = 1e-05,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    use_slope: bool = True,
    slope_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    bias_metadata: Mapping[str, Any] = ...,
    slope_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
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

class EvoNormS0(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    num_groups: int | None = 32,
    group_size: int | None = None,
    epsilon: float | jax.Array = 1e-05,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    use_slope: bool = True,
    slope_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    bias_metadata: Mapping[str, Any] = ...,
    slope_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
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

class DyT(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    feature_axes: core.Axes = -1,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    use_alpha: bool = True,
    alpha_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    bias_metadata: Mapping[str, Any] = ...,
    alpha_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    feature_axes: core.Axes = ...,
  ) -> jax.Array: ...

class Derf(Norm):
  def __init__(
    self,
    num_features: int,
    *,
    feature_axes: core.Axes = -1,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_scale: bool = True,
    scale_init: Initializer = ...,
    use_bias: bool = True,
    bias_init: Initializer = ...,
    use_alpha: bool = True,
    alpha_init: Initializer = ...,
    use_shift: bool = True,
    shift_init: Initializer = ...,
    promote_dtype: PromoteDtypeFn = ...,
    scale_metadata: Mapping[str, Any] = ...,
    bias_metadata: Mapping[str, Any] = ...,
    alpha_metadata: Mapping[str, Any] = ...,
    shift_metadata: Mapping[str, Any] = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
  def __call__(
    self,
    x: ArrayLike,
    *,
    feature_axes: core.Axes = ...,
  ) -> jax.Array: ...

class WeightStandardization(nnx.Module):
  def __init__(
    self,
    layer_instance: nnx.Module,
    *,
    axis: core.Axes | None = -1,
    epsilon: float | jax.Array = 1e-10,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    variable_filter: nnx.filterlib.Filter = ...,
    rngs: nnx.Rngs | None = None,
  ) -> None: ...
  def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

class ScaledWeightStandardization(nnx.Module):
  def __init__(
    self,
    layer_instance: nnx.Module,
    *,
    axis: core.Axes | None = -1,
    gamma: float = 1.0,
    epsilon: float | jax.Array = 0.0001,
    dtype: Dtype | None = None,
    param_dtype: Dtype = ...,
    use_gain: bool = True,
    gain_init: Initializer = ...,
    variable_filter: nnx.filterlib.Filter = ...,
    rngs: nnx.Rngs,
  ) -> None: ...
  def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
