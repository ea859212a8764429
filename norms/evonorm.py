"""Norm and activation in one, found by evolution: a divisor that depends on x itself.

norms/core.py computes the statistics and their derivatives. x is not standardised by them, so what
follows is differentiated by plain autodiff.
"""

from collections.abc import Sequence
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core, reduction
from norms._src import arithmetic, running
from norms._src.running import BatchStats


def evonorm_b0(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  slope: ArrayLike | None = None,
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
  """Norm and activation in one: divides by the larger of a batch's and an instance's deviation.

  z = x / max(sqrt(var_batch + epsilon), slope * x + sqrt(var_instance + epsilon)) * scale + bias;
  in evaluation var_batch is the running variance. x is not centred.

  Args:
    x: real input of shape (examples, ..., features); statistics in at least float32.
    scale: of shape [x.shape[a] for a in sorted feature_axes], or None for 1.
    bias: like scale, or None for 0.
    slope: like scale, or None for 1: the paper's v_1.
    batch_stats: running statistics of scale's shape. None: in training none are kept.
    feature_axes: the axes of the features, without axis 0.
    training: take the batch's variance (True) or that of `batch_stats` (False).
    momentum: the share of the old running statistics that is kept, in [0, 1].
    epsilon: added to the variances.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and y = 0 there.
    axis_name: a named axis over which the examples are split, for the batch's variance.
    axis_index_groups: groups of devices along `axis_name` that share statistics.

  Returns:
    z, in the promoted dtype of x and the parameters; and the new running statistics.

  Raises:
    ValueError: on a bad axis or shape, and in evaluation without `batch_stats`.

  Liu et al. 2020, https://arxiv.org/abs/2004.02967
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, feature_axes, 'feature_axes')
  scale = core.expand_param(scale, x.shape, features, 'scale')
  bias = core.expand_param(bias, x.shape, features, 'bias')
  slope = core.expand_param(slope, x.shape, features, 'slope')
  positions = reduction.position_axes(x.ndim, features)
  # In evaluation devices exchange nothing, and the axis name may be unknown.
  options: dict[str, Any] = (  # Any: options of more than one type
    {'axis_name': axis_name, 'axis_index_groups': axis_index_groups} if training else {}
  )
  running_var: jax.Array | None = None
  if not training:
    stats = running.expand_stats(batch_stats, x.shape, features, 'evonorm_b0')
    # In float32 before the root is taken: a variance that is kept in 16 bits is rounded once only.
    running_var = arithmetic.to_compute_dtype(stats.var)

  def normalized(
    x: jax.Array,
    scale: jax.Array | None,
    bias: jax.Array | None,
    slope: jax.Array | None,
    mask: ArrayLike | None,
  ) -> tuple[jax.Array, core.Moments | None]:
    scaled, unit = reduction.in_range(x, mask, options.get('axis_name'))
    # The moments do not depend on this epsilon; 1 keeps the y that is not used in range.
    _, instance = core.normalize(scaled, mask=mask, axes=positions, epsilon=1.0, keep_input=True)
    moments: core.Moments | None
    if running_var is None:
      _, batch = core.normalize(
        scaled, mask=mask, axes=(0, *positions), epsilon=1.0, keep_input=True, **options
      )
      # One factor after the other: unit^2 alone may overflow.
      moments = core.Moments(batch.mean * unit, batch.var * unit * unit, batch.count)
      batch_std = reduction.deviation(batch.var, epsilon, unit)
    else:
      moments, batch_std = None, jnp.sqrt(running_var + epsilon) / unit
    instance_std = reduction.deviation(instance.var, epsilon, unit)
    z = reduction.recompute(_b0)(scaled, batch_std, instance_std, slope, scale, bias)
    return z, moments

  recomputed = reduction.recompute_if_wider(normalized, x, options.get('axis_name'))
  z, moments = recomputed(x, scale, bias, slope, mask)
  if training:
    batch_stats = running.update(batch_stats, moments, momentum=momentum)
  return z.astype(core.affine_dtype(x, scale, bias, slope)), batch_stats


def _b0(
  x: jax.Array, batch_std: jax.Array, instance_std: jax.Array,
  slope: jax.Array | None, scale: jax.Array | None, bias: jax.Array | None,
) -> jax.Array:  # fmt: skip
  """The formula of evonorm_b0; x and both deviations are divided by the unit of x."""
  divisor = jnp.maximum(batch_std, (x if slope is None else x * slope) + instance_std)
  return reduction.affine(x / divisor, scale, bias)


def evonorm_s0(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  slope: ArrayLike | None = None,
  *,
  num_groups: int | None = 32,
  group_size: int | None = None,
  epsilon: float | jax.Array = 1e-5,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> jax.Array:
  """Norm and activation in one, within an example: a sigmoid's gate over a group's deviation.

  z = x sigmoid(slope * x) / sqrt(var_group + epsilon) * scale + bias, the variance per example
  over its positions and one of several groups of channels. x is not centred.

  Args:
    x: real input of shape (examples, ..., channels).
    scale: of shape (channels,), or None for 1.
    bias: like scale, or None for 0.
    slope: like scale, or None for 1: the paper's v.
    num_groups: how many groups; or None, and `group_size` says how many channels each has.
    group_size: channels in a group; exactly one of the two is given.
    epsilon: added to the variance.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and y = 0 there.
    axis_name: a named axis over which the positions are split.
    axis_index_groups: groups of devices along `axis_name` that share statistics.

  Returns:
    z, in the promoted dtype of x and the parameters.

  Raises:
    ValueError: where the groups do not divide the channels, and on a bad shape.

  Liu et al. 2020, https://arxiv.org/abs/2004.02967
  """
  x = core.inexact(x)
  last, channels = x.ndim - 1, x.shape[-1]
  groups = reduction.count_groups(channels, num_groups, group_size)
  split = functools.partial(reduction.split_axis, axis=-1, parts=groups)
  named = {'scale': scale, 'bias': bias, 'slope': slope}
  expanded = [core.expand_param(p, x.shape, (last,), name) for name, p in named.items()]
  parameters = [None if p is None else split(p) for p in expanded]
  # In the shape of x: a mask of one channel has none to split into groups.
  present = None if mask is None else split(jnp.broadcast_to(mask, x.shape))

  def normalized(
    x: jax.Array, present: jax.Array | None, *parameters: jax.Array | None
  ) -> jax.Array:
    scaled, unit = reduction.in_range(x, present, axis_name)
    _, moments = core.normalize(
      scaled, mask=present, axes=(*range(1, last), last + 1), epsilon=1.0,
      axis_name=axis_name, axis_index_groups=axis_index_groups, keep_input=True,
    )  # fmt: skip
    group_std = reduction.deviation(moments.var, epsilon, unit)
    z: jax.Array = reduction.recompute(_s0)(scaled, unit, group_std, *parameters)
    return z

  recomputed = reduction.recompute_if_wider(normalized, x, axis_name)
  z = recomputed(split(x), present, *parameters).reshape(x.shape)
  z = reduction.lay_out(z, jax.typeof(x).sharding.spec)
  return z.astype(core.affine_dtype(x, scale, bias, slope))


def _s0(
  x: jax.Array, unit: jax.Array, group_std: jax.Array,
  scale: jax.Array | None, bias: jax.Array | None, slope: jax.Array | None,
) -> jax.Array:  # fmt: skip
  """The formula of evonorm_s0; x is divided by its unit, which the gate needs."""
  gate = jax.nn.sigmoid(x * unit if slope is None else x * (unit * slope))
  return reduction.affine(x * gate / group_std, scale, bias)
