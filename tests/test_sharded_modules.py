"""Modules whose parameters and inputs lie on several devices, as Flax's metadata says."""

from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
import modules
from modules import CASES, draw
from promises import measure
import pytest

import norms.linen
import norms.nnx

X, KEY = draw(), jax.random.key(0)
CASES = [case for case in CASES if case.id in ('batch', 'layer', 'rms', 'group', 'instance')]
cases = pytest.mark.parametrize('case', CASES, ids=lambda case: case.id)
SPECS = pytest.mark.parametrize('spec', ((None, None, 'model'), (None, 'model', None),
                                         ('model', None, None)), ids=str)  # fmt: skip
AXES = pytest.mark.parametrize('kind', (AxisType.Auto, AxisType.Explicit), ids=lambda k: k.name)


def _mesh(kind):
  return jax.make_mesh((1, 2), ('data', 'model'), axis_types=(kind, kind))


def _run(module, x):
  """z, that of a compiled call, and gradients of the Params."""

  def loss(m, x):
    return jnp.sum(jnp.sin(m(x)))

  gradients = nnx.jit(nnx.grad(loss))(module, x)
  z = nnx.jit(lambda m, x: m(x))(module, x)
  return module(x), z, nnx.to_pure_dict(gradients)


@pytest.mark.skipif(jax.device_count() < 2, reason='needs two devices')
@cases
@SPECS
@AXES
def test_nnx_sharding_metadata(case, kind, spec):
  """Params have the sharding of their metadata, z that of x, gradients those of their primals.

  Flax's batch and group norm are errors where an explicit axis holds their features.
  """
  mesh, place = _mesh(kind), spec[2:]
  metadata = {f'{name}_metadata': {'out_sharding': place} for name in case.parameters}
  expected = _run(case.nnx(), X)
  with jax.set_mesh(mesh):
    module = case.nnx(**metadata)
    for param in (getattr(module, name) for name in case.parameters):
      assert param.get_metadata()['out_sharding'] == place
      assert param[...].sharding.is_equivalent_to(NamedSharding(mesh, PartitionSpec(*place)), 1)
    y, z, gradients = found = _run(module, jax.device_put(X, NamedSharding(mesh, _spec(spec))))
    for a in (y, z):
      assert a.sharding.is_equivalent_to(NamedSharding(mesh, _spec(spec)), 3)
    for a in gradients.values():
      assert a.sharding.is_equivalent_to(NamedSharding(mesh, PartitionSpec(*place)), 1)
    modules.close(found, expected, 1e-5)


def _spec(axes):
  return PartitionSpec(*axes)


@cases
def test_linens_boxes(case):
  """Partitioned initialisers give Flax's boxes and specs, and gradients in such boxes."""
  inits = {f'{n}_init': nn.with_partitioning(modules.NORMAL, ('model',)) for n in case.parameters}
  found = []
  for library in (norms.linen, nn):
    module = case.linen(library, **inits)
    variables = module.init(KEY, X)

    def loss(v, m=module):
      return jnp.sum(jnp.sin(m.apply(v, X, mutable=['batch_stats'])[0]))

    found.append((nn.get_partition_spec(variables), variables, jax.grad(loss)(variables)))
  (specs, variables, gradients), (flax_specs, flax_variables, flax_gradients) = found
  assert specs == flax_specs
  measure.assert_same(variables, flax_variables)
  modules.close(gradients['params'], flax_gradients['params'], 1e-5)


@pytest.mark.skipif(jax.device_count() < 2, reason='needs two devices')
@cases
def test_linens_boxes_on_a_mesh(case):
  """Initialised within jax.jit, parameters have the shardings of their boxes."""
  inits = {f'{n}_init': nn.with_partitioning(modules.NORMAL, ('model',)) for n in case.parameters}
  module = case.linen(**inits)
  mesh = _mesh(AxisType.Auto)
  with jax.set_mesh(mesh):
    x = jax.device_put(X, NamedSharding(mesh, _spec((None, None, 'model'))))
    shapes = jax.eval_shape(module.init, KEY, x)
    places = nn.get_sharding(shapes, mesh)
    variables = jax.jit(module.init, out_shardings=places)(KEY, x)
    assert variables['params']['scale'].value.sharding.spec == PartitionSpec('model')
    y = jax.jit(lambda v, x: module.apply(v, x, mutable=['batch_stats'])[0])(variables, x)
  z = module.apply(module.init(KEY, X), X, mutable=['batch_stats'])[0]
  modules.close(y, z, 1e-5)
