"""For large arrays CPUs write two formulas as calls; all promises hold with them, too."""

import contextlib
import functools
import importlib.util
import inspect

import jax
import jax.export
import jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
import numpy as np
from promises import PROMISES, gradients, measure, memory, meshes
import pytest
from rows import ROWS

import norms
from norms._src import xla_cpu

NAMES = (
  'formula-unit', 'formula-offset_1e6', 'formula-magnitude_1e-18', 'formula-magnitude_1e18',
  'formula-subnormal', 'formula-constant', 'formula-zero', 'formula-bfloat16-unit',
  'formula-batch-of-one', 'formula-one-element', 'formula-no-example', 'no-nan-largest-float32',
  'gradient-plain-analytic', 'gradient-second-order', 'gradient-hessian-orders', 'gradient-unit',
  'gradient-offset_1e4', 'gradient-magnitude_1e18', 'gradient-constant', 'mask-oracle',
  'dtype-complex', 'transform-vmap-in-scan', 'transform-remat', 'transform-eager',
)  # fmt: skip
CHECKS = {name: check for name, check, _ in PROMISES}
BY_ID = {row.id: row for row in ROWS}
IDS = ('batch', 'group', 'instance', 'layer', 'rms')
CASES = [(row, name) for row in IDS for name in NAMES]
CASES += [('batch', 'state-gradient'), ('batch', 'state-update')]


def standardize_centred(x, shift, drift, rstd):
  return (x - shift - drift) * rstd


def standardize_by_size(x, rstd):
  return xla_cpu.standardize(x, None, None, rstd)


FORMULAS = (
  (xla_cpu.subtract, jnp.subtract),
  (xla_cpu.standardize, standardize_centred),
  (standardize_by_size, jnp.multiply),
)


@contextlib.contextmanager
def traced_anew(large=None, plain=False):
  """Clears jax's caches, since a function that is compiled already would stay as it is."""
  jax.clear_caches()
  with pytest.MonkeyPatch.context() as patch, xla_cpu.plain_formulas(plain):
    if large is not None:
      patch.setattr(xla_cpu, 'LARGE', large)
    yield
  jax.clear_caches()


@pytest.fixture(scope='class')
def every_array_is_large():
  with traced_anew(large=1):
    yield


@pytest.mark.usefixtures('every_array_is_large')
class TestEveryArrayIsLarge:
  """The table's small inputs, treated as large: their oracle is in float64."""

  @pytest.mark.parametrize('row, name', CASES)
  def test_promise(self, row, name):
    CHECKS[name](BY_ID[row])

  @pytest.mark.parametrize('order', gradients.ORDERS)
  @pytest.mark.parametrize('f, plain', FORMULAS)
  def test_second_derivatives(self, f, plain, order, x64):
    """Each formula has the right Hessian; it is squared, since it is linear in most arguments."""
    shapes = [(2, 3, 4), *[(1, 1, 4)] * (len(inspect.signature(f).parameters) - 1)]
    ct, *primals = (measure.draw(s, 'float64', seed=i) for i, s in enumerate(shapes[:1] + shapes))
    tangents = tuple(measure.draw(s, 'float64', seed=9 + i) for i, s in enumerate(shapes))

    def hessian_of_square(formula):
      return gradients.hessian_times(
        lambda *args: formula(*args) ** 2, order, tuple(primals), tangents, ct
      )

    measure.assert_near(hessian_of_square(f), hessian_of_square(plain), gradients.EXACT, order)

  @pytest.mark.parametrize('check_vma', [True, False])
  @pytest.mark.parametrize('row', IDS)
  def test_each_device_by_itself(self, row, check_vma):
    """shard_map without an axis name: parameters vary over no mesh axis, x over one."""
    row = BY_ID[row]
    x, params, ct = measure.case(row)
    mesh = jax.make_mesh((2,), ('a',), axis_types=(AxisType.Auto,))
    on_devices = jax.shard_map(
      lambda x, params: row.call(x[0], params)[None],
      mesh=mesh, in_specs=(P('a'), P()), out_specs=P('a'), check_vma=check_vma,
    )  # fmt: skip
    xs, cts = np.stack([x, 2 * x + 1]), np.stack([ct, -ct])
    z, slopes = measure.evaluate(on_devices, xs, params, cts, {})
    alone = [measure.ours(row, *each) for each in zip(xs, (params, params), cts, strict=True)]
    measure.assert_near(z, np.stack([z for z, _ in alone]), 1e-6, 'z')
    dx = slopes.pop('x')
    measure.assert_near(dx, np.stack([g.pop('x') for _, g in alone]), 2e-6, 'dx')
    expected = jax.tree.map(jnp.add, *(g for _, g in alone))
    # These are sums over two devices, with an error of an ulp of their terms.
    measure.assert_near(slopes, expected, 1e-6, 'gradient of ', 1e-6 * np.linalg.norm(cts))


@pytest.mark.parametrize('row', IDS)
def test_promises_of_plain_formulas(row):
  with traced_anew(plain=True):
    for name in ('formula-offset_1e3', 'gradient-plain-analytic', 'memory-float32'):
      CHECKS[name](BY_ID[row])


