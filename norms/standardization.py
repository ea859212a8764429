"""Kernels standardised over their inputs, and the gains that activations then call for."""

from collections.abc import Callable
import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
import numpy as np

from norms import core
from norms._src import arithmetic


def weight_standardization(
  w: ArrayLike, *, axis: core.Axes | None = -1, epsilon: float | jax.Array = 1e-10
) -> jax.Array:
  """Gives each output feature's weights mean 0 and variance 1: (w - mean) / sqrt(var + epsilon).

  Args:
    w: a kernel; mean and (biased) variance are taken in at least float32, over all axes but `axis`.
    axis: the output-feature axis or axes; None: one mean and variance for the whole kernel.
    epsilon: added to the variance.

  Returns:
    The standardised kernel, in w's dtype.

  Raises:
    ValueError: on a bad axis.

  Qiao et al. 2019, https://arxiv.org/abs/1903.10520
  """
  w = core.inexact(w)
  features = () if axis is None else core.canonical_axes(w.ndim, axis)
  return core.normalize(w, axes=_input_axes(w, features), epsilon=epsilon, keep_input=True)[0]


def scaled_weight_standardization(
  w: ArrayLike,
  gain: ArrayLike | None = None,
  *,
  axis: core.Axes | None = -1,
  gamma: float = 1.0,
  epsilon: float | jax.Array = 1e-4,
) -> jax.Array:
  """Standardises a kernel so that its layer keeps the variance of activations.

  w_hat = gain * gamma * (w - mean) / sqrt(n var + epsilon), n the number of inputs of a feature.

  Args:
    w: a kernel; mean and (biased) variance are taken in at least float32, over all axes but `axis`.
    gain: a learnt factor for each output feature, of shape [w.shape[a] for a in sorted axis], or
      None for 1.
    axis: the output-feature axis or axes; None: one mean and variance for the whole kernel.
    gamma: `activation_gain` of the activation whose outputs the layer takes.
    epsilon: added to n var.

  Returns:
    The standardised kernel, in the promoted dtype of w and gain.

  Raises:
    ValueError: on a bad axis or shape.

  Brock, De and Smith 2021, https://arxiv.org/abs/2101.08692
  """
  w = core.inexact(w)
  features = () if axis is None else core.canonical_axes(w.ndim, axis)
  axes = _input_axes(w, features)
  # 1 for an empty axis, over which nothing is to be divided by 0.
  n = max(1, math.prod(w.shape[a] for a in axes))
  gain = core.expand_param(gain, w.shape, features, 'gain')
  # n var + epsilon = n (var + epsilon / n): the rule of core, with sqrt(n) in the scale.
  dtype = core.compute_dtype(w)
  # In the dtype of the arithmetic: in that of a kernel of 16 bits it would be rounded.
  factor = jnp.asarray(gamma / arithmetic.sqrt_count(n, dtype), dtype)
  scale = factor if gain is None else factor * gain
  w_hat, _ = core.normalize(w, scale, axes=axes, epsilon=epsilon / n, keep_input=True)
  return w_hat.astype(core.affine_dtype(w, gain))


def activation_gain(activation: Callable[[jax.Array], jax.Array]) -> float:
  """gamma = 1 / std(activation(x)) for x ~ N(0, 1): what makes the output's variance 1 again.

  For ReLU it is sqrt(2 / (1 - 1 / pi)) = 1.7139588594436646. The integrals are computed by the
  trapezoidal rule, with an error of about 1e-8.

  Args:
    activation: a function of single entries.

  Brock, De and Smith 2021, https://arxiv.org/abs/2101.08692
  """
  # Where they end, the density of N(0, 1) is 1e-31 of its peak.
  x = np.linspace(-12, 12, 2**16 + 1)
  density = np.exp(-(x**2) / 2)
  density /= density.sum()
  y = np.asarray(activation(jnp.asarray(x, jnp.float32)), np.float64)
  mean = np.sum(density * y)
  return float(1 / math.sqrt(np.sum(density * (y - mean) ** 2)))


def _input_axes(w: jax.Array, features: tuple[int, ...]) -> tuple[int, ...]:
  return tuple(a for a in range(w.ndim) if a not in features)
