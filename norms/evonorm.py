"""Norm and activation in one, found by evolution: a divisor that depends on x itself.

The rule of core gives the statistics and their derivatives; x is not standardised by them, so
that plain autodiff takes it from there.
"""

from collections.abc import Sequence
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core, reduction, running
from norms.running import BatchStats


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
  scale = core.spread(scale, x.shape, features, 'scale')
  bias = core.spread(bias, x.shape, features, 'bias')
  slope = core.spread(slope, x.shape, features, 'slope')
  positions = reduction.positions(x.ndim, features)
  options: dict[str, Any] = (  # by name, of more than one type
    {'axis_name': axis_name, 'axis_index_groups': axis_index_groups} if training else {}
  )
  known: Any = None  # an array in evaluation
  if not training:
    known = running.spread(batch_stats, x.shape, features, 'evonorm_b0').var

  def normalized(
    x: jax.Array,
    scale: jax.Array | None,
    bias: jax.Array | None,
    slope: jax.Array | None,
    mask: ArrayLike | None,
  ) -> tuple[jax.Array, core.Moments | None]:
    scaled, unit = reduction.in_range(x, mask, options.get('axis_name'))
    own = core.normalize(scaled, mask=mask, axes=positions, epsilon=1.0, keep_input=True)[1].var
    seen: core.Moments | None
    if training:
      _, batch = core.normalize(
        scaled, mask=mask, axes=(0, *positions), epsilon=1.0, keep_input=True, **options
      )
      seen = core.Moments(batch.mean * unit, batch.var * unit * unit, batch.count)
      least = reduction.deviation(batch.var, epsilon, unit)
    else:
      seen, least = None, jnp.sqrt(known + epsilon) / unit
    own = reduction.deviation(own, epsilon, unit)
    return reduction.recompute(_b0)(scaled, least, own, slope, scale, bias), seen

  recomputed = reduction.recompute_wide(normalized, x, options.get('axis_name'))
  z, seen = recomputed(x, scale, bias, slope, mask)
  if training:
    batch_stats = running.update(batch_stats, seen, momentum=momentum)
  return z.astype(core.affine_dtype(x, scale, bias, slope)), batch_stats


def _b0(
  x: jax.Array, least: jax.Array, own: jax.Array,
  slope: jax.Array | None, scale: jax.Array | None, bias: jax.Array | None,
) -> jax.Array:  # fmt: skip
  divisor = jnp.maximum(least, (x if slope is None else x * slope) + own)
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
  spread = {name: core.spread(p, x.shape, (last,), name) for name, p in named.items()}
  parameters = [None if p is None else split(p) for p in spread.values()]
  present = None if mask is None else split(jnp.broadcast_to(mask, x.shape))

  def normalized(
    x: jax.Array, present: jax.Array | None, *parameters: jax.Array | None
  ) -> jax.Array:
    scaled, unit = reduction.in_range(x, present, axis_name)
    _, moments = core.normalize(
      scaled, mask=present, axes=(*range(1, last), last + 1), epsilon=1.0,
      axis_name=axis_name, axis_index_groups=axis_index_groups, keep_input=True,
    )  # fmt: skip
    own = reduction.deviation(moments.var, epsilon, unit)
    z: jax.Array = reduction.recompute(_s0)(scaled, unit, own, *parameters)
    return z

  recomputed = reduction.recompute_wide(normalized, x, axis_name)
  z = recomputed(split(x), present, *parameters).reshape(x.shape)
  z = reduction.lay_out(z, jax.typeof(x).sharding.spec)
  return z.astype(core.affine_dtype(x, scale, bias, slope))


def _s0(
  x: jax.Array, unit: jax.Array, own: jax.Array,
  scale: jax.Array | None, bias: jax.Array | None, slope: jax.Array | None,
) -> jax.Array:  # fmt: skip
  gate = jax.nn.sigmoid(x * unit if slope is None else x * (unit * slope))
  return reduction.affine(x * gate / own, scale, bias)
