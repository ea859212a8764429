"""Promises of compact functions: one kernel where that is wanted, and the same values."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from norms.lab.engine import training
from norms.lab.xla_cpu import compiler, gathering
from norms.lab.xla_cpu.compact import MOST, compact, compacted
from norms.lab.xla_cpu.loss import cross_entropy

pytestmark = pytest.mark.skipif(
  not compiler.tested(), reason='with another jax nothing is marked: all is as before'
)
KEYS = jax.random.split(jax.random.key(0), 4)
LOGITS = 10 * jax.random.normal(KEYS[0], (64, 10))
LABELS = jax.random.randint(KEYS[1], (64,), 0, 10)


def compiled(f, *args, wanted=True):
  """(values, how many of XLA's calls are marked)."""

  def traced(*args):
    with compacted(wanted):
      return f(*args)

  program = jax.jit(traced).lower(*args).compile()
  calls = [line for line in program.as_text().splitlines() if ' call(' in line]
  return program(*args), sum('xla_cpu_small_call' in line for line in calls)


@pytest.mark.parametrize(
  ('f', 'args', 'calls'),
  [
    (cross_entropy, (LOGITS, LABELS), 1),
    (jax.value_and_grad(cross_entropy), (LOGITS, LABELS), 1),
    (training._observed, (jnp.float32(2), jnp.arange(128.0), jnp.int32(3), jnp.int32(-1)), 1),
    (training._observed, (jnp.float32(jnp.nan), jnp.ones(128), jnp.int32(3), jnp.int32(-1)), 1),
    (gathering.applied, ({'a': jnp.ones((3, 2)), 'b': jnp.ones(2), 'c': jnp.ones(5)},) * 2, 1),
  ],
)
def test_values_and_derivatives_are_those_of_the_function(f, args, calls):
  """Up to what XLA contracts into one rounding; a mark makes one kernel of each call."""
  (found, marked), (plain, none) = compiled(f, *args), compiled(f, *args, wanted=False)
  assert (marked, none) == (calls, 0)
  chex.assert_trees_all_close(found, plain, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('shape', [(MOST,), (1, MOST), (MOST // 2, 2), (MOST // 10, 10)])
@pytest.mark.parametrize('axis', [None, 0, -1])
def test_the_largest_are_within_what_such_a_kernel_can_sum(shape, axis):
  x = jax.random.normal(KEYS[2], shape)
  found, marked = compiled(compact(lambda x: jnp.sum(x * x, axis)), x)
  chex.assert_trees_all_close(found, np.sum(np.square(x, dtype=float), axis), rtol=1e-5)
  assert marked == 1


def test_larger_ones_are_left_alone():
  assert compiled(compact(jnp.sum), jnp.ones(MOST + 1))[1] == 0


def test_another_jax_is_not_asked_for_what_xla_does_not_promise(monkeypatch):
  asked = compiler.options()
  monkeypatch.setattr(jax, '__version_info__', (9, 9, 9))
  assert compiler.options().items() < asked.items()
  with compacted(True):
    assert 'call' not in str(jax.make_jaxpr(compact(jnp.sin))(1.0))
