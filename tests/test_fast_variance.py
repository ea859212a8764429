"""The option refine, use_fast_variance in modules: it corrects the mean's rounding error."""

from flax import nnx
import jax
import numpy as np
import pytest

import norms
import norms.linen
import norms.nnx

SHAPE = (5, 7, 14)
# The axes along which the statistics have entries; x varies along these only.
VARIES = {'batch': (2,), 'layer': (0, 1), 'group': (0,), 'instance': (0, 2)}


def _constants(name):
  """An x that is constant for each statistic; the mean of 98 such floats is off by an ulp."""
  shape = [n if a in VARIES[name] else 1 for a, n in enumerate(SHAPE)]
  return np.broadcast_to(np.random.default_rng(0).uniform(1e3, 2e3, shape), SHAPE).astype('float32')


def _function(name, refine):
  given = {'num_groups': 2} if name == 'group' else {}
  found = jax.jit(lambda x: norms.NORMS[name].function(x, refine=refine, **given))
  return lambda x: found(x)[0] if name == 'batch' else found(x)


def _linen(name, refine):
  given = {'num_groups': 2} if name == 'group' else {}
  given |= {'use_running_average': False} if name == 'batch' else {}
  module = norms.linen.module(norms.NORMS[name])(use_fast_variance=refine, **given)
  return jax.jit(lambda x: module.init_with_output(jax.random.key(0), x)[0])


def _nnx(name, refine):
  given = {'num_groups': 2} if name == 'group' else {}
  module = norms.nnx.module(norms.NORMS[name])
  module = module(SHAPE[-1], use_fast_variance=refine, **given, rngs=nnx.Rngs(0))
  return lambda x: nnx.jit(lambda m, x: m(x))(module, x)


@pytest.mark.parametrize('name', VARIES)
@pytest.mark.parametrize('make', (_function, _linen, _nnx), ids=('function', 'linen', 'nnx'))
def test_a_constant_is_0_unless_refine_is_off(make, name):
  """An ulp of 1e3, divided by sqrt(epsilon), is 2e-2; with refine no more than 1e-9 is left."""
  x = _constants(name)
  assert np.max(np.abs(make(name, True)(x))) <= 1e-6
  assert np.max(np.abs(make(name, False)(x))) >= 1e-3
