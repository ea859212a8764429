"""Running statistics, which stand in for a batch's in evaluation."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.export
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
from jax.typing import ArrayLike

from norms import core, reduction
from norms._src.arithmetic import (
  MaybeArray,
  add,
  convert,
  is_concrete,
  mul,
  normalize_affine,
  sub,
  to_compute_dtype,
)


class BatchStats(NamedTuple):
  """Running mean and variance over the feature axes, and a count where an update needs one.

  count starts at 0. With momentum=None it is the number of entries so far; with zero_debias it is
  the sum of the weights that the updates have in the running statistics.
  """

  mean: jax.Array
  var: jax.Array
  count: Any = None  # an array or None; a narrower type clashes with tuple.count


# jax.export writes the trees of arguments down; of namedtuples it knows the registered ones.
jax.export.register_namedtuple_serialization(BatchStats, serialized_name='norms.BatchStats')


def expand_stats(
  batch_stats: BatchStats | None, shape: Sequence[int], features: tuple[int, ...], norm: str
) -> BatchStats:
  """The running statistics, reshaped so that they broadcast against an input of `shape`.

  norm: the name that an error is to give, where there are no statistics.
  """
  if batch_stats is None:
    raise ValueError(f'{norm}: batch_stats=None in evaluation: pass the running statistics')
  mean = core.expand_param(batch_stats.mean, shape, features, 'batch_stats.mean')
  return BatchStats(mean, core.expand_param(batch_stats.var, shape, features, 'batch_stats.var'))


def evaluate(
  x: jax.Array, batch_stats: BatchStats | None, scale: ArrayLike | None,
  bias: ArrayLike | None, mask: ArrayLike | None, *,
  features: tuple[int, ...], epsilon: float | jax.Array, norm: str,
) -> jax.Array:  # fmt: skip
  """z by the running statistics; scale and bias of the shape that users of `norm` give them."""
  stats = expand_stats(batch_stats, x.shape, features, norm)
  if jnp.iscomplexobj(stats.mean) and not jnp.iscomplexobj(x):
    raise ValueError(
      f'{norm}: batch_stats.mean is {stats.mean.dtype}, but x is {x.dtype}: give x as '
      f'{stats.mean.dtype}, or the real part of the mean'
    )
  scale = core.expand_param(scale, x.shape, features, 'scale')
  bias = core.expand_param(bias, x.shape, features, 'bias')
  return normalize_by(x, stats.mean, stats.var, scale, bias, mask, epsilon=epsilon)


def normalize_by(
  x: jax.Array, mean: jax.Array, var: jax.Array, scale: MaybeArray = None,
  bias: MaybeArray = None, mask: ArrayLike | None = None, *, epsilon: float | jax.Array,
) -> jax.Array:  # fmt: skip
  """z = (x - mean) / sqrt(var + epsilon) * scale + bias, for a mean and variance from elsewhere."""
  # On concrete values a compiled function is faster than its operations; a trace needs no further.
  function: Callable[..., jax.Array] = _normalize_by_jit if is_concrete(x) else _normalize_by
  return function(x, mean, var, scale, bias, mask, epsilon)


def _normalize_by(
  x: jax.Array, mean: jax.Array, var: jax.Array, scale: MaybeArray, bias: MaybeArray,
  mask: ArrayLike | None, epsilon: float | jax.Array,
) -> jax.Array:  # fmt: skip
  d = core.zero_masked(mask, sub(to_compute_dtype(x), to_compute_dtype(mean)))
  return normalize_affine(d, None, lax.rsqrt(add(to_compute_dtype(var), epsilon)), x, scale, bias)


_normalize_by_jit = jax.jit(_normalize_by)


def update(
  batch_stats: BatchStats | None,
  moments: core.Moments,
  *,
  momentum: float | jax.Array | None,
  unbiased: bool = False,
  zero_debias: bool = False,
) -> BatchStats | None:
  """Moves running statistics towards a batch's. Their dtypes stay; an empty batch moves nothing."""
  if batch_stats is None:
    return None
  _check_stats(batch_stats, moments, momentum is None or zero_debias)
  shape = batch_stats.var.shape
  # Without a mask one count is that of all features.
  n = jnp.broadcast_to(moments.count, moments.var.shape).reshape(shape)
  batch = BatchStats(moments.mean.reshape(shape), moments.var.reshape(shape), n)
  if momentum is None:
    new = merge(batch_stats, batch, unbiased)
  else:
    new = _moving_average(batch_stats, batch, momentum, unbiased, zero_debias)
  # Each feature for itself: a mask may leave some of them without an entry.
  any_entry = lax.gt(n, n.dtype.type(0))
  # In their old dtype, whatever the batch's is, so that they can be the carry of a scan.
  moved: BatchStats = jax.tree.map(
    lambda old, new: reduction.select(any_entry, convert(new, old.dtype), old), batch_stats, new
  )
  return moved


