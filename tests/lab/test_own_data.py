"""Promises of a user's own data: a function or arrays, split and scaled as built-in sets are, and
known by their content."""

import dataclasses

import numpy as np
import pytest
import small
import users_data

from norms.lab import columns, data, numerics, study, sweep
from norms.lab.data import arrays, own
from norms.lab.engine.training import TrainSetup

LOAD = {'name': 'users_data:load'}


def write(path, given):
  """A .npz file of a mapping as a function gives it."""
  arrays = {
    f'{part}_{s}': a for s, pair in given.items() for part, a in zip('xy', pair, strict=True)
  }
  np.savez(path, **arrays)
  return {'name': str(path)}


def of(monkeypatch, given):
  """The options of data that a function of a user's module gives."""
  monkeypatch.setattr(users_data, 'given', lambda: given, raising=False)
  return {'name': 'users_data:given'}


def trial(options, manual_dir=''):
  config = small.config(batch_size=16)
  config.data.update({**options, 'manual_dir': str(manual_dir)})
  (made,) = study.from_config(config).trials
  return made


def test_a_function_gives_the_splits():
  made, sizes = data.load({**LOAD, 'normalize': 'none'}), data.sizes(LOAD)
  for split, (x, y) in users_data.load().items():
    np.testing.assert_array_equal(getattr(made, split).x, x.astype(np.float32))
    np.testing.assert_array_equal(getattr(made, split).y, y)
  assert {a.dtype for split in made[:2] for a in split} == {np.dtype('f4'), np.dtype('i4')}
  assert made.validation is None
  assert sizes == (90, 0, 30, (4,), 3, 'classes', (), 'float32', 0)


def test_a_npz_file_is_the_same_data(tmp_path):
  """By their content: another name, and so another trial, but one fingerprint."""
  options = write(tmp_path / 'mine.npz', users_data.judged())
  one, two = data.identified(options), data.identified({'name': 'users_data:judged'})
  assert one['sha256'] == two['sha256'] and len(one['sha256']) == 64
  for a, b in zip(data.load(options), data.load({'name': 'users_data:judged'}), strict=True):
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.y, b.y)
  assert data.origin(options) == {
    'name': options['name'], 'source': '.npz', 'sha256': one['sha256'], 'verified': False,
  }  # fmt: skip
  np.savez(tmp_path / 'five.npz', **dict(np.load(options['name'])), classes=5)
  assert data.sizes({'name': str(tmp_path / 'five.npz')}).classes == 5


def test_subsets_are_those_of_built_in_sets():
  x, y = users_data.load()['train']
  made = data.load({**LOAD, 'train': 12, 'validation': 20, 'test': 5, 'normalize': 'none'})
  np.testing.assert_array_equal(made.train.x, x[:12].astype(np.float32))
  np.testing.assert_array_equal(made.validation.x, x[70:].astype(np.float32))
  np.testing.assert_array_equal(made.validation.y, y[70:])
  assert len(made.test.y) == 5
  assert data.sizes({**LOAD, 'train': 12, 'validation': 20, 'test': 5})[:3] == (12, 20, 5)


def test_a_validation_split_of_its_own_takes_nothing_from_training():
  options = {'name': 'users_data:judged', 'normalize': 'none'}
  for wanted, n in ((0, 15), (6, 6)):
    made = data.load({**options, 'validation': wanted})
    kept = users_data.features(15, 2)
    np.testing.assert_array_equal(made.validation.x, kept[0][:n].astype(np.float32))
    np.testing.assert_array_equal(made.validation.y, kept[1][:n])
    assert len(made.train.y) == 90
    assert data.sizes({**options, 'validation': wanted})[:3] == (90, n, 30)
  scaled = data.load({'name': 'users_data:judged', 'validation': 6}).train.x
  np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-6)


