"""Statistics within one example: nothing depends on the rest of the batch."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core, reduction
from norms.reduction import count_groups as count_groups
from norms.reduction import position_axes as position_axes


def layer_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  *,
  reduction_axes: core.Axes = -1,
  feature_axes: core.Axes = -1,
  epsilon: float | jax.Array = 1e-6,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
  refine: bool = True,
) -> jax.Array:
  """Normalises each example over its features.

  z = (x - mean) / sqrt(var + epsilon) * scale + bias, mean and (biased) var over
  `reduction_axes`; scale and bias vary along `feature_axes`.

  Args:
    x: input of any rank, real or complex; statistics are taken in at least float32.
    scale: of shape [x.shape[a] for a in sorted feature_axes], or None for 1.
    bias: like scale, or None for 0.
    reduction_axes: the axes that the statistics are taken over.
    feature_axes: the axes of scale and bias.
    epsilon: added to the variance.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and y = 0 there.
    axis_name: a named axis over which the features are split, to take the statistics over as well.
    axis_index_groups: groups of devices along `axis_name` that share statistics.
    refine: take the mean's rounding error out again (False: the textbook's two passes, to the bit).

  Returns:
    z, in the promoted dtype of x, scale and bias.

  Raises:
    ValueError: on a bad axis or shape.

  Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450
  """
  return _normalize(
    x, scale, bias, mask, reduction_axes, feature_axes,
    epsilon=epsilon, axis_name=axis_name, axis_index_groups=axis_index_groups, refine=refine,
  )  # fmt: skip


def rms_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  *,
  reduction_axes: core.Axes = -1,
  feature_axes: core.Axes = -1,
  epsilon: float | jax.Array = 1e-6,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> jax.Array:
  """Divides each example by the root mean square of its features.

  z = x / sqrt(<|x|^2> + epsilon) * scale; the rest as in `layer_norm`, without a bias.

  Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467
  """
  return _normalize(
    x, scale, None, mask, reduction_axes, feature_axes,
    epsilon=epsilon, center=False, axis_name=axis_name, axis_index_groups=axis_index_groups,
  )  # fmt: skip


def instance_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  *,
  feature_axes: core.Axes = -1,
  epsilon: float | jax.Array = 1e-6,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
  refine: bool = True,
) -> jax.Array:
  """Normalises each feature of each example over its positions.

  Like `layer_norm` with statistics over every axis but `feature_axes` and axis 0, which is the
  example axis.

  Raises:
    ValueError: where `feature_axes` holds the example axis, and on a bad axis or shape.

  Ulyanov, Vedaldi and Lempitsky 2016, https://arxiv.org/abs/1607.08022
  """
  axes = position_axes(core.inexact(x).ndim, feature_axes)
  return _normalize(
    x, scale, bias, mask, axes, feature_axes,
    epsilon=epsilon, axis_name=axis_name, axis_index_groups=axis_index_groups, refine=refine,
  )  # fmt: skip


def group_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  *,
  num_groups: int | None = 32,
  group_size: int | None = None,
  reduction_axes: core.Axes | None = None,
  epsilon: float | jax.Array = 1e-6,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
  refine: bool = True,
) -> jax.Array:
  """Normalises each example over its positions and each of several groups of channels.

  The last axis holds the channels, axis 0 the examples. mean and var are taken per example and
  group over `reduction_axes` (default: every axis but the first), which must hold the last axis.
  A single axis holds channels, not examples.

  Args:
    x: input of shape (examples, ..., channels).
    scale: of shape (channels,), or None for 1.
    bias: like scale, or None for 0.
    num_groups: how many groups; or None, and `group_size` says how many channels each has.
    group_size: channels in a group; exactly one of the two is given.
    reduction_axes: the axes of the statistics.
    epsilon: added to the variance.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and y = 0 there.
    axis_name: a named axis to take the statistics over as well.
    axis_index_groups: groups of devices along `axis_name` that share statistics.
    refine: as in `layer_norm`.

  Returns:
    z, in the promoted dtype of x, scale and bias.

  Raises:
    ValueError: where the groups do not divide the channels, and on a bad axis or shape.

  Wu and He 2018, https://arxiv.org/abs/1803.08494
  """
  x = core.inexact(x)
  channels, last = x.shape[-1], x.ndim - 1
  groups = count_groups(channels, num_groups, group_size)
  all_but_first = (*range(1, last), last)  # the last one, too, where it is the only axis
  axes = all_but_first if reduction_axes is None else reduction_axes
  axes = core.canonical_axes(x.ndim, axes, 'reduction_axes')
  if last not in axes:
    raise ValueError(f'reduction_axes={reduction_axes} must hold the channels, the last axis')
  scale = core.expand_param(scale, x.shape, (last,), 'scale')
  bias = core.expand_param(bias, x.shape, (last,), 'bias')
  options: dict[str, Any] = {  # by name, of more than one type
    'axis_name': axis_name, 'axis_index_groups': axis_index_groups, 'refine': refine,
  }  # fmt: skip
  if axes != (last,):
    options['groups'] = groups
    return core.normalize(x, scale, bias, mask, axes=axes[:-1], epsilon=epsilon, **options)[0]
  # Each position has statistics of its own. Groups of core.normalize repeat these for each channel,
  # in arrays as large as x: so here the groups become an axis.
  mask = None if mask is None else jnp.broadcast_to(mask, x.shape)
  split = [None if a is None else reduction.split_axis(a, -1, groups) for a in (scale, bias, mask)]
  y = reduction.split_axis(x, -1, groups)
  z = core.normalize(y, *split, axes=(x.ndim,), epsilon=epsilon, **options)[0]
  return reduction.lay_out(z.reshape(x.shape), jax.typeof(x).sharding.spec)


def _normalize(
  x: ArrayLike,
  scale: ArrayLike | None,
  bias: ArrayLike | None,
  mask: ArrayLike | None,
  reduction_axes: core.Axes,
  feature_axes: core.Axes,
  **options: Any,  # of core.normalize, of more than one type
) -> jax.Array:
  """core.normalize, with axes and parameters as users give them."""
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, feature_axes, 'feature_axes')
  scale = core.expand_param(scale, x.shape, features, 'scale')
  bias = core.expand_param(bias, x.shape, features, 'bias')
  axes = core.canonical_axes(x.ndim, reduction_axes, 'reduction_axes')
  return core.normalize(x, scale, bias, mask, axes=axes, **options)[0]
