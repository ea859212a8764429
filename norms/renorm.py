"""Two kinds of batch norm: one that corrects for its running statistics, one that only centres."""

from collections.abc import Sequence
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core, reduction
from norms._src import running
from norms._src.running import BatchStats


def batch_renorm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  batch_stats: BatchStats | None = None,
  *,
  axis: core.Axes = -1,
  training: bool = True,
  momentum: float = 0.99,
  epsilon: float | jax.Array = 1e-5,
  r_max: float | jax.Array = 3.0,
  d_max: float | jax.Array = 5.0,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> tuple[jax.Array, BatchStats | None]:
  """Batch norm in training, corrected towards what the running statistics would give.

  With s = sqrt(var + epsilon), of the batch and of the running statistics:
  z = ((x - mean_batch) / s_batch * r + d) * scale + bias, r = clip(s_batch / s_running, 1 / r_max,
  r_max), d = clip((mean_batch - mean_running) / s_running, -d_max, d_max); r and d are constants
  for the gradient. Without clipping z is the evaluation's; r_max=1 and d_max=0 give batch norm.

  Args:
    x: real input of any rank; statistics are taken in at least float32.
    scale: per feature, of shape [x.shape[a] for a in axis], or None for 1.
    bias: like scale, or None for 0.
    batch_stats: running statistics of that shape; needed in training, too.
    axis: the feature axis or axes.
    training: normalise by this batch (True) or by `batch_stats` (False).
    momentum: the share of the old running statistics that is kept, in [0, 1].
    epsilon: added to the variance.
    r_max: bound of r, at least 1; may be traced, since the paper raises it from 1 to 3.
    d_max: bound of d, at least 0; may be traced, since the paper raises it from 0 to 5.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and z = bias
      there.
    axis_name: a named axis (pmap, shard_map, vmap) to take the statistics over as well.
    axis_index_groups: groups of devices along `axis_name` that share statistics.

  Returns:
    z, in the promoted dtype of x, scale and bias; and the new running statistics.

  Raises:
    ValueError: on a bad axis or shape, and without `batch_stats`.

  Ioffe 2017, https://arxiv.org/abs/1702.03275
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, axis)
  if not training:
    z = running.evaluate(
      x, batch_stats, scale, bias, mask, features=features, epsilon=epsilon, norm='batch_renorm'
    )
    return z, batch_stats
  if batch_stats is None:
    raise ValueError('batch_renorm: batch_stats=None in training: pass the running statistics')
  dtype = core.affine_dtype(x, scale, bias)
  scale = core.expand_param(scale, x.shape, features, 'scale')
  bias = core.expand_param(bias, x.shape, features, 'bias')
  options: dict[str, Any] = {  # Any: options of more than one type
    'axes': tuple(a for a in range(x.ndim) if a not in features),
    'epsilon': epsilon, 'axis_name': axis_name, 'axis_index_groups': axis_index_groups,
  }  # fmt: skip
  batch = core.normalize(x, mask=mask, **options)[1]
  factor, offset = _correction(batch, batch_stats, x.shape, features, epsilon, r_max, d_max)
  # (y factor + offset) scale + bias, as one scale and bias of core.normalize.
  offset = offset if scale is None else offset * scale
  z, moments = core.normalize(
    x, factor if scale is None else factor * scale,
    offset if bias is None else offset + bias, mask, **options,
  )  # fmt: skip
  # The offset belongs to entries that are normalised; at masked ones z is the user's bias alone.
  if mask is not None:
    z = jnp.where(mask, z, jnp.zeros_like(z) if bias is None else bias.astype(z.dtype))
  return z.astype(dtype), running.update(batch_stats, moments, momentum=momentum)


def _correction(
  batch: core.Moments,
  batch_stats: BatchStats,
  shape: tuple[int, ...],
  features: tuple[int, ...],
  epsilon: float | jax.Array,
  r_max: float | jax.Array,
  d_max: float | jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """The paper's r and d, which take a batch's y to what running statistics would have made of x."""
  # Running statistics may be kept in 16 bits, those of a batch never are: compared in the wider.
  mean = core.expand_param(batch_stats.mean, shape, features, 'batch_stats.mean')
  mean = mean.astype(batch.mean.dtype)
  var = core.expand_param(batch_stats.var, shape, features, 'batch_stats.var')
  var = var.astype(batch.var.dtype)
  rstd = lax.rsqrt(var + epsilon)
  factor = jnp.clip(jnp.sqrt(batch.var + epsilon) * rstd, 1 / r_max, r_max)
  offset = jnp.clip((batch.mean - mean) * rstd, -d_max, d_max)
  return lax.stop_gradient(factor), lax.stop_gradient(offset)


def mean_only_batch_norm(
  x: ArrayLike,
  bias: ArrayLike | None = None,
  batch_stats: BatchStats | None = None,
  *,
  axis: core.Axes = -1,
  training: bool = True,
  momentum: float = 0.99,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> tuple[jax.Array, BatchStats | None]:
  """Subtracts each feature's mean over the mini-batch: the companion of weight norm.

  z = x - mean + bias, in evaluation by the running mean. Arguments, returns and errors as in
  `batch_norm`, without a scale; the running variance stays as it is.

  Salimans and Kingma 2016, https://arxiv.org/abs/1602.07868
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, axis)
  dtype, axes = core.affine_dtype(x, bias), [a for a in range(x.ndim) if a not in features]
  shift = core.expand_param(bias, x.shape, features, 'bias')
  if training:
    r = reduction.make_reduction(axes, 0.0, True, axis_name, axis_index_groups)
    y, moments = _centred(r, x, mask)
    new = running.update(batch_stats, moments, momentum=momentum)
    # No variance was computed, so none is kept: `update` has moved it by that of the moments, 0.
    new = None if new is None or batch_stats is None else new._replace(var=batch_stats.var)
  else:
    mean = running.expand_stats(batch_stats, x.shape, features, 'mean_only_batch_norm').mean
    y, new = core.zero_masked(mask, x.astype(core.compute_dtype(x)) - mean), batch_stats
  return (y if shift is None else y + shift).astype(dtype), new


def _centred(
  r: core.Reduction, x: jax.Array, mask: ArrayLike | None
) -> tuple[jax.Array, core.Moments]:
  """x - <x> and the moments, of which the variance is not computed."""
  # Linear in x, so plain autodiff keeps nothing for the backward pass. The mean is taken twice: the
  # second one is what rounding has left of the first.
  prescale = reduction.sum_prescale(r, x.shape)
  count: Any = reduction.count_entries(r, x, mask)  # Any: an int where it is static
  x = core.zero_masked(mask, x).astype(core.compute_dtype(x))
  shift = reduction.mean(r, count, x * prescale) / prescale
  y = core.zero_masked(mask, x - shift)
  drift = reduction.mean(r, count, y * prescale) / prescale
  drift = jnp.where(jnp.isfinite(drift), drift, 0)  # x - <x> may overflow
  mean = shift + drift
  return core.zero_masked(mask, y - drift), core.Moments(mean, jnp.zeros_like(mean.real), count)
