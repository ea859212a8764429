"""Norms whose statistics lie within one example."""

from flax import linen as nn
import jax

from norms import sample
from norms.linen._src import parameters


class LayerNorm(nn.LayerNorm):
  """`norms.layer_norm` with parameters `scale` and `bias`; stands in for flax.linen.LayerNorm.

  Attributes:
    epsilon: added to the variance.
    dtype: of the result; None: promoted from the input and the parameters.
    param_dtype: of the parameters.
    use_bias: add a learned bias.
    use_scale: multiply by a learned scale.
    bias_init: initialises the bias.
    scale_init: initialises the scale.
    reduction_axes: the axes of the statistics.
    feature_axes: the axes of scale and bias.
    axis_name: a named axis to take the statistics over as well; not used while initialising.
    axis_index_groups: groups of devices along `axis_name` that share statistics.
    use_fast_variance: False: take two passes and no more, to Flax's bits; True: two passes too,
      and the mean's rounding error is taken out again.
    force_float32_reductions: accepted; statistics are always taken in at least float32.
    zero_centered_scale: keep scale - 1 as the parameter, so that weight decay pulls scale to 1.
  """

  zero_centered_scale: bool = False

  @nn.compact
  def __call__(self, x: jax.Array, *, mask: jax.Array | None = None) -> jax.Array:
    x, scale, bias, dtype = parameters.inputs(self, x, self.feature_axes)
    z = sample.layer_norm(
      x, scale, bias,
      reduction_axes=self.reduction_axes, feature_axes=self.feature_axes,
      refine=self.use_fast_variance, **parameters.shared_options(self, mask),
    )  # fmt: skip
    return z.astype(dtype)


class RMSNorm(nn.RMSNorm):
  """`norms.rms_norm` with a parameter `scale`; stands in for flax.linen.RMSNorm.

  Attributes: as `LayerNorm`'s, without a bias.
  """

  zero_centered_scale: bool = False

  @nn.compact
  def __call__(self, x: jax.Array, *, mask: jax.Array | None = None) -> jax.Array:
    x, scale, _, dtype = parameters.inputs(self, x, self.feature_axes)
    z = sample.rms_norm(
      x, scale,
      reduction_axes=self.reduction_axes, feature_axes=self.feature_axes,
      **parameters.shared_options(self, mask),
    )  # fmt: skip
    return z.astype(dtype)


class GroupNorm(nn.GroupNorm):
  """`norms.group_norm` with parameters `scale` and `bias`; stands in for flax.linen.GroupNorm.

  A mask may be of any shape that broadcasts to the input's, one channel included.

  Attributes: as `LayerNorm`'s, and
    num_groups: the number of groups; None: `group_size` says it.
    group_size: channels in a group; exactly one of the two is given.
    reduction_axes: the axes of the statistics, the last one among them; None: all but the first.
  """

  zero_centered_scale: bool = False

  @nn.compact
  def __call__(self, x: jax.Array, *, mask: jax.Array | None = None) -> jax.Array:
    x, scale, bias, dtype = parameters.inputs(self, x, -1)
    z = sample.group_norm(
      x, scale, bias,
      num_groups=self.num_groups, group_size=self.group_size,
      reduction_axes=self.reduction_axes,
      refine=self.use_fast_variance, **parameters.shared_options(self, mask),
    )  # fmt: skip
    return z.astype(dtype)


class InstanceNorm(nn.InstanceNorm):
  """`norms.instance_norm` with parameters `scale`, `bias`; stands in for flax.linen.InstanceNorm.

  Attributes: as `LayerNorm`'s; the statistics are over all axes but the first and `feature_axes`.
  """

  zero_centered_scale: bool = False

  @nn.compact
  def __call__(self, x: jax.Array, *, mask: jax.Array | None = None) -> jax.Array:
    x, scale, bias, dtype = parameters.inputs(self, x, self.feature_axes)
    z = sample.instance_norm(
      x, scale, bias, feature_axes=self.feature_axes,
      refine=self.use_fast_variance, **parameters.shared_options(self, mask),
    )  # fmt: skip
    return z.astype(dtype)
