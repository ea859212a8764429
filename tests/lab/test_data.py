"""Promises of the data sets: splits, sizes, normalisation and layout; what is known unread."""

import ast
import hashlib
import pathlib

import numpy as np
import originals
from originals import few  # noqa: F401
import pytest
import small

from norms.lab import data, study, trial
from norms.lab.data import splits
from norms.lab.data.options import LAYOUTS, NORMALIZE

DIGITS = {'name': 'digits'}


def test_digits_are_the_arrays_they_always_were():
  """A change here would silently change every result so far."""
  made = data.load(DIGITS)
  content = made.train.x.tobytes() + made.test.x.tobytes()
  assert hashlib.sha256(content).hexdigest() == (
    'eedc60b011c649ac99e1cc2cd83f825fb24e9735c7d52f881e6f24e3446b14f1'
  )
  assert made.validation is None and made.classes == 10


@pytest.mark.parametrize('name', data.DATA)
def test_known_sizes_are_those_that_load(name, tmp_path):
  options = {'name': name, 'train': 300, 'validation': 200, 'test': 50}
  manual = '' if name == 'digits' else str(tmp_path)
  if name == 'cifar10':
    pytest.skip('cifar10 is loaded at a small size in test_data_originals.py')
  if manual:
    manual = originals.real(name)
  made, sizes = data.load(options, manual), data.sizes(options)
  assert tuple(len(each.y) for each in (made.train, made.validation, made.test)) == sizes[:3]
  assert sizes[:3] == (300, 200, 50)
  assert made.train.x.shape[1:] == made.validation.x.shape[1:] == sizes.shape
  assert made.classes == sizes.classes == 10
  full = data.load({'name': name}, manual)
  assert data.sizes({'name': name})[:3] == (len(full.train.y), 0, len(full.test.y))


def raw(n=30, m=20, shape=(8, 8, 1)):
  (x, y), (test_x, test_y) = originals.images(n, shape), originals.images(m, shape, seed=1)
  return data.Data(data.Split(x, y), data.Split(test_x, test_y))


@pytest.fixture
def tiny(monkeypatch):
  """A data set of 30 and 20 images of two rows, three columns and two channels."""
  known = data.Known(30, 20, (2, 3, 2), top=255)
  monkeypatch.setitem(data.DATA, 'tiny', known)
  return raw(shape=known.shape)


def test_validation_is_the_end_of_the_training_split_and_train_its_beginning(tiny):
  made = splits.make(tiny, {'name': 'tiny', 'train': 12, 'validation': 7, 'test': 5,
                            'normalize': 'none'})  # fmt: skip
  np.testing.assert_array_equal(made.train.x, tiny.train.x[:12])
  np.testing.assert_array_equal(made.validation.x, tiny.train.x[23:])
  np.testing.assert_array_equal(made.validation.y, tiny.train.y[23:])
  np.testing.assert_array_equal(made.test.x, tiny.test.x[:5])
  assert {a.dtype for split in made for a in split} == {np.dtype('f4'), np.dtype('i4')}


@pytest.mark.parametrize('normalize', NORMALIZE)
def test_normalisation_is_of_the_training_split_less_validation(tiny, normalize):
  """To the bit: float64 throughout, rounded once."""
  options = {'name': 'tiny', 'train': 12, 'validation': 7, 'normalize': normalize}
  x = tiny.train.x.astype(np.float64)
  pool = x[:23]
  shift, scale = {
    'standardise': (pool.mean(), pool.std()),
    'unit': (0, 255),
    'mean_image': (pool.mean(0), 1),
    'none': (0, 1),
  }[normalize]
  made = splits.make(tiny, options)
  np.testing.assert_array_equal(made.train.x, ((x[:12] - shift) / scale).astype(np.float32))
  np.testing.assert_array_equal(made.validation.x, ((x[23:] - shift) / scale).astype(np.float32))
  expected = ((tiny.test.x.astype(np.float64) - shift) / scale).astype(np.float32)
  np.testing.assert_array_equal(made.test.x, expected)


