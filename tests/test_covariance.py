"""Large arrays take one pass where that is exact; the promises must not notice.

Here every array counts as large, so that the table's small inputs, whose oracle is in float64, go
the way of large ones: both branches of it, since some inputs are exact in one pass and some not.
"""

import functools

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
import numpy as np
from promises import PROMISES, measure
import pytest
from rows import ROWS

import norms
from norms import covariance

NAMES = (
  'formula-unit', 'formula-offset_1e3', 'formula-offset_1e6', 'formula-magnitude_1e-18',
  'formula-magnitude_1e18', 'formula-subnormal', 'formula-constant', 'formula-zero',
  'formula-bfloat16-unit', 'formula-batch-of-one', 'formula-one-element', 'formula-no-example',
  'no-nan-largest-float32', 'gradient-plain-analytic', 'gradient-second-order',
  'gradient-hessian-orders', 'gradient-unit', 'gradient-offset_1e4', 'gradient-magnitude_1e-9',
  'gradient-magnitude_1e18', 'gradient-constant', 'dtype-output', 'transform-jit',
  'transform-vmap-in-scan', 'transform-remat', 'transform-eager', 'memory-float32',
)  # fmt: skip
CHECKS = {name: check for name, check, _ in PROMISES}
BY_ID = {row.id: row for row in ROWS}
IDS = ('batch', 'group', 'instance', 'layer')


@pytest.fixture(scope='module', autouse=True)
def every_array_is_large():
  """And nothing is compiled for a size that counted as small."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(covariance, 'LARGE', 1)
    jax.clear_caches()
    yield
  jax.clear_caches()


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('row', IDS)
def test_promise(row, name):
  CHECKS[name](BY_ID[row])


def test_running_statistics():
  CHECKS['state-gradient'](BY_ID['batch'])
  CHECKS['state-update'](BY_ID['batch'])


@pytest.mark.parametrize('row', IDS)
@pytest.mark.parametrize('offset', [1.9, 2.1, 50])
def test_both_sides_of_the_choice(row, offset):
  """A mean of twice the standard deviation decides; 2e-6 as in the table."""
  row, x = BY_ID[row], measure.draw() + np.float32(offset)
  params, ct = measure.parameters(row), measure.draw(seed=2)
  z, gradients = measure.ours(row, x, params, ct)
  expected, plain = measure.plain(row, x, params, ct)
  measure.assert_near(z, expected, 2e-6, 'z')
  for name, a in plain.items():
    measure.assert_near(gradients[name], a, 2e-6, f'gradient of {name}')


def test_a_sum_of_squares_beyond_the_largest_float():
  """384 squares of 1e18: one pass has no variance, two have the right one."""
  row, x = BY_ID['batch'], measure.draw((64, 6, 8), name='magnitude_1e18')
  params = measure.parameters(row)
  expected = row.plain(*measure.double((x, params)))
  measure.assert_near(measure.forward(row.call, x, params), expected, 2e-6, 'z')


SMALL = {
  'batch': (lambda *a, **options: norms.batch_norm(*a, **options)[0], (0, 1, 2)),
  'group': (functools.partial(norms.group_norm, num_groups=8), (1, 2)),
  'instance': (norms.instance_norm, (1, 2)),
  'layer': (norms.layer_norm, 3),
}


@pytest.mark.parametrize('norm', SMALL)
def test_few_entries_are_added_in_two_stages(norm):
  """256 in one chain are 3e-7 off, over the largest, as the mean of 20 draws; in stages 1e-7.

  And they are rounded once: to bfloat16 by 2**-8 at most.
  """
  assert np.max(np.mean(list(_wrong(norm, 'float32')), 0)) < 2e-7
  assert np.max(list(_wrong(norm, 'bfloat16'))) < 2**-8 + 1e-6


def test_many_entries_or_those_along_one_axis_are_one_sum():
  """XLA:CPU sums 4096 and more by a library: stages would cost something and gain nothing."""
  assert _stages((1, 16, 16, 8)) and _stages((16, 8, 8, 1))
  assert not _stages((1, 16, 16, 16)) and not _stages((256, 8)) and not _stages((1, 1, 256, 8))


def _stages(shape) -> bool:
  x, param = (np.ones(s, 'float32') for s in (shape, shape[-1]))
  pull = lambda x, *params: jax.vjp(lambda *p: norms.batch_norm(x, *p)[0], *params)[1](x)  # noqa: E731
  return 'optimization_barrier' in str(jax.make_jaxpr(pull)(x, param, param))


def _wrong(name, dtype):
  """How far off the gradients of scale and bias are, over their largest entry: 20 draws of both."""
  norm, axes = SMALL[name]
  normalize = functools.partial(norm, epsilon=1e-5)
  pull = jax.jit(lambda x, ct, *params: jax.vjp(lambda *p: normalize(x, *p), *params)[1](ct))
  for seed in range(20):
    x, ct = (measure.draw((1, 16, 16, 8), dtype, seed=seed + a) for a in (100, 200))
    found = pull(x, ct, *(np.full(8, a, x.dtype) for a in (1, 0)))
    x, ct = measure.double((x, ct))
    y = (x - np.mean(x, axes, keepdims=True)) / np.sqrt(np.var(x, axes, keepdims=True) + 1e-5)
    exact = np.sum(y * ct, (0, 1, 2)), np.sum(ct, (0, 1, 2))
    pairs = list(zip(measure.double(found), exact, strict=True))
    # Layer norm's gradient of scale is a product of matrices, and no such sum.
    yield [np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in pairs[name == 'layer' :]]


def _asks(x, **options) -> bool:
  jaxpr = jax.make_jaxpr(lambda x: norms.batch_norm(x, **options)[0])(x)
  return ' cond[' in str(jaxpr)


def test_only_large_arrays_are_asked(monkeypatch):
  """It costs more to compile than it saves; nor are masked ones, nor is the textbook's formula."""
  x = jnp.ones((4, 8))
  assert _asks(x) and not _asks(x, mask=x > 0) and not _asks(x, refine=False)
  monkeypatch.setattr(covariance, 'LARGE', x.size + 1)
  jax.clear_caches()
  assert not _asks(x)


