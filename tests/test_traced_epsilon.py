"""epsilon may be an array: traced, different from call to call, and learnt."""

import chex
from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
from modules import draw
import numpy as np
import pytest

import norms
import norms.linen
import norms.nnx

KEY, EPSILON = jax.random.key(0), 0.1
ROWS = {n: row for n, row in norms.NORMS.items() if row.function and 'epsilon' in row.settings}
OPTIONS = {
  'group': {'num_groups': 4}, 'evonorm_s0': {'num_groups': 4}, 'ghost': {'ghost_size': 2},
  # Without its limits it holds parts of itself constant, which differences cannot.
  'batch_renorm': {'r_max': 1.0, 'd_max': 0.0},
}  # fmt: skip
rows = pytest.mark.parametrize('name', ROWS)
activations = pytest.mark.parametrize(
  'name', [n for n, r in ROWS.items() if r.kind == 'activation']
)


def _function(name, epsilon):
  """A scalar that depends on every entry of z."""
  row, shape = ROWS[name], (6, 5, 8)
  x = draw(dtype='float64', shape=shape[1:] if row.kind == 'kernel' else shape)
  more = {'u': draw(2, dtype='float64', shape=(8,))} if name == 'spectral' else {}
  more |= {'batch_stats': norms.BatchStats(jnp.zeros(8), jnp.ones(8))} if row.state else {}
  x = x.reshape(-1, 8) if name == 'spectral' else x
  found = row.function(x, **more, epsilon=epsilon, **OPTIONS.get(name, {}))
  z = found[0] if isinstance(found, tuple) else found
  return jnp.sum(draw(1, dtype='float64', shape=z.shape) * z)


@rows
def test_of_a_function(name, x64):
  """An array gives the value of the number, and the derivative of differences in float64."""

  def f(epsilon):
    return _function(name, epsilon)

  epsilon, h = jnp.float64(EPSILON), 1e-5
  value, slope = jax.jit(jax.value_and_grad(f))(epsilon)
  chex.assert_trees_all_close(value, f(EPSILON), rtol=1e-10, atol=1e-10)
  expected = (f(EPSILON + h) - f(EPSILON - h)) / (2 * h)
  # The errors of differences: h^2 times the third derivative, and rounding divided by 2h.
  chex.assert_trees_all_close(slope, expected, rtol=1e-6, atol=1e-8)
  assert slope != 0
  _, tangent = jax.jvp(f, (epsilon,), (jnp.float64(1),))
  chex.assert_trees_all_close(tangent, slope, rtol=1e-10)


@activations
def test_of_modules(name):
  """linen and nnx give the function's values and derivatives, to rounding."""
  row, x, ct = ROWS[name], draw(shape=(6, 5, 8)), draw(1, shape=(6, 5, 8))
  options = OPTIONS.get(name, {})
  state = {'use_running_average': False} if row.state else {}

  def function(epsilon):
    module = norms.linen._src.derived.make_class(row)(**state, **options)
    params = module.init(KEY, x).get('params', {})
    stats = {'batch_stats': norms.BatchStats(jnp.zeros(8), jnp.ones(8))} if row.state else {}
    found = row.function(x, **params, **stats, epsilon=epsilon, **options)
    return found[0] if isinstance(found, tuple) else found

  def linen(epsilon):
    module = norms.linen.module(row)(epsilon=epsilon, **state, **options)
    return module.init_with_output(KEY, x)[0]

  def module(epsilon):
    return norms.nnx.module(row)(8, epsilon=epsilon, **options, rngs=nnx.Rngs(0))(x)

  expected, *found = (
    jax.jit(jax.value_and_grad(lambda e, f=f: jnp.sum(ct * f(e))))(EPSILON)
    for f in (function, linen, module)
  )
  for each in found:  # sums of 240 products in float32
    chex.assert_trees_all_close(each, expected, rtol=1e-4, atol=1e-4)


FLAXS = {
  'BatchNorm': {'use_running_average': False}, 'LayerNorm': {}, 'RMSNorm': {}, 'InstanceNorm': {},
  'GroupNorm': {'num_groups': 4},
}  # fmt: skip


@pytest.mark.parametrize('name', FLAXS)
def test_the_slope_is_flaxs(name):
  x, ct = draw(shape=(6, 5, 8)), draw(1, shape=(6, 5, 8))

  def slope(library):
    def loss(epsilon):
      module = getattr(library, name)(**FLAXS[name], epsilon=epsilon)
      return jnp.sum(ct * module.init_with_output(KEY, x)[0])

    return jax.jit(jax.grad(loss))(EPSILON)

  chex.assert_trees_all_close(slope(norms.linen), slope(nn), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', ('BatchNorm', 'LayerNorm'))
def test_it_is_no_constant_of_a_compiled_step(name):
  """One compiled function serves every epsilon, in training and evaluation."""
  x = draw()
  for mode in (False, True):
    chex.clear_trace_counter()
    options = {'use_running_average': mode} if name == 'BatchNorm' else {}

    @jax.jit
    @chex.assert_max_traces(n=1)
    def run(epsilon, options=options):
      return getattr(norms.linen, name)(**options, epsilon=epsilon).init_with_output(KEY, x)[0]

    small, large = run(1e-5), run(10.0)
    assert np.std(large) < 0.9 * np.std(small)
