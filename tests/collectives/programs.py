"""A norm's programs on a mesh of eight: through a linen module of ours, and through Flax's.

Nothing is run: programs are compiled from descriptions of arrays.
"""

import dataclasses
import functools
import math

import flax.linen
import jax
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import norms.linen
from tests.collectives import Cost, cost


@dataclasses.dataclass(frozen=True)
class Place:
  """An input of this shape, each of its axes split along a mesh axis or none, on such a mesh."""

  shape: tuple[int, ...]
  spec: tuple[str | None, ...]
  sizes: tuple[int, ...] = (8,)

  def mesh(self, kind: str):
    names = ('a', 'b')[: len(self.sizes)]
    return jax.make_mesh(self.sizes, names, axis_types=(AxisType[kind],) * len(names))

  @property
  def share(self) -> int:
    """Bytes of a device's part of the input."""
    return 4 * math.prod(self.shape) // math.prod(self.sizes)


CUBE, HEADS = (64, 64, 64), (8, 256, 16, 64)  # the latter: examples, positions, heads, features
PLACES = {
  'batch': Place(CUBE, ('a', None, None)),
  'positions': Place(CUBE, (None, 'a', None)),
  'features': Place(CUBE, (None, None, 'a')),
  'batch, positions': Place(CUBE, ('a', 'b', None), (4, 2)),
  'batch, features': Place(CUBE, ('a', None, 'b'), (4, 2)),
  'long sequence': Place((4, 1024, 256), (None, 'a', None)),
  'sequence of heads': Place(HEADS, (None, 'a', None, None)),
  'heads': Place(HEADS, (None, None, 'a', None)),
  'batch, heads': Place(HEADS, ('a', None, 'b', None), (4, 2)),
}
MODULES = {
  'layer': ('LayerNorm', {}),
  'rms': ('RMSNorm', {}),
  'batch': ('BatchNorm', {'use_running_average': False}),
  'group': ('GroupNorm', {'num_groups': 16}),
  'instance': ('InstanceNorm', {}),
}
LIBRARIES = {
  'ours': (norms.linen, {}),
  'two passes': (flax.linen, {'use_fast_variance': False}),
  'default': (flax.linen, {}),
}


def module(library: str, norm: str, **more):
  """A linen module of ours or Flax's."""
  package, chosen = LIBRARIES[library]
  name, options = MODULES[norm]
  return getattr(package, name)(**options, **chosen, **more)


def described(layer, shape):
  """(x, parameters, running statistics) of a module for that shape."""
  x = jax.ShapeDtypeStruct(shape, jnp.float32)
  variables = dict(jax.eval_shape(layer.init, jax.random.key(0), x))
  return x, variables.pop('params'), variables


def _lying(layer, place: Place, mesh):
  """The same on a mesh: an entry for each feature is split as the features are."""
  x, *vectors = described(layer, place.shape)

  def at(spec):
    return functools.partial(_at, NamedSharding(mesh, P(*spec)))

  return at(place.spec)(x), *jax.tree.map(at(place.spec[-1:]), vectors)


def _at(sharding, a):
  return jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding)


def _shardings(tree):
  return jax.tree.map(lambda a: a.sharding, tree)


def applied(layer, stats):
  """(x, params) -> z and the new running statistics."""
  return lambda x, params: layer.apply({'params': params, **stats}, x, mutable=list(stats))


def step(library: str, norm: str, place: Place, kind: str) -> Cost:
  """Of a training step: the sum of z times ct, its gradients, and new running statistics."""
  layer, mesh = module(library, norm), place.mesh(kind)

  def loss(x, params, stats, ct):
    z, new = applied(layer, stats)(x, params)
    return jnp.sum(z * ct), new

  with jax.set_mesh(mesh):
    x, params, stats = _lying(layer, place, mesh)
    made = (None, _shardings(stats)), _shardings((x, params))
    compiled = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True), out_shardings=made)
    return cost(compiled.lower(x, params, stats, x).compile())


def halves(library: str, norm: str, place: Place, kind: str) -> tuple[Cost, Cost]:
  """Of two programs: forward, which hands on what it keeps, and backward from there."""
  layer, mesh = module(library, norm), place.mesh(kind)

  def forward(x, params, stats):
    return jax.vjp(applied(layer, stats), x, params, has_aux=True)

  with jax.set_mesh(mesh):
    x, params, stats = _lying(layer, place, mesh)
    lowered = jax.jit(forward).lower(x, params, stats)
    there = lowered.compile()
    kept = jax.tree.map(lambda a, s: _at(s, a), lowered.out_info[1], there.output_shardings[1])
    back = jax.jit(lambda pull, ct: pull(ct), out_shardings=_shardings((x, params)))
    return cost(there), cost(back.lower(kept, x).compile())


# The axis of the input that devices share under a named axis.
SPLIT = {'layer': 2, 'rms': 2, 'batch': 0, 'group': 1, 'instance': 1}


def named(library: str, norm: str, check_vma: bool, of_params: bool) -> tuple[Cost, Cost]:
  """Of a forward pass and of a training step under shard_map, with statistics over its axis.

  of_params: parameters of each device's own, with gradients; or else the same for all, without.
  """
  layer, place = module(library, norm, axis_name='a'), Place(CUBE, (None,) * 3)
  part = tuple(n // 8 if i == SPLIT[norm] else n for i, n in enumerate(place.shape))
  split = P(*('a' if i == SPLIT[norm] else None for i in range(3)))
  own = module(library, norm)  # whose parameters are the same, and described under no axis
  _, params, stats = described(own, part)
  params = jax.tree.map(lambda a: jax.ShapeDtypeStruct((8, *a.shape), a.dtype), params)
  varied = P('a') if of_params else P()

  def forward(x, params, stats, ct):
    z, new = applied(layer, stats)(x, jax.tree.map(lambda p: p[0], params))
    return z, jax.tree.map(lambda s: s[None], new)

  def whole(x, params, stats, ct):
    def f(x, params):
      return forward(x, params, stats, ct)

    f = f if of_params else functools.partial(f, params=params)
    z, pull, new = jax.vjp(f, *((x, params) if of_params else (x,)), has_aux=True)
    # What comes back waits for z, as any loss's does: else it might share the forward exchange.
    return (z, new), pull(ct * z)

  def compiled(f, made):
    given = split, varied, P(), split
    mapped = jax.shard_map(
      f, mesh=place.mesh('Auto'), in_specs=given, out_specs=made, check_vma=check_vma
    )
    x = jax.ShapeDtypeStruct(place.shape, jnp.float32)
    return cost(jax.jit(mapped).lower(x, params, stats, x).compile())

  there = split, P('a')
  gradients = (split, varied) if of_params else (split,)
  return compiled(forward, there), compiled(whole, (there, gradients))
