"""Promises of sets that other packages have: what tensorflow-datasets has prepared, read without a
download, and Hugging Face's `datasets`."""

import subprocess
import sys
import types

import numpy as np
import pytest

from norms.lab import data
from norms.lab.data import hugging_face, tfds_sets

RAW = {'normalize': 'none'}
# In a process of its own: tensorflow-datasets and its parts warn of much.
PREPARE = """
import sys

import numpy as np
import tensorflow_datasets as tfds

root, file_format, name, version, *configs = sys.argv[1:]


class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  VERSION = tfds.core.Version(version)
  BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=each) for each in configs]

  def _info(self):
    features = tfds.features.FeaturesDict({
      'size': tfds.features.Tensor(shape=(3,), dtype=np.float32),
      'label': tfds.features.ClassLabel(num_classes=2),
      'price': tfds.features.Scalar(dtype=np.float32),
      **({'text': tfds.features.Text()} if name == 'worded' else {}),
    })
    keys = ('size', 'label') if name == 'tiny' else None
    return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=keys)

  def _split_generators(self, dl_manager):
    if name == 'whole':
      return {'train': self._generate_examples(range(20))}
    parts = {'train': range(15), 'test': range(15, 20)}
    return {split: self._generate_examples(rows) for split, rows in parts.items()}

  def _generate_examples(self, rows):
    more = {'text': 'a word'} if name == 'worded' else {}
    for i in rows:
      yield i, {'size': np.float32([i, 2 * i, 7]), 'label': i % 2, 'price': i / 4, **more}


Tiny.name = name
for config in configs or [None]:
  Tiny(data_dir=root, file_format=file_format, config=config).download_and_prepare()
"""


