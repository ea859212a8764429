"""On a mesh: modules, loops and values are what they are on one device, however the input is split.

What the functions owe there is in tests/promises/meshes.py, and what they may exchange in
tests/test_collectives.py.
"""

import functools
import itertools

from flax import nnx
import jax
from jax import lax
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P
import modules
import numpy as np
from promises import meshes
import pytest

import norms
import norms.linen
import norms.nnx

# Ghosts of four examples, of which a device has two.
MAIN = {
  'BatchNorm': {},
  'LayerNorm': {},
  'RMSNorm': {},
  'GroupNorm': {'num_groups': 4},
  'InstanceNorm': {},
}
OTHERS = {
  'BatchRenorm': {},
  'MeanOnlyBatchNorm': {},
  'SwitchableNorm': {},
  'EvoNormB0': {},
  'GhostBatchNorm': {'ghost_size': 4},
}
OPTIONS = {**MAIN, **OTHERS}
# As many roundings as in tests/promises/meshes.py.
TOLERANCE = meshes.TOLERANCE['float32']


def _draw(tree):
  """The same tree, with numbers of its own in place of zeros and ones."""
  rng = np.random.default_rng(6)
  return jax.tree.map(lambda a: rng.uniform(0.5, 1.5, a.shape).astype(a.dtype), tree)


def _linen(name, x):
  module = getattr(norms.linen, name)(**OPTIONS[name])
  call = {'use_running_average': False} if norms.catalogue.CLASSES[name].state else {}
  variables = jax.eval_shape(lambda: module.init(jax.random.key(0), x, **call))
  return _draw(dict(variables)), lambda v, x, ct: modules.run_linen(module, v, x, ct, **call)


def _nnx(name, x):
  module = getattr(norms.nnx, name)(x.shape[-1], **OPTIONS[name], rngs=nnx.Rngs(0))
  graph, state = nnx.split(module)
  return _draw(state), lambda v, x, ct: modules.run_nnx(nnx.merge(graph, v, copy=True), x, ct)


KINDS = {'linen': _linen, 'nnx': _nnx}


def _placed(mesh, spec, variables, own):
  """Vectors of an entry for each feature as the input's features, if `own`; the rest whole."""

  def at(a):
    return P(spec[-1]) if own and a.ndim and a.shape != (3,) else P()

  return jax.tree.map(lambda a: jax.device_put(a, NamedSharding(mesh, at(a))), variables)


def _cases():
  """Quick: those with Explicit axes, of the less usual norms by linen alone. The rest is slow."""
  for kind, mode in itertools.product(KINDS, meshes.MODES):
    for name in OPTIONS:
      places = ['features', 'batch-positions'] if name in MAIN else ['features']
      places += ['heads'] if name in ('LayerNorm', 'RMSNorm') else []
      places += ['batch'] if name == 'GhostBatchNorm' else []
      for place in places:
        quick = mode == 'Explicit' and (name in MAIN or kind == 'linen')
        marks = [] if quick else [pytest.mark.slow]
        yield pytest.param(kind, name, place, mode, id=f'{name}-{place}-{mode}-{kind}', marks=marks)


@pytest.mark.parametrize('kind, name, place, mode', list(_cases()))
def test_modules_are_as_on_one_device(kind, name, place, mode):
  shape, spec, sizes = meshes.PLACES[place]
  x, ct = (np.asarray(modules.draw(seed, shape=shape)) for seed in (0, 1))
  variables, run = KINDS[kind](name, x)
  expected = jax.tree.map(np.asarray, jax.jit(run)(variables, x, ct))
  mesh = meshes.mesh_of(mode, sizes)
  with jax.set_mesh(mesh):
    split = jax.device_put((x, ct), NamedSharding(mesh, P(*spec)))
    for own in (False, True) if spec[-1] else (False,):
      found = jax.jit(run)(_placed(mesh, spec, variables, own), *split)
      assert found[0].sharding.is_equivalent_to(split[0].sharding, x.ndim), 'z lies elsewhere'
      modules.close(jax.tree.map(np.asarray, found), expected, TOLERANCE)


@pytest.mark.parametrize('place', ['batch', 'features'])
def test_running_statistics_are_a_carry(place):
  """Of a loop over batches: with Explicit axes a carry that lay otherwise at the end is refused."""
  shape, spec, sizes = meshes.PLACES[place]
  batches = np.asarray(modules.draw(shape=(3, *shape)))
  start = norms.BatchStats(np.zeros(shape[-1], np.float32), np.ones(shape[-1], np.float32))

  @jax.jit
  def loop(stats, batches):
    return lax.scan(lambda s, x: norms.batch_norm(x, batch_stats=s)[::-1], stats, batches)

  expected = jax.tree.map(np.asarray, loop(start, batches))
  mesh = meshes.mesh_of('Explicit', sizes)
  with jax.set_mesh(mesh):
    split = jax.device_put(batches, NamedSharding(mesh, P(None, *spec)))
    found = loop(_placed(mesh, spec, start, True), split)
    modules.close(jax.tree.map(np.asarray, found), expected, TOLERANCE)


FUNCTIONS = {
  'batch': lambda x: norms.batch_norm(x)[0],
  'layer': norms.layer_norm,
  'rms': norms.rms_norm,
  'group': functools.partial(norms.group_norm, num_groups=4),
  'instance': norms.instance_norm,
}


def _outside():
  for name, place, mode in itertools.product(FUNCTIONS, meshes.PLACES, meshes.MODES):
    quick = (name, place, mode) in (
      ('batch', 'features', 'Explicit'),
      ('layer', 'positions', 'Explicit'),
    )
    yield pytest.param(name, place, mode, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize('name, place, mode', list(_outside()))
def test_values_outside_of_a_program(name, place, mode):
  """Of arrays that lie on a mesh, operation by operation, and with no mesh set."""
  shape, spec, sizes = meshes.PLACES[place]
  x = np.asarray(modules.draw(shape=shape))
  lying = jax.device_put(x, NamedSharding(meshes.mesh_of(mode, sizes), P(*spec)))

  def value_and_gradient(x):
    return jax.vjp(FUNCTIONS[name], x)

  expected, pull = value_and_gradient(x)
  found, pull_lying = value_and_gradient(lying)
  modules.close(np.asarray(found), np.asarray(expected), TOLERANCE)
  modules.close(np.asarray(pull_lying(lying)[0]), np.asarray(pull(x)[0]), TOLERANCE)
