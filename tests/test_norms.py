"""The table: every norm (tests/rows) times every promise (tests/promises) that it owes."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
from promises import PROMISES
import pytest
from rows import ROWS

import norms
from norms import core
from norms._src import moments


def _table():
  for row in ROWS:
    owed = {name: check for name, check, applies in PROMISES if applies(row)}
    for name, check in owed.items():
      marks = [pytest.mark.slow] if name.startswith('slow-') else []
      quick = marks and name.removeprefix('slow-') in owed  # the same check, but not marked slow
      if not quick:
        yield pytest.param(row, check, id=f'{row.id}-{name}', marks=marks)


@pytest.mark.parametrize('row, check', list(_table()))
def test_promise(row, check):
  check(row)


def test_a_zero_kernel_keeps_still():
  """A kernel of 0 has gradient 0. Flax's has 1e6, and jumps at the first step."""
  v, g = np.zeros((3, 4), np.float32), np.ones(4, np.float32)
  v[:, 1:] = 1

  def loss(v, g):
    return jnp.sum(jnp.sin(1 + norms.weight_norm(v, g)))

  dv, dg = jax.grad(loss, (0, 1))(v, g)
  chex.assert_trees_all_equal(norms.weight_norm(v, g)[:, 0], 0)
  chex.assert_trees_all_equal(dv[:, 0], 0)
  chex.assert_tree_all_finite(dv)
  assert dg[0] == 0 and np.all(dg[1:])


@pytest.mark.parametrize('name', ['batch', 'layer', 'rms', 'weight'])
@pytest.mark.parametrize('entries', [128, 129, 4096])
def test_magnitudes_of_many_entries(name, entries):
  """The squares of many entries of 1e18 sum to more than a float32 holds; the table's are few."""
  x = np.random.default_rng(0).normal(size=(entries, 3)).astype(np.float32) * np.float32(1e18)
  exact = x.astype(np.float64)
  exact = exact if name in ('rms', 'weight') else exact - exact.mean(0)
  length = np.sqrt(np.sum(exact**2, 0)) if name == 'weight' else np.sqrt(np.mean(exact**2, 0))
  across = {'batch': lambda x: norms.batch_norm(x)[0], 'weight': norms.weight_norm}
  along = {'layer': norms.layer_norm, 'rms': norms.rms_norm}
  found = across[name](x) if name in across else along[name](x.T).T
  # The rounding errors of sums of up to 4096 terms, relative to entries of up to 4.
  chex.assert_trees_all_close(found, exact / length, rtol=0, atol=4e-6)


@pytest.mark.parametrize('name', ['batch', 'layer', 'rms', 'group', 'instance', 'filter_response'])
@pytest.mark.parametrize('entries', [64, 2**14])
def test_no_gradient_where_the_variance_overflows(name, entries):
  """y is 0 there whatever x is, so x has gradient 0, though sums of g and g y may be infinite."""
  rng = np.random.default_rng(0)
  x = (rng.choice([-1, 1], (2, entries, 4)) * np.float32(3e38)).astype(np.float32)
  g = rng.normal(size=x.shape).astype(np.float32)
  options = {'group': {'num_groups': 2}}.get(name, {})
  z, pull = jax.vjp(lambda x: norms.NORMS[name].function(x, **options), x)
  z = z[0] if name == 'batch' else z
  chex.assert_trees_all_equal(z, 0)
  cotangent = (g, None) if name == 'batch' else g
  chex.assert_trees_all_equal(pull(cotangent)[0], 0)


@pytest.mark.parametrize('kind', [float, jnp.float32], ids=['static', 'traced'])
@pytest.mark.parametrize('name', ['batch', 'layer', 'rms', 'weight'])
def test_no_variance_and_no_epsilon(name, kind):
  """0 / 0 is taken for 0, in value and gradients, also for a traced epsilon."""
  x = np.zeros((6, 4), np.float32)

  def f(x):
    z = norms.NORMS[name].function(x, epsilon=kind(0))
    return z[0] if name == 'batch' else z

  z, pull = jax.vjp(f, x)
  chex.assert_trees_all_equal(z, 0)
  chex.assert_trees_all_equal(pull(x + 1)[0], 0)


@pytest.mark.parametrize('refine', [True, False])
def test_one_entry_has_no_derivative(refine):
  """One entry is its own mean. A rounding error would be multiplied by 1 / sqrt(epsilon)."""
  x, dx = np.random.default_rng(0).normal(size=(2, 64, 1)).astype(np.float32)

  def of_layer(x):
    return norms.layer_norm(x, np.full(1, 0.7, np.float32), refine=refine)

  def of_batch(x):
    return norms.batch_norm(x.T, np.full(64, 0.7, np.float32), refine=refine)[0].T

  for norm in (of_layer, of_batch):
    z, dz = jax.jit(lambda x, dx, norm=norm: jax.jvp(norm, (x,), (dx,)))(x, dx)
    chex.assert_trees_all_equal(z, 0)
    chex.assert_trees_all_equal(dz, 0)
    slope = jax.jit(jax.grad(lambda x, norm=norm: jnp.sum(dx * norm(x))))(x)
    chex.assert_trees_all_equal(slope, 0)
  stats = norms.BatchStats(np.zeros(64, np.float32), np.ones(64, np.float32))

  def kept(x):
    return jnp.sum(norms.batch_norm(x, batch_stats=stats, refine=refine)[1].var)

  chex.assert_trees_all_equal(jax.jit(jax.jacfwd(kept))(x.T), 0)
  chex.assert_trees_all_equal(jax.jit(jax.grad(kept))(x.T), 0)


@pytest.mark.parametrize('layers', [1, 3])
def test_layers_of_one_shape_are_traced_once(layers, monkeypatch):
  """Layers of one shape are traced once: in one program, and eagerly, where each norm is a call."""
  seen = []
  monkeypatch.setattr(core, 'compute_stats', lambda *args: seen.append(args) or compute(*args))

  def net(x):
    for _ in range(layers):
      x = norms.layer_norm(x, jnp.ones(x.shape[-1]))
    return jnp.sum(x)

  compute, x = (
    moments.compute_stats,
    jnp.arange(7.0 * layers).reshape(layers, 7),
  )  # a shape that no other test has
  jax.jit(jax.grad(net))(x)
  traced = len(seen)
  assert traced == 2  # the value, and the value with its derivative
  net(x)
  assert len(seen) == traced


def test_the_table_has_every_norm_of_the_catalogue():
  assert {row.norm for row in ROWS} == set(norms.NORMS) - {'none'}


def test_every_row_is_tried_with_its_catalogue_function():
  for row in ROWS:
    assert norms.NORMS[row.norm].function is row.function


def test_whole_numbers_are_parameters():
  """Integer scales, biases, lengths and running statistics are taken in float32."""
  x, whole = jnp.asarray(np.random.default_rng(0).normal(size=(4, 8)), jnp.float32), np.arange(8)
  same = whole.astype(np.float32)
  chex.assert_trees_all_equal(norms.layer_norm(x, whole), norms.layer_norm(x, same))
  chex.assert_trees_all_equal(norms.weight_norm(x, whole), norms.weight_norm(x, same))
  stats, floats = norms.BatchStats(whole, whole + 1), norms.BatchStats(same, same + 1)

  def evaluate(*a):
    return norms.batch_norm(x, *a, training=False)[0]

  chex.assert_trees_all_equal(evaluate(whole, whole, stats), evaluate(same, same, floats))
