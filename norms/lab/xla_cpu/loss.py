"""The loss that is trained: with its derivative, since a small net spends much of a step on it.

For logits z of n examples, C classes and labels c, with p = softmax(z):

    L = mean_i(log sum_j exp z_ij - z_ic),   dL = sum_ij (p_ij - [j = c_i]) / n dz_ij
"""

import jax
import jax.numpy as jnp

from norms._src.xla_cpu import special_formulas_allowed
from norms.lab.xla_cpu.compact import compact


def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
  """Mean cross entropy of logits (n, C) against integer labels (n,), in nats."""
  return _with_slope(logits, labels) if special_formulas_allowed() else _plain(logits, labels)


def _plain(logits: jax.Array, labels: jax.Array) -> jax.Array:
  at_label = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], -1)
  return -jnp.mean(at_label)


@jax.custom_jvp
def _with_slope(logits: jax.Array, labels: jax.Array) -> jax.Array:
  return _loss_and_slope(logits, labels)[0]


@_with_slope.defjvp
def _with_slope_jvp(
  primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]
) -> tuple[jax.Array, jax.Array]:
  loss, slope = _loss_and_slope(*primals)
  return loss, jnp.sum(slope * tangents[0])


@compact
def _loss_and_slope(logits: jax.Array, labels: jax.Array) -> tuple[jax.Array, jax.Array]:
  """L and dL/dz, in one kernel: both need the exponentials, which are what costs time."""
  shifted = logits - jnp.max(logits, -1, keepdims=True)
  # Flat, since XLA:CPU unrolls a loop over few classes, with one exp for each class.
  exp = jnp.exp(jax.lax.optimization_barrier(jnp.ravel(shifted))).reshape(shifted.shape)
  total = jnp.sum(exp, -1, keepdims=True)
  # A comparison, since a gather is slower here.
  at_label = jnp.arange(logits.shape[-1]) == labels[:, None]
  picked = jnp.sum(jnp.where(at_label, shifted, 0), -1)
  return jnp.mean(jnp.log(total[:, 0]) - picked), (exp / total - at_label) / len(labels)
