"""Running statistics, which stand in for a batch's in evaluation."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.export
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
from jax.typing import ArrayLike

from norms import core, reduction
from norms.arithmetic import add, convert, mul


class BatchStats(NamedTuple):
  """Running mean and variance over the feature axes, and what they weigh, where that is kept.

  count, from 0: the entries seen (momentum=None), or the updates, each with its share in the
  running statistics (zero_debias).
  """

  mean: jax.Array
  var: jax.Array
  count: Any = None  # an array or None; a narrower type clashes with tuple.count


jax.export.register_namedtuple_serialization(BatchStats, serialized_name='norms.BatchStats')


def spread(
  batch_stats: BatchStats | None, shape: Sequence[int], features: tuple[int, ...], norm: str
) -> BatchStats:
  """The running statistics in evaluation, with size-1 axes for all but the features."""
  if batch_stats is None:
    raise ValueError(f'{norm}: batch_stats=None in evaluation: pass the running statistics')
  mean = core.spread(batch_stats.mean, shape, features, 'batch_stats.mean')
  return BatchStats(mean, core.spread(batch_stats.var, shape, features, 'batch_stats.var'))


def evaluate(
  x: jax.Array, batch_stats: BatchStats | None, scale: ArrayLike | None,
  bias: ArrayLike | None, mask: ArrayLike | None, *,
  features: tuple[int, ...], epsilon: float | jax.Array, norm: str,
) -> jax.Array:  # fmt: skip
  """z by the running statistics; scale and bias as given to the norm of that name."""
  known = spread(batch_stats, x.shape, features, norm)
  if jnp.iscomplexobj(known.mean) and not jnp.iscomplexobj(x):
    raise ValueError(
      f'{norm}: batch_stats.mean is {known.mean.dtype}, but x is {x.dtype}: give x as '
      f'{known.mean.dtype}, or the real part of the mean'
    )
  scale = core.spread(scale, x.shape, features, 'scale')
  bias = core.spread(bias, x.shape, features, 'bias')
  return core.normalize_by(x, known.mean, known.var, scale, bias, mask, epsilon=epsilon)


def update(
  batch_stats: BatchStats | None,
  moments: core.Moments,
  *,
  momentum: float | jax.Array | None,
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
  any_entry = lax.gt(n, n.dtype.type(0))
  moved: BatchStats = jax.tree.map(
    lambda old, new: reduction.select(any_entry, convert(new, old.dtype), old), batch_stats, new
  )
  return moved


def _averaged(
  running: BatchStats, batch: BatchStats, momentum: Any, unbiased: bool, zero_debias: bool
) -> BatchStats:
  """momentum s + (1 - momentum) s_batch; debiased, with the weights divided by their sum."""
  kept, gained, count = momentum, 1 - momentum, running.count
  if zero_debias:
    count = momentum * running.count + 1
    kept, gained = 1 - 1 / count, 1 / count
  var = batch.var * _bessel(batch.count, unbiased) if unbiased else batch.var
  mean = add(mul(running.mean, kept), mul(batch.mean, gained))
  return BatchStats(mean, add(mul(running.var, kept), mul(var, gained)), count)


def pooled(a: BatchStats, b: BatchStats, unbiased: bool = False) -> BatchStats:
  """The statistics of two sets of entries together; `a` may hold unbiased variances."""
  count = a.count + b.count
  share, apart = b.count / jnp.maximum(count, 1), b.mean - a.mean
  within = (1 - share) * a.var / _bessel(a.count, unbiased) + share * b.var
  between = share * (1 - share) * (apart * jnp.conj(apart)).real
  var = (within + between) * _bessel(count, unbiased)
  return BatchStats(a.mean + share * apart, var, count)


def _bessel(count: jax.Array, unbiased: bool) -> jax.Array | float:
  return jnp.maximum(count, 2) / (jnp.maximum(count, 2) - 1) if unbiased else 1.0


def _check(batch_stats: BatchStats, moments: core.Moments, counted: bool) -> None:
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


def update_each(
  batch_stats: BatchStats | None, moments: core.Moments, *, momentum: float | jax.Array
) -> BatchStats | None:
  """`update` by one batch after the other, which lie along the moments' first axis."""
  if batch_stats is None:
    return None
  shape = (moments.var.shape[0], *batch_stats.var.shape)
  each = core.Moments(*(jnp.broadcast_to(m, moments.var.shape).reshape(shape) for m in moments))
  # On a mesh with explicit axes: a scan is not over devices, and its carry stays where it is.
  _, *spec = jax.typeof(each.var).sharding.spec
  each = core.Moments(*(reduction.lay_out(m, P(None, *spec)) for m in each))
  carry = jax.tree.map(lambda s: reduction.lay_out(s, P(*spec)), batch_stats)

  def step(stats: Any, batch: core.Moments) -> tuple[Any, None]:
    return update(stats, batch, momentum=momentum), None

  return lax.scan(step, carry, each)[0]  # type: ignore[no-any-return]
