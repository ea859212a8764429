"""norms.linen in the place of flax.linen: the same interface, numbers and variables."""

import dataclasses
import inspect
import itertools

import chex
import flax.errors
import flax.linen as nn
import jax
import jax.numpy as jnp
import modules
from modules import CASES, NAMES, draw
import numpy as np
from promises import measure
import pytest

import norms.linen

cases = pytest.mark.parametrize('case', CASES, ids=lambda case: case.id)
X, CT, KEY = draw(), draw(1), jax.random.key(0)


def _field(f):
  made = f.default_factory() if f.default_factory is not dataclasses.MISSING else None
  return f.name, f.default, made, f.init, f.kw_only


@pytest.mark.parametrize('name', NAMES)
def test_fields_are_flaxs_then_ours(name):
  ours, theirs = getattr(norms.linen, name), getattr(nn, name)
  own = [_field(f) for f in dataclasses.fields(ours) if f.name not in ('parent', 'name')]
  known = [_field(f) for f in dataclasses.fields(theirs) if f.name not in ('parent', 'name')]
  assert own[: len(known)] == known
  assert ours.__name__ == theirs.__name__
  call, known_call = (inspect.signature(c.__call__).parameters.values() for c in (ours, theirs))
  assert [(p.name, p.kind, p.default) for p in call] == [
    (p.name, p.kind, p.default) for p in known_call
  ]


@cases
def test_variables_are_flaxs_to_the_bit(case):
  """Collections, names, shapes, dtypes, and the order of draws."""
  ours, theirs = (case.linen(lib, **case.random).init(KEY, X) for lib in (norms.linen, nn))
  chex.assert_trees_all_equal_shapes_and_dtypes(ours, theirs)
  assert jax.tree.map(modules.bits, ours) == jax.tree.map(modules.bits, theirs)


@cases
@pytest.mark.parametrize('fast', (True, False))
def test_values_and_gradients_are_flaxs(case, fast):
  """On unit-scale float32: mean difference 8e-8, two thirds of an ulp of 1; gradients 1e-6.

  Ours is one program, and rounded less often: 4.9e-8 from float64, where Flax is 5.7e-8.
  """
  ours, theirs = (case.linen(lib, use_fast_variance=fast) for lib in (norms.linen, nn))
  x, variables = X / 2, ours.init(KEY, X)
  y, stats, gradients = modules.run_linen(ours, variables, x, CT)
  z, flax_stats, flax_gradients = modules.run_linen(theirs, variables, x, CT)
  assert np.mean(np.abs(y - z)) <= 8e-8
  measure.assert_near(gradients, flax_gradients, 1e-6, 'gradient of ')
  chex.assert_trees_all_close(stats, flax_stats, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('case', CASES[:2], ids=lambda case: case.id)
def test_evaluation_is_flaxs(case):
  module, theirs = (case.linen(lib, **case.random) for lib in (norms.linen, nn))
  variables = module.init(KEY, X)
  stats = {
    'mean': draw(2, shape=(case.num_features,)),
    'var': jnp.arange(1.0, 1 + case.num_features),
  }
  variables = {'params': variables['params'], 'batch_stats': stats}
  y, z = (
    dataclasses.replace(m, use_running_average=None).apply(variables, X, use_running_average=True)
    for m in (module, theirs)
  )
  chex.assert_trees_all_close(y, z, rtol=1e-6, atol=1e-6)


DTYPES = (jnp.float32, jnp.bfloat16, jnp.complex64)


@cases
def test_dtypes_are_flaxs(case):
  """Of result, parameters and running statistics, for all dtypes that a user may name."""
  grid = itertools.product((*DTYPES, jnp.int32), (None, *DTYPES), DTYPES[:2], (True, False))
  for x_dtype, dtype, param_dtype, force in grid:
    if jnp.issubdtype(x_dtype, jnp.complexfloating) and dtype not in (None, jnp.complex64):
      continue  # Flax throws the imaginary part away
    x = jax.ShapeDtypeStruct(X.shape, x_dtype)
    options = {'dtype': dtype, 'param_dtype': param_dtype, 'force_float32_reductions': force}
    found, expected = (
      jax.eval_shape(case.linen(lib, **options).init_with_output, KEY, x)
      for lib in (norms.linen, nn)
    )
    if jnp.complex64 in (x_dtype, dtype) and case.name == 'BatchNorm':
      # Ours is complex from the start, Flax's after the first step.
      chex.assert_type(found[1]['batch_stats'].pop('mean'), jnp.complex64)
      expected[1]['batch_stats'].pop('mean')
    assert found == expected, (x_dtype, dtype, param_dtype, force)


@pytest.mark.parametrize('dtype', (jnp.float32, jnp.bfloat16))
def test_a_wider_dtype_is_computed_in(dtype):
  """dtype says the result's digits, not only its dtype: no rounding to the input's on the way."""
  x = draw(dtype=jnp.bfloat16)
  y, _ = norms.linen.LayerNorm(dtype=dtype, use_bias=False, use_scale=False).init_with_output(
    KEY, x
  )
  expected = norms.layer_norm(x.astype(jnp.float32)).astype(dtype)
  assert modules.bits(y) == modules.bits(expected)


WRONG = {
  'groups-do-not-divide': ('GroupNorm', {'num_groups': 3}),
  'groups-and-size': ('GroupNorm', {'num_groups': 4, 'group_size': 2}),
  'neither-groups-nor-size': ('GroupNorm', {'num_groups': None}),
  'group-without-channels': ('GroupNorm', {'num_groups': 4, 'reduction_axes': (0, 1)}),
  'instance-of-examples': ('InstanceNorm', {'feature_axes': (0, 2)}),
  'nobody-says-train-or-not': ('BatchNorm', {}),
  'result-in-integers': ('LayerNorm', {'dtype': jnp.int32}),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_errors_are_of_flaxs_types(wrong):
  name, options = WRONG[wrong]
  with pytest.raises(Exception) as theirs:  # noqa: B017,PT011
    getattr(nn, name)(**options).init(KEY, X)
  with pytest.raises(theirs.type):
    getattr(norms.linen, name)(**options).init(KEY, X)


def test_parameters_of_another_shape_are_flaxs_error():
  variables = norms.linen.LayerNorm().init(KEY, X)
  with pytest.raises(flax.errors.ScopeParamShapeError):
    norms.linen.LayerNorm().apply(variables, X[..., :5])


@cases
def test_no_named_axis_is_needed_to_initialise(case):
  module = case.linen(axis_name='devices', axis_index_groups=[[0], [1]])
  variables = module.init(KEY, X)
  if case.name == 'BatchNorm':
    assert np.all(variables['batch_stats']['mean'] == 0)  # nor do the statistics move


def test_statistics_that_are_not_mutable_are_flaxs_error():
  module = norms.linen.BatchNorm(use_running_average=False)
  with pytest.raises(flax.errors.ModifyScopeVariableError):
    module.apply(module.init(KEY, X), X)
