"""Promises of the optimizers: known by name, and the same on few arrays as on many."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from norms.lab.engine import optimizer
from norms.lab.xla_cpu import gathering

PARAMS = {
  'kernel': jnp.linspace(-1, 1, 12).reshape(3, 4),
  'bias': jnp.arange(4.0),
  'deep': {'scale': jnp.array(2.0), 'kernel': jnp.ones((2, 2, 1))},
}
TREES = {
  'both kinds': PARAMS,
  'no vector': {'kernel': PARAMS['kernel']},
  'no kernel': {'bias': PARAMS['bias'], 'scale': PARAMS['deep']['scale']},
}


def test_optimizers_and_their_options_are_known():
  with pytest.raises(ValueError, match="did you mean 'adam'"):
    optimizer.Update('adm')
  with pytest.raises(ValueError, match="did you mean 'momentum'"):
    optimizer.Update('sgd', (('momentun', 0.9),))


@pytest.mark.parametrize('tree', TREES)
@pytest.mark.parametrize('name', optimizer.ELEMENTWISE)
def test_gathered_they_take_the_same_steps(name, tree):
  """To rounding, which follows the kernels that XLA makes; an update of a number knows no other."""
  found = []
  for made in (optimizer.Update(name)({'learning_rate': 0.1}), getattr(optax, name)(0.1)):
    params, state = TREES[tree], made.init(TREES[tree])
    for _ in range(2):
      updates, state = made.update(jax.tree.map(jnp.cos, params), state, params)
      params = optax.apply_updates(params, updates)
    found.append(params)
  chex.assert_trees_all_equal_shapes_and_dtypes(*found)
  chex.assert_trees_all_close(*found, rtol=1e-6)


def test_one_that_warns_is_an_optimizer_and_says_nothing_when_it_is_tried():
  assert 'noisy_sgd' in optimizer.names()


def test_the_length_is_of_all_leaves():
  leaves = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(PARAMS)])
  found = np.sqrt(np.sum(gathering.squares(PARAMS)))
  chex.assert_trees_all_close(found, np.linalg.norm(leaves), rtol=1e-6)


@pytest.mark.parametrize('tree', TREES)
def test_parameters_are_updated_as_by_optax(tree):
  updates = jax.tree.map(jnp.sin, TREES[tree])
  found = gathering.applied(TREES[tree], updates)
  chex.assert_trees_all_equal(found, optax.apply_updates(TREES[tree], updates))
