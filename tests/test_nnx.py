"""norms.nnx in the place of flax.nnx: the same interface, numbers and variables."""

import inspect
import itertools

import chex
from flax import nnx
import jax
import jax.numpy as jnp
import modules
from modules import CASES, NAMES, draw
import numpy as np
from promises import measure
import pytest

import norms.linen
import norms.nnx

cases = pytest.mark.parametrize('case', CASES, ids=lambda case: case.id)
X, CT, KEY = draw(), draw(1), jax.random.key(0)


def _parameters(f):
  return [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]


@pytest.mark.parametrize('name', NAMES)
def test_signatures_are_flaxs_then_ours(name):
  ours, theirs = getattr(norms.nnx, name), getattr(nnx, name)
  known = _parameters(theirs.__init__)
  assert _parameters(ours.__init__)[: len(known)] == known
  assert ours.__name__ == theirs.__name__
  assert _parameters(ours.__call__) == _parameters(theirs.__call__)


@cases
def test_variables_and_attributes_are_flaxs(case):
  """Types, values to the bit, the order of draws and how far they leave the stream."""
  pair = []
  for library in (norms.nnx, nnx):
    metadata = {f'{name}_metadata': {'origin': 'a checkpoint'} for name in case.parameters}
    module = case.nnx(library, **case.random, **metadata)
    state = dict(nnx.to_flat_state(nnx.state(module)))
    static = {k for k, v in vars(module).items() if not isinstance(v, nnx.Variable)}
    pair.append((state, static))
  (ours, our_static), (theirs, their_static) = pair
  assert ours.keys() == theirs.keys() and their_static <= our_static
  for path, variable in theirs.items():
    assert type(ours[path]) is type(variable)
    assert ours[path].get_metadata() == variable.get_metadata()
    assert modules.bits(ours[path][...]) == modules.bits(variable[...])


@cases
@pytest.mark.parametrize('masked', (False, True))
def test_values_and_gradients_are_flaxs(case, masked):
  """On unit-scale float32: mean difference 8e-8, two thirds of an ulp of 1; gradients 1e-6.

  Under a mask Flax normalises what is masked out; where it is in, the values agree.
  """
  x, mask = X / 2, np.random.default_rng(1).random(X.shape) < 0.8
  call = {'mask': mask} if masked else {}
  ct = jnp.where(mask, CT, 0) if masked else CT
  y, stats, gradients = modules.run_nnx(case.nnx(), x, ct, **call)
  z, flax_stats, flax_gradients = modules.run_nnx(case.nnx(nnx), x, ct, **call)
  assert np.mean(np.abs(y - z)[mask]) <= 8e-8
  measure.assert_near(gradients, flax_gradients, 1e-6, 'gradient of ')
  chex.assert_trees_all_close(stats, flax_stats, rtol=1e-6, atol=1e-7)


@cases
def test_dtypes_are_flaxs(case):
  dtypes = (jnp.float32, jnp.bfloat16)
  for x_dtype, dtype, param_dtype in itertools.product(dtypes, (None, *dtypes), dtypes):
    x, pair = jnp.zeros(X.shape, x_dtype), []
    for library in (norms.nnx, nnx):
      module = case.nnx(library, dtype=dtype, param_dtype=param_dtype)
      y = jax.eval_shape(lambda x, m=module: nnx.merge(*nnx.split(m), copy=True)(x), x)
      state = jax.tree.map(lambda a: a.dtype, nnx.to_pure_dict(nnx.state(module)))
      pair.append((y.dtype, state))
    assert pair[0] == pair[1], (x_dtype, dtype, param_dtype)


WRONG = {
  'groups-do-not-divide': ('GroupNorm', (8, 3), {}),
  'groups-and-size': ('GroupNorm', (8, 4, 2), {}),
  'neither-groups-nor-size': ('GroupNorm', (8, None), {}),
  'instance-of-examples': ('InstanceNorm', (8,), {'feature_axes': (0, 2)}),
  'nobody-says-train-or-not': ('BatchNorm', (8,), {'use_running_average': None}),
  'other-features': ('LayerNorm', (5,), {}),
  'other-features-of-batch-norm': ('BatchNorm', (5,), {}),
  'result-in-integers': ('RMSNorm', (8,), {'dtype': jnp.int32}),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_errors_are_of_flaxs_types(wrong):
  name, arguments, options = WRONG[wrong]
  with pytest.raises(Exception) as theirs:  # noqa: B017,PT011
    getattr(nnx, name)(*arguments, **options, rngs=nnx.Rngs(0))(X)
  with pytest.raises(theirs.type):
    getattr(norms.nnx, name)(*arguments, **options, rngs=nnx.Rngs(0))(X)


def test_train_eval_and_views_set_the_mode():
  model = nnx.Sequential(norms.nnx.BatchNorm(8, rngs=nnx.Rngs(0)))
  norm = model.layers[0]
  before = norm.mean[...]
  model.eval()
  assert norm.use_running_average
  measure.assert_same(model(X), norm(X, use_running_average=True))
  measure.assert_same(norm.mean[...], before)
  model.train()
  model(X)
  assert not np.array_equal(norm.mean[...], before)
  view = nnx.view(model, use_running_average=True)
  moved = norm.mean[...]
  view(X)
  measure.assert_same(norm.mean[...], moved)
  assert view.layers[0].mean is norm.mean


@cases
def test_zero_centred_scale(case):
  usual, centred = (case.nnx(**case.random, zero_centered_scale=zero) for zero in (False, True))
  chex.assert_trees_all_equal(usual.scale[...] - 1, centred.scale[...])
  # 1 + (scale - 1) rounds twice.
  chex.assert_trees_all_close(usual(X), centred(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize('options', ({'momentum': None}, {'zero_debias': True}, {'unbiased': True}))
def test_running_statistics_by_keyword_are_linens(options):
  """tests/test_linen.py holds what they are."""
  module = norms.nnx.BatchNorm(8, **options, rngs=nnx.Rngs(0))
  linen = norms.linen.BatchNorm(use_running_average=False, **options)
  variables = linen.init(KEY, X)
  for seed in range(3):
    x = draw(seed, shape=(5, 8))
    module(x)
    _, new = linen.apply(variables, x, mutable=['batch_stats'])
    variables = {**variables, **new}
  for name, value in variables['batch_stats'].items():
    assert modules.bits(getattr(module, name)[...]) == modules.bits(value)


def test_complex_statistics_are_kept_complex():
  x = draw(dtype='complex64') + 1j * draw(1)
  module = norms.nnx.BatchNorm(8, dtype=jnp.complex64, momentum=0.0, rngs=nnx.Rngs(0))
  module(x)
  chex.assert_trees_all_close(module.mean[...], np.mean(x, (0, 1)), rtol=0, atol=1e-6)
