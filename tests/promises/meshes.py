"""Promise 10, on meshes of eight devices: however the input is sharded, the result is the same.

That holds for value, gradients and running statistics, with mesh axes of which XLA chooses the
sharding (Auto), and with those whose sharding is a part of the type (Explicit).
"""

import functools

import jax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
import numpy as np

import norms
from promises import formula, measure

SHAPE = (16, 8, 16)  # each axis splits over eight devices, also the eight ghosts of two examples
HEADS = (4, 6, 8, 4)
# name -> the shape of x, the mesh axis of each of its axes, the sizes of the mesh
PLACES = {
  'batch': (SHAPE, ('a', None, None), (8,)),
  'positions': (SHAPE, (None, 'a', None), (8,)),
  'features': (SHAPE, (None, None, 'a'), (8,)),
  'batch-positions': (SHAPE, ('a', 'b', None), (4, 2)),
  'batch-features': (SHAPE, ('a', None, 'b'), (4, 2)),
  'heads': (HEADS, (None, None, 'a', None), (8,)),
}
MODES = ('Auto', 'Explicit')
# Sums of up to 256 entries are added up in another order: 1e-5 is some eighty roundings of float32,
# and 1e-12 as many as are ever seen of float64, where whatever is done in float32 shows.
TOLERANCE = {'float32': 1e-5, 'float64': 1e-12}


def mesh_of(mode, sizes):
  return jax.make_mesh(sizes, ('a', 'b')[: len(sizes)], axis_types=(AxisType[mode],) * len(sizes))


@functools.cache  # one function for each row, so that it is traced once
def pulled(row):
  """(x, params, running statistics, ct) -> z and the gradients; the new running statistics."""

  def value_and_gradients(x, params, stats, ct):
    def call(x, params):
      more = {'batch_stats': stats} if row.state else {}
      found = row.function(x, **params, **{**row.options, **row.drawn(x.shape), **more})
      z, *rest = found if isinstance(found, tuple) else (found,)
      return z, {name: getattr(rest[0], name) for name in row.state}

    z, pull, new = jax.vjp(call, x, params, has_aux=True)
    dx, dparams = pull(ct.astype(z.dtype))
    return {'z': z, 'x': dx, **dparams}, new

  return value_and_gradients


def _case(row, shape, dtype, name='unit'):
  x, params, ct = measure.case(row, shape, dtype, name)
  features = [shape[a] for a in row.params['bias']] if row.state else []
  start = functools.partial(np.full, features, dtype=dtype)
  stats = norms.BatchStats(start(fill_value=0.3), start(fill_value=1.7)) if row.state else None
  return x, params, stats, ct


@functools.cache
def _on_one_device(row, shape, dtype):
  found = jax.jit(pulled(row))(*_case(row, shape, dtype))
  return jax.tree.map(np.asarray, found)


def _lying(row, place, mesh, own: bool):
  """Where x, the parameters and the running statistics lie: the latter two split as x is (own)."""
  shape, spec, _ = PLACES[place]

  def at(axes):
    return NamedSharding(mesh, P(*(spec[a] for a in axes)))

  def along(axes):
    return at(() if isinstance(axes, int) or not own else axes)

  params = {name: along(axes) for name, axes in row.params.items()}
  return at(range(len(shape))), params, along(row.params['bias']) if row.state else None


def on_a_mesh(row, place, mode, case, own: bool):
  """`pulled`, compiled for that sharding, and its result."""
  mesh = mesh_of(mode, PLACES[place][2])
  as_x, as_params, as_stats = _lying(row, place, mesh, own)
  stats = dict.fromkeys(row.state, as_stats)
  with jax.set_mesh(mesh):
    placed = jax.device_put(case, (as_x, as_params, as_stats, as_x))
    made = {'z': as_x, 'x': as_x, **as_params}, stats
    return jax.tree.map(np.asarray, jax.jit(pulled(row), out_shardings=made)(*placed))


def owns(row, place):
  """Whether the parameters may lie in one piece on each device, and as the input does."""
  spec = PLACES[place][1]
  vectors = (a for a in row.params.values() if not isinstance(a, int))
  return (False, True) if any(spec[i] for axes in vectors for i in axes) else (False,)


