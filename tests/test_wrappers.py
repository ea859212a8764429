"""WeightNorm and SpectralNorm around layers, in linen and nnx."""

import chex
from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
import modules
from modules import close, draw
import numpy as np
from promises import measure
import pytest

import norms.linen
import norms.nnx

X, KEY = draw(shape=(20, 6)), jax.random.key(0)
LAYERS = {
  'dense': (lambda: nn.Dense(4), X),
  'conv': (lambda: nn.Conv(3, (3, 3)), draw(shape=(2, 5, 5, 4))),
  'attention': (lambda: nn.MultiHeadDotProductAttention(2), draw(shape=(2, 5, 4))),
}
CALL = {'WeightNorm': {}, 'SpectralNorm': {'update_stats': True}}
WRAPPERS = pytest.mark.parametrize('name', CALL)


def _wrapped(name, layer=None, library=norms.nnx, **options):
  rngs = nnx.Rngs(0)
  layer = nnx.Linear(6, 3, rngs=rngs) if layer is None else layer
  return getattr(library, name)(layer, **options, rngs=rngs)


@WRAPPERS
@pytest.mark.parametrize('layer', LAYERS)
def test_linen_is_flaxs(name, layer):
  """Variables are drawn as Flax draws them; outputs, u, sigma and gradients are Flax's."""
  build, x = LAYERS[layer]
  ours, theirs = (getattr(library, name)(build()) for library in (norms.linen, nn))
  made = [jax.jit(lambda m=m: m.init(KEY, x, **CALL[name]))() for m in (ours, theirs)]
  close(*made, 1e-6)
  variables = jax.tree.map(lambda a: 1.5 * a, made[1])  # lengths other than 1

  def run(module):
    ct = draw(
      1, shape=jax.eval_shape(lambda: module.init_with_output(KEY, x, **CALL[name])[0]).shape
    )
    return jax.jit(lambda v: modules.run_linen(module, v, x, ct, **CALL[name]))(variables)

  close(run(ours), run(theirs), 1e-5)


@pytest.mark.parametrize('dtype', (jnp.float32, jnp.bfloat16))
@pytest.mark.parametrize('options', ({}, {'n_steps': 3}))
def test_pure_is_linen_is_nnx_to_the_bit_spectral(dtype, options):
  """The three agree; kernels are read through an exact product with the identity."""
  eye, w = jnp.eye(6, dtype=dtype), draw(shape=(6, 3), dtype=dtype)
  u = draw(1, shape=(3,))
  w_bar, new_u, sigma = norms.spectral_norm(w, u, **options)

  linen = norms.linen.SpectralNorm(nn.Dense(3, use_bias=False, dtype=dtype),
                                   dtype=dtype, **options)  # fmt: skip
  stats = {'layer_instance/kernel/u': u[None], 'layer_instance/kernel/sigma': jnp.ones(())}
  variables = {'params': {'layer_instance': {'kernel': w}}, 'batch_stats': stats}
  y, new = linen.apply(variables, eye, update_stats=True, mutable=['batch_stats'])
  assert modules.bits(y) == modules.bits(w_bar)
  assert modules.bits(new['batch_stats']['layer_instance/kernel/u'][0]) == modules.bits(new_u)
  assert modules.bits(new['batch_stats']['layer_instance/kernel/sigma']) == modules.bits(sigma)

  rngs = nnx.Rngs(0)
  layer = nnx.Linear(6, 3, use_bias=False, dtype=dtype, param_dtype=dtype, rngs=rngs)
  layer.kernel[...] = w
  module = norms.nnx.SpectralNorm(layer, dtype=dtype, **options, rngs=rngs)
  module.batch_stats[('kernel', 'u')][...] = u[None]
  assert modules.bits(module(eye)) == modules.bits(w_bar)
  assert modules.bits(module.batch_stats[('kernel', 'u')][0]) == modules.bits(new_u)


