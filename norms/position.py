"""Norms of the vector of features at one position."""

from collections.abc import Sequence
import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core, reduction
from norms._src import arithmetic


def positional_norm(
  x: ArrayLike,
  *,
  feature_axes: core.Axes = -1,
  epsilon: float | jax.Array = 1e-5,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Normalises the features at each position, and hands their moments on.

  y = (x - mean) / std, std = sqrt(var + epsilon), mean and (biased) var over `feature_axes`.
  y * std + mean restores x: `moment_shortcut` feeds them to a later layer.

  Args:
    x: input of any rank, real or complex; statistics are taken in at least float32.
    feature_axes: the axes that the statistics are taken over.
    epsilon: added to the variance.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and y = 0 there.
    axis_name: a named axis over which the features are split, to take the statistics over as well.
    axis_index_groups: groups of devices along `axis_name` that share statistics.

  Returns:
    y in x's dtype; mean and std in at least float32, with `feature_axes` of size 1.

  Raises:
    ValueError: on a bad axis.

  Li et al. 2019, https://arxiv.org/abs/1907.04312
  """
  x = core.inexact(x)
  axes = core.canonical_axes(x.ndim, feature_axes, 'feature_axes')
  y, moments = core.normalize(
    x, None, None, mask,
    axes=axes, epsilon=epsilon, axis_name=axis_name, axis_index_groups=axis_index_groups,
  )  # fmt: skip
  return y, moments.mean, jnp.sqrt(moments.var + epsilon)


def moment_shortcut(x: ArrayLike, mean: ArrayLike, std: ArrayLike) -> jax.Array:
  """z = x * std + mean, in x's dtype: puts moments of an earlier layer back.

  Args:
    x: a later layer's activations.
    mean: as `positional_norm` returned it, broadcastable to x.
    std: like mean.

  Li et al. 2019, https://arxiv.org/abs/1907.04312
  """
  x = core.inexact(x)
  return (x.astype(core.compute_dtype(x)) * std + mean).astype(x.dtype)


def unit_norm(
  x: ArrayLike,
  *,
  reduction_axes: core.Axes = -1,
  epsilon: float | jax.Array = 1e-12,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> jax.Array:
  """Divides each vector by its length: z = x / sqrt(sum |x|^2 + epsilon), in x's dtype.

  Args:
    x: input of any rank, real or complex; lengths are taken in at least float32.
    reduction_axes: the axes of a vector.
    epsilon: added to the squared length.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and z = 0 there.
    axis_name: a named axis over which the vectors are split.
    axis_index_groups: groups of devices along `axis_name` that hold a vector together.

  Raises:
    ValueError: on a bad axis.
  """
  return _normalize_length(None, x, reduction_axes, epsilon, mask, axis_name, axis_index_groups)


def scale_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  *,
  reduction_axes: core.Axes = -1,
  epsilon: float | jax.Array = 1e-12,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> jax.Array:
  """Gives all vectors one learnt length: z = scale * x / sqrt(sum |x|^2 + epsilon).

  As `unit_norm`; scale is a scalar (the paper starts it at the square root of the features), and z
  has the promoted dtype of x and scale.

  Nguyen and Salazar 2019, https://arxiv.org/abs/1910.05895
  """
  return _normalize_length(scale, x, reduction_axes, epsilon, mask, axis_name, axis_index_groups)


def _normalize_length(
  scale: ArrayLike | None,
  x: ArrayLike,
  reduction_axes: core.Axes,
  epsilon: float | jax.Array,
  mask: ArrayLike | None,
  axis_name: str | None,
  axis_index_groups: Sequence[Sequence[int]] | None,
) -> jax.Array:
  """scale * x / sqrt(sum |x|^2 + epsilon)."""
  # A sum of n squares is n times their mean, so core.normalize takes scale / sqrt(n) and
  # epsilon / n. It gets no mask, by which it would divide by the number of entries left in: masked
  # entries are set to 0, which adds nothing to the sum.
  x = core.inexact(x)
  axes = core.canonical_axes(x.ndim, reduction_axes, 'reduction_axes')
  r = reduction.make_reduction(axes, 0.0, False, axis_name, axis_index_groups)
  # r.devices counts all along the axis; a vector lies on those of one group only.
  devices = r.devices if r.axis_index_groups is None else len(r.axis_index_groups[0])
  # 1 for an empty axis, over which nothing is to be divided by 0.
  n = max(1, devices * math.prod(x.shape[a] for a in axes))
  length = core.expand_param(1.0 if scale is None else scale, x.shape, (), 'scale')
  # Widened before it is divided by sqrt(n), which in 16 bits would round it.
  length = length.astype(core.compute_dtype(length))
  z, _ = core.normalize(
    core.zero_masked(mask, x), length / arithmetic.sqrt_count(n, length.dtype), axes=axes,
    epsilon=epsilon / n, center=False, axis_name=axis_name, axis_index_groups=axis_index_groups,
  )  # fmt: skip
  return z.astype(core.affine_dtype(x, scale))
