"""CONTRIBUTING.md's claim, model and data set: their code runs, and the lab takes what it makes."""

import pathlib
import re

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small

import norms
from norms.lab import data as data_sets
from norms.lab import models, statistics
from norms.lab.data import known
from norms.lab.engine import starting
from norms.lab.statistics import claims

TEXT = (pathlib.Path(__file__).parents[2] / 'CONTRIBUTING.md').read_text()


def _run(title: str) -> dict:
  """The names that the blocks of a section define."""
  section = TEXT.partition(f'\n## {title}\n')[2].partition('\n## ')[0]
  names = {'__name__': 'contributing'}
  for block in re.findall(r'```python\n(.*?)```', section, re.DOTALL):
    exec(compile(block, f'CONTRIBUTING.md: {title}', 'exec'), names)
  return names


@pytest.fixture
def claim(monkeypatch):
  found = _run('A new claim')
  monkeypatch.setitem(claims.RULES, 'overfits_less', found['overfits_less'])
  return found


@pytest.mark.parametrize(
  ('which', 'seeds', 'outcome'),
  [
    ('HOLDS', 5, 'supported'),
    ('FAILS', 5, 'refuted'),
    ('HOLDS', 2, 'undecided'),  # two seeds decide nothing
  ],
)
def test_the_claim_is_judged(claim, which, seeds, outcome):
  (found,) = statistics.verdicts(claim['records'](claim[which], seeds), [claim['CLAIM']])
  assert (found.outcome, found.n) == (outcome, seeds)
  assert abs(found.effect) == pytest.approx(0.1)
  assert found.sentence.startswith('At batch size 64, from training to test examples')


def test_the_claims_options_are_checked(claim):
  name, options = claim['CLAIM']
  statistics.check([(name, options)])
  with pytest.raises(ValueError, match="unknown option of claim 'overfits_less' 'then'"):
    statistics.check([(name, {'then': 'none', **options})])
  with pytest.raises(ValueError, match="needs the option 'than'"):
    statistics.check([(name, {'norm': 'batch'})])


@pytest.fixture
def model(monkeypatch):
  found = _run('A new model')
  monkeypatch.setattr(models, 'MODELS', models.MODELS | found['MODEL'])
  return found


@pytest.mark.parametrize('norm', ['none', 'batch', 'layer', 'weight', 'spectral'])
def test_norms_fit_the_model_and_its_kernels_come_in_order(model, norm):
  made = models.factory('residual', model['SMALL']['residual'])(models.Norm(norms.NORMS[norm]), 10)
  x = jnp.ones((6, 8, 8, 1))
  variables = jax.eval_shape(lambda: made.init(jax.random.key(0), x, train=True))
  logits, _ = jax.eval_shape(lambda v: made.apply(v, x, train=True, mutable=True), variables)
  assert logits.shape == (6, 10)
  paths = starting.kernel_paths(traverse_util.flatten_dict(variables['params']))
  assert [path[-2] for path in paths] == ['layer_0', 'layer_1', 'layer_2']


def test_the_lab_trains_the_model(model, tmp_path):
  made = small.config(model='residual', model_options={'width': 8}, norm=('layer',), epochs=2)
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed
  assert frame['train_loss'].iloc[-1] < frame['train_loss'].iloc[0]
  with pytest.raises(ValueError, match='model_options.depth=0: use a whole number from 1 on'):
    models.factory('residual', {'depth': 0})(models.Norm(norms.NORMS['none']), 10)


def _write_idx(folder: pathlib.Path, row: known.Known):
  """Images that are brighter the larger their label is, in the row's own files."""
  folder.mkdir()
  for start, n in (('train', row.train), ('t10k', row.test)):
    y = np.arange(n, dtype=np.uint8) % row.classes
    x = np.broadcast_to((60 * y + 20)[:, None, None], (n, *row.shape[:2])).astype(np.uint8)
    for name, values in (('images-idx3', x), ('labels-idx1', y)):
      sizes = np.array(values.shape, '>u4').tobytes()
      content = bytes((0, 0, 8, values.ndim)) + sizes + values.tobytes()
      assert len(content) == row.forms[0][f'{start}-{name}-ubyte'].size
      (folder / f'{start}-{name}-ubyte').write_bytes(content)


def test_the_lab_trains_on_the_data_set(tmp_path, monkeypatch):
  row = _run('A new data set')['SHAPES']
  monkeypatch.setitem(known.DATA, 'shapes', row)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  _write_idx(tmp_path / 'shapes', row)
  made = small.config(norm=('none',), batch_size=20, epochs=3)
  made.data.name, made.data.manual_dir = 'shapes', str(tmp_path)
  frame, failed, _ = small.run(made, tmp_path / 'results')
  assert not failed
  assert set(frame['data']) == {'shapes'} and frame['trained'].all()
  assert data_sets.load((('name', 'shapes'),), str(tmp_path)).classes == row.classes
  (tmp_path / 'shapes' / 't10k-labels-idx1-ubyte').write_bytes(bytes(10))
  data_sets._raw.cache_clear(), data_sets._load.cache_clear()
  with pytest.raises(ValueError, match='t10k-labels-idx1-ubyte'):
    data_sets.load((('name', 'shapes'),), str(tmp_path))