@pytest.mark.parametrize('check_vma', [True, False])
@pytest.mark.parametrize('row', IDS)
def test_each_device_by_itself(row, check_vma):
  """shard_map without an axis name: parameters vary over no mesh axis, x over one."""
  row = BY_ID[row]
  x, params, ct = measure.case(row)
  mesh = jax.make_mesh((2,), ('devices',), axis_types=(jax.sharding.AxisType.Auto,))
  split, whole = PartitionSpec('devices'), PartitionSpec()
  one = functools.partial(jax.tree.map, lambda z: z[None])
  on_devices = jax.shard_map(
    lambda x, params: one(row.call(x[0], params)),
    mesh=mesh, in_specs=(split, whole), out_specs=split, check_vma=check_vma,
  )  # fmt: skip
  xs, cts = np.stack([x, 2 * x + 1]), np.stack([ct, -ct])
  z, gradients = measure.evaluate(on_devices, xs, params, cts, {})
  alone = [measure.ours(row, *each) for each in zip(xs, (params, params), cts, strict=True)]
  measure.assert_near(z, np.stack([z for z, _ in alone]), 1e-6, 'z')
  for name in params:
    # A sum over two devices: of an ulp of its terms.
    expected, floor = sum(g[name] for _, g in alone), 1e-6 * np.linalg.norm(cts)
    measure.assert_near(gradients[name], expected, 1e-6, f'gradient of {name}', floor)
  measure.assert_near(gradients['x'], np.stack([g['x'] for _, g in alone]), 2e-6, 'gradient of x')
