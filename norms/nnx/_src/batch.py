"""Batch norm, with its running statistics in BatchStat variables."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flax import nnx
from flax.nnx.nn import dtypes, initializers
from flax.typing import Dtype, Initializer, PromoteDtypeFn
import jax
import jax.numpy as jnp

from norms import batch, core
from norms.nnx._src.running import StatefulNorm


class BatchNorm(StatefulNorm, nnx.BatchNorm):
  """`norms.batch_norm` with parameters and running statistics; stands in for flax.nnx.BatchNorm.

  Params `scale` and `bias`; BatchStats `mean` and `var`, which keep dtype and shape and are not
  rounded to `dtype`. An empty batch does not change them. With a complex `dtype` or `param_dtype`
  the mean is complex.

  Args:
    num_features: the size of the feature axis.
    use_running_average: normalise by the running statistics; `train` and `eval` set it.
    axis: the feature axis or axes; the statistics are kept flat.
    momentum: the share of the old running statistics that is kept; None: they are those of all
      entries seen so far, exactly, and a BatchStat `count` keeps how many there were.
    epsilon: added to the variance.
    dtype: of the result; None: promoted from the input, the statistics and the parameters.
    param_dtype: of the parameters.
    use_bias: add a learned bias.
    use_scale: multiply by a learned scale.
    bias_init: initialises the bias.
    scale_init: initialises the scale.
    axis_name: a named axis to take the statistics over as well.
    axis_index_groups: groups of devices along `axis_name` that share statistics.
    use_fast_variance: False: take two passes and no more, to Flax's bits; True: two passes too,
      and the mean's rounding error is taken out again.
    promote_dtype: promotes (x, mean, var, scale, bias) to `dtype`, which is a keyword.
    rngs: draws the parameters.
    bias_metadata: of the Param of the bias.
    scale_metadata: of the Param of the scale.
    zero_centered_scale: keep scale - 1 as the Param, so that weight decay pulls scale to 1.
    unbiased: keep n / (n - 1) times the variance of n entries.
    zero_debias: the initial running statistics have no share; `count` keeps the sum of weights.
  """

  def __init__(
    self,
    num_features: int,
    *,
    use_running_average: bool | None = False,
    axis: int = -1,
    momentum: float | None = 0.99,
    epsilon: float = 1e-5,
    dtype: Dtype | None = None,
    param_dtype: Dtype = jnp.float32,
    use_bias: bool = True,
    use_scale: bool = True,
    bias_init: Initializer = initializers.zeros,
    scale_init: Initializer = initializers.ones,
    axis_name: str | None = None,
    axis_index_groups: Sequence[Sequence[int]] | None = None,
    use_fast_variance: bool = True,
    promote_dtype: PromoteDtypeFn = dtypes.promote_dtype,
    rngs: nnx.Rngs,
    bias_metadata: Mapping[str, Any] = MappingProxyType({}),
    scale_metadata: Mapping[str, Any] = MappingProxyType({}),
    zero_centered_scale: bool = False,
    unbiased: bool = False,
    zero_debias: bool = False,
  ) -> None:
    self._set_fields(locals())
    self._init_stats(self._stat_names, num_features, dtype, param_dtype)
    if 'count' not in self._stat_names:
      self.count = nnx.data(None)

  @property
  def _stat_names(self) -> tuple[str, ...]:
    needs_count = self.momentum is None or self.zero_debias
    return ('mean', 'var', 'count') if needs_count else ('mean', 'var')

  def __call__(
    self, x: jax.Array, use_running_average: bool | None = None, *, mask: jax.Array | None = None
  ) -> jax.Array:
    evaluate = self._in_evaluation(use_running_average)
    shape = [x.shape[a] for a in core.canonical_axes(x.ndim, self.axis)]
    old = self._read_stats(self._stat_names, shape, x)
    x, scale, bias, dtype = self._inputs(x, self.axis, old.mean, old.var)
    z, new = batch.batch_norm(
      x, scale, bias, old, axis=self.axis, training=not evaluate, momentum=self.momentum,
      unbiased=self.unbiased, zero_debias=self.zero_debias,
      refine=self.use_fast_variance, **self._shared_options(mask),
    )  # fmt: skip
    if not evaluate:
      self._write_stats(self._stat_names, new)
    return z.astype(dtype)