def check_place(mode, place, dtype, row):
  with jax.enable_x64(dtype == 'float64'):
    case = _case(row, PLACES[place][0], dtype)
    expected = _on_one_device(row, PLACES[place][0], dtype)
    for own in owns(row, place):
      found = on_a_mesh(row, place, mode, case, own)
      for a, b in zip(found, expected, strict=True):
        for name in b:
          what = f'{name}, parameters split: {own}'
          measure.assert_near(a[name], b[name], TOLERANCE[dtype], what)


def check_types(row):
  """With Explicit axes z and gradients have the shardings of x and parameters, by their types."""
  for place, (shape, _, sizes) in PLACES.items():
    mesh = mesh_of('Explicit', sizes)
    for own in owns(row, place) if _has(row, place) else ():
      as_x, as_params, as_stats = _lying(row, place, mesh, own)

      def typed(a, lies):
        return jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=lies)

      x, params, stats, ct = _case(row, shape, 'float32')
      stats = jax.tree.map(functools.partial(typed, lies=as_stats), stats)
      with jax.set_mesh(mesh):
        given = typed(x, as_x), jax.tree.map(typed, params, as_params), stats, typed(ct, as_x)
        found, new = jax.eval_shape(pulled(row), *given)
      for name, lies in {'z': as_x, 'x': as_x, **as_params}.items():
        assert _spec(found[name]) == _padded(lies.spec, found[name]), f'{name}, {place}, {own}'
      for name, a in new.items():
        assert not own or _spec(a) == _padded(as_stats.spec, a), f'running {name}, {place}'


def _spec(a):
  return _padded(a.sharding.spec, a)


def _padded(spec, a):
  return (*spec, *[None] * (len(a.shape) - len(spec)))


def check_offset(mode, row):
  """An offset of 1e4 costs no digit, compared with the float64 oracle, as on one device."""
  x, params, stats, ct = _case(row, SHAPE, 'float32', 'offset_1e4')
  for place in ('batch-positions', 'batch-features'):
    found, _ = on_a_mesh(row, place, mode, (x, params, stats, ct), False)
    assert_exact(row, found, x, params, ct)


def assert_exact(row, found, x, params, ct):
  """Within the tolerances of promises 1 and 2."""
  z, gradients = measure.plain(row, x, params, ct)
  measure.assert_near(found['z'], z, formula.FLOAT32, 'z')
  term = 1e-7 * np.max(np.abs(ct)) * np.max(np.abs(z)) / np.max(np.abs(x))
  for name, a in gradients.items():  # these are sums, which may cancel
    floor = term if name == 'x' else 1e-7 * np.linalg.norm(ct)
    measure.assert_near(found[name], a, formula.FLOAT32, f'gradient of {name}', floor)


def _activation(row):
  return row.norm not in norms.NORMS or norms.NORMS[row.norm].kind == 'activation'


def _own_statistics(row):
  """Rows whose oracle in training needs no running statistics: it has others than `_case`."""
  return _activation(row) and 'batch_stats' not in row.drawn(SHAPE)


def _has(row, place):
  """Rows whose options name axes are of three axes."""
  return _activation(row) and not (row.variant and place == 'heads')


def _quick(row):
  """One of a kind, and those of which attention splits the heads."""
  return measure.representative(row) or row.id in ('layer', 'rms')


def _promises():
  for mode in MODES:
    for place in PLACES:
      applies = functools.partial(_has, place=place)

      def quick(row, applies=applies):
        return applies(row) and _quick(row)

      name, check = f'{mode}-{place}'.lower(), functools.partial(check_place, mode, place)
      if mode == 'Explicit' or place in ('batch-positions', 'heads'):
        yield f'meshes-{name}', functools.partial(check, 'float32'), quick
      # What knows where arrays lie asks for no dtype: those of a kind are tried with every pair of
      # mode and dtype, and the others with each mode and each dtype at every place.
      for dtype, ending in (('float32', ''), ('float64', '-float64')):
        paired = dtype == {'Auto': 'float32', 'Explicit': 'float64'}[mode]
        owing = applies if paired else quick
        yield f'slow-meshes-{name}{ending}', functools.partial(check, dtype), owing
  yield 'meshes-types', check_types, _activation
  offset = {mode: functools.partial(check_offset, mode) for mode in MODES}
  yield 'meshes-offset', offset['Explicit'], lambda row: _activation(row) and _quick(row)
  for mode in MODES:
    yield f'slow-meshes-offset-{mode}'.lower(), offset[mode], _own_statistics


PROMISES = tuple(_promises())
