"""No statistics: squashing functions with which networks train in the place of a norm."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy import special
from jax.typing import ArrayLike

from norms import core, reduction


def dyt(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  alpha: ArrayLike = 0.5,
  *,
  feature_axes: core.Axes = -1,
) -> jax.Array:
  """Dynamic tanh: z = scale * tanh(alpha x) + bias.

  Args:
    x: real input of any rank; tanh is taken in at least float32.
    scale: of shape [x.shape[a] for a in sorted feature_axes], or None for 1.
    bias: like scale, or None for 0.
    alpha: a learnt scalar, 0.5 at first.
    feature_axes: the axes of scale and bias.

  Returns:
    z, in the promoted dtype of x and the parameters.

  Raises:
    ValueError: on a bad axis or shape.

  Zhu et al. 2025, https://arxiv.org/abs/2503.10622
  """
  return _squash(jnp.tanh, x, scale, bias, alpha, None, feature_axes)


def derf(
  x: ArrayLike,
  scale: ArrayLike | None = None,
  bias: ArrayLike | None = None,
  alpha: ArrayLike = 0.5,
  shift: ArrayLike = 0.0,
  *,
  feature_axes: core.Axes = -1,
) -> jax.Array:
  """Dynamic erf: z = scale * erf(alpha x + shift) + bias.

  As `dyt`, with a learnt scalar `shift`, 0 at first.

  Chen et al. 2025, https://arxiv.org/abs/2512.10938
  """
  return _squash(special.erf, x, scale, bias, alpha, shift, feature_axes)


def _squash(
  function: Callable[[jax.Array], jax.Array],
  x: ArrayLike,
  scale: ArrayLike | None,
  bias: ArrayLike | None,
  alpha: ArrayLike,
  shift: ArrayLike | None,
  feature_axes: core.Axes,
) -> jax.Array:
  x = core.inexact(x)
  features = core.canonical_axes(x.ndim, feature_axes, 'feature_axes')
  scale = core.expand_param(scale, x.shape, features, 'scale')
  bias = core.expand_param(bias, x.shape, features, 'bias')
  alpha = core.expand_param(alpha, x.shape, (), 'alpha')
  shift = core.expand_param(shift, x.shape, (), 'shift')

  # Nothing is averaged, so the rule of core has no part here; only x is kept for the backward pass.
  @reduction.recompute
  def squash(
    x: jax.Array,
    scale: jax.Array | None,
    bias: jax.Array | None,
    alpha: jax.Array,
    shift: jax.Array | None,
  ) -> jax.Array:
    scaled = x.astype(core.compute_dtype(x)) * alpha
    return reduction.affine(function(reduction.affine(scaled, None, shift)), scale, bias)

  z: jax.Array = squash(x, scale, bias, alpha, shift)
  return z.astype(core.affine_dtype(x, scale, bias, alpha, shift))
