"""Batch norm, with its running statistics in the collection `batch_stats`."""

from flax import linen as nn
from flax.linen.module import merge_param
import jax
import jax.numpy as jnp

from norms import batch, core
from norms.linen._src import parameters, running


class BatchNorm(nn.BatchNorm):
  """`norms.batch_norm` with parameters and running statistics; stands in for flax.linen.BatchNorm.

  Parameters `scale` and `bias`; `mean` and `var` in `batch_stats`, which keep dtype and shape
  (so they can be a scan's carry). Neither init nor an empty batch changes them.

  Attributes:
    use_running_average: normalise by the running statistics; given here or in the call.
    axis: the feature axis or axes.
    momentum: the share of the old running statistics that is kept; None: they are those of all
      entries seen so far, exactly, and `count` keeps how many there were.
    epsilon: added to the variance.
    dtype: of the result; None: promoted from the input and the parameters.
    param_dtype: of the parameters.
    use_bias: add a learned bias.
    use_scale: multiply by a learned scale.
    bias_init: initialises the bias.
    scale_init: initialises the scale.
    axis_name: a named axis to take the statistics over as well; not used while initialising.
    axis_index_groups: groups of devices along `axis_name` that share statistics.
    use_fast_variance: False: take two passes and no more, to Flax's bits; True: two passes too,
      and the mean's rounding error is taken out again.
    force_float32_reductions: keep running statistics in float32 (else in `param_dtype`); a
      batch's statistics are always taken in at least float32.
    zero_centered_scale: keep scale - 1 as the parameter, so that weight decay pulls scale to 1.
    unbiased: keep n / (n - 1) times the variance of n entries.
    zero_debias: the initial running statistics have no share; `count` keeps the sum of weights.
  """

  zero_centered_scale: bool = False
  unbiased: bool = False
  zero_debias: bool = False

  @nn.compact
  def __call__(
    self, x: jax.Array, use_running_average: bool | None = None, *, mask: jax.Array | None = None
  ) -> jax.Array:
    evaluate = merge_param('use_running_average', self.use_running_average, use_running_average)
    x, scale, bias, dtype = parameters.inputs(self, x, self.axis)
    shape = [x.shape[a] for a in core.canonical_axes(x.ndim, self.axis)]
    is_complex = jnp.iscomplexobj(x)
    # Only with options that Flax has not: with its own, the variables are those of Flax.
    count = ('count',) if self.momentum is None or self.zero_debias else ()
    variables = running.stat_variables(
      self, ('mean', 'var', *count), shape,
      jnp.dtype(jnp.float32 if self.force_float32_reductions else self.param_dtype),
      is_complex=is_complex,
    )  # fmt: skip
    z, new = batch.batch_norm(
      x, scale, bias, running.read_stats(variables, shape, is_complex=is_complex),
      axis=self.axis, training=not evaluate, momentum=self.momentum,
      unbiased=self.unbiased, zero_debias=self.zero_debias,
      refine=self.use_fast_variance, **parameters.shared_options(self, mask),
    )  # fmt: skip
    if not evaluate:
      running.write_stats(self, variables, new)
    return z.astype(dtype)
