"""Code that asks for Flax's classes finds ours: by isinstance, by filter, and by lifting."""

import copy
import functools

from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
import modules
from modules import CASES, NAMES, draw
import numpy as np
import pytest

import norms.linen
import norms.nnx

cases = pytest.mark.parametrize('case', CASES, ids=lambda case: case.id)
names = pytest.mark.parametrize('name', NAMES)
X, KEY = draw(), jax.random.key(0)


@names
def test_ours_are_flaxs_classes(name):
  for ours, theirs in ((norms.linen, nn), (norms.nnx, nnx)):
    assert issubclass(getattr(ours, name), getattr(theirs, name))
    assert name in getattr(ours, name).__doc__ and getattr(ours, name).__call__ is not (
      getattr(theirs, name).__call__
    )


@names
def test_a_field_of_linen_stands_where_its_default_is_said(name):
  """What is Flax's is inherited: only what is new, or differs, is written down."""
  ours, theirs = getattr(norms.linen, name), getattr(nn, name)
  own = {field for field in ours.__annotations__ if not field.startswith('_')}
  own -= {'parent', 'name'}  # Flax puts these into every module
  known = theirs.__dataclass_fields__
  assert all(f not in known or known[f].default != getattr(ours, f) for f in own)


def test_attributes_are_set_by_flaxs_class():
  model = nnx.Sequential(
    norms.nnx.BatchNorm(8, rngs=nnx.Rngs(0)), norms.nnx.LayerNorm(8, rngs=nnx.Rngs(0))
  )
  model.set_attributes(nnx.BatchNorm, use_running_average=True)
  assert model.layers[0].use_running_average is True
  model.set_attributes(nnx.LayerNorm, epsilon=0.5)
  assert model.layers[1].epsilon == 0.5 != model.layers[0].epsilon
  with pytest.raises(ValueError, match='use_running_average'):
    model.set_attributes(nnx.GroupNorm, use_running_average=True)


def test_views_by_flaxs_class():
  model = nnx.Sequential(
    norms.nnx.BatchNorm(8, rngs=nnx.Rngs(0)), norms.nnx.GhostBatchNorm(8, rngs=nnx.Rngs(0))
  )
  view = nnx.view(model, only=nnx.BatchNorm, use_running_average=True)
  assert [m.use_running_average for m in view.layers] == [True, False]
  assert 'use_running_average' in nnx.view_info(model)


def test_linens_interceptors_see_flaxs_class():
  """As a user does who watches, or casts, every norm of a model."""
  seen = []

  def watch(call, args, kwargs, context):
    if isinstance(context.module, nn.LayerNorm | nn.BatchNorm):
      seen.append(type(context.module))
    return call(*args, **kwargs)

  model = nn.Sequential(
    [norms.linen.LayerNorm(), nn.relu, norms.linen.BatchNorm(use_running_average=False)]
  )
  with nn.intercept_methods(watch):
    model.init(KEY, X)
  assert seen == [norms.linen.LayerNorm, norms.linen.BatchNorm]


@cases
def test_a_users_subclass_of_ours(case):
  """With a field and a method of its own; the norm is the same to the bit."""
  linen, their_nnx = getattr(norms.linen, case.name), getattr(norms.nnx, case.name)

  class Linen(linen):
    twice: bool = False

    @nn.compact
    def __call__(self, x, **call):
      return (2 if self.twice else 1) * super().__call__(x, **call)

  class Nnx(their_nnx):
    def __call__(self, x, **call):
      return 2 * super().__call__(x, **call)

  options = {**case.training, **case.options}
  y, z = (m.init_with_output(KEY, X)[0] for m in (case.linen(), Linen(**options, twice=True)))
  assert modules.bits(2 * y) == modules.bits(z)
  own = Nnx(case.num_features, **case.options, rngs=nnx.Rngs(0))
  assert modules.bits(own(X)) == modules.bits(2 * case.nnx()(X))


@cases
def test_repr_and_clone_are_flaxs(case):
  """Flax's fields in Flax's order; a clone and a copy are of our class and equal."""
  ours, theirs = (case.linen(library) for library in (norms.linen, nn))
  lines = [line.strip() for line in repr(theirs).splitlines()[2:-1]]  # class and comment, bracket
  own = [line.strip() for line in repr(ours).splitlines()]
  found = [line for line in own if line in lines]
  assert [line for line in lines if ' at 0x' not in line] == [
    line for line in found if ' at 0x' not in line
  ]
  for other in (ours.clone(), copy.copy(ours), copy.deepcopy(ours)):
    assert type(other) is type(ours) and other == ours
  assert ours.clone(epsilon=0.5).epsilon == 0.5
  assert repr(case.nnx()).startswith(f'{case.name}(')