def test_digits_given_as_images_are_the_built_in_digits_to_the_bit(monkeypatch):
  """In the layout that digits have by default; of three axes and as int64, too."""
  raw = data.digits()
  mapping = {'train': tuple(raw.train), 'test': tuple(raw.test)}
  flat = {'layout': 'flat', 'train': 500, 'validation': 300}
  options, built_in = of(monkeypatch, mapping), data.load({'name': 'digits', **flat})
  wide = {split: (x[..., 0].astype(np.int64), y) for split, (x, y) in mapping.items()}
  for given in (mapping, wide):
    options = of(monkeypatch, given)
    for a, b in zip(data.load({**options, **flat}), built_in, strict=True):
      np.testing.assert_array_equal(a.x, b.x)
      np.testing.assert_array_equal(a.y, b.y)
    assert data.sizes(options).shape == (8, 8, 1)
  for normalize in ('mean_image', 'none'):
    for a, b in zip(
      data.load({**options, 'layout': 'flat', 'normalize': normalize})[:2],
      data.load({'name': 'digits', 'normalize': normalize})[:2], strict=True,
    ):  # fmt: skip
      np.testing.assert_array_equal(a.x, b.x)
  made = data.load({**options, 'normalize': 'unit'})
  np.testing.assert_array_equal(made.test.x, (raw.test.x / 255).astype(np.float32))


@pytest.mark.parametrize('normalize', ['standardise', 'unit', 'mean_image', 'none'])
@pytest.mark.parametrize('shape', [(4,), (2, 2), (2, 2, 1)])
def test_floats_are_scaled_by_the_training_split_less_validation(normalize, shape, monkeypatch):
  """Features of a table each by themselves; what has more axes, as images, all together."""
  given = {
    split: (x.reshape(-1, *shape), y) for split, (x, y) in users_data.load().items()
  }  # fmt: skip
  made = data.load({**of(monkeypatch, given), 'normalize': normalize, 'validation': 20})
  pool = given['train'][0][:70]
  axes = 0 if shape == (4,) else None
  shift, scale = {
    'standardise': (pool.mean(axes), pool.std(axes)),
    'unit': (0, np.abs(pool).max()),
    'mean_image': (pool.mean(0), 1),
    'none': (0, 1),
  }[normalize]
  for split, x in (
    ('train', pool),
    ('validation', given['train'][0][70:]),
    ('test', given['test'][0]),
  ):
    expected = ((x - shift) / scale).astype(np.float32)
    np.testing.assert_allclose(getattr(made, split).x, expected, rtol=1e-6, atol=1e-6)


def test_a_feature_that_is_constant_becomes_zero_and_the_others_are_scaled(monkeypatch):
  """Also where its mean would be rounded."""
  given = {s: (np.insert(x, 1, 0.1, 1), y) for s, (x, y) in users_data.load().items()}
  made = data.load(of(monkeypatch, given)).train.x
  assert (made[:, 1] == 0).all()
  np.testing.assert_allclose(np.delete(made, 1, 1), data.load(LOAD).train.x)


def test_tokens_are_never_scaled(monkeypatch):
  made, sizes = data.load({'name': 'users_data:tokens'}), data.sizes({'name': 'users_data:tokens'})
  (x, y), (test_x, test_y) = users_data.tokens().values()
  for a, b in zip((*made.train, *made.test), (x, y, test_x, test_y), strict=True):
    np.testing.assert_array_equal(a, b)
    assert a.dtype == np.int32
  assert sizes == (30, 0, 10, (8,), 7, 'sequences', (8,), 'int32', 7)
  same = {'train': (0 * x, y), 'test': (0 * x, y)}  # which floats may not be
  assert (data.load(of(monkeypatch, same)).train.x == 0).all()


def test_a_vocabulary_has_every_token_of_inputs_and_targets(monkeypatch):
  given = {s: (x.copy(), y.copy()) for s, (x, y) in users_data.tokens().items()}
  given['test'][0][3, 0] = 11
  assert data.sizes(of(monkeypatch, given))[4:] == (12, 'sequences', (8,), 'int32', 12)
  given['train'][1][3, 0] = 20
  assert data.sizes(of(monkeypatch, given))[4:] == (21, 'sequences', (8,), 'int32', 21)
  given = {s: (x, np.arange(len(x)) % 2) for s, (x, _) in given.items()}
  assert data.sizes(of(monkeypatch, given))[4:] == (2, 'classes', (), 'int32', 12)


def test_targets_of_none_are_the_inputs(monkeypatch):
  x = users_data.tokens()['train'][0]
  options = of(monkeypatch, {'train': (x[:20], None), 'test': (x[20:], None)})
  made = data.load(options)
  np.testing.assert_array_equal(made.train.y, x[:20])
  assert data.sizes(options).kind == 'sequences'


def test_floats_are_numbers_to_predict():
  made, sizes = data.load({'name': 'users_data:rates'}), data.sizes({'name': 'users_data:rates'})
  np.testing.assert_array_equal(made.test.y[:, 0], users_data.rates()['test'][1].astype(np.float32))
  assert made.train.y.dtype == np.float32
  assert sizes == (30, 0, 10, (4,), 1, 'floats', (1,), 'float32', 0)


