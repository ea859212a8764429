"""Statistics at their edges: of equals the first, of nothing nothing, and words for places."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from norms.lab import columns, study
from norms.lab.statistics import cells, comparing, design, layers, means, not_judged, rules, words
from norms.lab.trial import COLUMN_DEFAULTS


def test_of_texts_the_first_is_looked_at_first_unless_an_order_is_given():
  frame = pd.DataFrame({'norm': ['layer'] * 3, 'optimizer': ['sgd', 'adam', 'lion']})
  assert design.usual(frame, names=['optimizer']) == {'optimizer': 'sgd'}
  given = {'optimizer': ['lion', 'sgd']}
  assert design.usual(frame, given, ['optimizer']) == {'optimizer': 'lion'}
  assert design.usual(frame, names=[]) == {}


def test_what_most_norms_lack_is_looked_at_first_as_such():
  frame = pd.DataFrame({'norm': ['layer', 'batch', 'layer'], 'clip_norm': [np.nan, np.nan, 5.0]})
  assert np.isnan(design.usual(frame, names=['clip_norm'])['clip_norm'])


def test_nothing_to_compare_is_a_comparison_of_no_seed():
  comparison, why = comparing.undecided('no seed')
  assert (comparison.outcome, comparison.n, comparison.kind) == ('undecided', 0, 'range')
  assert why == 'no seed' and np.isnan([comparison.effect, comparison.low, comparison.high]).all()


def test_a_signal_that_vanishes_has_a_factor_of_0_and_a_shallow_net_none():
  """The last layer is not hidden: 2 to 32 in two steps is a factor of 4 each."""
  rows = pd.DataFrame({
    'activation.layer_0': [2.0, 0.0, 3.0, 5.0], 'activation.layer_1': [8.0, 0.0, 9.0, 7.0],
    'activation.layer_2': [32.0, 0.0, np.nan, 35.0],
    'activation.layer_3': [7.0, 0.0, np.nan, np.nan],
  })  # fmt: skip
  np.testing.assert_allclose(layers.passed_on(rows), [4, 0, np.nan, 1.4])


def test_places_in_words():
  assert words.place({'batch_size': 64, 'init_scale': 1.0}) == 'batch size 64 and initial scale 1'
  assert words.place({'batch_size': (4, 16)}) == 'batch size 4 and 16'
  for given, said in (
    ({'from': 0.1, 'to': 1}, '0.1 to 1'), ({'from': 0.1}, '0.1 and above'), ({'to': 1}, 'up to 1'),
  ):  # fmt: skip
    assert words.place({'learning_rate': given}) == f'learning rate {said}'
  assert words.place({'eval_stats': 'running'}) == 'evaluation by running statistics'


def test_the_half_width_of_two_values_is_by_one_degree_of_freedom():
  """t = 12.7062, and of a single value there is none."""
  assert means.half_width(1.0, 2, 0.95) == pytest.approx(12.7062 / np.sqrt(2), rel=1e-5)
  assert np.isnan(means.half_width(np.nan, 1, 0.95))
  assert means.student_p(0.0, 0.0, 4) == 1 and means.student_p(1e-9, 0.0, 4) == 0


def test_what_a_record_from_before_a_setting_lacks_is_the_default_of_a_study():
  defaults = study.defaults()
  names = ('patience', 'devices', 'sync_batch_stats', 'schedule')
  expected = {name: defaults[name] for name in names}
  assert {name: COLUMN_DEFAULTS[name] for name in names} == expected
  assert {name: columns.of(name).absent for name in names} == expected


def test_both_ends_of_a_range_are_a_tenth_of_a_percent_wider():
  rows = pd.DataFrame({'learning_rate': [9.98, 9.995, 10.0, 100.0, 100.05, 100.2]})
  found = cells.select(rows, {'learning_rate': {'from': 10, 'to': 100}})
  assert list(found['learning_rate']) == [9.995, 10.0, 100.0, 100.05]
  small = cells.select(rows / 1e3, {'learning_rate': {'from': 0.01, 'to': 0.1}})
  assert list(small.index) == [1, 2, 3, 4]


@pytest.mark.parametrize(('options', 'says'), [
  ({'norm': 'layr', 'than': 'none'}, 'no trial is of layr'),
  ({'norm': 'layer', 'than': 'none', 'at': {'seed': 7}}, 'no trial has seed 7; the records hold'),
  ({'norm': 'layer', 'than': 'none', 'at': {'sed': 0}}, "unknown column 'sed': did you mean"),
  ({'axis': 'seed', 'value': 0, 'than': 9}, 'no trial has seed 9'),
  ({'norm': 'layer', 'than': 'none', 'at': {'seed': 1}}, ''),
  ({'norm': 'layer', 'than': 'none', 'at': {'epoch': 1}}, ''),  # a key: known once it has run
])  # fmt: skip
def test_what_no_trial_can_judge_is_known_before_any_runs(options, says):
  trials = [
    {**dict.fromkeys(COLUMN_DEFAULTS), 'norm': norm, 'seed': seed}
    for norm in ('none', 'layer')
    for seed in (0, 1)
  ]
  told = not_judged([('beats', options)], trials)
  assert len(told) == bool(says)
  assert all(line.startswith(f"claim 'beats' cannot be judged: {says}") for line in told)


def test_cells_that_both_norms_have_are_found_where_an_axis_has_no_value():
  """A trial without weight decay has none in its column, which is a cell as any other."""
  rows = pd.DataFrame({
    'norm': ['batch', 'layer'] * 3, 'batch_size': [4, 4, 4, 4, 8, 16],
    'weight_decay': [np.nan, np.nan, 0.1, 0.1, 0.1, 0.1], 'seed': 0,
  })  # fmt: skip
  found = comparing.shared(rows, ['batch', 'layer'], 'batch_size')
  assert list(found.index) == [0, 1, 2, 3]


def test_what_a_replay_alone_has_is_no_axis_unless_all_are_replays():
  own = [{'norm': 'batch', 'batch_size': 4, 'replay': ''} for _ in range(2)]
  replays = [{'norm': 'batch', 'batch_size': size, 'replay': 'numpy_legacy'} for size in (4, 8)]
  assert design.planned([*own, *replays]) == []
  assert design.planned(replays) == ['batch_size']


def test_the_usual_initial_scale_is_1_wherever_it_stands():
  scales = [0.01, 2.0, 1.0, 100.0, 100.0]
  frame = pd.DataFrame({'norm': 'batch', 'init_scale': scales})
  assert design.usual(frame, names=['init_scale']) == {'init_scale': 1.0}


def test_a_ranking_is_as_sure_as_its_least_sure_pair():
  """That may be the pair that lies farther apart, if its seeds are less alike."""
  near, far = np.array([0.98, 1.01, 1.0, 0.99, 1.02]), np.array([4.0, 6.0, 5.0, 5.5, 4.5])
  scores = {'layer': far, 'batch': far - near, 'none': np.zeros(5)}
  rows = pd.concat(
    pd.DataFrame({'norm': norm, 'seed': range(5), 'test_accuracy': values / 10})
    for norm, values in scores.items()
  )
  p_near, p_far = (stats.ttest_1samp(values, 0).pvalue for values in (near, far))
  assert p_near < p_far / 10
  comparison, sentence = rules.ranking(rows, best='layer')
  assert comparison.outcome == 'supported' and comparison.p == pytest.approx(2 * p_far)
  assert 'batch norm, its strongest rival of 2,' in sentence
  # Where one pair refutes, that one decides, however unsure another is.
  comparison, sentence = rules.ranking(rows, best='batch')
  assert comparison.outcome == 'refuted' and comparison.p == pytest.approx(2 * p_near)
