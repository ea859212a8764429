"""norms.lab.compare: what changed from one study to another, in settings and in outcome."""

import numpy as np
import pandas as pd
import pytest
from test_report import records

from norms import lab


def better(frame, by, norm='layer'):
  """The same trials, those of one norm better by so much."""
  gain = np.where((frame['norm'] == norm) & (frame['epoch'] > 0), by, 0.0)
  return frame.assign(test_accuracy=frame['test_accuracy'] + gain)


def outcomes(found):
  return found[found['what'] == 'outcome'].set_index('where')


def test_only_settings_whose_values_differ_are_listed():
  frame = records(seeds=2)
  after = frame.assign(learning_rate=0.2, batch_size=frame['batch_size'].replace(64, 256))
  settings = lab.compare(frame, after).query('what == "setting"').set_index('name')
  assert dict(settings['before']) == {'batch_size': '4, 64', 'learning_rate': '0.1'}
  assert dict(settings['after']) == {'batch_size': '4, 256', 'learning_rate': '0.2'}
  assert set(settings['verdict']) == {'changed'}
  assert not (lab.compare(frame, frame)['what'] == 'setting').any()


@pytest.mark.parametrize(
  ('by', 'verdict'), [(0.02, 'better'), (-0.02, 'worse'), (0.0, 'undecided')]
)
def test_each_norm_is_compared_cell_by_cell_paired_by_seed(by, verdict):
  frame = records(batches=(4, 64), scales=(1.0,), seeds=5)
  found = outcomes(lab.compare(frame, better(frame, by)))
  assert list(found.index) == [
    f'{norm}, batch size {size}'
    for norm in ('batch norm', 'layer norm', 'the net with no norm')
    for size in (4, 64)
  ]
  layer = found.loc[['layer norm, batch size 4', 'layer norm, batch size 64']]
  assert set(layer['verdict']) == {verdict} and set(layer['seeds']) == {5}
  np.testing.assert_allclose(layer['difference'].astype(float), by, atol=1e-12)
  assert set(found.drop(layer.index)['verdict']) == {'undecided'}


def test_of_a_loss_less_is_better():
  frame = records(scales=(1.0,), batches=(4,), seeds=5)
  after = frame.assign(test_loss=frame['test_loss'] - 0.5)
  found = outcomes(lab.compare(frame, after, 'test_loss'))
  assert set(found['verdict']) == {'better'} and (found['difference'] < 0).all()


def test_the_intervals_hold_together():
  """Bonferroni: those of six cells are wider than that of one of them."""
  frame = records(scales=(1.0,), batches=(4, 64), seeds=5)
  noise = np.random.default_rng(0).normal(0, 0.01, 5)[frame['seed']]
  after = frame.assign(test_accuracy=frame['test_accuracy'] + noise)
  one = lab.compare(*(f.query('norm == "layer" and batch_size == 4') for f in (frame, after)))
  all_ = outcomes(lab.compare(frame, after)).loc['layer norm, batch size 4']
  alone = outcomes(one).loc['layer norm']
  assert all_['high'] - all_['low'] > 1.2 * (alone['high'] - alone['low'])
  assert alone['difference'] == pytest.approx(all_['difference'])


def test_what_only_one_study_has_is_said_to_be_so():
  frame = records(norms=('none', 'layer'), scales=(1.0,), batches=(4,), seeds=2)
  after = records(norms=('batch', 'layer'), scales=(1.0,), batches=(4,), seeds=2)
  found = outcomes(lab.compare(frame, after))
  assert dict(found['verdict']) == {
    'batch norm': 'only after', 'layer norm': 'undecided', 'the net with no norm': 'only before',
  }  # fmt: skip
  assert pd.isna(found.loc['batch norm', 'before']) and pd.isna(
    found.loc['the net with no norm', 'after']
  )


def test_an_axis_without_common_values_is_a_setting_and_no_cell():
  frame, after = records(scales=(0.1, 1.0), seeds=2), records(scales=(10.0, 30.0), seeds=2)
  found = lab.compare(frame, after)
  assert 'init_scale' in set(found.query('what == "setting"')['name'])
  assert not any('initial scale' in where for where in outcomes(found).index)


@pytest.mark.parametrize(
  ('call', 'says'),
  [
    (lambda f, folder: lab.compare(folder, f), 'holds no trial'),
    (lambda f, _: lab.compare(f, f[:0]), 'the frame holds no trial'),
    (lambda f, _: lab.compare(f, f, 'test_acuracy'), "did you mean 'test_accuracy'"),
    (lambda f, _: lab.compare(f, of_regression(f)), 'test_accuracy and test_r2'),
  ],
)
def test_what_cannot_be_compared_is_said_in_one_line(call, says, tmp_path):
  with pytest.raises(ValueError, match='.') as error:
    call(records(seeds=1), tmp_path)
  assert says in str(error.value) and '\n' not in str(error.value)


def of_regression(frame):
  other = frame.copy()
  other.attrs['compared_by'] = 'test_r2'
  return other
