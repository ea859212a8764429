"""Exact statistics over a whole data set, in place of running averages."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core
from norms._src import running
from norms._src.running import BatchStats

_Batch = TypeVar('_Batch')
_Tree = TypeVar('_Tree')


def batch_statistics(
  x: ArrayLike,
  *,
  axis: core.Axes = -1,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> BatchStats:
  """Mean, biased variance and count of one batch, for each feature.

  Args:
    x: input of any rank, real or complex; statistics are taken in at least float32.
    axis: the feature axis or axes.
    mask: boolean, broadcastable to x; entries where it is False are not counted.
    axis_name: a named axis to take the statistics over as well.
    axis_index_groups: groups of devices along `axis_name` that share statistics.

  Returns:
    BatchStats of shape [x.shape[a] for a in sorted axis], with counts.

  Raises:
    ValueError: on a bad axis.
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, axis)
  _, moments = core.normalize(
    x, None, None, mask, axes=tuple(a for a in range(x.ndim) if a not in features), epsilon=0.0,
    axis_name=axis_name, axis_index_groups=axis_index_groups,
  )  # fmt: skip
  shape = [x.shape[a] for a in features]
  return BatchStats(*(jnp.broadcast_to(m, moments.var.shape).reshape(shape) for m in moments))


def merge_statistics(a: BatchStats, b: BatchStats) -> BatchStats:
  """The statistics of two sets of entries together, by counts, means and centred squares.

  count = n_a + n_b, mean = (n_a mean_a + n_b mean_b) / count, and count var is the sum of n var of
  both plus n_a n_b / count |mean_a - mean_b|^2. A set of count 0 changes nothing, so zeros are
  where to start; associative up to rounding, so that devices and hosts may merge in any order.

  Args:
    a: statistics with counts, as `batch_statistics` returns them.
    b: statistics of the same shapes.

  Returns:
    BatchStats of the union; variances are biased.

  Chan, Golub and LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115
  """
  return running.merge(a, b)


def precise_statistics(collect: Callable[[_Batch], _Tree], batches: Iterable[_Batch]) -> _Tree:
  """Exact statistics of all batches together, in place of running averages.

  Args:
    collect: from a batch to any tree of BatchStats with counts, one for each norm; usually a
      jitted forward pass in training mode.
    batches: one pass over the data; batches may differ in size.

  Returns:
    The tree, merged over the batches: each entry counts once.

  Raises:
    ValueError: where there is no batch.

  Wu and Johnson 2021, https://arxiv.org/abs/2105.07576
  """
  # Compiled once: each batch's statistics have the shapes of the first's, whatever its size.
  merge = jax.jit(_merge_trees)
  total: _Tree | None = None
  for batch in batches:
    new = collect(batch)
    total = new if total is None else merge(total, new)
  if total is None:
    raise ValueError('precise_statistics: batches is empty: give at least one')
  return total


def _merge_trees(a: _Tree, b: _Tree) -> _Tree:
  """merge_statistics for each norm."""
  # A BatchStats is a tree itself, of arrays that cannot be merged one by one.
  merged: _Tree = jax.tree.map(
    merge_statistics, a, b, is_leaf=lambda node: isinstance(node, BatchStats)
  )
  return merged
