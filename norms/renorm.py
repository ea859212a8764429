"""Batch statistics that only correct, or only centre."""

from collections.abc import Sequence
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core, reduction, running
from norms.running import BatchStats


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
  scale = core.spread(scale, x.shape, features, 'scale')
  bias = core.spread(bias, x.shape, features, 'bias')
  options: dict[str, Any] = {  # by name, of more than one type
    'axes': tuple(a for a in range(x.ndim) if a not in features),
    'epsilon': epsilon, 'axis_name': axis_name, 'axis_index_groups': axis_index_groups,
  }  # fmt: skip
  batch = core.normalize(x, mask=mask, **options)[1]
  r, d = _correction(batch, batch_stats, x.shape, features, epsilon, r_max, d_max)
  moved = d if scale is None else d * scale
  z, moments = core.normalize(
    x, r if scale is None else r * scale, moved if bias is None else moved + bias, mask, **options
  )
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
  mean = core.spread(batch_stats.mean, shape, features, 'batch_stats.mean').astype(batch.mean.dtype)
  var = core.spread(batch_stats.var, shape, features, 'batch_stats.var').astype(batch.var.dtype)
  rstd = lax.rsqrt(var + epsilon)
  r = jnp.clip(jnp.sqrt(batch.var + epsilon) * rstd, 1 / r_max, r_max)
  d = jnp.clip((batch.mean - mean) * rstd, -d_max, d_max)
  return lax.stop_gradient(r), lax.stop_gradient(d)


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
  shift = core.spread(bias, x.shape, features, 'bias')
  if training:
    y, moments = _centred(reduction.over(axes, 0.0, True, axis_name, axis_index_groups), x, mask)
    new = running.update(batch_stats, moments, momentum=momentum)
    new = None if new is None or batch_stats is None else new._replace(var=batch_stats.var)
  else:
    mean = running.spread(batch_stats, x.shape, features, 'mean_only_batch_norm').mean
    y, new = core.keep(mask, x.astype(core.compute_dtype(x)) - mean), batch_stats
  return (y if shift is None else y + shift).astype(dtype), new


def _centred(
  r: core.Reduction, x: jax.Array, mask: ArrayLike | None
) -> tuple[jax.Array, core.Moments]:
  """x - <x>, linear in x: plain autodiff keeps nothing. Twice, for what rounding leaves."""
  unit = reduction.unit(r, x.shape)
  count: Any = reduction.count_entries(r, x, mask)  # a number where it is known
  x = core.keep(mask, x).astype(core.compute_dtype(x))
  shift = reduction.mean(r, count, x * unit) / unit
  y = core.keep(mask, x - shift)
  drift = reduction.mean(r, count, y * unit) / unit
  drift = jnp.where(jnp.isfinite(drift), drift, 0)  # x - <x> may overflow
  mean = shift + drift
  return core.keep(mask, y - drift), core.Moments(mean, jnp.zeros_like(mean.real), count)
