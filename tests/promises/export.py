"""Promise 9: a norm can be exported with symbolic sizes.

An exported program may sum in another order than the compiled one that it is compared with. Each is
within 2e-6 of the exact value, as in promise 1. The gradient of a parameter is a sum that may
cancel, so its tolerance is 1e-7 of the cotangent's length.
"""

import functools

import chex
import jax
import jax.export
import numpy as np

import norms
from promises import formula, measure, modules

# The first size gives the shape of all promises, the last one 2**16 entries: many for a CPU.
SIZES = {'activation': (4, 64, 1366), 'kernel': (6, 64, 2048)}
PLATFORMS = ('cpu', 'cuda', 'tpu')


def kind(row):
  """'activation' or 'kernel'."""
  known = norms.NORMS.get(row.norm)  # None: a norm of a user's
  return 'activation' if known is None else known.kind


def _open(row, positions=False):
  """The symbolic shape of x: examples are open in activations, input features in a kernel."""
  if kind(row) == 'kernel':
    return jax.export.symbolic_shape('4, n, 8')
  ghosts = row.options.get('ghost_size', 1)
  return jax.export.symbolic_shape(f'{ghosts}*b, {"n" if positions else 6}, 8')


def shape_at(row, size):
  """The shape of x where the size that `_open` leaves open is `size`."""
  return (4, size, 8) if kind(row) == 'kernel' else (size, 6, 8)


def _described(shape, dtype='float32'):
  return jax.ShapeDtypeStruct(tuple(shape), dtype)


def described_case(row, shape):
  """Input, parameters and cotangent, as ShapeDtypeStructs."""
  axes = row.params.items()
  shapes = {name: (a,) if isinstance(a, int) else [shape[b] for b in a] for name, a in axes}
  return _described(shape), {n: _described(s) for n, s in shapes.items()}, _described(shape)


def _through_bytes(f, *described, **options):
  """f, exported, serialized and read back, as another process would read it from a file."""
  made = jax.export.export(jax.jit(f), **options)(*described)
  return jax.jit(jax.export.deserialize(made.serialize()).call)


def pulled(row):
  """The function that gives value and gradients."""
  return lambda x, params, ct, more: measure.evaluate(row.call, x, params, ct, more)


def _assert_near(found, expected, ct):
  sums = 1e-7 * np.linalg.norm(ct)
  floors = jax.tree.map(lambda a: 0.0 if a.shape == ct.shape else sums, expected)
  measure.assert_near(found, expected, formula.FLOAT32, 'exported', floors)


def _check_sizes(row, program, sizes):
  for size in sizes:
    x, params, ct = measure.case(row, shape=shape_at(row, size))
    _assert_near(program(x, params, ct, {}), measure.ours(row, x, params, ct), ct)


def check_sizes(row):
  """One program serves all sizes, in value and gradient, also for the nasty inputs of promise 1."""
  program = _through_bytes(pulled(row), *described_case(row, _open(row)), {})
  _check_sizes(row, program, SIZES[kind(row)])
  for name in set(measure.NASTY) - set(row.skip):
    x, params, ct = measure.case(row, name=name)
    z, _ = program(x, params, ct, {})
    expected = row.plain(*measure.double((x, params)))
    measure.assert_near(z, expected, formula.FLOAT32, f'z, {name}', formula.floor_of(row, name))


def check_positions(row):
  """Two sizes may be open at once, although it is unknown which one is larger."""
  program = _through_bytes(pulled(row), *described_case(row, _open(row, positions=True)), {})
  _check_sizes(row, program, SIZES[kind(row)][:1])


def check_masked(row):
  """A mask may have the open shape of x, or one entry for each example."""
  x, params, ct = measure.case(row)
  shape = _open(row, positions=True)
  for mask in (measure.scattered(x.shape), measure.scattered((4, 1, 1))):
    described = _described(
      [a if n > 1 else 1 for a, n in zip(shape, mask.shape, strict=True)], bool
    )
    program = _through_bytes(pulled(row), *described_case(row, shape), {'mask': described})
    found = program(x, params, ct, {'mask': mask})
    _assert_near(found, measure.ours(row, x, params, ct, mask=mask), ct)