@pytest.mark.parametrize('row', IDS)
@pytest.mark.parametrize('offset', [0, 50, 1e4])
def test_large_arrays(row, offset):
  """The call changes the order of sums only, by 1e-6; both ways are as exact as in the table."""
  x, params, ct = measure.case(BY_ID[row], (64, 32 * 32, 16))
  given = BY_ID[row], x + np.float32(offset), params, ct
  exact, found = measure.plain(*given), measure.ours(*given)
  with traced_anew(plain=True):
    plain = measure.ours(*given)
  for one, other, tolerance in ((found, plain, 1e-6), (found, exact, 2e-6), (plain, exact, 2e-6)):
    measure.assert_near(one[0], other[0], tolerance, 'z')
    measure.assert_near_gradients(one[1], other[1], tolerance, ct)  # sums of up to 65536 terms


def batch(x, **options):
  return norms.batch_norm(x, **options)[0]


def layer_with_scale(x, **options):
  return norms.layer_norm(x, jnp.ones(x.shape[-1]), **options)


CALLED = (
  batch, functools.partial(norms.group_norm, num_groups=4), norms.instance_norm,
  layer_with_scale, norms.layer_norm, norms.rms_norm,
)  # fmt: skip
SHAPE = (64, 16, 16)  # the least large array


def typed(*shape, dtype=jnp.float32, **more):
  return jax.ShapeDtypeStruct(shape, dtype, **more)


def calls(f, x, platform='cpu') -> int:
  """How many calls that are not inlined value and gradient have."""
  traced = jax.jit(lambda x: jax.vjp(f, x)[1](x)).trace(x)
  text = traced.lower(lowering_platforms=(platform,)).as_text()
  assert 'stablehlo.dot_general' not in text  # which XLA compiles several times as long as a sum
  return text.count('inlineable')


@pytest.mark.parametrize('f', CALLED)
def test_which_programs_are_written_otherwise(f):
  """Value and gradient share one call, in programs of large arrays on CPUs alone."""
  large = typed(*SHAPE)
  assert calls(f, large) == calls(f, typed(2, *SHAPE)) == 1
  assert calls(f, typed(SHAPE[0] - 1, *SHAPE[1:])) == calls(jax.vmap(f), typed(2, *SHAPE)) == 0
  assert calls(f, large, 'cuda') == calls(f, large, 'tpu') == 0
  with xla_cpu.plain_formulas():
    assert calls(lambda x: f(x), large) == 0
    with xla_cpu.plain_formulas(False):
      assert calls(lambda x: f(x), large) == 1
    assert calls(lambda x: f(x), large) == 0
  assert calls(lambda x: f(x, mask=x > 0), large) == 0


@pytest.mark.parametrize('f', [norms.layer_norm, norms.rms_norm])
def test_y_is_written_only_where_it_is_kept(f):
  """A narrower x is kept for the backward pass, and y for none that keeps no array."""
  assert calls(f, typed(*SHAPE, dtype=jnp.bfloat16)) == 0
  assert jax.jit(f).trace(typed(*SHAPE)).lower().as_text().count('inlineable') == 0


@pytest.mark.parametrize('f', [norms.layer_norm, norms.rms_norm])
def test_a_scale_without_a_tangent_keeps_nothing(f):
  """The backward pass of x alone keeps y; y times a scale's tangent of zeros is no array."""
  x = measure.draw(SHAPE, 'float32')
  scale = jnp.ones(SHAPE[-1])
  assert memory.kept_bytes(lambda x: f(x, scale), x) == x.nbytes


@pytest.mark.parametrize('f', CALLED)
def test_on_a_mesh_all_is_plain(f):
  """XLA could not split a call over devices, since it does not look into it."""
  shape = 8, *SHAPE
  split = {'mesh': meshes.mesh_of('Auto', (8,)), 'in_specs': P('a'), 'out_specs': P('a')}
  for check_vma in (True, False):
    assert calls(jax.shard_map(f, check_vma=check_vma, **split), typed(*shape)) == 0
  for mode in meshes.MODES:
    mesh = meshes.mesh_of(mode, (8,))
    with jax.set_mesh(mesh):
      assert calls(f, typed(*shape, sharding=NamedSharding(mesh, P('a')))) == 0


def test_exported_programs():
  """A program of open size has the plain formulas, since it may run on few entries."""
  for shape, number in ((SHAPE, 1), (jax.export.symbolic_shape('b, 64, 256'), 0)):
    made = jax.export.export(jax.jit(batch), platforms=['cpu'])(typed(*shape))
    assert made.mlir_module().count('inlineable') == number


@pytest.mark.parametrize('value', ['', '0', '1'])
def test_an_environment_variable_asks_for_plain_formulas(value, monkeypatch):
  """The variable is read when the module is imported, so the test imports it again."""
  monkeypatch.setenv('NORMS_PLAIN_FORMULAS', value)
  spec = importlib.util.spec_from_file_location('read_once_more', xla_cpu.__file__)
  again = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(again)
  assert again.special_formulas_allowed() == (value != '1')
