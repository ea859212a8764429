"""Promises of the switch norms.plain_formulas in the lab: plain formulas are traced, and agree."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import small

from norms._src.xla_cpu import plain_formulas
from norms.lab.engine import optimizer, training
from norms.lab.xla_cpu import compiler, convolution, gathering, pooling
from norms.lab.xla_cpu.compact import compacted
from norms.lab.xla_cpu.loss import cross_entropy

RNG = np.random.default_rng(0)  # XLA takes a second to compile a draw of jax.random
IMAGES, KERNEL, LOGITS = (
  jnp.asarray(RNG.normal(size=shape), jnp.float32)
  for shape in ((4, 8, 8, 2), (3, 3, 2, 6), (32, 10))
)
LABELS = jnp.asarray(RNG.integers(0, 10, 32))
PARAMS = {'kernel': KERNEL, 'bias': jnp.arange(6.0), 'scale': jnp.ones(6)}


def update(grads):
  """What adam moves the parameters by in its first step."""
  made = optimizer.Update('adam')({'learning_rate': 0.1})
  updates, _ = made.update(grads, made.init(PARAMS), PARAMS)
  return updates


def observed(squares):
  """A compact function, where such are wanted."""
  with compacted(True):
    return training._observed(jnp.float32(2), squares, jnp.int32(3), jnp.int32(-1))


def length(grads):
  return jnp.sqrt(jnp.sum(gathering.squares(grads)))


def convolved(x, kernel):
  """With its gradients, of which one is weighted so that no sum of it is 0."""

  def f(x, kernel):
    return convolution.convolve(x, kernel, PARAMS['bias'])

  z, pulled = jax.vjp(f, x, kernel)
  return z, pulled(jnp.sin(z))


def pooled(x):
  z, pulled = jax.vjp(pooling.max_pool, x)
  return z, pulled(jnp.cos(z))


# A function, its arguments, and what only its special and only its plain formula is traced to.
TRICKS = {
  'the loss and its derivative': (
    jax.value_and_grad(cross_entropy), (LOGITS, LABELS), 'optimization_barrier', 'gather',
  ),
  'gathered updates': (update, (PARAMS,), 'concatenate', ''),
  'parameters updated': (gathering.applied, (PARAMS, PARAMS), 'concatenate', ''),
  'the length of the gradient': (length, (PARAMS,), 'concatenate', ''),
  'the largest of each window': (pooled, (IMAGES,), 'concatenate', 'reduce_max'),
}  # fmt: skip
ON_CPU = {
  'convolution by patches': (
    convolved, (IMAGES, KERNEL), 'dot_general', 'stablehlo.convolution',
  ),
  'a compact function': (observed, (jnp.arange(128.0),), 'xla_cpu_small_call', ''),
}  # fmt: skip
if jax.default_backend() == 'cpu':
  TRICKS |= ON_CPU


def traced(f, args, plain):
  """(what f is traced to, as text; its values), traced anew."""
  with plain_formulas(plain):
    anew = jax.jit(functools.wraps(f)(lambda *args: f(*args))).trace(*args)
    return anew.lower().as_text() + str(anew.jaxpr), anew.lower().compile()(*args)


@pytest.mark.parametrize('trick', TRICKS)
def test_the_plain_formula_is_traced_and_equals_the_special_one(trick):
  """To 1e-5 of the largest entry: sums of up to 256 products in another order."""
  f, args, special, plain = TRICKS[trick]
  (text, found), (plain_text, expected) = (traced(f, args, wanted) for wanted in (False, True))
  assert special in text and special not in plain_text
  assert plain in plain_text and (not plain or plain not in text)
  scale = jax.tree.map(lambda a: np.maximum(np.abs(a).max(), 1e-30), expected)
  found, expected = (jax.tree.map(jnp.divide, tree, scale) for tree in (found, expected))
  chex.assert_trees_all_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('trick', ON_CPU)
def test_what_is_special_to_cpus_is_chosen_at_lowering(trick):
  """One trace makes programs for both: that for a GPU has the plain formula."""
  f, args, special, plain = ON_CPU[trick]
  trace = jax.jit(lambda *args: f(*args)).trace(*args)
  on_cpu, on_gpu = (trace.lower(lowering_platforms=(p,)).as_text() for p in ('cpu', 'cuda'))
  assert special in on_cpu and special not in on_gpu
  assert plain in on_gpu and (not plain or plain not in on_cpu)


def test_a_plain_program_is_compiled_with_xlas_defaults():
  assert (compiler.options() is None) == (jax.default_backend() != 'cpu')
  with plain_formulas():
    assert compiler.options() is None


def test_a_plain_optimizer_is_optaxs():
  with plain_formulas():
    made = optimizer.Update('adam')({'learning_rate': 0.1})
    state = made.init(PARAMS)
  chex.assert_trees_all_equal_structs(state, optax.adam(0.1).init(PARAMS))


def test_a_plain_sweep_has_the_curves_of_the_special_one(tmp_path):
  """A convolutional net for two epochs; in other bits, or nothing was switched.

  Each of its 10 steps rounds otherwise: losses agree to 1e-4, accuracies to three examples.
  """
  options = {'channels': (4,), 'dense': (8,)}
  made = small.config(model='cnn', model_options=options, norm='batch', chunk=1)
  made.data.layout = 'image'
  special, failed, _ = small.run(made, tmp_path / 'special')
  with plain_formulas():
    plain, also_failed, _ = small.run(made, tmp_path / 'plain')
  assert not failed and not also_failed
  losses = [name for name in special if name.endswith('_loss')]
  assert not special[losses].equals(plain[losses])
  np.testing.assert_allclose(special[losses], plain[losses], rtol=1e-4)
  for name in ('train_accuracy', 'test_accuracy'):
    assert (special[name] - plain[name]).abs().max() <= 3 / 355, name


@pytest.mark.parametrize('spawn', [False, True], ids=['threads', 'processes'])
def test_every_worker_has_the_switch(tmp_path, spawn):
  """Its norm is an error where it is traced otherwise."""
  with plain_formulas():
    _, failed, groups = small.run(
      small.config(norm='users_own:PlainOnly', chunk=1), tmp_path, spawn=spawn
    )
  assert not failed and len(groups) == 1