@pytest.mark.parametrize('axes', (-1, 0, (0, 1), None))
def test_pure_is_linen_is_nnx_to_the_bit_weight(axes):
  eye, v = jnp.eye(6), draw(shape=(6, 3))
  features = () if axes is None else tuple(a % 2 for a in ((axes,) if axes in (0, -1) else axes))
  g = draw(1, shape=[v.shape[a] for a in features])
  w = norms.weight_norm(v, g, axis=axes)

  linen = norms.linen.WeightNorm(nn.Dense(3, use_bias=False), feature_axes=axes)
  params = {'layer_instance': {'kernel': v}, 'layer_instance/kernel/scale': g}
  assert modules.bits(linen.apply({'params': params}, eye)) == modules.bits(w)

  layer = nnx.Linear(6, 3, use_bias=False, rngs=nnx.Rngs(0))
  layer.kernel[...] = v
  module = _wrapped('WeightNorm', layer, feature_axes=axes)
  module.scales[('kernel',)][...] = g
  assert modules.bits(module(eye)) == modules.bits(w)


@WRAPPERS
def test_draws_after_a_wrapper_are_flaxs(name):
  """A wrapper takes as many keys as Flax's, so that later draws are the same."""
  counts = []
  for library in (norms.nnx, nnx):
    rngs = nnx.Rngs(0)
    getattr(library, name)(nnx.Linear(6, 3, rngs=rngs), rngs=rngs)
    counts.append(int(rngs.params.count[...]))
  assert counts[0] == counts[1]


@WRAPPERS
def test_a_wrapped_layer_keeps_its_own_statistics(name):
  rngs = nnx.Rngs(0)
  norm = norms.nnx.BatchNorm(3, rngs=rngs)
  layer = nnx.Sequential(nnx.Linear(6, 3, rngs=rngs), norm, nnx.Dropout(0.5, rngs=rngs))
  module = _wrapped(name, layer)
  before, first = norm.mean[...], module(X)
  assert not np.array_equal(norm.mean[...], before)
  assert not np.array_equal(first, module(X))  # dropout draws the next key


@WRAPPERS
def test_a_param_that_was_not_there_is_flaxs_error(name):
  module = _wrapped(name)
  module.layer_instance.other = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
  with pytest.raises(RuntimeError, match='other'):
    module(X)


@pytest.mark.parametrize('library', (norms.linen, norms.nnx), ids=('linen', 'nnx'))
def test_a_kernel_of_more_axes_is_an_error_on_request(library):
  with pytest.raises(ValueError, match='3D but error_on_non_matrix is True'):
    if library is norms.linen:
      module = norms.linen.SpectralNorm(nn.DenseGeneral((3, 4)), error_on_non_matrix=True)
      module.init(KEY, X, update_stats=True)
    else:
      _wrapped(
        'SpectralNorm',
        nnx.LinearGeneral(6, (3, 4), rngs=nnx.Rngs(0)),
        error_on_non_matrix=True,
      )


def test_weight_norms_gradient_is_across_the_kernels_columns():
  """Along a column only its length matters, which is a parameter of its own."""
  module = _wrapped('WeightNorm')
  gradient = nnx.grad(lambda m: jnp.sum(jnp.sin(m(X))))(module)
  kernel, across = module.layer_instance.kernel[...], gradient.layer_instance.kernel[...]
  chex.assert_trees_all_close(np.sum(kernel * across, 0), np.zeros(3), rtol=0, atol=1e-5)
  assert np.any(across != 0) and np.any(gradient.scales[('kernel',)][...] != 0)


def test_spectral_norm_finds_the_largest_singular_value_over_calls():
  """It does so in training only. One step in each call is enough, since u is kept."""
  module = _wrapped('SpectralNorm')
  kernel = module.layer_instance.kernel[...]
  for _ in range(100):
    module(X)
  largest = np.linalg.svd(np.asarray(kernel), compute_uv=False)[0]
  chex.assert_trees_all_close(module.batch_stats[('kernel', 'sigma')][...], largest, rtol=1e-5)
  module.eval()
  u = module.batch_stats[('kernel', 'u')][...]
  chex.assert_trees_all_close(module(X), X @ (kernel / largest), rtol=1e-4, atol=1e-5)
  measure.assert_same(module.batch_stats[('kernel', 'u')][...], u)


