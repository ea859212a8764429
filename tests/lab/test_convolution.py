"""The convolution and the pooling of the lab's models, against Flax's."""

import functools

import chex
from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from norms import linen
from norms.lab.models.layers import Conv
from norms.lab.xla_cpu import convolution, pooling

# Height and width, channels, kernel, strides, padding: large and small patches (two products),
# widths of which 4, 2 or 1 places are taken together, zeros on one side, images cut by strides.
CASES = [
  ((8, 8), 1, (3, 3), (1, 1), 'SAME'), ((9, 10), 3, (3, 3), (1, 1), 'SAME'),
  ((5, 7), 2, (3, 3), (1, 1), 'SAME'), ((6, 8), 16, (3, 3), (1, 1), 'SAME'),
  ((9, 9), 2, (4, 2), (1, 1), 'SAME'), ((9, 8), 8, (5, 3), (1, 1), 'VALID'),
  ((7, 7), 1, (3, 3), (1, 1), 'VALID'), ((8, 7), 4, (1, 1), (2, 2), 'SAME'),
  ((8, 7), 8, (3, 3), (2, 2), 'SAME'), ((9, 10), 1, (3, 3), (2, 1), 'VALID'),
]  # fmt: skip


def alike(found, expected):
  """Sums of up to 145 products in other orders; relative to the largest entry of each array."""
  largest = jax.tree.map(lambda a: np.abs(a).max(), expected)
  scaled = (jax.tree.map(jnp.divide, tree, largest) for tree in (found, expected))
  chex.assert_trees_all_close(*scaled, rtol=0, atol=1e-5)


def both(case, seed=0, **options):
  """(ours, Flax's, variables that serve both, x)."""
  size, channels, kernel, strides, padding = case
  rng = np.random.default_rng(seed)  # XLA takes a second to compile a draw of jax.random
  x = jnp.asarray(rng.normal(size=(4, *size, channels)), jnp.float32)
  ours, theirs = (c(6, kernel, strides, padding, **options) for c in (Conv, nn.Conv))
  described = jax.eval_shape(theirs.init, jax.random.key(seed), x)

  def drawn(p):
    return jnp.asarray(rng.normal(size=p.shape) / p.size**0.5, p.dtype)

  return ours, theirs, jax.tree.map(drawn, described), x


@pytest.mark.parametrize('case', CASES, ids=str)
def test_convolution_is_flaxs_with_flaxs_parameters(case):
  """Value, gradient of input and parameters, tangent; and its own parameters have Flax's shapes."""
  ours, theirs, variables, x = both(case)
  own = jax.eval_shape(ours.init, jax.random.key(1), x)
  chex.assert_trees_all_equal_shapes_and_dtypes(own, variables)
  shape = jax.eval_shape(theirs.apply, variables, x).shape
  cotangent = np.random.default_rng(3).normal(size=shape).astype(np.float32)

  @functools.partial(jax.jit, static_argnums=0)
  def pulled(module):
    z, pull = jax.vjp(module.apply, variables, x)
    return z, pull(cotangent), jax.jvp(module.apply, (variables, x), (variables, jnp.cos(x)))[1]

  alike(pulled(ours), pulled(theirs))


# XLA takes a second to compile a draw.
@pytest.mark.parametrize(
  'case', [CASES[0], *(pytest.param(c, marks=pytest.mark.slow) for c in CASES[1:])], ids=str
)
def test_its_own_parameters_are_drawn_as_flaxs(case):
  ours, theirs, _, x = both(case)
  key = jax.random.key(1)
  chex.assert_trees_all_equal(ours.init(key, x), theirs.init(key, x))