def test_the_kind_of_targets_can_be_said(monkeypatch):
  """Counts are whole numbers, and yet to be predicted as numbers; so are digits."""
  years = {s: (x, y + 1990) for s, (x, y) in users_data.load().items()}
  options = {**of(monkeypatch, years), 'kind': 'floats'}
  assert data.sizes(options)[4:7] == (1, 'floats', (1,))
  assert data.load(options).train.y[:3, 0].tolist() == [1990, 1991, 1992]
  digits = {'name': 'digits', 'kind': 'floats'}
  assert data.sizes(digits)[4:7] == (1, 'floats', (1,))
  y, labels = data.load(digits).test.y, data.load({'name': 'digits'}).test.y
  assert y.dtype == np.float32
  np.testing.assert_array_equal(y[:, 0], labels)
  # Said of a number that is whole, and by the number of classes.
  whole = {s: (x, y.astype(np.float64)) for s, (x, y) in users_data.load().items()}
  assert data.sizes({**of(monkeypatch, whole), 'kind': 'classes'}).classes == 3
  assert data.sizes(of(monkeypatch, {**whole, 'classes': 4}))[4:6] == (4, 'classes')


def test_what_is_true_or_false_is_a_feature_or_one_of_two_classes(monkeypatch):
  given = {s: (x > 1, y == 2) for s, (x, y) in users_data.load().items()}
  options = {**of(monkeypatch, given), 'normalize': 'none'}
  made = data.load(options)
  assert data.sizes(options)[3:8] == ((4,), 2, 'classes', (), 'float32')
  np.testing.assert_array_equal(made.train.x, given['train'][0])


def test_images_beyond_a_byte_are_floats(monkeypatch):
  x, y = users_data.load()['train']
  deep = np.arange(90 * 4).reshape(90, 2, 2) * 100
  options = of(monkeypatch, {'train': (deep, y), 'test': (deep[:30], y[:30])})
  made = data.load({**options, 'normalize': 'none'})
  np.testing.assert_array_equal(made.train.x[..., 0], deep)
  assert data.sizes(options).shape == (2, 2, 1)


def test_the_content_is_part_of_a_trial_and_nothing_else_is_new(monkeypatch):
  """A trial of a built-in set has the hash that it always had."""
  first = trial(LOAD)
  assert dict(first.data) == {**LOAD, 'sha256': data.identified(LOAD)['sha256']}
  assert first == trial(LOAD) and first.hash == trial(LOAD).hash
  assert first.columns()['data.sha256'] == dict(first.data)['sha256']
  (x, y), test = users_data.load().values()
  seen = {trial(of(monkeypatch, {'train': (x, y), 'test': test})).hash}
  for name in ('train', 'test'):
    for change in ('x', 'y', 'order', 'dtype'):
      given = {'train': (x.copy(), y.copy()), 'test': (test[0].copy(), test[1].copy())}
      if change == 'x':
        given[name][0][-1, -1] += 1e-9
      elif change == 'y':
        given[name][1][-1] = (given[name][1][-1] + 1) % 3
      elif change == 'order':
        given[name] = tuple(a[::-1] for a in given[name])
      else:
        given[name] = (given[name][0].astype(np.float32), given[name][1])
      seen.add(trial(of(monkeypatch, given)).hash)
  given = {'train': (x, y), 'test': test}
  for classes in (4, 5):
    seen.add(trial(of(monkeypatch, {**given, 'classes': classes})).hash)
  seen.add(trial(of(monkeypatch, {**given, 'validation': test})).hash)
  assert len(seen) == 12


def test_the_same_bytes_of_another_dtype_or_shape_are_other_content():
  made = arrays.check_arrays('mine:load', users_data.load())
  x, y = made.data.train
  for other in (x.view(np.int64), x.reshape(-1, 2, 2), x[:45].repeat(2, 0)):
    changed = made.data._replace(train=data.Split(other, y))
    assert arrays.sha256(changed, made.facts) != made.sha256


