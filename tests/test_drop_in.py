"""Code that asks for Flax's classes finds ours: by isinstance, by filter, and by lifting."""

import copy

from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
import modules
from modules import CASES, NAMES, draw
from promises import measure
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
  """A class declares a field only if Flax's class has it not, or with another default."""
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
  """An interceptor that looks for Flax's class finds ours."""
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
  """A subclass may add a field and a method; its norm is the same to the bit."""
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


def _lifted(cls, lift):
  """The class and its input, by nn.vmap or nn.scan, which stack its variables."""
  stacked = {'variable_axes': {'params': 0, 'batch_stats': 0}, 'split_rngs': {'params': True}}
  if lift == 'vmap':
    return nn.vmap(cls, **stacked), jnp.stack([X, X + 1])
  if lift in ('remat', 'jit'):
    return getattr(nn, lift)(cls), X

  class Scanned(nn.Module):
    options: dict

    @nn.compact
    def __call__(self, x):
      step = nn.scan(lambda module, x, _: (module(x), None), length=2, **stacked)
      return step(cls(**self.options, name='norm'), x, None)[0]

  return lambda **options: Scanned(options), X


@cases
@pytest.mark.parametrize('lift', ('vmap', 'remat', 'jit', 'scan'))
def test_lifted_as_flaxs(case, lift):
  """Variables are stacked as Flax's are, and outputs are the same to rounding."""
  found, options = [], {'use_fast_variance': False}  # of a norm's norm Flax's fast one has 3 digits
  for library in (norms.linen, nn):
    make, x = _lifted(getattr(library, case.name), lift)
    module = make(**case.training, **case.options, **case.random, **options)
    variables = module.init(KEY, x)
    found.append((variables, module.apply(variables, x, mutable=['batch_stats'])))
  (ours, (y, stats)), (theirs, (z, flax_stats)) = found
  measure.assert_same(ours, theirs)
  modules.close((y, stats), (z, flax_stats), 1e-5)
