"""Inputs, the runs of the library and the oracle, and how their results are compared."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
from rows import SHAPE, Row

# name -> (offset, spread) of the input: offset + spread * normal.
NASTY = {
  'unit': (0, 1),
  'offset_1e3': (1e3, 1),
  'offset_1e4': (1e4, 1),
  'offset_1e6': (1e6, 1),
  'magnitude_1e-18': (0, 1e-18),
  'magnitude_1e-9': (0, 1e-9),
  'magnitude_1e9': (0, 1e9),
  'magnitude_1e18': (0, 1e18),
  'subnormal': (0, 1e-39),
  'constant': (1000.1, 0),
  'zero': (0, 0),
}
# The same for 16-bit dtypes, in which 1e3 + normal would be a constant.
COARSE = {
  'unit': (0, 1),
  'offset_300': (300, 8),
  'magnitude_1e3': (0, 1e3),
  'magnitude_1e-3': (0, 1e-3),
  'constant': (1000.1, 0),
}


def representative(row: Row) -> bool:
  """Whether the row stands for its kind: the plain rule, groups, several moments, recomputation.

  Promises that depend on the kind alone run for these rows, and for the others as slow tests.
  """
  return row.id in ('batch', 'group', 'evonorm-b0', 'local-response')


def draw(shape=SHAPE, dtype='float32', name='unit', seed=0):
  """Draws a named input, rounded to the dtype."""
  offset, spread = {**COARSE, **NASTY}[name]
  rng = np.random.default_rng(seed)
  x = offset + spread * rng.standard_normal(shape)
  if np.issubdtype(jnp.dtype(dtype), np.complexfloating):
    x = x + 1j * (offset + spread * rng.standard_normal(shape))
  return x.astype(jnp.dtype(dtype))


def parameters(row: Row, shape=SHAPE, dtype='float32'):
  """Draws the row's parameters, none of them 0 or 1."""
  rng = np.random.default_rng(1)
  axes = row.params.items()
  shapes = {name: a if isinstance(a, int) else [shape[b] for b in a] for name, a in axes}
  return {n: (0.7 + rng.uniform(0, 1, s)).astype(jnp.dtype(dtype)) for n, s in shapes.items()}


def case(row: Row, shape=SHAPE, dtype='float32', name='unit'):
  """Input, parameters and cotangent of one dtype."""
  return draw(shape, dtype, name), parameters(row, shape, dtype), draw(shape, dtype, seed=2)


def double(tree):
  """The same numbers in float64 (complex128)."""

  def wide(a):
    return np.asarray(a, np.complex128 if np.iscomplexobj(a) else np.float64)

  return jax.tree.map(wide, tree)


@functools.partial(jax.jit, static_argnums=0)
def evaluate(f, x, params, ct, more):
  """z = f(x, params, **more) and the gradients of <ct, z>, as {'x': ..., parameter: ...}."""
  z, pull = jax.vjp(lambda x, params: f(x, params, **more), x, params)
  dx, dparams = pull(ct.astype(z.dtype))
  return z, {'x': dx, **dparams}


@functools.partial(jax.jit, static_argnums=0)
def forward(f, x, params, **more):
  """z alone."""
  return f(x, params, **more)


def ours(row: Row, x, params, ct, **more):
  """Value and gradients of the library's function."""
  return evaluate(row.call, x, params, ct, more)


def plain(row: Row, x, params, ct, **more):
  """The oracle's value, and its gradients by plain autodiff, without our rule, in float64."""
  with jax.enable_x64(True):
    x, params, ct, more = double((x, params, ct)) + (more,)
    return jax.tree.map(np.asarray, evaluate(plain_function(row), x, params, ct, more))


@functools.cache
def plain_function(row: Row):
  """The oracle in jax.numpy, for plain autodiff."""
  return functools.partial(row.plain, xp=jnp)


def relative(a, b) -> float:
  """|a - b| / (|a| + |b|), norms of arrays; 0 where both are 0."""
  a, b = (np.asarray(c, np.complex128 if np.iscomplexobj(c) else np.float64) for c in (a, b))
  total = np.linalg.norm(a) + np.linalg.norm(b)
  return float(np.linalg.norm(a - b) / total) if total else 0.0


def assert_near(found, expected, tolerance, what, floor=0.0):
  """Trees of one structure: every entry is within `tolerance` of its array's largest, plus `floor`.

  floor: a number, or a tree of numbers for parts of `expected`.
  """
  found, expected = double(found), double(expected)
  chex.assert_trees_all_equal_shapes(found, expected, custom_message=what)
  # Below, NaN would equal NaN, and an infinite entry would allow any error.
  chex.assert_tree_all_finite(expected, custom_message=what)

  def assert_leaf(path, a, b, floor):
    bound = tolerance * np.max(np.abs(b), initial=0) + floor
    message = f'{what}{jax.tree_util.keystr(path)}'
    chex.assert_trees_all_close(a, b, rtol=0, atol=bound, custom_message=message)

  floors = jax.tree.broadcast(floor, expected)
  jax.tree.map_with_path(assert_leaf, found, expected, floors)


def assert_near_gradients(found, expected, tolerance, ct):
  """Like assert_near for gradients of <ct, z>; those of parameters are sums that may cancel."""
  floor = 1e-7 * np.linalg.norm(ct)
  floors = {name: 0.0 if name == 'x' else floor for name in expected}
  assert_near(found, expected, tolerance, 'gradient of ', floors)


def assert_near_relatively(found, expected, tolerance, what):
  """Trees of one structure: for each array |a - b| <= tolerance (|a| + |b|), norms of arrays."""

  def message(a, b):
    return f'{what} is off by {relative(a, b):.2e}, more than {tolerance}'

  def near(a, b):
    return relative(a, b) <= tolerance

  chex.assert_trees_all_equal_comparator(near, message, found, expected)


def assert_same(found, expected, what=''):
  """Trees are equal to the bit in structure, shapes, dtypes and numbers, and hold no NaN."""
  chex.assert_trees_all_equal_shapes_and_dtypes(found, expected, custom_message=what)
  chex.assert_tree_all_finite(expected, custom_message=what)  # below, NaN would equal NaN
  chex.assert_trees_all_equal(found, expected, custom_message=what)


def scattered(shape, seed=3, share=0.6):
  """A random mask that keeps about `share` of the entries."""
  return np.random.default_rng(seed).uniform(size=shape) < share
