"""Mixtures of several statistics.

norms/core.py computes the statistics and their derivatives. A mixture of them is no moment of x, so
what follows is differentiated by plain autodiff.
"""

from collections.abc import Sequence
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core, reduction
from norms._src import running
from norms._src.running import BatchStats


def switchable_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  mean_weights: ArrayLike | None = None,
  var_weights: ArrayLike | None = None,
  batch_stats: BatchStats | None = None,
  *,
  feature_axes: core.Axes = -1,
  training: bool = True,
  momentum: float = 0.99,
  epsilon: float | jax.Array = 1e-5,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> tuple[jax.Array, BatchStats | None]:
  """Standardises by a learnt mixture of instance, layer and batch statistics.

  z = (x - sum w_k mean_k) / sqrt(sum v_k var_k + epsilon) * scale + bias, with w and v the
  softmax of `mean_weights` and `var_weights`, k in (instance, layer, batch).

  Args:
    x: real input of shape (examples, ..., features); statistics in at least float32.
    scale: of shape [x.shape[a] for a in sorted feature_axes], or None for 1.
    bias: like scale, or None for 0.
    mean_weights: three logits, or None for equal shares.
    var_weights: like mean_weights.
    batch_stats: running statistics of scale's shape. None: in training none are kept.
    feature_axes: the axes of the features, without axis 0.
    training: take the batch statistics of this batch (True) or `batch_stats` (False).
    momentum: the share of the old running statistics that is kept, in [0, 1].
    epsilon: added to the variance.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and y = 0 there.
    axis_name: a named axis over which the examples are split, for the batch statistics.
    axis_index_groups: groups of devices along `axis_name` that share statistics.

  Returns:
    z, in the promoted dtype of x and the parameters; and the new running statistics.

  Raises:
    ValueError: on a bad axis or shape, and in evaluation without `batch_stats`.

  Luo et al. 2019, https://arxiv.org/abs/1806.10779
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, feature_axes, 'feature_axes')
  scale, bias = (
    core.expand_param(p, x.shape, features, n) for p, n in ((scale, 'scale'), (bias, 'bias'))
  )
  named = {'axis_name': axis_name, 'axis_index_groups': axis_index_groups}
  # In evaluation devices exchange nothing, and the axis name may be unknown.
  options: dict[str, Any] = named if training else {}  # Any: options of more than one type
  positions, averages = reduction.position_axes(x.ndim, features), None
  if not training:
    averages = running.expand_stats(batch_stats, x.shape, features, 'switchable_norm')

  def normalized(
    x: jax.Array,
    scale: jax.Array | None,
    bias: jax.Array | None,
    mean_weights: ArrayLike | None,
    var_weights: ArrayLike | None,
    mask: ArrayLike | None,
  ) -> tuple[jax.Array, core.Moments | None]:
    scaled, unit, shift = _shifted(x, mask, **options)
    instance = core.normalize(scaled, mask=mask, axes=positions, epsilon=1.0, keep_input=True)[1]
    # Layers and batches are unions of instances, whose moments give theirs without a pass over x.
    layer, moments = _merge_moments(reduction.make_reduction(features), instance), None
    if averages is None:
      batch = _merge_moments(reduction.make_reduction((0,), **options), instance)
      # One factor after the other: unit^2 alone may overflow.
      moments = core.Moments((batch.mean + shift) * unit, batch.var * unit * unit, batch.count)
    else:
      batch = core.Moments(averages.mean / unit - shift, averages.var / unit / unit, instance.count)
    mean = _mix(mean_weights, (instance.mean, layer.mean, batch.mean), 'mean_weights')
    var = _mix(var_weights, (instance.var, layer.var, batch.var), 'var_weights')
    divisor = reduction.deviation(var, epsilon, unit)
    return reduction.recompute(_standardised)(scaled, mask, mean, divisor, scale, bias), moments

  recomputed = reduction.recompute_if_wider(normalized, x, options.get('axis_name'))
  z, moments = recomputed(x, scale, bias, mean_weights, var_weights, mask)
  if training:
    batch_stats = running.update(batch_stats, moments, momentum=momentum)
  return z.astype(core.affine_dtype(x, scale, bias, mean_weights, var_weights)), batch_stats


def _shifted(
  x: jax.Array,
  mask: ArrayLike | None,
  **options: Any,  # those of axis_name
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """x / unit - shift, unit and shift, which is the mean of all entries of x / unit.

  The means are mixed after it is subtracted: for a large shift their differences would drown in
  rounding errors.
  """
  scaled, unit = reduction.in_range(x, mask, options.get('axis_name'))
  # The shift cancels in z, so it needs no derivative.
  fixed, all_axes = lax.stop_gradient(scaled), tuple(range(x.ndim))
  _, moments = core.normalize(fixed, mask=mask, axes=all_axes, epsilon=1.0, **options)
  return core.zero_masked(mask, scaled - moments.mean), unit, moments.mean


def _standardised(
  x: jax.Array,
  mask: ArrayLike | None,
  mean: jax.Array,
  divisor: jax.Array,
  scale: jax.Array | None,
  bias: jax.Array | None,
) -> jax.Array:
  return reduction.affine(core.zero_masked(mask, x - mean) / divisor, scale, bias)


def _mix(weights: ArrayLike | None, statistics: Sequence[jax.Array], name: str) -> jax.Array:
  """The mean of three statistics, weighted by the softmax of the weights."""
  weights = jnp.zeros(3) if weights is None else jnp.asarray(weights)
  if weights.shape != (3,):
    raise ValueError(
      f'{name} has shape {weights.shape}: give (instance, layer, batch), three logits'
    )
  shares = jax.nn.softmax(weights.astype(core.compute_dtype(weights)))
  mixed: jax.Array = sum(share * s for share, s in zip(shares, statistics, strict=True))
  return mixed


def _merge_moments(r: core.Reduction, moments: core.Moments) -> core.Moments:
  """The moments of the unions of parts that lie along r's axes, weighted by the parts' counts."""
  n = jnp.broadcast_to(moments.count, moments.mean.shape)
  count = reduction.total(r, n)
  mean = reduction.mean(r, count, n * moments.mean)
  var = reduction.mean(r, count, n * (moments.var + jnp.square(moments.mean - mean)))
  return core.Moments(mean, var, count)
