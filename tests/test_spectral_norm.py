"""spectral_norm: its formula, its gradient with constant u and v, and edge cases."""

import chex
from flax import linen, nnx
import jax
import jax.numpy as jnp
from jax.test_util import check_grads
from modules import draw
import numpy as np
from promises import measure
import pytest

import norms
import norms.linen
import norms.nnx

SHAPE = (3, 3, 4, 5)


def _start(dtype='float32', shape=SHAPE):
  return draw(shape=shape, dtype=dtype), draw(1, shape=shape[-1:], dtype=dtype)


def _oracle(w, u, n_steps):
  """Miyato et al., algorithm 1, in float64."""
  matrix, u = np.asarray(w, np.float64).reshape(-1, w.shape[-1]), np.asarray(u, np.float64)
  for _ in range(n_steps):
    v = matrix @ u / np.linalg.norm(matrix @ u)
    u = matrix.T @ v / np.linalg.norm(matrix.T @ v)
  sigma = v @ matrix @ u
  return np.asarray(w, np.float64) / sigma, u, sigma, v


@pytest.mark.parametrize('n_steps', (1, 4))
@pytest.mark.parametrize('magnitude', (1, 1e-30, 1e-12, 1e18, 1e30))
def test_formula_at_any_magnitude(n_steps, magnitude):
  """u and v have length 1 even where squares of the kernel overflow or underflow float32."""
  w, u = _start()
  w = w * magnitude
  w_bar, new_u, sigma = norms.spectral_norm(w, u, n_steps=n_steps)
  expected, expected_u, expected_sigma, _ = _oracle(w, u, n_steps)
  chex.assert_trees_all_close(w_bar, expected, rtol=1e-5, atol=1e-6)
  chex.assert_trees_all_close(new_u, expected_u, rtol=0, atol=1e-6)
  chex.assert_trees_all_close(sigma, expected_sigma, rtol=1e-6)


@pytest.mark.parametrize('dtype', ('float32', 'complex64'))
def test_converged_the_largest_singular_value_is_1(dtype):
  w, u = _start(dtype)
  w_bar, _, sigma = jax.jit(lambda w, u: norms.spectral_norm(w, u, n_steps=300))(w, u)
  largest = np.linalg.svd(np.asarray(w_bar).reshape(-1, 5), compute_uv=False)[0]
  chex.assert_type([w_bar, sigma], [w.dtype, jnp.float32])
  chex.assert_trees_all_close(largest, 1, rtol=1e-5)


def test_gradient_holds_u_and_v(x64):
  """The gradient of w / (v W u) is the analytic one to 1e-12, and that of differences."""
  w, u = _start('float64')
  ct = draw(2, shape=SHAPE, dtype='float64')
  held, left, sigma, right = _oracle(w, u, 2)
  found = jax.grad(lambda w: jnp.sum(ct * norms.spectral_norm(w, u, n_steps=2)[0]))(w)
  outer = np.outer(right, left).reshape(SHAPE)
  expected = (ct - np.sum(ct * held) * outer) / sigma
  chex.assert_trees_all_close(found, expected, rtol=0, atol=1e-12)
  # At the singular vectors, sigma does not change with u and v to first order.
  u = norms.spectral_norm(w, u, n_steps=500)[1]
  check_grads(lambda w: norms.spectral_norm(w, u)[0], (w,), order=1, rtol=1e-6, atol=1e-6)


def test_half_precision_is_computed_in_float32():
  w, u = _start('bfloat16')
  w_bar, new_u, sigma = norms.spectral_norm(w, u.astype('float32'))
  expected = norms.spectral_norm(w.astype('float32'), u.astype('float32'))
  chex.assert_type(new_u, jnp.float32)
  measure.assert_same((w_bar, sigma), (expected[0].astype(jnp.bfloat16), expected[2]))


def test_a_kernel_of_length_0_passes_with_its_gradient_and_takes_u_to_0():
  """As in Flax. With gradient 0, a bias of attention, which starts at 0, would never train."""
  w, u = _start()
  w_bar, new_u, sigma = norms.spectral_norm(0 * w, u)
  chex.assert_trees_all_equal((w_bar, new_u, sigma), (0 * w, 0 * u, 0))
  gradient = jax.grad(lambda w: jnp.sum(norms.spectral_norm(w, u)[0]))(0 * w)
  chex.assert_trees_all_equal(gradient, jnp.ones_like(w))
  measure.assert_same(norms.spectral_norm(w, new_u)[0], w)


def test_it_maps_and_compiles_once():
  chex.clear_trace_counter()
  ws, us = draw(shape=(7, *SHAPE)), draw(1, shape=(7, 5))
  step = jax.jit(jax.vmap(chex.assert_max_traces(norms.spectral_norm, n=1)))
  step(ws, us)
  found = step(2 * ws, us)
  for i in range(7):
    one = norms.spectral_norm(2 * ws[i], us[i])
    chex.assert_trees_all_close(found[0][i], one[0], rtol=1e-5, atol=1e-6)


WRONG = {
  'a-vector': ((5,), (5,), 1),
  'u-of-another-length': ((4, 5), (4,), 1),
  'no-steps': ((4, 5), (5,), 0),
}


@pytest.mark.parametrize('wrong', WRONG)
def test_errors_name_what_is_wrong(wrong):
  w, u, n_steps = WRONG[wrong]
  with pytest.raises(ValueError, match='spectral_norm: w of shape'):
    norms.spectral_norm(jnp.ones(w), jnp.ones(u), n_steps=n_steps)


def _complex(seed: int, shape):
  return (draw(seed, shape=shape) + 1j * draw(seed + 1, shape=shape)).astype('complex64')


def test_a_complex_kernel_takes_a_complex_u_only():
  w = _complex(0, (6, 5))
  with pytest.raises(ValueError, match='u is float32, but a complex w .* u of complex64'):
    norms.spectral_norm(w, draw(2, shape=(5,)))
  sigma = norms.spectral_norm(w, _complex(3, (5,)), n_steps=200)[2]
  np.testing.assert_allclose(sigma, np.linalg.svd(w, compute_uv=False)[0], rtol=1e-6)


@pytest.mark.parametrize('library', ('linen', 'nnx'))
def test_modules_draw_a_complex_u_for_a_complex_kernel(library):
  """With a real u, power iteration would not find the largest singular value."""
  x = _complex(5, (3, 6))
  if library == 'linen':
    layer = norms.linen.SpectralNorm(linen.Dense(5, param_dtype='complex64'), n_steps=200)
    variables = layer.init(jax.random.key(0), x, update_stats=False)
    (kernel,) = (a for a in jax.tree.leaves(variables['params']) if a.ndim == 2)
    found = layer.apply(variables, x, update_stats=True, mutable=['batch_stats'])[0]
  else:
    dense = nnx.Linear(6, 5, param_dtype=jnp.complex64, rngs=nnx.Rngs(0))
    kernel = dense.kernel[...]
    found = norms.nnx.SpectralNorm(dense, n_steps=200, rngs=nnx.Rngs(1))(x)
  expected = x @ kernel / np.linalg.svd(kernel, compute_uv=False)[0]
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
