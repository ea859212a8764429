"""Norms of a layer's kernel: reparametrisations, not functions of the activations."""

import functools
import math

import jax
from jax import lax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from norms import core
from norms._src import arithmetic


def weight_norm(
  v: ArrayLike,
  g: ArrayLike | None = None,
  *,
  axis: core.Axes | None = -1,
  epsilon: float | jax.Array = 1e-12,
) -> jax.Array:
  """Splits a kernel into direction and length: w = g v / ||v||, so that ||w|| = g.

  w = g v / sqrt(sum |v|^2 + epsilon), the sum over all axes but `axis`: each entry of the output
  features has a length of its own. A v of length 0 gives w = 0 and gradient 0.

  Args:
    v: the direction, of a kernel's shape.
    g: the length, of shape [v.shape[a] for a in sorted axis], or None for 1.
    axis: the output-feature axis or axes; None: one length for the whole kernel.
    epsilon: added to the squared length.

  Returns:
    w, in the promoted dtype of v and g.

  Raises:
    ValueError: on a bad axis or shape.

  Salimans and Kingma 2016, https://arxiv.org/abs/1602.07868
  """
  v = core.inexact(v)
  features = () if axis is None else core.canonical_axes(v.ndim, axis)
  axes = tuple(a for a in range(v.ndim) if a not in features)
  n = max(1, math.prod(v.shape[a] for a in axes))
  g = jnp.ones([v.shape[a] for a in features], v.dtype) if g is None else jnp.asarray(g)
  length = core.expand_param(g, v.shape, features, 'g').astype(core.compute_dtype(g))
  # The squared length is n times the mean square, so core.normalize takes g / sqrt(n) for scale and
  # epsilon / n. If v has length 0, w is 0 and so is its gradient.
  # keep_input, since the layer's parameters keep v anyway: no second array of its size is kept.
  length = jnp.where(_is_nonzero(v, axes), length, 0) / arithmetic.sqrt_count(n, length.dtype)
  w, _ = core.normalize(
    v, length, None, axes=axes, epsilon=epsilon / n, center=False, keep_input=True
  )
  return w.astype(jnp.result_type(v, g))


def _is_nonzero(v: jax.Array, axes: tuple[int, ...]) -> jax.Array:
  """Whether v has an entry other than 0 along the axes."""
  # By their bits, since XLA on CPUs takes subnormal numbers for 0 in a comparison.
  parts = lax.stop_gradient((v.real, v.imag) if jnp.iscomplexobj(v) else (v,))
  bits = [
    lax.bitcast_convert_type(a, f'uint{8 * a.dtype.itemsize}') << 1 for a in parts
  ]  # without the sign
  return jnp.any(functools.reduce(jnp.bitwise_or, bits), axes, keepdims=True)


def weight_norm_init(
  t: ArrayLike,
  *,
  axis: core.Axes = -1,
  epsilon: float | jax.Array = 1e-10,
  mask: ArrayLike | None = None,
) -> tuple[jax.Array, jax.Array]:
  """Data-dependent first values of weight norm: g = 1 / std(t), bias = -mean(t) / std(t).

  With them the layer's outputs on this batch, g t + bias, have mean 0 and variance 1 per feature.

  Args:
    t: the layer's outputs on a first batch with g = 1 and no bias, of any rank.
    axis: the feature axis or axes; moments are taken over the others, in at least float32.
    epsilon: added to the variance, so that a constant feature gets a finite g.
    mask: boolean, broadcastable to t; entries where it is False influence nothing.

  Returns:
    (g, bias), each of shape [t.shape[a] for a in sorted axis].

  Raises:
    ValueError: on a bad axis.

  Salimans and Kingma 2016, section 3, https://arxiv.org/abs/1602.07868
  """
  t = core.inexact(t)
  features = core.canonical_axes(t.ndim, axis)
  axes = tuple(a for a in range(t.ndim) if a not in features)
  _, moments = core.normalize(t, None, None, mask, axes=axes, epsilon=epsilon)
  g = lax.rsqrt(moments.var + epsilon).reshape([t.shape[a] for a in features])
  return g, -moments.mean.reshape(g.shape) * g


