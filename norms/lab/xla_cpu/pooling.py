"""Pooling over windows that do not overlap, by a reshape; what is left over at the end is cut.

reduce_window, with which nn.max_pool is written, has a slow gradient on a CPU.
"""

import functools

import jax
import jax.numpy as jnp

from norms import reduction
from norms._src.xla_cpu import special_formulas_allowed


def average_pool(x: jax.Array, size: int = 2) -> jax.Array:
  """The mean over windows of size x size of (examples, height, width, channels)."""
  return _windows(x, size).mean((2, 4))


def max_pool(x: jax.Array) -> jax.Array:
  """The maximum over windows of 2 x 2 of (examples, height, width, channels).

  Entries that are maximal together share the gradient equally.
  """
  return _by_slices(x) if special_formulas_allowed() else _windows(x, 2).max((2, 4))


@jax.custom_jvp
def _by_slices(x: jax.Array) -> jax.Array:
  # Slices, not one reduction: XLA:CPU fuses them into the loop that computes x. And two halves,
  # joined: XLA:CPU writes z then, where it would repeat that loop in everything that reads z.
  return jnp.concatenate([_largest(half) for half in jnp.array_split(x, 2)])


@_by_slices.defjvp
def _by_slices_jvp(
  primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
  (x,), (dx,) = primals, tangents
  z = _by_slices(x)
  # The choice is cheap to compute again from x, so no array of the input's size is kept for it.
  return z, reduction.recompute(_chosen)(x, z, dx)


def _chosen(x: jax.Array, z: jax.Array, dx: jax.Array) -> jax.Array:
  """The mean of dx over the entries of each window that are its maximum z."""
  best = _windows(x, 2) == z[:, :, None, :, None]
  # Sums of slices, not one reduction: XLA:CPU makes one loop of them.
  count = sum(best[:, :, i, :, j].astype(z.dtype) for i in (0, 1) for j in (0, 1))
  return jnp.where(best, _windows(dx, 2), 0).sum((2, 4)) / count


def _largest(x: jax.Array) -> jax.Array:
  windows = _windows(x, 2)
  corners = [windows[:, :, i, :, j] for i in (0, 1) for j in (0, 1)]
  return functools.reduce(jnp.maximum, corners)


def _windows(x: jax.Array, size: int) -> jax.Array:
  n, height, width, channels = x.shape
  height, width = height // size, width // size
  # As with padding 'VALID': what does not fill a window is left out.
  x = x[:, : height * size, : width * size]
  return x.reshape(n, height, size, width, size, channels)
