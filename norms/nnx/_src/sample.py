"""Norms whose statistics lie within one example."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flax import nnx
from flax.nnx.nn import dtypes, initializers
from flax.typing import Axes, Dtype, Initializer, PromoteDtypeFn
import jax
import jax.numpy as jnp

from norms import sample
from norms.nnx._src.parameters import Norm


class LayerNorm(Norm, nnx.LayerNorm):
  """`norms.layer_norm` with Params `scale` and `bias`; stands in for flax.nnx.LayerNorm.

  Args:
    num_features: how many entries scale and bias have.
    epsilon: added to the variance.
    dtype: of the result; None: promoted from the input and the parameters.
    param_dtype: of the parameters.
    use_bias: add a learned bias.
    use_scale: multiply by a learned scale.
    bias_init: initialises the bias.
    scale_init: initialises the scale.
    reduction_axes: the axes of the statistics.
    feature_axes: the axes of scale and bias.
    axis_name: a named axis to take the statistics over as well.
    axis_index_groups: groups of devices along `axis_name` that share statistics.
    use_fast_variance: False: take two passes and no more, to Flax's bits; True: two passes too,
      and the mean's rounding error is taken out again.
    promote_dtype: promotes (x, scale, bias) to `dtype`, which is a keyword.
    rngs: draws the parameters.
    bias_metadata: of the Param of the bias.
    scale_metadata: of the Param of the scale.
    zero_centered_scale: keep scale - 1 as the Param, so that weight decay pulls scale to 1.
  """

  def __init__(
    self,
    num_features: int,
    *,
    epsilon: float = 1e-6,
    dtype: Dtype | None = None,
    param_dtype: Dtype = jnp.float32,
    use_bias: bool = True,
    use_scale: bool = True,
    bias_init: Initializer = initializers.zeros,
    scale_init: Initializer = initializers.ones,
    reduction_axes: Axes = -1,
    feature_axes: Axes = -1,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    use_fast_variance: bool = True,
    promote_dtype: PromoteDtypeFn = dtypes.promote_dtype,
    rngs: nnx.Rngs,
    bias_metadata: Mapping[str, Any] = MappingProxyType({}),
    scale_metadata: Mapping[str, Any] = MappingProxyType({}),
    zero_centered_scale: bool = False,
  ) -> None:
    self._set_fields(locals())

  def __call__(self, x: jax.Array, *, mask: jax.Array | None = None) -> jax.Array:
    x, scale, bias, dtype = self._inputs(x, self.feature_axes)
    z = sample.layer_norm(
      x, scale, bias,
      reduction_axes=self.reduction_axes, feature_axes=self.feature_axes,
      refine=self.use_fast_variance, **self._shared_options(mask),
    )  # fmt: skip
    return z.astype(dtype)


class RMSNorm(Norm, nnx.RMSNorm):
  """`norms.rms_norm` with a Param `scale`; stands in for flax.nnx.RMSNorm.

  Args: as `LayerNorm`'s, without a bias; `promote_dtype` promotes (x, scale).
  """

  def __init__(
    self,
    num_features: int,
    *,
    epsilon: float = 1e-6,
    dtype: Dtype | None = None,
    param_dtype: Dtype = jnp.float32,
    use_scale: bool = True,
    scale_init: Initializer = initializers.ones,
    reduction_axes: Axes = -1,
    feature_axes: Axes = -1,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    use_fast_variance: bool = True,
    promote_dtype: PromoteDtypeFn = dtypes.promote_dtype,
    rngs: nnx.Rngs,
    scale_metadata: Mapping[str, Any] = MappingProxyType({}),
    zero_centered_scale: bool = False,
  ) -> None:
    self._set_fields(locals())

  def __call__(self, x: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    x, scale, _, dtype = self._inputs(x, self.feature_axes)
    z = sample.rms_norm(
      x, scale,
      reduction_axes=self.reduction_axes, feature_axes=self.feature_axes,
      **self._shared_options(mask),
    )  # fmt: skip
    return z.astype(dtype)


class GroupNorm(Norm, nnx.GroupNorm):
  """`norms.group_norm` with Params `scale` and `bias`; stands in for flax.nnx.GroupNorm.

  A mask may be of any shape that broadcasts to the input's, one channel included.

  Args: as `LayerNorm`'s, and
    num_groups: the number of groups; None: `group_size` says it.
    group_size: channels in a group; exactly one of the two is given.
    reduction_axes: the axes of the statistics, the last one among them; None: all but the first.
  """

  def __init__(
    self,
    num_features: int,
    num_groups: int | None = 32,
    group_size: int | None = None,
    *,
    epsilon: float = 1e-6,
    dtype: Dtype | None = None,
    param_dtype: Dtype = jnp.float32,
    use_bias: bool = True,
    use_scale: bool = True,
    bias_init: Initializer = initializers.zeros,
    scale_init: Initializer = initializers.ones,
    reduction_axes: Axes | None = None,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    use_fast_variance: bool = True,
    promote_dtype: PromoteDtypeFn = dtypes.promote_dtype,
    rngs: nnx.Rngs,
    bias_metadata: Mapping[str, Any] = MappingProxyType({}),
    scale_metadata: Mapping[str, Any] = MappingProxyType({}),
    zero_centered_scale: bool = False,
  ) -> None:
    # Both are attributes, whichever was given, as in Flax.
    num_groups = sample.count_groups(num_features, num_groups, group_size)
    group_size = num_features // num_groups
    self._set_fields(locals())
    self.feature_axis = -1

  def __call__(self, x: jax.Array, *, mask: jax.Array | None = None) -> jax.Array:
    x, scale, bias, dtype = self._inputs(x, self.feature_axis)
    z = sample.group_norm(
      x, scale, bias,
      num_groups=self.num_groups, reduction_axes=self.reduction_axes,
      refine=self.use_fast_variance, **self._shared_options(mask),
    )  # fmt: skip
    return z.astype(dtype)


class InstanceNorm(Norm, nnx.InstanceNorm):
  """`norms.instance_norm` with Params `scale` and `bias`; stands in for flax.nnx.InstanceNorm.

  Args: as `LayerNorm`'s; the statistics are over all axes but the first and `feature_axes`.
  """

  def __init__(
    self,
    num_features: int,
    *,
    epsilon: float = 1e-6,
    dtype: Dtype | None = None,
    param_dtype: Dtype = jnp.float32,
    use_bias: bool = True,
    use_scale: bool = True,
    bias_init: Initializer = initializers.zeros,
    scale_init: Initializer = initializers.ones,
    feature_axes: Axes = -1,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    use_fast_variance: bool = True,
    promote_dtype: PromoteDtypeFn = dtypes.promote_dtype,
    rngs: nnx.Rngs,
    bias_metadata: Mapping[str, Any] = MappingProxyType({}),
    scale_metadata: Mapping[str, Any] = MappingProxyType({}),
    zero_centered_scale: bool = False,
  ) -> None:
    self._set_fields(locals())

  def __call__(self, x: jax.Array, *, mask: jax.Array | None = None) -> jax.Array:
    # Raises for features on axis 0, before a size that does not fit could be reported instead.
    sample.position_axes(x.ndim, self.feature_axes)
    x, scale, bias, dtype = self._inputs(x, self.feature_axes)
    z = sample.instance_norm(
      x, scale, bias, feature_axes=self.feature_axes,
      refine=self.use_fast_variance, **self._shared_options(mask),
    )  # fmt: skip
    return z.astype(dtype)
