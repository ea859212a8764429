"""The options that norms.linen has beyond flax.linen."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from modules import CASES, draw
import numpy as np
from promises import memory
import pytest

import norms
import norms.linen

X, KEY = draw(), jax.random.key(0)


@pytest.mark.parametrize('case', CASES, ids=lambda case: case.id)
def test_zero_centred_scale(case):
  """The function is the same; the parameter is scale - 1, also in a box with metadata."""
  init = nn.with_partitioning(case.random['scale_init'], ('model',))
  usual, centred = (
    case.linen(**{**case.random, 'scale_init': init}, zero_centered_scale=zero)
    for zero in (False, True)
  )
  variables = [module.init(KEY, X) for module in (usual, centred)]
  scales = [v['params']['scale'] for v in variables]
  assert all(s.names == ('model',) for s in scales)
  chex.assert_trees_all_equal(scales[0].value - 1, scales[1].value)
  y, z = (
    m.apply(v, X, mutable=['batch_stats'])[0]
    for m, v in zip((usual, centred), variables, strict=True)
  )
  chex.assert_trees_all_close(y, z, rtol=0, atol=1e-5)  # 1 + (scale - 1) rounds twice
  assert np.all(case.linen(zero_centered_scale=True).init(KEY, X)['params']['scale'] == 0)


def test_exact_running_statistics():
  """momentum=None gives the statistics of all entries so far, whatever the batches' sizes."""
  module = norms.linen.BatchNorm(use_running_average=False, momentum=None, unbiased=True)
  variables = module.init(KEY, X)
  parts = [draw(i, shape=(n, 8)) for i, n in enumerate((3, 1, 9))]
  for x in parts:
    _, new = module.apply(variables, x, mutable=['batch_stats'])
    variables = {**variables, **new}
  seen, stats = np.concatenate(parts).astype(np.float64), variables['batch_stats']
  chex.assert_trees_all_close(stats['mean'], seen.mean(0), rtol=0, atol=1e-6)
  chex.assert_trees_all_close(stats['var'], seen.var(0, ddof=1), rtol=1e-6)
  chex.assert_trees_all_equal(stats['count'], 13)


def test_zero_debiased_running_statistics():
  """The plain average from 0, divided by 1 - momentum^t."""
  module = norms.linen.BatchNorm(use_running_average=False, momentum=0.9, zero_debias=True)
  variables, mean, var = module.init(KEY, X), 0.0, 0.0
  for t in range(1, 4):
    x = draw(t, shape=(5, 8))
    _, new = module.apply(variables, x, mutable=['batch_stats'])
    variables = {**variables, **new}
    mean, var = 0.9 * mean + 0.1 * np.mean(x, 0), 0.9 * var + 0.1 * np.var(x, 0)
    stats = variables['batch_stats']
    chex.assert_trees_all_close(stats['mean'], mean / (1 - 0.9**t), rtol=1e-5, atol=1e-6)
    chex.assert_trees_all_close(stats['var'], var / (1 - 0.9**t), rtol=1e-5)


def test_without_a_count_the_pure_function_says_what_to_start_with():
  stats = norms.BatchStats(np.zeros(8, 'float32'), np.ones(8, 'float32'))
  for options in ({'momentum': None}, {'zero_debias': True}):
    with pytest.raises(ValueError, match='start with zeros of shape'):
      norms.batch_norm(X, batch_stats=stats, **options)


def test_a_mask_per_feature_counts_per_feature():
  """A feature that a batch masks out keeps its statistics; the others move."""
  mask = np.arange(8) % 2 == 0
  stats = norms.BatchStats(np.full(8, 3, 'float32'), np.ones(8, 'float32'), np.zeros(8, 'float32'))
  _, new = norms.batch_norm(X, batch_stats=stats, momentum=None, mask=mask)
  chex.assert_trees_all_equal(new.count, 24 * mask)
  chex.assert_trees_all_close(new.mean, np.where(mask, np.mean(X, (0, 1)), 3), rtol=0, atol=1e-6)


def test_float16_batches_of_more_entries_than_float16_counts():
  """70,000 entries overflow a count in float16, but not the statistics, which are float32."""
  x = np.tile(draw(shape=(70, 4), dtype='float16'), (1000, 1))
  z, _ = norms.batch_norm(x)
  chex.assert_trees_all_close(np.std(np.asarray(z, np.float64), 0), 1, rtol=1e-7, atol=1e-3)


def test_a_wider_result_keeps_the_narrow_input_for_the_backward_pass():
  """dtype sets the result's precision. Statistics of a bfloat16 input are float32 in any case."""
  x, module = draw(shape=(64, 32, 32), dtype=jnp.bfloat16), norms.linen.LayerNorm(dtype=jnp.float32)
  variables = module.init(KEY, x)
  kept = memory.kept_bytes(lambda x: module.apply(variables, x), x)
  assert 0 < kept <= 1.05 * x.nbytes
