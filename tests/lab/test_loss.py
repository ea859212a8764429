"""Promises of the loss: optax's values and derivatives, at any scale of the logits."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest

from norms.lab.xla_cpu.loss import cross_entropy

pytestmark = pytest.mark.usefixtures('x64')
KEYS = jax.random.split(jax.random.key(0), 3)
LABELS = jax.random.randint(KEYS[1], (7,), 0, 5)


def expected(logits, labels):
  return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))


@pytest.mark.parametrize('scale', [1e-3, 1.0, 30.0])
@pytest.mark.parametrize('of', [lambda f: f, jax.grad, jax.hessian], ids=['', 'grad', 'hessian'])
def test_it_is_optaxs(of, scale):
  """In float64, where only rounding is left: 1e-12 of the largest entry."""
  logits = scale * jax.random.normal(KEYS[0], (7, 5), jnp.float64)
  found, wanted = (of(f)(logits, LABELS) for f in (cross_entropy, expected))
  chex.assert_trees_all_close(found, wanted, rtol=0, atol=1e-12 * float(jnp.max(jnp.abs(wanted))))


def test_its_forward_mode_is_its_reverse_mode():
  logits, along = jax.random.normal(KEYS[2], (2, 7, 5), jnp.float64)
  _, forward = jax.jvp(lambda z: cross_entropy(z, LABELS), (logits,), (along,))
  reverse = jnp.vdot(jax.grad(cross_entropy)(logits, LABELS), along)
  chex.assert_trees_all_close(forward, reverse, rtol=1e-7)


def test_logits_that_are_not_finite_are_seen_in_it():
  logits = jnp.zeros((7, 5)).at[2, 1].set(jnp.inf)
  assert not jnp.isfinite(cross_entropy(logits, LABELS))


@pytest.mark.parametrize('sign', [1, -1])
def test_logits_beyond_the_end_of_exp_have_their_loss(sign):
  """As large as a net has them that starts a hundred times too large; in float32."""
  logits = sign * 1e4 * jax.random.normal(KEYS[0], (7, 5), jnp.float32)
  found, wanted = (jax.value_and_grad(f)(logits, LABELS) for f in (cross_entropy, expected))
  chex.assert_tree_all_finite(wanted)
  assert wanted[0] > 0
  chex.assert_trees_all_close(found, wanted, rtol=1e-6)