def test_trials_of_built_in_sets_keep_their_hash(monkeypatch):
  """As of the version that had no data but these."""
  monkeypatch.setattr(numerics, 'NUMERICS', 2)
  config = small.config()
  assert study.from_config(config).trials[0].hash == '2d7fad4538114971'
  config.data.update({'name': 'mnist', 'train': 1000, 'source': 'tfds', 'layout': 'flat'})
  assert study.from_config(config).trials[0].hash == '8371be38ce70996f'


def test_the_content_can_be_pinned(monkeypatch):
  sha256 = data.identified(LOAD)['sha256']
  assert trial({**LOAD, 'sha256': sha256}) == trial(LOAD)
  with pytest.raises(ValueError, match=f"'users_data:load' gives other data .*{sha256}.*than") as e:
    trial({**LOAD, 'sha256': 'f' * 64})
  assert 'config.data.sha256' in str(e.value) and '\n' not in str(e.value)


def test_a_loader_that_gives_other_data_the_second_time_is_an_error():
  """The second time is that of another process, which has nothing in memory."""
  made = trial({'name': 'users_data:hourly'})
  data.load(made.data)  # in this process it is called once
  own._read.cache_clear(), data._load.cache_clear()
  with pytest.raises(ValueError, match='gives other data') as error:
    data.load(made.data)
  assert 'a seed for what it draws' in str(error.value) and '\n' not in str(error.value)


def test_a_reloaded_function_and_a_changed_file_are_read_anew(monkeypatch, tmp_path):
  """In one process, as in a notebook."""
  options = of(monkeypatch, users_data.load())
  first = data.identified(options)
  assert data.identified(of(monkeypatch, users_data.load())) == first
  assert data.identified(of(monkeypatch, users_data.judged())) != first
  file = write(tmp_path / 'mine.npz', users_data.load())
  before = data.identified(file)
  write(tmp_path / 'mine.npz', users_data.judged())
  assert before['sha256'] == first['sha256'] != data.identified(file)['sha256']


def test_the_content_is_no_axis():
  assert columns.settings(['data.sha256', 'data.target', 'data']) == ['data', 'data.target']


def test_several_data_sets_are_an_axis_and_their_content_is_none(tmp_path):
  def get_hyper(hyper):
    return hyper.sweep('data.name', ('users_data:load', 'users_data:judged'))

  made = study.from_config(small.config(batch_size=16), get_hyper=get_hyper)
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed and frame.attrs['axes'] == ['data']
  assert frame.groupby('data')['data.sha256'].nunique().tolist() == [1, 1]
  last = frame[frame.epoch == 2]
  assert (last.test_accuracy > 0.5).all() and last.validation_accuracy.notna().sum() == 1


def test_more_classes_than_labels_are_logits(monkeypatch, tmp_path):
  """The last layer is as wide as the user says."""
  of(monkeypatch, {**users_data.load(), 'classes': 5})
  config = small.config(batch_size=16, probe=10)
  config.data.name = 'users_data:given'
  made = study.from_config(config)
  widths, make = [], TrainSetup.of
  monkeypatch.setattr(TrainSetup, 'of', lambda *args: widths.append(args[1]) or make(*args))
  _, failed, _ = small.run(made, tmp_path)
  assert not failed and set(widths) == {5} and len(widths) > 1


def test_tokens_reach_a_users_model_as_whole_numbers(tmp_path):
  """Where the study is planned, too: an embedding refuses all else."""
  config = small.config(batch_size=10, model='users_data:Bag', model_options={}, norm='layer')
  config.data.name = 'users_data:parities'
  frame, failed, _ = small.run(config, tmp_path)
  assert not failed and np.isfinite(frame.train_loss).all() and len(frame) == 3


def test_targets_that_are_no_classes_are_for_another_task(tmp_path):
  config = small.config(batch_size=16)
  config.data.name = 'users_data:rates'
  with pytest.raises(ValueError, match='classes, .* floats: use --config.task=regression') as error:
    sweep.pending(study.from_config(config), tmp_path)
  assert '\n' not in str(error.value)


def test_trials_without_records_of_these_data_run_again(monkeypatch, tmp_path):
  options = of(monkeypatch, users_data.load())
  config = small.config(batch_size=16)
  config.data.update(options)
  first, _, _ = small.run(config, tmp_path)
  again, _, groups = small.run(config, tmp_path)
  assert not groups and len(again) == len(first)
  of(monkeypatch, users_data.judged())
  other, failed, groups = small.run(config, tmp_path)
  assert groups and not failed and set(other.trial).isdisjoint(first.trial)
  assert dataclasses.is_dataclass(groups[0])