def check_platforms(row):
  """One file serves several platforms, for open sizes and for many entries; this one runs it."""
  small, *_, large = SIZES[kind(row)]
  for shape, size in ((_open(row), small), (shape_at(row, large), large)):
    described = *described_case(row, shape), {}
    _check_sizes(row, _through_bytes(pulled(row), *described, platforms=PLATFORMS), [size])


def check_derivative(row):
  """The derivative is exported along with the value (vjp_order=1)."""
  made = jax.export.export(jax.jit(row.call))(*described_case(row, _open(row))[:2])
  call = jax.export.deserialize(made.serialize(vjp_order=1)).call
  x, params, ct = measure.case(row)
  found = measure.evaluate(call, x, params, ct, {})
  _assert_near(found, measure.ours(row, x, params, ct), ct)


def check_shapes(row):
  """jax.eval_shape gives value and gradients the symbolic shapes of their primals."""
  for positions in (False, True):
    x, params, ct = described_case(row, _open(row, positions))
    z, gradients = jax.eval_shape(pulled(row), x, params, ct, {})
    chex.assert_trees_all_equal_shapes_and_dtypes((z, gradients), (x, {'x': x, **params}))


def check_state(training, row):
  """Running statistics are inputs and outputs of an exported program."""

  def f(x, params, mean, var, ct):
    options = {**row.options, 'batch_stats': norms.BatchStats(mean, var), 'training': training}

    def apply(x, params):
      return row.function(x, **params, **options)

    z, pull, new = jax.vjp(apply, x, params, has_aux=True)
    return z, (new.mean, new.var), pull(ct)

  described = described_case(row, _open(row))
  kept = _described(described[1]['bias'].shape)
  program = _through_bytes(f, *described[:2], kept, kept, described[2])
  x, params, ct = measure.case(row)
  stats = (np.full(params['bias'].shape, value, np.float32) for value in (0.3, 1.7))
  arguments = x, params, *stats, ct
  _assert_near(program(*arguments), jax.jit(f)(*arguments), ct)


def check_module(run, training, row):
  """A module's output, new statistics and gradients are the same in an exported program."""

  def f(x, params, ct):
    return run(row, x, params, ct, training, {})

  program = _through_bytes(f, *described_case(row, _open(row)))
  x, params, ct = measure.case(row)
  _assert_near(program(x, params, ct), jax.jit(f)(x, params, ct), ct)


def _always(row):
  return True


def _full(row):
  return not row.variant


def _flaxs(row):
  return row.id in ('batch', 'layer', 'rms', 'group', 'instance')


def _with_statistics(row):
  return row.id == 'batch'


PROMISES = (
  ('export-sizes', check_sizes, _full),
  ('slow-export-sizes', check_sizes, lambda row: row.variant),
  ('export-shapes', check_shapes, _always),
  ('export-positions', check_positions, measure.representative),
  ('slow-export-positions', check_positions, _always),
  ('export-masked', check_masked, measure.representative),
  ('slow-export-masked', check_masked, lambda row: row.masked),
  ('export-platforms', check_platforms, measure.representative),
  ('slow-export-platforms', check_platforms, _always),
  ('export-derivative', check_derivative, measure.representative),
  ('slow-export-derivative', check_derivative, _always),
  *(
    (f'export-state-{name}', functools.partial(check_state, training), lambda row: row.state)
    for name, training in (('training', True), ('evaluation', False))
  ),
  *(
    (f'export-{name}', functools.partial(check_module, run, True), _flaxs)
    for name, run in (('linen', modules.by_linen), ('nnx', modules.by_nnx))
  ),
  *(
    (f'export-{name}-evaluation', functools.partial(check_module, run, False), _with_statistics)
    for name, run in (('linen', modules.by_linen), ('nnx', modules.by_nnx))
  ),
)
