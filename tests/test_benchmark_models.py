"""The models of the benchmark: with ours in the place of Flax's norms they are the same models."""

import functools

import chex
import jax
import jax.numpy as jnp
import modules
import numpy as np
import pytest

from tests.benchmarks.nets import NETS, measure, net

nets = pytest.mark.parametrize('name', NETS)


@functools.cache
def _built(name, norms_of):
  return NETS[name].built(norms_of, tiny=True)


def _leaves(tree):
  """By path, as arrays: nnx's are variables, of classes alike in both."""
  return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(tree)}


@nets
def test_they_start_alike_to_the_bit(name):
  """Parameters and running statistics: structure, shapes, dtypes and values."""
  for part in ('params', 'state'):
    ours, theirs = (_leaves(getattr(_built(name, who), part)) for who in ('ours', 'flax'))
    assert list(ours) == list(theirs)
    for path, a in ours.items():
      b = theirs[path]
      assert (a.shape, a.dtype, modules.bits(a)) == (b.shape, b.dtype, modules.bits(b)), path


# Quick ones; the others are made of the same layers.
QUICK = ('resnet', 'vit', 'lm1b', 'decoder')


@pytest.mark.parametrize(
  'name', [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NETS]
)
def test_loss_statistics_and_gradients_agree(name):
  """At parameters off their start, where a scale of 0 would hide what lies before it.

  To 2e-4 of each array's largest entry: float32 rounds to 6e-8, in sums of up to 256 terms, and
  some ten norms one after another each pass on what the one before has rounded, over as little as
  sqrt(epsilon) where four images leave a channel almost constant. And to 1e-7 of a loss of some
  units: a bias of keys changes no attention, so that its gradient is rounding and nothing else.
  """
  draw = np.random.default_rng(0)
  found = {}
  noise = jax.tree.map(
    lambda p: jnp.asarray(0.1 * draw.normal(size=p.shape), p.dtype), _built(name, 'flax').params
  )
  for who in ('ours', 'flax'):
    loss, params, state, data = _built(name, who)
    moved = jax.tree.unflatten(
      jax.tree.structure(params), map(jnp.add, jax.tree.leaves(params), jax.tree.leaves(noise))
    )
    gradient = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=net.QUICK)
    (value, state), grads = gradient(moved, state, *data)
    found[who] = {'loss': value} | _leaves({'state': state, 'gradients': grads})
  assert found['ours'].keys() == found['flax'].keys()
  for path, expected in found['flax'].items():
    limit = max(1e-7, 2e-4 * np.max(np.abs(expected)))
    chex.assert_trees_all_close(
      found['ours'][path], expected, rtol=0, atol=limit, custom_message=path
    )


@nets
def test_a_step_keeps_shapes_and_dtypes_in_bfloat16_and_without_norms(name):
  """So that its results are the arguments of the next one: parameters in float32, and a loss."""
  for norms_of, dtype in (('ours', jnp.bfloat16), ('none', jnp.float32)):
    step, (params, state, *data) = NETS[name].make(norms_of, dtype, tiny=True)
    *new, loss = jax.eval_shape(step, params, state, *data)
    expected = jax.eval_shape(lambda *a: a, params, state)
    assert jax.tree.leaves(new) == jax.tree.leaves(expected)
    assert {p.dtype for p in jax.tree.leaves(params)} == {jnp.dtype('float32')}
    assert (loss.shape, loss.dtype) == ((), jnp.float32)


@pytest.mark.parametrize('name', ('lm1b', 'vit'))
def test_none_has_no_norms(name):
  """Its parameters are Flax's but those of norms."""
  theirs, none = (_leaves(_built(name, who).params) for who in ('flax', 'none'))
  left = {path for path in theirs if 'orm' not in path}
  assert set(none) == left and len(left) < len(theirs)


def test_the_interval_of_a_median_is_of_order_statistics():
  """Of 41 values from the 14th to the 28th, and of few values all, which are in no table."""
  values = np.random.default_rng(0).permutation(41) + 1
  assert measure.interval(values) == (14, 28)
  assert measure.interval([3.0, 1.0, 2.0]) == (1.0, 3.0)


def test_the_interval_holds_the_median_as_often_as_it_says():
  """Of 4000 draws: within four standard errors, each .26%, of the exact 97.25%."""
  draws = np.random.default_rng(0).exponential(size=(4000, 41))
  inside = [low <= np.log(2) <= high for low, high in map(measure.interval, draws)]
  assert abs(np.mean(inside) - 0.9725) < 4 * 0.0026
