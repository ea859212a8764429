"""Mixed dtypes: JAX's strict promotion, and complex entries where statistics were real."""

import itertools

import chex
from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
from modules import CASES, draw
import numpy as np
import pytest

import norms
import norms.linen
import norms.nnx

X, KEY = draw(), jax.random.key(0)
DTYPES = (jnp.float32, jnp.bfloat16)
MAIN = [case for case in CASES if case.id in ('batch', 'layer', 'rms', 'group', 'instance')]
main = pytest.mark.parametrize('case', MAIN, ids=lambda case: case.id)
KINDS = pytest.mark.parametrize('kind', ('linen', 'nnx'))


@pytest.fixture
def strict():
  """jax_numpy_dtype_promotion='strict', within one test."""
  with jax.numpy_dtype_promotion('strict'):
    yield


def _call(case, kind, library, x, **options):
  """z and x's gradient; in evaluation where `use_running_average` says so."""
  if kind == 'nnx':
    module = case.nnx(library, **options)

    def f(x):
      return nnx.clone(module)(x)
  else:
    module = case.linen(library, **options)
    variables = module.init(KEY, x)

    def f(x):
      return module.apply(variables, x, mutable=['batch_stats'])[0]

  return f(x), jax.grad(lambda x: jnp.sum(jnp.sin(f(x))).astype(jnp.float32))(x)


@main
@KINDS
def test_strict_promotion_is_no_error_where_it_is_none_of_flaxs(case, kind, strict):
  ours, theirs = (norms.linen, nn) if kind == 'linen' else (norms.nnx, nnx)
  modes = ({}, {'use_running_average': True}) if case.name == 'BatchNorm' else ({},)
  seen = 0
  for x_dtype, dtype, mode in itertools.product(DTYPES, (None, *DTYPES), modes):
    x = X.astype(x_dtype)
    try:
      expected = _call(case, kind, theirs, x, dtype=dtype, **mode)
    except ValueError as error:
      assert 'no available implicit dtype promotion' in str(error)
      continue
    found = _call(case, kind, ours, x, dtype=dtype, **mode)
    tolerance = 1e-4 if dtype != jnp.bfloat16 and x_dtype != jnp.bfloat16 else 0.05
    chex.assert_trees_all_equal_shapes_and_dtypes(found, expected)
    chex.assert_trees_all_close(found, expected, rtol=0, atol=tolerance)
    seen += 1
  assert seen >= 2  # float32 in float32, at the least


@KINDS
@pytest.mark.parametrize('dtype', (None, jnp.float32))
def test_global_response_norm_under_strict_promotion(kind, dtype, strict):
  """Flax does not have this norm; its formula mixes no dtypes either."""
  if kind == 'nnx':
    module = norms.nnx.GlobalResponseNorm(8, dtype=dtype, rngs=nnx.Rngs(0))
  else:
    module = norms.linen.GlobalResponseNorm(dtype=dtype).bind({'params': _ones()})
  chex.assert_type([jax.grad(lambda x: jnp.sum(module(x)))(X), module(X)], jnp.float32)


def _ones():
  return {'scale': jnp.ones(8), 'bias': jnp.zeros(8)}


@pytest.mark.parametrize('kind', ('function', 'linen', 'nnx'))
@pytest.mark.parametrize('x_dtype', DTYPES)
def test_evaluation_in_bfloat16_under_strict_promotion(kind, x_dtype, strict):
  """The statistics stay float32, and only the result is rounded."""
  x = X.astype(x_dtype)
  if kind == 'function':
    stats = norms.BatchStats(jnp.zeros(8), jnp.ones(8))

    def f(x):
      return norms.batch_norm(x, batch_stats=stats, training=False)[0].astype(jnp.bfloat16)
  elif kind == 'linen':
    options = {'use_bias': False, 'use_scale': False}  # which are float32: a mix, as in Flax
    module = norms.linen.BatchNorm(use_running_average=True, dtype=jnp.bfloat16, **options)
    f = module.bind(module.init(KEY, x))
  else:
    f = norms.nnx.BatchNorm(8, use_running_average=True, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
  expected = np.asarray(x, np.float64) / np.sqrt(1 + 1e-5)
  for z in (f(x), jax.jit(lambda x: f(x))(x)):
    chex.assert_type(z, jnp.bfloat16)
    chex.assert_trees_all_close(np.asarray(z, np.float64), expected, rtol=2**-7)


COMPLEX = draw(dtype='complex64') + 1j * draw(1)


@pytest.mark.parametrize('name', ('BatchNorm', 'GhostBatchNorm'))
def test_complex_entries_make_a_real_running_mean_complex(name):
  """In nnx the mean becomes complex; Flax drops the imaginary part, and evaluates wrongly."""
  options = {'ghost_size': 4} if name == 'GhostBatchNorm' else {}
  module = getattr(norms.nnx, name)(8, momentum=0.0, **options, rngs=nnx.Rngs(0))
  z = nnx.jit(lambda m, x: m(x))(module, COMPLEX)
  chex.assert_type([module.mean[...], module.var[...]], [jnp.complex64, jnp.float32])
  chex.assert_trees_all_close(module.mean[...], np.mean(COMPLEX, (0, 1)), rtol=0, atol=1e-6)
  chex.assert_trees_all_close(module(COMPLEX, use_running_average=True), z, rtol=0, atol=1e-5)
  gradient = jax.grad(lambda x: jnp.sum(jnp.abs(module(x, True))))(COMPLEX)
  chex.assert_type(gradient, jnp.complex64)
  module(COMPLEX)  # it stays complex
  module(X)
  chex.assert_type(module.mean[...], jnp.complex64)


def test_real_entries_leave_the_running_mean_real():
  for dtype in (jnp.float32, jnp.bfloat16):
    module = norms.nnx.BatchNorm(8, rngs=nnx.Rngs(0))
    module(X.astype(dtype))
    chex.assert_type([module.mean[...], module.var[...]], jnp.float32)


def test_linens_statistics_of_real_entries_take_complex_ones():
  """In linen, as in Flax, the mean becomes complex, and the variance stays real."""
  found = []
  for library in (norms.linen, nn):
    module = library.BatchNorm(use_running_average=False, momentum=0.5)
    variables = module.init(KEY, X)
    z, new = module.apply(variables, COMPLEX, mutable=['batch_stats'])
    found.append((z, new['batch_stats']))
  (z, ours), (expected, theirs) = found
  chex.assert_trees_all_close(z, expected, rtol=0, atol=1e-5)
  chex.assert_trees_all_equal_shapes_and_dtypes(ours, theirs)
  chex.assert_trees_all_close(ours, theirs, rtol=1e-5, atol=1e-6)
