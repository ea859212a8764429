"""Norms that divide by responses: mean squares of a channel, or squares of its neighbours."""

from collections.abc import Sequence
import functools

import jax
from jax import lax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core, reduction


def filter_response_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None, bias: ArrayLike | None = None,
  threshold: ArrayLike | None = None, learnt_epsilon: ArrayLike | None = None,
  *,
  feature_axes: core.Axes = -1, epsilon: float | jax.Array = 1e-6, mask: ArrayLike | None = None,
  axis_name: str | None = None, axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> jax.Array:  # fmt: skip
  """Divides each channel of each example by the root of its mean square over the positions.

  z = x / sqrt(<|x|^2> + epsilon + |learnt_epsilon|) * scale + bias, then max(z, threshold) where
  one is given: the thresholded linear unit, which makes up for the mean that is not subtracted.

  Args:
    x: input of shape (examples, ..., features); with no positions between, and no learnt_epsilon,
      z is near +-scale.
    scale: of shape [x.shape[a] for a in sorted feature_axes], or None for 1.
    bias: like scale, or None for 0.
    threshold: like scale (real x only), or None for no threshold.
    learnt_epsilon: like scale, or None for 0; the paper learns it where there are few positions.
    feature_axes: the axes of the features, without axis 0.
    epsilon: added to the mean square.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and y = 0 there.
    axis_name: a named axis over which the positions are split.
    axis_index_groups: groups of devices along `axis_name` that share statistics.

  Returns:
    z, in the promoted dtype of x and the parameters.

  Raises:
    ValueError: on a bad axis or shape.

  Singh and Krishnan 2020, https://arxiv.org/abs/1911.09737
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, feature_axes, 'feature_axes')
  params = {'scale': scale, 'bias': bias, 'learnt_epsilon': learnt_epsilon}
  scale, bias, learnt = (core.expand_param(p, x.shape, features, n) for n, p in params.items())
  normalize = functools.partial(
    core.normalize, axes=reduction.position_axes(x.ndim, features), epsilon=epsilon, center=False,
    axis_name=axis_name, axis_index_groups=axis_index_groups,
  )  # fmt: skip
  if learnt is None:
    z, _ = normalize(x, scale, bias, mask)
  else:
    y, moments = normalize(x.astype(core.compute_dtype(x)), mask=mask)
    z = reduction.affine(y * _damping(moments.var + epsilon, learnt), scale, bias)
    z = z.astype(core.affine_dtype(x, scale, bias, learnt))
  return z if threshold is None else tlu(z, threshold, feature_axes=feature_axes)


def _damping(square: jax.Array, learnt: jax.Array) -> jax.Array:
  """sqrt(square / (square + |learnt|)), or any finite number where the square, and so y, is 0."""
  return lax.rsqrt(1 + jnp.abs(learnt) / jnp.where(square == 0, 1, square))


def tlu(x: ArrayLike, threshold: ArrayLike, *, feature_axes: core.Axes = -1) -> jax.Array:
  """The thresholded linear unit: max(x, threshold), a threshold for each feature.

  Args:
    x: real input of any rank.
    threshold: of shape [x.shape[a] for a in sorted feature_axes].
    feature_axes: the axes of the features.

  Raises:
    ValueError: on a bad axis or shape.

  Singh and Krishnan 2020, https://arxiv.org/abs/1911.09737
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, feature_axes, 'feature_axes')
  return jnp.maximum(x, core.expand_param(threshold, x.shape, features, 'threshold'))


def global_response_norm(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  *,
  feature_axes: core.Axes = -1,
  epsilon: float | jax.Array = 1e-6,
  mask: ArrayLike | None = None,
  axis_name: str | None = None,
  axis_index_groups: Sequence[Sequence[int]] | None = None,
) -> jax.Array:
  """Lets the channels of an example compete: each is weighted by its share of their lengths.

  g = sqrt(sum |x|^2) over the positions, n = g / (mean of g over the features + epsilon),
  z = scale * (x * n) + bias + x. The length of an all-zero channel has gradient 0.

  Args:
    x: input of shape (examples, ..., features), real or complex.
    scale: of shape [x.shape[a] for a in sorted feature_axes], or None for 1; starts at 0.
    bias: like scale, or None for 0.
    feature_axes: the axes of the features, without axis 0.
    epsilon: added to the mean length.
    mask: boolean, broadcastable to x; where it is False entries influence nothing, and z = bias.
      The mean is over the features with an entry.
    axis_name: a named axis over which the positions are split.
    axis_index_groups: groups of devices along `axis_name` that share statistics.

  Returns:
    z, in the promoted dtype of x, scale and bias.

  Raises:
    ValueError: on a bad axis or shape.

  Woo et al. 2023, https://arxiv.org/abs/2301.00808
  """
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, feature_axes, 'feature_axes')
  scale = core.expand_param(scale, x.shape, features, 'scale')
  bias = core.expand_param(bias, x.shape, features, 'bias')
  positions = reduction.position_axes(x.ndim, features)
  r = reduction.make_reduction(positions, 0.0, False, axis_name, axis_index_groups)
  present = reduction.count_entries(r, x, mask) > 0
  response = functools.partial(_global_response, r, features)
  z: jax.Array = reduction.recompute(response)(x, scale, bias, mask, present, epsilon)
  return z


