"""Statistics over a mini-batch."""

from collections.abc import Sequence
import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core, reduction
from norms._src import running
from norms._src.running import BatchStats as BatchStats
from norms._src.running import update as update


def batch_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  batch_stats: BatchStats | None = None,
  *,
  axis: core.Axes = -1,
  training: bool = True,
  momentum: float | None = 0.99,
  epsilon: float | jax.Array = 1e-5,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
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
  if not training:
    z = running.evaluate(
      x, batch_stats, scale, bias, mask, features=features, epsilon=epsilon, norm='batch_norm'
    )
    return z, batch_stats
  scale = core.expand_param(scale, x.shape, features, 'scale')
  bias = core.expand_param(bias, x.shape, features, 'bias')
  z, moments = core.normalize(
    x, scale, bias, mask,
    axes=axes, epsilon=epsilon, axis_name=axis_name, axis_index_groups=axis_index_groups,
    refine=refine,
  )  # fmt: skip
  return z, update(
    batch_stats, moments, momentum=momentum, unbiased=unbiased, zero_debias=zero_debias
  )


def ghost_batch_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  batch_stats: BatchStats | None = None,
  *,
  ghost_size: int = 32,
  axis: core.Axes = -1,
  training: bool = True,
  momentum: float = 0.99,
  epsilon: float | jax.Array = 1e-5,
  mask: ArrayLike | None = None,
) -> tuple[jax.Array, BatchStats | None]:
  """Splits a batch into small ones, called ghosts, and normalises each by its own statistics.

  It is `batch_norm` of each `ghost_size` consecutive examples. Each ghost in turn updates the
  running statistics. A batch of fewer examples is one ghost.

  Args:
    x: input of shape (examples, ...), real or complex.
    scale: per feature, of shape [x.shape[a] for a in axis], or None for 1.
    bias: like scale, or None for 0.
    batch_stats: running statistics of that shape. None: in training none are kept.
    ghost_size: examples that share statistics.
    axis: the feature axis or axes, without the first.
    training: normalise by the ghosts (True) or by `batch_stats` (False).
    momentum: the share of the old running statistics that each ghost keeps, in [0, 1].
    epsilon: added to the variance.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and y = 0 there.

  Returns:
    z, in the promoted dtype of x, scale and bias; and the new running statistics.

  Raises:
    ValueError: where `ghost_size` does not divide the examples, and as `batch_norm`.

  Hoffer, Hubara and Soudry 2017, https://arxiv.org/abs/1705.08741
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, axis)
  if not training:
    z = running.evaluate(
      x, batch_stats, scale, bias, mask, features=features, epsilon=epsilon, norm='ghost_batch_norm'
    )
    return z, batch_stats
  # 1 for an empty batch: the remainder below is not of a division by 0.
  size = min(ghost_size, x.shape[0]) or 1
  if 0 in features or ghost_size < 1 or x.shape[0] % size:
    raise ValueError(
      f'ghost_size={ghost_size} does not divide the first axis of {x.shape}, the examples: '
      f'use a divisor of {x.shape[0]}, and axis={axis} without axis 0'
    )
  ghosts = functools.partial(reduction.split_axis, axis=0, parts=x.shape[0] // size)
  scale = core.expand_param(scale, x.shape, features, 'scale')
  bias = core.expand_param(bias, x.shape, features, 'bias')
  z, moments = core.normalize(
    ghosts(x),
    # Ghosts are an axis in front of those of x, and so of its parameters.
    None if scale is None else scale[None],
    None if bias is None else bias[None],
    None if mask is None else ghosts(jnp.broadcast_to(mask, x.shape)),
    axes=tuple(a + 1 for a in range(x.ndim) if a not in features),
    epsilon=epsilon,
  )
  # Where the ghosts did not lie on whole devices, they were gathered: z lies as x does again.
  z = reduction.lay_out(z.reshape(x.shape), jax.typeof(x).sharding.spec)
  return z, running.update_each(batch_stats, moments, momentum=momentum)
