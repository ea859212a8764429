"""Promises of CSV and Parquet files: one column to predict, the others features."""

import numpy as np
import pandas as pd
import pytest
import users_data

from norms.lab import data
from norms.lab.data import arrays

RAW = {'normalize': 'none'}


def table():
  """Ninety rows with a target between the features."""
  x, y = users_data.load()['train']
  frame = pd.DataFrame(x, columns=['height', 'width', 'weight', 'price'])
  frame.insert(2, 'species', y)
  return frame


def written(path, frame):
  """The options of a file, by its suffix."""
  if path.suffix == '.csv':
    frame.to_csv(path, index=False)
  else:
    frame.to_parquet(path)
  return {'name': str(path), 'target': 'species', **RAW}


@pytest.mark.parametrize('suffix', ['.csv', '.parquet'])
def test_a_fifth_of_the_rows_is_for_testing_by_a_seed(suffix, tmp_path):
  """The digits of a CSV file are read to the last bit, so both hold the same."""
  options = written(tmp_path / f'mine{suffix}', table())
  order = np.random.RandomState(0).permutation(90)
  x, y = users_data.load()['train']
  made = data.load(options)
  for split, rows in ((made.test, order[:18]), (made.train, order[18:])):
    np.testing.assert_array_equal(split.x, x[rows].astype(np.float32))
    np.testing.assert_array_equal(split.y, y[rows])
  assert data.sizes(options) == (72, 0, 18, (4,), 3, 'classes', (), 'float32', 0)
  function = {'train': (x[order[18:]], y[order[18:]]), 'test': (x[order[:18]], y[order[:18]])}
  assert data.identified(options)['sha256'] == arrays.check_arrays('mine', function).sha256


def test_a_column_split_says_which_rows_are_for_what(tmp_path):
  names = np.resize(['train', 'test', 'train', 'validation', 'train', 'train'], 90)
  made = data.load(written(tmp_path / 'mine.csv', table().assign(split=names)))
  x, y = users_data.load()['train']
  for split in ('train', 'test', 'validation'):
    np.testing.assert_array_equal(getattr(made, split).x, x[names == split].astype(np.float32))
    np.testing.assert_array_equal(getattr(made, split).y, y[names == split])


def test_whole_numbers_of_a_table_are_features_and_a_target_may_be_a_float(tmp_path):
  frame = table().round(0).astype({'height': int, 'width': int, 'weight': bool})
  options = written(tmp_path / 'mine.csv', frame) | {'target': 'price'}
  sizes, made = data.sizes(options), data.load(options)
  assert sizes[3:8] == ((4,), 1, 'floats', (1,), 'float32')
  order = np.random.RandomState(0).permutation(90)[18:]
  wanted = frame[['height', 'width', 'species', 'weight']].to_numpy(np.float32)[order]
  np.testing.assert_array_equal(made.train.x, wanted)
  np.testing.assert_array_equal(made.train.y[:, 0], frame.price.to_numpy(np.float32)[order])


def test_another_target_is_another_trial(tmp_path):
  options = written(tmp_path / 'mine.csv', table().assign(other=np.arange(90) % 2))
  one, two = (data.identified({**options, 'target': t}) for t in ('species', 'other'))
  assert one['sha256'] != two['sha256']


def test_a_parquet_file_may_hold_an_array_in_each_row(tmp_path):
  tokens, _ = users_data.tokens()['train']
  frame = pd.DataFrame({'tokens': list(tokens), 'species': np.arange(30) % 2})
  options = written(tmp_path / 'text.parquet', frame)
  order = np.random.RandomState(0).permutation(30)
  made = data.load(options)
  np.testing.assert_array_equal(made.train.x, tokens[order[6:]])
  assert data.sizes(options)[3:9] == ((8,), 2, 'classes', (), 'int32', 7)
  alone = written(tmp_path / 'alone.parquet', frame[['tokens']]) | {'target': 'tokens'}
  made = data.load(alone)
  np.testing.assert_array_equal(made.test.y, tokens[order[:6]])
  np.testing.assert_array_equal(made.test.x, made.test.y)


@pytest.mark.parametrize(
  ('change', 'says'),
  [
    ({'target': ''}, "data.target='' is not known: use one of height, width, species"),
    ({'target': 'specis'}, "did you mean 'species'"),
    ({'height': 'tall'}, "column 'height' holds 'tall' in row 1, no number"),
    ({'species': lambda f: ['setosa', *f.species[1:]]}, "column 'species' holds 'setosa' in row 1"),
    ({'width': lambda f: [*f.width[:4], 'wide', *f.width[5:]]}, "holds 'wide' in row 5, no number"),
    (
      {'width': lambda f: [*f.width[:4], None, *f.width[5:]]},
      'has no number in row 5 (nan)',
    ),
    ({'species': lambda f: [None, *f.species[1:]]}, "column 'species' has no number in row 1"),
    ({'split': 'tset'}, "a value of column split='tset' is not known: did you mean 'test'"),
    ({'split': 'train'}, "has no split 'test'"),
    ({'height': lambda f: [np.inf, *f.height[1:]]}, 'holds inf, no finite number of float32'),
    ({'species': lambda f: f.species + 1}, 'no training example has class 0 of 0..3'),
  ],
)
def test_a_wrong_column_gets_one_line(change, says, tmp_path):
  frame, target = table(), change.get('target', 'species')
  for column, values in change.items():
    if column != 'target':
      frame[column] = values(frame) if callable(values) else values
  options = written(tmp_path / 'mine.csv', frame) | {'target': target}
  with pytest.raises(ValueError, match='.') as error:
    data.identified(options)
  assert says in str(error.value) and '\n' not in str(error.value)
  assert 'mine.csv' in str(error.value)


@pytest.mark.parametrize(
  ('values', 'says'),
  [
    (
      lambda i: [1] * (3 if i == 4 else 2),
      'of shape (3,) in row 5 and of (2,) in row 1: pad',
    ),
    (lambda i: ['a'] if i == 4 else ['b'], 'in row 1, no number'),
  ],
)
def test_arrays_in_rows_must_be_numbers_of_one_length(values, says, tmp_path):
  frame = pd.DataFrame({'text': [values(i) for i in range(10)], 'species': np.arange(10) % 2})
  with pytest.raises(ValueError, match='.') as error:
    data.identified(written(tmp_path / 'mine.parquet', frame))
  assert says in str(error.value) and '\n' not in str(error.value)


def test_an_array_in_each_row_has_no_features_beside_it(tmp_path):
  frame = table().assign(text=[[1, 2]] * 90)
  with pytest.raises(ValueError, match="'text' has an array in each row, and there are other"):
    data.identified(written(tmp_path / 'mine.parquet', frame))
  with pytest.raises(ValueError, match="has no column beside the target 'species': give features"):
    data.identified(written(tmp_path / 'mine.parquet', frame[['species']]))


@pytest.mark.parametrize('suffix', ['.csv', '.parquet'])
def test_a_file_that_is_none_gets_one_line(suffix, tmp_path):
  path = tmp_path / f'mine{suffix}'
  with pytest.raises(FileNotFoundError):
    data.identified({'name': str(path), 'target': 'a'})
  path.write_bytes(b'\xff\xfe\0"a,b\n1,2,3\n')
  with pytest.raises(ValueError, match=f'cannot be read as {suffix} ') as error:
    data.identified({'name': str(path), 'target': 'a'})
  assert '\n' not in str(error.value) and str(path) in str(error.value)
