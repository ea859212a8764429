"""What a report says of times, of further measurements and of the design, by hand."""

import numpy as np
import pandas as pd
import pytest
from test_report import records, study

from norms.lab.report import findings, measurements, naming, tables, timing, varied, view
from norms.lab.report.figures import writing
from norms.lab.report.parity.drift import verdicts

SECONDS = {'layer': (0.4, 0.5, 0.7), 'none': (0.2, 0.25, 0.3), 'batch': (0.3, 0.6, 0.45)}


def test_the_slowest_norm_is_compared_with_the_fastest_round_by_round():
  rows = [
    {'norm': norm, 'round': i, 'seconds': seconds, 'steps': 100}
    for norm, own in SECONDS.items() for i, seconds in enumerate(own)
  ]  # fmt: skip
  assert list(timing.sentences(view.of(records(), study(), {'rows': rows}))) == [
    'An epoch takes 500 ms with layer norm, the slowest, and 250 ms with the net with no norm, the '
    'fastest (medians of 3 interleaved rounds): 2.00 times as long, in single rounds 2.00 to 2.33 '
    'times.'
  ]
  assert not list(timing.sentences(view.of(records(), study(), {'rows': rows[:3]})))
  two = list(timing.sentences(view.of(records(), study(), {'rows': rows[:6]})))
  assert len(two) == 1


@pytest.mark.parametrize(('values', 'said'), [
  ([1.0, 2.0, 3.0, 4.0], ''),
  ([1.0, np.nan, 3.0, 4.0], 'NaN in 1 of 2 trials'),
  ([np.inf, 2.0, -np.inf, np.nan], 'NaN in 1 of 2 trials, infinite in 2 of 2 trials'),
  ([1.0, 1.0, 2.0, 2.0], 'the same at every epoch of a trial'),
  ([1.0, 1.0, 2.0, 3.0], ''),
  ([np.nan] * 4, 'no value in any trial: all are NaN'),
  ([np.inf] * 4, 'infinite in 2 of 2 trials'),
  (['a', 'b', 'c', 'd'], 'no numbers'),
])  # fmt: skip
def test_what_is_unusual_about_a_measurement(values, said):
  frame = pd.DataFrame({'trial': ['a', 'a', 'b', 'b'], 'mine': values})
  assert measurements.remarks(frame, 'mine') == said


@pytest.mark.parametrize(('n', 'said'), [
  (8, 'initial scale: 1, 2, 3, 4, 5, 6, 7 and 8'), (9, 'initial scale: 9 values, 1 to 9'),
])  # fmt: skip
def test_up_to_eight_values_are_listed(n, said):
  frame = records(batches=(4,), scales=[float(i) for i in range(n, 0, -1)], seeds=n)
  facts = dict(varied.facts(view.of(frame, study())))
  assert said in facts['Varied'].split('; ')
  seeds = 'seed: 0, 1, 2, 3, 4, 5, 6 and 7' if n == 8 else 'seed: 9 values'
  assert facts['Varied'].endswith(seeds)
  assert facts['Fixed'] == (
    'data digits; model mlp; optimizer sgd; evaluation by exact statistics; 4 epochs; '
    'batch size 4; learning rate 0.1'
  )


def test_what_is_left_as_it_is_by_default_is_not_called_fixed():
  frame = records(batches=(4,)).assign(train_examples=0, augment='', epochs=4)
  assert '4 epochs' in dict(varied.facts(view.of(frame, study())))['Fixed']
  assert 'examples' not in dict(varied.facts(view.of(frame, study())))['Fixed']


def test_the_folder_of_figures_is_made_with_what_is_above_it_and_may_be_there(tmp_path):
  for _ in range(2):
    assert writing.write([], tmp_path / 'results' / 'mine') == []
  assert (tmp_path / 'results' / 'mine' / writing.FOLDER).is_dir()


def test_a_net_of_one_hidden_layer_has_its_width_for_an_axis():
  assert list(naming._widths(pd.Series(['[8]', '[16]']))) == [8, 16]
  assert naming._widths(pd.Series(['[8]', '[16, 16]'])) is None


def test_trials_that_ended_without_an_accuracy_are_counted():
  frame = records()
  lost = frame[(frame['norm'] == 'none') & (frame['init_scale'] == 100)]['trial'].unique()[:2]
  frame.loc[frame['trial'].isin(lost) & (frame['epoch'] == 4), 'test_accuracy'] = np.nan
  said = list(findings.sentences(view.of(frame, study())))
  assert '2 trials ended without an accuracy: each counts as 0.' in said


def test_points_of_curves_beyond_the_bar_are_counted():
  same = {'family': 'batch', 'library': 'linen', 'title': 'Flax linen', 'seed': [0, 1, 2]}
  curves = pd.DataFrame({**same, 'epoch': 1, 'difference': [0.0, 0.02, -0.01]})
  (verdict,) = verdicts._curves_agree(curves)
  assert verdict.outcome == 'supported'
  assert verdict.sentence.endswith('seed 1), and 2 of 3 points are beyond the bar.')


def test_a_measurement_that_a_norm_lacks_has_no_seed_and_no_centre():
  two = records(norms=('batch',), batches=(4,), scales=(1.0,), seeds=2)
  rows = view.of(two, study()).rows.assign(mine=[1.0, 3.0], text='a')
  assert measurements._centre(rows[:0], 'mine') == ['0', tables.ABSENT, tables.ABSENT]
  assert measurements._centre(rows, 'text') == ['0', tables.ABSENT, tables.ABSENT]
  assert measurements._centre(rows, 'mine') == ['2', '2.0000', '1.0000 to 3.0000 (range)']
  lost = rows.assign(mine=np.nan)
  assert measurements._centre(lost, 'mine')[1:] == [tables.ABSENT, tables.ABSENT]