def test_without_parameters_of_its_own_a_wrapper_has_what_the_function_has():
  """Lengths and gains of 1."""
  kernel = draw(1, shape=(6, 3))
  functions = {
    'WeightNorm': ('scale', norms.weight_norm),
    'ScaledWeightStandardization': ('gain', norms.scaled_weight_standardization),
  }
  for name, (parameter, function) in functions.items():
    layer = nnx.Linear(6, 3, use_bias=False, rngs=nnx.Rngs(0))
    layer.kernel[...] = kernel
    module = _wrapped(name, layer, **{f'use_{parameter}': False})
    close(module(X), X @ function(kernel), 1e-5)
    assert len(nnx.to_flat_state(nnx.state(module, nnx.Param))) == 1
    linen = getattr(norms.linen, name)(nn.Dense(3, use_bias=False), **{f'use_{parameter}': False})
    params = {'layer_instance': {'kernel': kernel}}
    assert linen.init(KEY, X)['params'].keys() == params.keys()
    close(linen.apply({'params': params}, X), X @ function(kernel), 1e-5)


@pytest.mark.parametrize('name', ('WeightNorm', 'SpectralNorm', 'ScaledWeightStandardization'))
def test_an_epsilon_of_ones_own_reaches_the_function(name):
  """This epsilon is large: it makes the divisor half as large again."""
  layer = nnx.Linear(6, 3, use_bias=False, rngs=nnx.Rngs(0))
  module, kernel = _wrapped(name, layer, epsilon=2.0), layer.kernel[...]
  linen = getattr(norms.linen, name)(nn.Dense(3, use_bias=False), epsilon=2.0)
  params, stats = {'layer_instance': {'kernel': kernel}}, {}
  if name == 'SpectralNorm':
    u = module.batch_stats[('kernel', 'u')][...]
    stats = {'layer_instance/kernel/u': u, 'layer_instance/kernel/sigma': jnp.ones(())}
    expected = norms.spectral_norm(kernel, u[0], epsilon=2.0)[0]
  elif name == 'WeightNorm':
    params['layer_instance/kernel/scale'] = jnp.ones(3)
    expected = norms.weight_norm(kernel, epsilon=2.0)
  else:
    params['layer_instance/kernel/gain'] = jnp.ones(3)
    expected = norms.scaled_weight_standardization(kernel, epsilon=2.0)
  call = {'update_stats': False} if stats else {}
  close(linen.apply({'params': params, 'batch_stats': stats}, X, **call), X @ expected, 1e-5)
  close(module(X, **call), X @ expected, 1e-5)


def test_spectral_norm_keeps_its_estimate_unless_told_to_update():
  """It keeps u without update_stats, also if its collection is mutable."""
  module = norms.linen.SpectralNorm(nn.Dense(3))
  variables = module.init(KEY, X, update_stats=False)
  for update in (False, True):
    _, new = module.apply(variables, X, update_stats=update, mutable=['batch_stats'])
    for before, after in zip(*map(jax.tree.leaves, (variables['batch_stats'], new['batch_stats'])),
                             strict=True):  # fmt: skip
      assert np.array_equal(before, after) != update


@pytest.mark.parametrize('library', ('linen', 'nnx'))
def test_no_gradient_comes_back_through_the_estimate_that_is_kept(library):
  """No gradient comes back through u, nor through sigma, which the next call computes anew."""
  linen = norms.linen.SpectralNorm(nn.Dense(3, use_bias=False))
  variables = linen.init(KEY, X, update_stats=False)

  def by_linen(kernel):
    given = {**variables, 'params': {'layer_instance': {'kernel': kernel}}}
    _, new = linen.apply(given, X, update_stats=True, mutable=['batch_stats'])
    return jax.tree.leaves(new)

  def by_nnx(kernel):
    layer = nnx.Linear(6, 3, rngs=nnx.Rngs(0))
    layer.kernel[...] = kernel
    module = _wrapped('SpectralNorm', layer)
    module(X)
    return [module.batch_stats[('kernel', name)][...] for name in ('u', 'sigma')]

  kept = by_linen if library == 'linen' else by_nnx
  loss = jax.jit(jax.grad(lambda w: sum(jnp.sum(jnp.sin(a)) for a in kept(w))))
  assert not np.any(loss(draw(1, shape=(6, 3))))
