"""README's code runs as it stands, one block after the other."""

import pathlib
import re

import numpy as np
import pytest

import norms

TEXT = (pathlib.Path(__file__).parents[1] / 'README.md').read_text()
BLOCKS = re.findall(r'```python\n(.*?)```', TEXT, re.DOTALL)


@pytest.fixture(scope='module')
def names():
  """What the blocks define; run in an empty folder's name, so that nothing on disk is found."""
  found = {'__name__': 'readme'}
  for block in BLOCKS:
    if 'records.load' not in block:  # of a sweep that has run
      exec(compile(block, 'README.md', 'exec'), found)
  return found


def test_blocks_run_and_give_what_they_say(names):
  x, stats = names['x'], names['stats']
  np.testing.assert_allclose(stats['mean'], 0.01 * np.mean(x, (0, 1, 2)), atol=1e-6)
  assert names['y'].shape == (4, *x.shape[1:])
  assert np.isfinite(names['gradients']['scale']).all()


def test_attention_has_our_query_and_key_norm(names):
  import jax

  q = names['x'][0]
  variables = names['attention'].init(jax.random.key(0), q)
  assert {'query_norm', 'key_norm'} <= set(variables['params'])


def test_every_norm_is_named():
  """In README's list, by its name or its module's."""
  said = re.sub(r'[^a-z0-9]', '', TEXT.lower())
  for name, row in norms.NORMS.items():
    words = {re.sub(r'[^a-z0-9]', '', word.lower()) for word in (name, row.class_name)}
    stem = 'scaled' if name.startswith('scaled') else name.split('_')[0]
    assert any(word in said for word in words) or stem in said, name