def spectral_norm(
  w: ArrayLike, u: ArrayLike, *, n_steps: int = 1, epsilon: float | jax.Array = 1e-12
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Divides a kernel by its largest singular value, which power iteration estimates.

  For the kernel as a matrix W of shape (inputs, features), all axes but the last flattened:
  v = u W^H / ||u W^H||, u = v W / ||v W||, `n_steps` times; sigma = v W u^H, w_bar = w / sigma.
  Gradients take u and v as given, so that d sigma = v dW u^H. Where sigma is 0, w_bar is w with
  its gradient, and u becomes 0 and stays it: so Flax lets a bias of attention train from 0.

  Args:
    w: a kernel of two or more axes, the last one the output features; real or complex.
    u: the estimate of its left singular vector that the last call returned, of shape
      (features,); random at first, and complex for a complex w.
    n_steps: steps of power iteration, at least 1; with u from call to call one is enough.
    epsilon: added to squared lengths, for a kernel scaled to entries of about 1.

  Returns:
    w_bar in w's dtype; the new u in u's; sigma in at least float32.

  Raises:
    ValueError: where w has fewer than two axes, u another shape, or n_steps is below 1, and where
      w is complex but u not.

  Miyato et al. 2018, https://arxiv.org/abs/1802.05957
  """
  w, u = core.inexact(w), core.inexact(u)
  if w.ndim < 2 or u.shape != w.shape[-1:] or n_steps < 1:
    raise ValueError(
      f'spectral_norm: w of shape {w.shape}, u of shape {u.shape}, n_steps={n_steps}: give w two '
      f'or more axes, u the shape {w.shape[-1:]} of the last one, and n_steps at least 1'
    )
  if jnp.iscomplexobj(w) and not jnp.iscomplexobj(u):
    raise ValueError(
      f'spectral_norm: u is {u.dtype}, but a complex w has complex singular vectors: start with '
      f'u of {jnp.promote_types(u.dtype, w.dtype)}'
    )
  matrix = w.reshape(-1, w.shape[-1]).astype(core.compute_dtype(w))
  unit = _unit(matrix)
  # By default accelerators round the factors of a product in float32 to fewer digits.
  multiply = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)
  scaled, left = lax.stop_gradient((matrix * unit, u.astype(matrix.dtype)))
  for _ in range(n_steps):
    right = _direction(multiply(left, scaled.conj().T), epsilon)
    left = _direction(multiply(right, scaled), epsilon)
  # Here matrix and sigma are both of size about 1, so that sigma squared, in the gradient of the
  # quotient, stays in range.
  sigma = multiply(multiply(right, matrix * unit), left.conj()).real
  # Where sigma is 0 the unit cancels, and leaves w with its gradient.
  w_bar = matrix * unit / jnp.where(sigma == 0, unit, sigma)
  return w_bar.reshape(w.shape).astype(w.dtype), left.astype(u.dtype), sigma / unit


def dtype_of_u(w: jax.Array, dtype: DTypeLike) -> DTypeLike:
  """The dtype in which a module keeps u: complex for a complex kernel, whose vectors u are too."""
  return jnp.promote_types(dtype, jnp.complex64) if jnp.iscomplexobj(w) else dtype


def _unit(a: jax.Array) -> jax.Array:
  """A power of two that scales the entries of `a` to about 1: their squares stay in range."""
  _, exponent = jnp.frexp(lax.stop_gradient(jnp.max(jnp.abs(a))))
  # Far beyond these exponents a power of two is subnormal or infinite in float32.
  return jnp.ldexp(jnp.ones((), a.real.dtype), -jnp.clip(exponent, -120, 120))


def _direction(a: jax.Array, epsilon: float | jax.Array) -> jax.Array:
  """`a`, divided by its length."""
  return a * lax.rsqrt(jnp.sum(jnp.square(jnp.abs(a))) + epsilon)
