"""Every mistake in a user's own data is one line that names the data, the value and what to do."""

import pickle

import numpy as np
import pytest
import users_data

from norms.lab import data, mistakes, study
from norms.lab.data import arrays

X, Y = users_data.load()['train']
TOKENS, NEXT = users_data.tokens()['train']
GOOD = {'train': (X, Y), 'test': (X[:30], Y[:30])}


def at(values, where, value):
  """A copy with another value at a place."""
  made = np.array(values)
  made[where] = value
  return made


def train(x=X, y=Y, **more):
  """The good data with others for training."""
  return {**GOOD, 'train': (x, y), **more}


def held(x=X[:30], y=Y[:30]):
  """The good data with others for testing."""
  return {**GOOD, 'test': (x, y)}


WRONG = {
  'list': ([(X, Y)], 'gives a list: give {'),
  'no test': ({'train': (X, Y)}, "has no split 'test'"),
  'no train': ({'test': (X, Y)}, "has no split 'train'"),
  'unknown key': ({**GOOD, 'valdation': (X, Y)}, "key='valdation' is not known: did you mean"),
  'no pair': ({**GOOD, 'test': X}, 'split test is a ndarray: give a pair (x, y)'),
  'three': ({**GOOD, 'test': (X, Y, Y)}, 'split test is a tuple: give a pair (x, y)'),
  'empty': (held(X[:0], Y[:0]), 'split test: x is empty (shape (0, 4)): give examples'),
  'no features': (train(X[:, :0]), 'x is empty (shape (90, 0))'),
  'a number': (train(3.0), 'x is empty (shape ())'),
  'unequal lengths': (train(X[:-1]), 'x has 89 examples and y 90: give a target for each'),
  'ragged': (train([[1.0], [1.0, 2.0]]), 'x has rows of unequal lengths: pad or cut them'),
  'objects': (train(X.astype(object)), 'x has dtype object (first'),
  'text': (train(y=Y.astype(str)), "y has dtype <U21 (first np.str_('0')): give numbers"),
  'complex': (train(X * 1j), 'x has dtype complex128'),
  'dates': (train(y=Y.astype('M8[s]')), 'y has dtype datetime64[s]'),
  'one axis': (train(X[:, 0]), 'x has shape (90,): give (examples, features), as x[:, None]'),
  'NaN': (train(at(X, (7, 2), np.nan)), 'split train: x of example 7 holds nan, no finite number'),
  'infinite': (held(at(X[:30], (3, 1), -np.inf)), 'split test: x of example 3 holds -inf'),
  'beyond float32': (train(at(X, (5, 0), 1e300)), 'x of example 5 holds 1e+300, no finite'),
  'NaN target': (train(y=at(Y * 1.0, 4, np.nan)), 'y of example 4 holds nan'),
  'other shape': (held(X[:30, :3]), 'x has shape (3,) in split test and (4,) in train'),
  'other kind': (held(TOKENS[:, :4]), 'x is int64 in split test and float64 in train: give'),
  'negative': (train(y=at(Y, 8, -1)), 'y of example 8 is -1, out of range'),
  'no class 0': (train(y=Y + 1), 'no training example has class 0 of 0..3: number the classes'),
  'a gap': (train(y=np.where(Y == 1, 3, Y)), 'no training example has class 1 of 0..3'),
  'never trained': (held(y=Y[:30] + 1), 'no training example has class 3 of 0..3'),
  'one class': (train(y=0 * Y, test=(X, 0 * Y)), 'every label is 0: give at least two classes'),
  'above classes': (train(classes=2), 'y of example 2 is 2, out of range 0..1'),
  'test above': ({**held(y=at(Y[:30], 9, 5)), 'classes': 4}, 'split test: y of example 9 is 5'),
  'half a class': (train(y=at(Y * 1.0, 6, 1.5), classes=3), 'y of example 6 is 1.5, no whole'),
  'classes of text': (train(classes='3'), "classes='3': give a whole number from 2 on"),
  'one of classes': (train(classes=1), 'classes=1: give a whole number from 2 on'),
  'classes of floats': ({'train': (X, X), 'test': (X, X), 'classes': 3}, 'has shape (90, 4)'),
  'a column': (train(y=Y[:, None]), 'y has shape (90, 1): give classes as (examples,)'),
  'three axes': (train(y=X[None].repeat(90, 0)), 'has shape (90, 90, 4): floats are (examples,'),
  'token': (
    {'train': (at(TOKENS, (2, 1), -4), NEXT), 'test': (TOKENS, NEXT)},
    'x of example 2 is -4, out of range 0..2147483647: each token is a whole number from 0 on',
  ),
  'token above': (
    {'train': (at(TOKENS, (2, 1), 9), NEXT), 'test': (TOKENS, NEXT), 'classes': 7},
    'x of example 2 is 9, out of range 0..6',
  ),
}


@pytest.mark.parametrize('case', WRONG)
def test_wrong_arrays_get_one_line(case):
  given, says = WRONG[case]
  with pytest.raises(ValueError, match='.') as error:
    arrays.check_arrays('mine:load', given)
  assert says in str(error.value) and '\n' not in str(error.value)
  assert "data.name='mine:load'" in str(error.value)
  assert mistakes.mendable(error.value)


def test_the_good_ones_are_good():
  """Else any of the above might be refused for another reason."""
  assert arrays.check_arrays('mine:load', GOOD).facts.sizes.classes == 3
  assert (
    arrays.check_arrays('mine:load', train()).sha256
    == arrays.check_arrays('mine:load', held()).sha256
  )