@pytest.mark.parametrize('case', [CASES[0], CASES[3], CASES[8]], ids=str)
def test_its_second_derivatives_are_flaxs(case):
  """Forward over reverse, as curvature probes take them."""
  ours, theirs, variables, x = both(case)

  @functools.partial(jax.jit, static_argnums=0)
  def hessian_product(module):
    def loss(v, x):
      return jnp.sum(jnp.sin(module.apply(v, x)))

    return jax.jvp(jax.grad(loss, (0, 1)), (variables, x), (variables, jnp.cos(x)))

  alike(hessian_product(ours), hessian_product(theirs))


@pytest.mark.parametrize('case', [CASES[0], CASES[3]], ids=str)
def test_several_kernels_on_one_batch(case):
  """Lanes: vmapped over the parameters, each is what it is alone."""
  ours, _, variables, x = both(case)
  lanes = jax.tree.map(lambda a: jnp.stack([a, 2 * a, -a]), variables)
  gradient = jax.jit(jax.grad(lambda v, x: jnp.sum(jnp.sin(ours.apply(v, x)))))
  together = jax.jit(jax.vmap(gradient, (0, None)))(lanes, x)
  for i in range(3):
    lane = functools.partial(jax.tree.map, lambda a, i=i: a[i])
    alike(lane(together), gradient(lane(lanes), x))


@pytest.mark.parametrize(
  'wrap',
  [linen.WeightNorm, linen.SpectralNorm, linen.WeightStandardization],
  ids=lambda w: w.__name__,
)
def test_wrapped_it_is_flaxs_wrapped(wrap):
  ours, theirs, _, x = both(CASES[3])
  options = {'update_stats': True} if wrap is linen.SpectralNorm else {}
  found = []
  for layer in (ours.clone(name='layer'), theirs.clone(name='layer')):
    module = wrap(layer)
    variables = module.init(jax.random.key(5), x, **options)
    z, _ = module.apply(variables, x, mutable=True, **options)
    found.append((variables, z))
  alike(*found)


def test_half_precision_and_no_bias():
  ours, theirs, variables, x = both(CASES[3], use_bias=False)
  assert set(variables['params']) == {'kernel'}
  half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), (variables, x))
  chex.assert_type([ours.apply(*half), theirs.apply(*half)], jnp.bfloat16)


def test_bad_convolutions_are_named():
  x, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 4, 6))
  with pytest.raises(ValueError, match=r'\(2, 8, 8, 3\) by a kernel of \(3, 3, 4, 6\)'):
    convolution.convolve(x, kernel)
  with pytest.raises(ValueError, match="padding='same' is not known"):
    convolution.convolve(x, kernel[:, :, :3], padding='same')


@pytest.mark.parametrize('shape', [(3, 8, 6, 4), (2, 7, 9, 1)])
def test_pooling_is_flaxs(shape):
  """A window's maximum and mean, and their gradients; an odd row or column at the end is cut."""
  x = jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)
  for ours, theirs in ((pooling.max_pool, nn.max_pool), (pooling.average_pool, nn.avg_pool)):
    pooled = functools.partial(theirs, window_shape=(2, 2), strides=(2, 2))
    cotangent = jnp.cos(7 * pooled(x))
    found, expected = (jax.vjp(f, x) for f in (ours, pooled))
    alike((found[0], *found[1](cotangent)), (expected[0], *expected[1](cotangent)))
    alike(jax.jvp(ours, (x,), (jnp.sin(x),)), jax.jvp(pooled, (x,), (jnp.sin(x),)))


def test_equal_entries_share_the_gradient_of_a_maximum():
  """Flax's would give it to one: of images with a flat background the choice would be arbitrary."""
  x = jnp.array([[1.0, 1.0, 0.0, 5.0], [0.0, 1.0, 5.0, 0.0]])[None, :, :, None]
  share = jax.grad(lambda x: jnp.sum(pooling.max_pool(x) * jnp.array([3.0, 4.0])[:, None]))(x)
  expected = np.array([[1.0, 1, 0, 2], [0, 1, 2, 0]])
  chex.assert_trees_all_close(share[0, :, :, 0], expected, rtol=1e-6)