def _first(step, module):
  return step(module, X, None)[0]


@cases
@pytest.mark.parametrize('lift', ('vmap', 'remat', 'jit', 'scan'))
def test_lifted_as_flaxs(case, lift):
  """The same variables, stacked where Flax's are; outputs within rounding."""
  pair = []
  for library in (norms.linen, nn):
    cls = getattr(library, case.name)
    stacked = {'variable_axes': {'params': 0, 'batch_stats': 0}, 'split_rngs': {'params': True}}
    x, options = X, {**case.training, **case.options, **case.random}
    if lift == 'vmap':
      cls, x = nn.vmap(cls, **stacked), jnp.stack([X, X + 1])
    elif lift == 'scan':
      step = nn.scan(lambda m, x, _: (m(x), None), length=2, **stacked)
      call = functools.partial(_first, step)
      run = nn.apply(call, cls(**options), mutable=True)
      start = nn.init(call, cls(**options))
      variables = start(KEY)
      pair.append((variables, run(variables)))
      continue
    else:
      cls = getattr(nn, lift)(cls)
    module = cls(**options)
    variables = module.init(KEY, x)
    pair.append((variables, module.apply(variables, x, mutable=['batch_stats'])))
  (ours, ours_found), (theirs, theirs_found) = pair
  assert jax.tree.all(jax.tree.map(np.array_equal, ours, theirs))
  modules.close(ours_found[0], theirs_found[0], 1e-5)


AXIS = pytest.mark.parametrize('kind', (AxisType.Auto, AxisType.Explicit))


def _sharded(kind, spec):
  mesh = jax.make_mesh((1, 2), ('data', 'model'), axis_types=(kind, kind))
  return mesh, jax.device_put(X, NamedSharding(mesh, PartitionSpec(*spec)))


# Flax's batch and group norm are errors over explicit axes that hold their features.
FREE = [c for c in CASES if c.id in ('layer', 'rms', 'instance')]


@pytest.mark.skipif(jax.device_count() < 2, reason='needs two devices')
@pytest.mark.parametrize('case', FREE, ids=lambda case: case.id)
@pytest.mark.parametrize('spec', ((None, None, 'model'), (None, 'model'), ('model',)))
@AXIS
def test_nnx_sharding_metadata(case, kind, spec):
  """Params lie where their metadata says, and the result and gradients where Flax's do."""
  mesh, x = _sharded(kind, spec)
  place = {'out_sharding': (spec[2] if len(spec) == 3 else None,)}
  metadata = {f'{name}_metadata': place for name in case.parameters}
  with jax.set_mesh(mesh):
    found = []
    for library in (norms.nnx, nnx):
      module = case.nnx(library, **metadata)
      assert module.scale.get_metadata()['out_sharding'] == place['out_sharding']
      y = nnx.jit(lambda m, x: m(x))(module, x)
      gradients = nnx.jit(nnx.grad(lambda m, x: jnp.sum(jnp.sin(m(x)))))(module, x)
      found.append((module.scale[...], module(x), y, gradients['scale'][...]))
    for ours, theirs in zip(*found, strict=True):
      assert ours.sharding.is_equivalent_to(theirs.sharding, ours.ndim)
      np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@cases
def test_linens_boxes(case):
  """Partitioned initialisers: the same boxes and specs as Flax's, and gradients in them."""
  inits = {f'{n}_init': nn.with_partitioning(modules.NORMAL, ('model',) if case.num_features == 8
           or case.name == 'BatchNorm' else ('a', 'b')) for n in case.parameters}  # fmt: skip
  found = []
  for library in (norms.linen, nn):
    module = case.linen(library, **inits)
    variables = module.init(KEY, X)
    loss = lambda v, m=module: jnp.sum(jnp.sin(m.apply(v, X, mutable=['batch_stats'])[0]))  # noqa: E731
    found.append((nn.get_partition_spec(variables), variables, jax.grad(loss)(variables)))
  (specs, variables, gradients), (flax_specs, flax_variables, flax_gradients) = found
  assert specs == flax_specs
  assert jax.tree.all(jax.tree.map(np.array_equal, variables, flax_variables))
  modules.close(gradients['params'], flax_gradients['params'], 1e-5)