@pytest.mark.parametrize(
  ('kind', 'given', 'says'),
  [
    ('classes', train(y=Y + 0.5), 'y of example 0 is 0.5, no whole number'),
    ('classes', train(y=X), 'y has shape (90, 4): classes are (examples,)'),
    ('sequences', GOOD, 'y has shape (90,): sequences are (examples, length)'),
    ('floats', train(classes=3), 'classes=3, and its targets are floats: leave it out'),
  ],
)
def test_targets_that_are_not_of_the_kind_get_one_line(kind, given, says):
  with pytest.raises(ValueError, match='.') as error:
    arrays.check_arrays('mine:load', given, kind)
  assert says in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize(
  ('options', 'says'),
  [
    ({'name': 'mnits'}, "did you mean 'mnist'? use one of digits"),
    ({'name': 'mnits'}, 'or of your own package.module:function, a .npz file'),
    ({'name': 'mine.json'}, "data='mine.json': no file of that form is read, give .npz, .csv"),
    ({'name': 'no_such:load'}, "cannot import 'no_such'"),
    ({'name': 'users_data:laod'}, "did you mean 'load'"),
    ({'name': 'users_data:CENTRES'}, 'is a ndarray: name a function'),
    ({'name': 'users_data:needs'}, 'is called without arguments, and needs path: give each'),
    ({'name': 'users_data:Frozen'}, 'gives a Frozen: give {'),
    ({'name': 'users_data:load', 'target': 'a'}, "data.target='a' names a column"),
    ({'name': 'users_data:load', 'kind': 'class'}, "did you mean 'classes'"),
    ({'name': 'users_data:load', 'layout': 'image'}, "data.layout='image' needs images"),
    ({'name': 'users_data:load', 'sha256': 7}, 'data.sha256=7 is no text'),
    ({'name': 'users_data:load', 'validation': 90}, 'data.validation=90 leaves nothing'),
    ({'name': 'users_data:judged', 'validation': 16}, 'the 15 examples of users_data:judged that'),
    ({'name': 'users_data:load', 'test': 31}, 'data.test=31 is more than the 30 examples'),
    ({'name': 'users_data:tokens', 'layout': 'flat_channels_first'}, 'needs images'),
    ({'name': 'digits', 'target': 'a'}, "data.target='a' is for data of your own, not digits"),
    ({'name': 'digits', 'sha256': 'a'}, "data.sha256='a' is for data of your own, not digits"),
    ({'name': 'digits', 'kind': 'sequences'}, 'digits has one label per image'),
    ({'name': 'mine.csv', 'source': 'tfds'}, "data.source=tfds is not for 'mine.csv': drop it"),
  ],
)  # fmt: skip
def test_a_wrong_option_gets_one_line(options, says):
  with pytest.raises(ValueError, match='.') as error:
    data.sizes(options)
  assert says in str(error.value) and '\n' not in str(error.value)
  assert mistakes.mendable(error.value)


def test_a_subset_without_a_class_is_an_error():
  with pytest.raises(ValueError, match='data.train=2 leaves class 2 of users_data:load without'):
    data.load({'name': 'users_data:load', 'train': 2})


def npz(path, **changes):
  content = {'x_train': X, 'y_train': Y, 'x_test': X[:30], 'y_test': Y[:30], **changes}
  np.savez(path, **{key: value for key, value in content.items() if value is not None})
  return path


class Trap:
  """What a pickle runs when it is loaded."""

  def __reduce__(self):
    return (pytest.fail, ('a pickle was loaded',))


@pytest.mark.parametrize(
  ('changes', 'says'),
  [
    ({'y_test': None}, "has no array 'y_test': give x_train, y_train, x_test, y_test"),
    ({'x_validation': X}, "has no array 'y_validation'"),
    ({'x_tain': X}, "key='x_tain' is not known: did you mean 'x_train'"),
    ({'x_train': np.array([Trap()] * 90)}, 'x_train holds Python objects, and no pickle is loaded'),
    ({'x_train': at(X, (1, 1), np.nan)}, 'x of example 1 holds nan'),
  ],
)
def test_a_wrong_npz_file_gets_one_line(changes, says, tmp_path):
  with pytest.raises(ValueError, match='.') as error:
    data.identified({'name': str(npz(tmp_path / 'mine.npz', **changes))})
  assert says in str(error.value) and '\n' not in str(error.value)
  assert 'mine.npz' in str(error.value) and mistakes.mendable(error.value)


def test_what_is_no_npz_file_gets_one_line(tmp_path):
  path = tmp_path / 'mine.npz'
  with pytest.raises(FileNotFoundError) as missing:
    data.identified({'name': str(path)})
  assert mistakes.mendable(missing.value)
  whole = npz(tmp_path / 'whole.npz').read_bytes()
  np.save(tmp_path / 'one.npy', X)
  for content, says in (
    (pickle.dumps(Trap()), 'is no .npz file'),
    (b'', 'is no .npz file'),
    (whole[:-30], 'is no .npz file'),
    ((tmp_path / 'one.npy').read_bytes(), 'holds one array, as .npy files do: write it with'),
    (whole.replace(X.tobytes()[:64], b'\0' * 64), 'x_train cannot be read'),
  ):
    path.write_bytes(content)
    with pytest.raises(ValueError, match='.') as error:
      data.identified({'name': str(path)})
    assert says in str(error.value) and '\n' not in str(error.value)


def test_what_ends_a_users_function_keeps_its_traceback(monkeypatch):
  def broken():
    return {'train': 1 / 0}

  monkeypatch.setattr(users_data, 'broken', broken, raising=False)
  config = study.defaults()
  config.name, config.data.name = 'mine', 'users_data:broken'
  with pytest.raises(ZeroDivisionError) as error:
    study.from_config(config)
  assert not mistakes.mendable(error.value)