def prepare(root, name='tiny', version='1.2.0', *configs, file_format='array_record'):
  """A tiny set in a folder, as tensorflow-datasets prepares it, which needs TensorFlow for that."""
  pytest.importorskip('tensorflow', reason='preparing a set needs TensorFlow (extra peers)')
  pytest.importorskip('array_record')
  done = subprocess.run(
    [sys.executable, '-c', PREPARE, str(root), file_format, name, version, *configs],
    capture_output=True, text=True,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  """tensorflow-datasets' folder with a set that names input and target, and one that does not."""
  folder = tmp_path_factory.mktemp('tfds')
  for name in ('tiny', 'whole'):
    prepare(folder, name)
  return str(folder)


def holds(split, column):
  """The examples of a split, in the order in which they come, by the number of each."""
  number = split.x[:, 0].astype(int)
  np.testing.assert_array_equal(split.x, np.stack([number, 2 * number, 0 * number + 7], 1))
  y = {'label': number % 2, 'price': (number / 4)[:, None]}[column]
  np.testing.assert_array_equal(split.y, y)
  return sorted(number.tolist())


@pytest.mark.filterwarnings('default')  # tensorflow-datasets' and its parts' own
@pytest.mark.parametrize('options', [
  {'name': 'tfds:tiny'}, {'name': 'tfds:tiny:1.2.0'}, {'name': 'tiny', 'source': 'tfds'},
  {'name': 'tfds:tiny', 'target': 'label'},
])  # fmt: skip
def test_a_prepared_set_is_read_as_it_names_input_and_target(root, options):
  made = data.load({**options, **RAW}, root)
  assert holds(made.train, 'label') == list(range(15))
  assert holds(made.test, 'label') == list(range(15, 20))
  other = "split train: column 'size' has an array in each row, and there are other features .label"
  with pytest.raises(ValueError, match=other):
    data.load({**options, 'target': 'price'}, root)
  identified = data.identified(options, root)
  assert data.sizes(identified) == (15, 0, 5, (3,), 2, 'classes', (), 'float32', 0)
  assert data.origin(identified, root)['source'] == 'tfds'


@pytest.mark.filterwarnings('default')
def test_without_a_test_split_a_fifth_of_the_examples_is_one(root, monkeypatch):
  """And the folder is that of the environment, where none is named."""
  monkeypatch.setenv('TFDS_DATA_DIR', root)
  options = {'name': 'tfds:whole', 'target': 'price', **RAW}
  with pytest.raises(
    ValueError, match="column 'size' has an array in each row, and there are other"
  ):
    data.load(options)
  with pytest.raises(
    ValueError, match="data.target='' is not known: use one of label, price, size"
  ):
    data.load({**options, 'target': ''})
  with pytest.raises(ValueError, match="data.target='lable' is not known: did you mean 'label'"):
    data.load({**options, 'target': 'lable'})


@pytest.mark.filterwarnings('default')
def test_features_side_by_side_and_a_share_for_testing(root, monkeypatch):
  columns = tfds_sets._columns

  def scalars(builder, split, place):
    found = columns(builder, split, place)
    return {'first': found['size'][:, 0], 'price': found['price'], 'label': found['label']}

  monkeypatch.setattr(tfds_sets, '_columns', scalars)
  made = data.load({'name': 'tfds:whole', 'target': 'label', **RAW}, root)
  assert len(made.test.y) == 4 and len(made.train.y) == 16
  number = np.concatenate([made.train.x[:, 0], made.test.x[:, 0]])
  assert sorted(number.tolist()) == list(range(20))
  np.testing.assert_array_equal(made.train.x[:, 1] * 4, made.train.x[:, 0])
  np.testing.assert_array_equal(made.train.y, made.train.x[:, 0] % 2)


@pytest.mark.slow
@pytest.mark.filterwarnings('default')
def test_versions_configs_text_and_tfrecords(tmp_path, monkeypatch):
  prepare(tmp_path, 'tiny', '1.9.0')
  prepare(tmp_path, 'tiny', '1.10.0')
  assert tfds_sets.folder('tiny', str(tmp_path)).name == '1.10.0'
  assert tfds_sets.folder('tiny:1.9.0', str(tmp_path)).name == '1.9.0'
  prepare(tmp_path, 'many', '1.0.0', 'one', 'two')
  with pytest.raises(ValueError, match='several configs are prepared, use many/one, many/two'):
    tfds_sets.folder('many', str(tmp_path))
  assert tfds_sets.folder('many/two', str(tmp_path)).parts[-2:] == ('two', '1.0.0')
  prepare(tmp_path, 'worded', '1.0.0')
  with pytest.raises(ValueError, match="column 'text' holds .*a word.* in row 1, no number"):
    data.load({'name': 'tfds:worded', 'target': 'label'}, str(tmp_path))
  (tmp_path / 'old').mkdir()
  prepare(tmp_path / 'old', file_format='tfrecord')
  made = data.load({'name': 'tfds:tiny', **RAW}, str(tmp_path / 'old'))
  assert holds(made.train, 'label') == list(range(15))
  find = tfds_sets.importlib.util.find_spec
  monkeypatch.setattr(tfds_sets.importlib.util, 'find_spec',
                      lambda name: None if name == 'tensorflow' else find(name))  # fmt: skip
  place = tfds_sets.folder('tiny', str(tmp_path / 'old'))
  with pytest.raises(
    ValueError, match='holds files of the form tfrecord, which need .* tensorflow'
  ):
    tfds_sets.read('tfds:tiny', place, '')


def test_a_set_that_is_not_prepared_is_not_downloaded(tmp_path):
  with pytest.raises(ValueError, match=r'tfds:iris.*nothing is prepared there') as error:
    data.identified({'name': 'tfds:iris'}, str(tmp_path))
  (tmp_path / 'tiny' / '1.0.0').mkdir(parents=True)
  (tmp_path / 'tiny' / '1.0.0' / 'dataset_info.json').write_text('{}')
  for name in ('tfds:iris', 'tfds:tiny:2.0.0'):
    with pytest.raises(ValueError, match='prepared there: tiny') as error:
      data.identified({'name': name}, str(tmp_path))
    assert 'config.data.manual_dir' in str(error.value) and '\n' not in str(error.value)
    assert name in str(error.value)


class Rows:
  """As a split of Hugging Face's `datasets`: what this project calls of it."""

  def __init__(self, rows, form=None):
    self._rows, self._form = rows, form

  def with_format(self, form):
    return Rows(self._rows, form)

  def __getitem__(self, which):
    assert self._form == 'numpy' and which == slice(None)
    return {name: np.asarray(values) for name, values in self._rows.items()}


@pytest.fixture
def fake(monkeypatch):
  """A package `datasets` that loads these splits; what it was asked for."""
  asked, splits = [], {}
  module = types.ModuleType('datasets')

  def load_dataset(*given):
    asked.append(given)
    if not splits:
      raise ConnectionError('no route to the hub\nat all')
    return dict(splits)

  module.load_dataset = load_dataset
  module.load_from_disk = lambda folder: asked.append(folder) or dict(splits)
  monkeypatch.setitem(sys.modules, 'datasets', module)
  find = hugging_face.importlib.util.find_spec
  monkeypatch.setattr(hugging_face.importlib.util, 'find_spec',
                      lambda name: module if name == 'datasets' else find(name))  # fmt: skip
  return asked, splits


def rows(n):
  return Rows({'a': np.arange(n), 'b': np.arange(n) / 2, 'label': np.arange(n) % 2})


def test_a_set_of_hugging_face_has_its_label_for_target(fake, tmp_path):
  asked, splits = fake
  splits.update(train=rows(8), test=rows(4), validation=rows(2), unsupervised=rows(3))
  made = data.load({'name': 'hf:owner/mine:part', **RAW})
  assert asked == [('owner/mine', 'part')]
  np.testing.assert_array_equal(made.train.x, np.stack([np.arange(8), np.arange(8) / 2], 1))
  np.testing.assert_array_equal(made.test.y, np.arange(4) % 2)
  assert len(made.validation.y) == 2
  del splits['test'], splits['validation']
  (tmp_path / 'dataset_dict.json').write_text('{}')
  options = {'name': f'hf:{tmp_path}', 'target': 'b', **RAW}
  assert data.sizes(options)[:7] == (7, 0, 1, (2,), 1, 'floats', (1,))
  assert asked[1:] == [str(tmp_path)]


def test_what_keeps_a_set_of_hugging_face_away_is_one_line(fake, monkeypatch):
  _, splits = fake
  with pytest.raises(
    ValueError, match=r"\Adata.name='hf:x' cannot be loaded: no route to the hub\Z"
  ):
    data.identified({'name': 'hf:x'})
  splits['train'] = Rows({'a': np.arange(4), 'word': np.array(list('abcd'))})
  with pytest.raises(ValueError, match="data.target='' is not known: use one of a, word"):
    data.identified({'name': 'hf:x'})
  with pytest.raises(ValueError, match="column 'word' holds 'a' in row 1, no number"):
    data.identified({'name': 'hf:x', 'target': 'a'})
  splits['rest'] = splits.pop('train')
  with pytest.raises(ValueError, match='has no split train, only rest'):
    data.identified({'name': 'hf:x'})
  monkeypatch.setattr(hugging_face.importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(ValueError, match=r'needs the package datasets \(the extra hf\): pip install'):
    data.identified({'name': 'hf:x'})


def test_the_package_itself_gives_what_was_saved(tmp_path):
  datasets = pytest.importorskip('datasets', reason='needs the extra hf')
  given = datasets.Dataset.from_dict({
    'tokens': [[i, i + 1] for i in range(10)], 'label': [i % 2 for i in range(10)]
  })  # fmt: skip
  datasets.DatasetDict(train=given, test=given).save_to_disk(str(tmp_path / 'mine'))
  made = data.load({'name': f'hf:{tmp_path / "mine"}'})
  np.testing.assert_array_equal(made.train.x, [[i, i + 1] for i in range(10)])
  np.testing.assert_array_equal(made.test.y, np.arange(10) % 2)
  assert made.train.x.dtype == np.int32
