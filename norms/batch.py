"""Statistics over a mini-batch, and the running statistics that stand in for them afterwards."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from norms import core


class BatchStats(NamedTuple):
  """Running mean and variance over the feature axes, and what they weigh, where that is kept.

  count, from 0: the entries seen (momentum=None), or the updates, each with its share in the
  running statistics (zero_debias).
  """

  mean: jax.Array
  var: jax.Array
  count: Any = None  # an array or None; a narrower type clashes with tuple.count


def batch_norm(
  x,
  scale=None,
  bias=None,
  batch_stats: BatchStats | None = None,
  *,
  axis: core.Axes = -1,
  training: bool = True,
  momentum: float | None = 0.99,
  epsilon: float = 1e-5,
  mask=None,
  axis_name: str | None = None,
  axis_index_groups=None,
  unbiased: bool = False,
  zero_debias: bool = False,
  refine: bool = True,
) -> tuple[jax.Array, BatchStats | None]:
  """Normalises each feature over the mini-batch, in evaluation by running statistics.

  mean = <x>, var = <|x - mean|^2> over all axes but `axis` (biased, over the devices of
  `axis_name` too), z = (x - mean) / sqrt(var + epsilon) * scale + bias.
  Running statistics follow s <- momentum s + (1 - momentum) s_batch; an empty batch keeps them.

  Args:
    x: input of any rank, real or complex; statistics are taken in at least float32.
    scale: per feature, of shape [x.shape[a] for a in axis], or None for 1.
    bias: like scale, or None for 0.
    batch_stats: running statistics of that shape. None: in training none are kept.
    axis: the feature axis or axes.
    training: normalise by this batch (True) or by `batch_stats` (False).
    momentum: the share of the old running statistics that is kept, in [0, 1]; None: they are
      those of all entries seen so far, exactly.
    epsilon: added to the variance.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and y = 0 there.
    axis_name: a named axis (pmap, shard_map, vmap) to take the statistics over as well.
    axis_index_groups: groups of devices along `axis_name` that share statistics.
    unbiased: keep n / (n - 1) times the variance of n entries; z is by the biased one all the same.
    zero_debias: divide the running statistics by the sum of their weights, so that the initial
      values have no share: after t updates 1 - momentum^t.
    refine: take the mean's rounding error out again (False: the textbook's two passes, to the bit).

  Returns:
    z, in the promoted dtype of x, scale and bias; and the new running statistics, whose dtypes
    and shapes are those of `batch_stats` (None where none were given).

  Raises:
    ValueError: on a bad axis or shape, in evaluation without `batch_stats`, where momentum=None or
      zero_debias finds no `batch_stats.count`, and where x is complex but `batch_stats.mean` not.

  Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, axis)
  axes = tuple(a for a in range(x.ndim) if a not in features)
  scale = core.spread(scale, x.shape, features, 'scale')
  bias = core.spread(bias, x.shape, features, 'bias')
  if not training:
    if batch_stats is None:
      raise ValueError('batch_norm: batch_stats=None in evaluation: pass the running statistics')
    mean = core.spread(batch_stats.mean, x.shape, features, 'batch_stats.mean')
    var = core.spread(batch_stats.var, x.shape, features, 'batch_stats.var')
    return core.normalize_by(x, mean, var, scale, bias, mask, epsilon=epsilon), batch_stats
  z, moments = core.normalize(
    x, scale, bias, mask,
    axes=axes, epsilon=epsilon, axis_name=axis_name, axis_index_groups=axis_index_groups,
    refine=refine,
  )  # fmt: skip
  return z, update(
    batch_stats, moments, momentum=momentum, unbiased=unbiased, zero_debias=zero_debias
  )


def update(
  batch_stats: BatchStats | None,
  moments: core.Moments,
  *,
  momentum,
  unbiased: bool = False,
  zero_debias: bool = False,
) -> BatchStats | None:
  """Running statistics moved towards a batch's; unchanged in dtype, and by an empty batch."""
  if batch_stats is None:
    return None
  _check(batch_stats, moments, momentum is None or zero_debias)
  shape = batch_stats.var.shape
  n = jnp.broadcast_to(moments.count, moments.var.shape).reshape(shape)
  batch = BatchStats(moments.mean.reshape(shape), moments.var.reshape(shape), n)
  if momentum is None:
    new = pooled(batch_stats, batch, unbiased)
  else:
    new = _averaged(batch_stats, batch, momentum, unbiased, zero_debias)
  return jax.tree.map(
    lambda old, new: jnp.where(n > 0, new, old).astype(old.dtype), batch_stats, new
  )


def _averaged(running: BatchStats, batch: BatchStats, momentum, unbiased, zero_debias):
  """momentum s + (1 - momentum) s_batch; debiased, with the weights divided by their sum."""
  kept, gained, count = momentum, 1 - momentum, running.count
  if zero_debias:
    count = momentum * running.count + 1
    kept, gained = 1 - 1 / count, 1 / count
  var = batch.var * _bessel(batch.count, unbiased)
  return BatchStats(
    kept * running.mean + gained * batch.mean, kept * running.var + gained * var, count
  )


def pooled(a: BatchStats, b: BatchStats, unbiased: bool = False) -> BatchStats:
  """The statistics of two sets of entries together; `a` may hold unbiased variances."""
  count = a.count + b.count
  share, apart = b.count / jnp.maximum(count, 1), b.mean - a.mean
  within = (1 - share) * a.var / _bessel(a.count, unbiased) + share * b.var
  between = share * (1 - share) * (apart * jnp.conj(apart)).real
  var = (within + between) * _bessel(count, unbiased)
  return BatchStats(a.mean + share * apart, var, count)


def _bessel(count, unbiased: bool):
  return jnp.maximum(count, 2) / (jnp.maximum(count, 2) - 1) if unbiased else 1.0


def _check(batch_stats: BatchStats, moments: core.Moments, counted: bool):
  if counted and batch_stats.count is None:
    raise ValueError(
      'batch_stats.count=None: momentum=None and zero_debias=True need it: '
      f'start with zeros of shape {batch_stats.mean.shape}'
    )
  if jnp.iscomplexobj(moments.mean) and not jnp.iscomplexobj(batch_stats.mean):
    raise ValueError(
      f'batch_stats.mean is {batch_stats.mean.dtype}, but a complex x has a complex mean: '
      f'start with {moments.mean.dtype}'
    )