def test_nothing_that_judges_has_a_part_in_the_normalisation(tiny):
  other = tiny._replace(test=data.Split(tiny.test.x // 2, tiny.test.y))
  other.train.x[23:] //= 3
  for normalize in NORMALIZE:
    options = {'name': 'tiny', 'validation': 7, 'normalize': normalize}
    made = [splits.make(each, options).train.x for each in (tiny, other)]
    np.testing.assert_array_equal(*made)


@pytest.mark.parametrize('normalize', ['mean_image', 'standardise'])
def test_layouts_hold_the_same_numbers(tiny, normalize):
  """(H, W, C), its features in a row, and channels first as in CIFAR-10's files."""
  image, flat, first = (
    splits.make(tiny, {'name': 'tiny', 'layout': layout, 'normalize': normalize}).train.x
    for layout in LAYOUTS
  )
  assert image.shape == (30, 2, 3, 2)
  np.testing.assert_array_equal(flat, image.reshape(30, 12))
  np.testing.assert_array_equal(first, image.transpose(0, 3, 1, 2).reshape(30, 12))
  for layout in LAYOUTS:
    wanted = (2, 3, 2) if layout == 'image' else (12,)
    assert data.sizes({'name': 'tiny', 'layout': layout}).shape == wanted


def test_digits_as_images_are_the_same_digits():
  flat, image = data.load(DIGITS), data.load(DIGITS | {'layout': 'image'})
  assert image.train.x.shape == (1442, 8, 8, 1)
  np.testing.assert_array_equal(image.train.x.reshape(1442, 64), flat.train.x)


def test_a_constant_pool_is_no_division_by_zero(tiny):
  tiny.train.x[:] = 7
  with pytest.raises(ValueError, match='all 7'):
    splits.make(tiny, {'name': 'tiny'})


@pytest.mark.parametrize(
  ('options', 'says'),
  [
    ({'name': 'mnits'}, "did you mean 'mnist'"),
    ({'trian': 3}, "config.data option='trian' is not known: did you mean 'train'"),
    ({'normalize': 'standardize'}, "did you mean 'standardise'"),
    ({'layout': 'images'}, "did you mean 'image'"),
    ({'source': 'tfd'}, "did you mean 'tfds'"),
    ({'source': 'tfds'}, 'has no digits'),
    ({'train': -1}, 'data.train=-1: use a whole number'),
    ({'test': 4.5}, 'data.test=4.5: use a whole number'),
    ({'validation': 1442}, 'data.validation=1442 leaves nothing to train on'),
    ({'validation': 442, 'train': 1001}, 'data.train=1001 is more than the 1000'),
    ({'test': 356}, 'data.test=356 is more than the 355'),
  ],
)
def test_a_wrong_option_gets_one_line_before_anything_is_read(options, says):
  with pytest.raises(ValueError, match='.') as error:
    data.sizes({**DIGITS, **options})
  assert says in str(error.value) and '\n' not in str(error.value)


def test_a_subset_without_a_class_is_an_error():
  with pytest.raises(ValueError, match='data.train=3 leaves class 3 of digits without'):
    data.load(DIGITS | {'train': 3})


def test_options_at_their_default_are_no_part_of_a_trial():
  """Else each new option would give every finished trial another name, and run it again."""
  (made,) = study.from_config(small.config()).trials
  assert made.data == (('name', 'digits'),)
  config = small.config()
  config.data.manual_dir, config.data.train = '/somewhere', 1000
  asked = study.from_config(config)
  assert asked.trials[0].data == (('name', 'digits'), ('train', 1000))
  assert asked.manual_dir == '/somewhere'


def test_the_batch_size_is_held_against_the_subset(tmp_path):
  config = small.config(batch_size=256)
  config.data.train = 200
  with pytest.raises(ValueError, match='batch_size=256 is more than the 200 training examples'):
    small.run(config, tmp_path)


def test_the_origin_is_on_record(tmp_path):
  from norms.lab import records

  small.run(small.config(), tmp_path)
  (seen,) = records.provenance(tmp_path)
  assert seen['data'] == data.origin(DIGITS)
  assert len(seen['data']['sha256']) == 64


def test_planning_reads_nothing(few, monkeypatch):  # noqa: F811
  """--dry_run must not download."""
  from norms.lab import sweep

  monkeypatch.setattr(data, 'load', lambda *_: pytest.fail('read'))
  config = small.config(batch_size=5)
  config.data.name, config.data.layout = 'mnist', 'flat'
  assert len(sweep.pending(study.from_config(config), few)) == 1


def test_data_imports_neither_jax_nor_the_downloader_at_once():
  """By statements: norms itself loads jax."""
  package = pathlib.Path(data.__file__).parent
  for path in set(package.glob('*.py')) - {package / 'augment.py'}:
    for node in ast.parse(path.read_text()).body:
      names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
      names += [node.module] if isinstance(node, ast.ImportFrom) else []
      heavy = {name.split('.')[0] for name in names} & {'jax', 'tensorflow_datasets', 'sklearn'}
      assert not heavy, f'{path.name} imports {heavy}'


def test_defaults_have_every_option():
  assert {*study.defaults().data} == {*study.DATA, 'manual_dir'}
  assert trial.one_of('x', 'digits', data.DATA) == study.DATA['name']
