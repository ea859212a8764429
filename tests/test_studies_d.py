"""Reference study D in float64: its forward pass, its gradients and its whole net's loss.

The generator is NumPy's legacy one, seeded 231, as in the study.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import norms

pytestmark = pytest.mark.usefixtures('x64')


def _generator():
  return np.random.RandomState(231)


def _hidden():
  """The column statistics' input: relu(X W1) W2, drawn in that order."""
  rng = _generator()
  x, w1, w2 = rng.randn(200, 50), rng.randn(50, 60), rng.randn(60, 3)
  return np.maximum(x @ w1, 0) @ w2


def test_d1_the_input_is_the_studys():
  a = _hidden()
  # The printed digits: half a unit of the last one.
  means = np.array([-2.3814598, -13.18038246, 1.91780462])
  stds = np.array([27.18502186, 34.21455511, 37.68611762])
  chex.assert_trees_all_close((a.mean(0), a.std(0)), (means, stds), rtol=0, atol=5e-9)


@pytest.mark.parametrize(
  'scale, bias, means, stds',
  [
    (np.ones(3), np.zeros(3), [0, 0, 0], [0.99999999, 1.0, 1.0]),
    (
      np.array([1.0, 2, 3]),
      np.array([11.0, 12, 13]),
      [11, 12, 13],
      [0.99999999, 1.99999999, 2.99999999],
    ),
  ],
)
def test_d1_after_batch_norm(scale, bias, means, stds):
  z, _ = norms.batch_norm(_hidden(), scale, bias)
  chex.assert_type(z, jnp.float64)
  # Means vanish to rounding (the study: 1e-17); stds to the printed digits.
  chex.assert_trees_all_close(z.mean(0), np.array(means), rtol=0, atol=1e-14)
  chex.assert_trees_all_close(z.std(0), np.array(stds), rtol=0, atol=5e-9)


def _relative_error(a, b):
  """The study's: the largest |a - b| / max(1e-8, |a| + |b|)."""
  return np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b)))


_NORMS = {
  'batch': (lambda *args: norms.batch_norm(*args)[0], {'axes': (0,), 'epsilon': 1e-5}),
  'layer': (
    lambda *args: norms.layer_norm(*args, epsilon=1e-5),
    {'axes': (1,), 'epsilon': 1e-5},
  ),
}


def _case(n, d):
  rng = _generator()
  x, scale, bias, ct = 5 * rng.randn(n, d) + 12, rng.randn(d), rng.randn(d), rng.randn(n, d)
  return (x, scale, bias), ct


def _gradients(norm, arguments, ct):
  def loss(*arguments):
    return jnp.sum(ct * _NORMS[norm][0](*arguments))

  return jax.jit(jax.grad(loss, (0, 1, 2)))(*arguments)


@pytest.mark.parametrize('norm', _NORMS)
def test_d2_gradients_against_centred_differences(norm):
  arguments, ct = _case(4, 5)
  gradients = _gradients(norm, arguments, ct)
  loss = jax.jit(lambda *arguments: jnp.sum(ct * _NORMS[norm][0](*arguments)))
  for which, found in enumerate(gradients):
    differences = np.zeros(found.shape)
    for index in np.ndindex(found.shape):
      values = []
      for step in (1e-5, -1e-5):
        moved = [np.array(a) for a in arguments]
        moved[which][index] += step
        values.append(loss(*moved))
      differences[index] = (values[0] - values[1]) / 2e-5
    assert _relative_error(found, differences) <= 1e-7


@pytest.mark.parametrize('norm', _NORMS)
def test_d2_staged_simplified_and_ours_agree(norm):
  """Two passes derived by hand, one node at a time and on paper, and JAX's through our rule."""
  (x, scale, bias), ct = _case(100, 500)
  staged = oracles.staged_gradient(x, ct, scale, bias, **_NORMS[norm][1])
  simplified = oracles.simplified_gradient(x, ct, scale, bias, **_NORMS[norm][1])
  ours = dict(zip(('x', 'scale', 'bias'), _gradients(norm, (x, scale, bias), ct), strict=True))
  for name, a in staged.items():
    # Where a sum over the batch cancels, an ulp of its terms is much of it: compare whole arrays.
    size = np.abs(a).max()
    assert np.abs(a - simplified[name]).max() <= 1e-11 * size
    assert np.abs(a - ours[name]).max() <= 1e-11 * size
  assert _relative_error(staged['x'], simplified['x']) <= 1e-11
  assert _relative_error(staged['x'], ours['x']) <= 1e-11


def test_d3_the_whole_nets_initial_loss():
  rng = _generator()
  n, d, h1, h2, c = 2, 15, 20, 30, 10
  x, labels = rng.randn(n, d), rng.randint(c, size=n)
  kernels = [rng.randn(*shape) * 5e-2 for shape in ((d, h1), (h1, h2), (h2, c))]
  a = jnp.asarray(x)
  for kernel in kernels[:-1]:
    width = kernel.shape[1]
    z, _ = norms.batch_norm(a @ kernel, jnp.ones(width), jnp.zeros(width))
    a = jax.nn.relu(z)
  loss = -jnp.mean(jax.nn.log_softmax(a @ kernels[-1])[jnp.arange(n), labels])
  assert abs(float(loss) - 2.2611955101340957) <= 1e-12