def _global_response(
  r: core.Reduction, features: tuple[int, ...], x: jax.Array, scale: jax.Array | None,
  bias: jax.Array | None, mask: ArrayLike | None, present: ArrayLike, epsilon: float | jax.Array,
) -> jax.Array:  # fmt: skip
  """The formula by plain autodiff, since x is divided by no mean of squares."""
  scaled, unit = reduction.in_range(x, mask, r.axis_name)
  square = reduction.total(r, reduction.square(scaled))
  # The inner selection keeps the derivative of sqrt finite at 0, where the length has gradient 0.
  length = jnp.where(square == 0, 0, jnp.sqrt(jnp.where(square == 0, 1, square)))
  present = jnp.broadcast_to(present, length.shape).astype(length.dtype)
  channels = jnp.maximum(jnp.sum(present, features, keepdims=True), 1)
  mean = jnp.sum(length, features, keepdims=True) / channels
  share = length / (mean + epsilon / unit)
  # Scale is multiplied by the unit, and not x: scale's gradient, which is a sum, stays in range.
  z = scaled * unit + scaled * share * (unit if scale is None else unit * scale)
  return reduction.affine(z, None, bias).astype(core.affine_dtype(x, scale, bias))


def local_response_norm(
  x: ArrayLike, *, size: int = 5, k: float | jax.Array = 2.0, alpha: float | jax.Array = 1e-4,
  beta: float | jax.Array = 0.75, feature_axis: int = -1, mask: ArrayLike | None = None,
) -> jax.Array:  # fmt: skip
  """Divides each feature by a power of its neighbours' squares.

  z_i = x_i / (k + alpha * sum |x_j|^2)^beta, the sum over `size` features j around i, fewer at
  the ends; an even `size` has one more after i than before. (PyTorch takes alpha / size.)

  Args:
    x: input of any rank, real or complex; squares are taken in at least float32.
    size: features in a neighbourhood, at least 1.
    k: added to the sum, positive.
    alpha: the sum's weight.
    beta: the exponent.
    feature_axis: the axis of the features.
    mask: boolean, broadcastable to x; entries where it is False influence nothing, and z = 0 there.

  Returns:
    z, in x's dtype.

  Raises:
    ValueError: on a bad axis or size.

  Krizhevsky, Sutskever and Hinton 2012, https://doi.org/10.1145/3065386
  """
  x = core.inexact(x)
  (axis,) = core.canonical_axes(x.ndim, feature_axis, 'feature_axis')
  if size < 1:
    raise ValueError(f'size={size} features make no neighbourhood: use 1 or more')
  local = functools.partial(_local_response, size, axis)
  z: jax.Array = reduction.recompute(local)(x, k, alpha, beta, mask)
  return z


def _local_response(
  size: int, axis: int, x: jax.Array,
  k: float | jax.Array, alpha: float | jax.Array, beta: float | jax.Array, mask: ArrayLike | None,
) -> jax.Array:  # fmt: skip
  scaled, unit = reduction.in_range(x, mask)
  # Neighbours may lie on other devices, so each device gets the whole axis, and z lies as x again.
  padding = [((size - 1) // 2, size // 2) if a == axis else (0, 0) for a in range(x.ndim)]
  padded = jnp.pad(reduction.gather_axis(reduction.square(scaled), axis), padding)
  parts = (lax.slice_in_dim(padded, i, i + x.shape[axis], axis=axis) for i in range(size))
  window_sums = reduction.lay_out(functools.reduce(jnp.add, parts), jax.typeof(x).sharding.spec)
  # The power of unit is taken apart from the rest, since unit^2 alone may overflow.
  z = scaled * (k / unit / unit + alpha * window_sums) ** -beta * unit ** (1 - 2 * beta)
  return z.astype(x.dtype)