def _moving_average(
  running: BatchStats, batch: BatchStats, momentum: float | jax.Array, unbiased: bool,
  zero_debias: bool,
) -> BatchStats:  # fmt: skip
  """momentum s + (1 - momentum) s_batch; for zero_debias, these weights divided by their sum."""
  old_weight, new_weight, count = momentum, 1 - momentum, running.count
  if zero_debias:
    # The updates weigh 1, momentum, momentum^2, ..., newest first; count is the sum of these.
    count = momentum * running.count + 1
    old_weight, new_weight = 1 - 1 / count, 1 / count
  var = batch.var * _bessel(batch.count, unbiased) if unbiased else batch.var
  mean = add(mul(running.mean, old_weight), mul(batch.mean, new_weight))
  var = add(mul(running.var, old_weight), mul(var, new_weight))
  return BatchStats(mean, var, count)


def merge(a: BatchStats, b: BatchStats, unbiased: bool = False) -> BatchStats:
  """The statistics of the union of two sets of entries.

  unbiased: a.var and the result are n / (n - 1) times the variance of n entries; b.var is biased.
  """
  count = a.count + b.count
  # At least 1, so that the union of two empty sets has statistics of 0, and not of 0 / 0.
  share, difference = b.count / jnp.maximum(count, 1), b.mean - a.mean
  within = (1 - share) * a.var / _bessel(a.count, unbiased) + share * b.var
  between = share * (1 - share) * (difference * jnp.conj(difference)).real
  var = (within + between) * _bessel(count, unbiased)
  return BatchStats(a.mean + share * difference, var, count)


def _bessel(count: jax.Array, unbiased: bool) -> jax.Array | float:
  """Bessel's correction, n / (n - 1); for one entry, whose variance is 0, the 2 of two entries."""
  return jnp.maximum(count, 2) / (jnp.maximum(count, 2) - 1) if unbiased else 1.0


def _check_stats(batch_stats: BatchStats, moments: core.Moments, needs_count: bool) -> None:
  if needs_count and batch_stats.count is None:
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
  """`update` by several batches, one after the other, which lie along the moments' first axis."""
  if batch_stats is None:
    return None
  shape = (moments.var.shape[0], *batch_stats.var.shape)
  batches = core.Moments(*(jnp.broadcast_to(m, moments.var.shape).reshape(shape) for m in moments))
  # A scan cannot run along a sharded axis, and its carry must keep its sharding. So, on a mesh with
  # explicit axes, each device gets all batches, and the statistics lie as a batch's do.
  _, *spec = jax.typeof(batches.var).sharding.spec
  batches = core.Moments(*(reduction.lay_out(m, P(None, *spec)) for m in batches))
  carry = jax.tree.map(lambda s: reduction.lay_out(s, P(*spec)), batch_stats)

  def step(stats: BatchStats | None, batch: core.Moments) -> tuple[BatchStats | None, None]:
    return update(stats, batch, momentum=momentum), None

  return lax.scan(step, carry, batches)[0]  # type: ignore[no-any-return]
