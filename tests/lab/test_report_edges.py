"""What a report says right at the values where it changes, by hand."""

import types

import invented
import large
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from test_report import records, study

from norms.lab import study as study_
from norms.lab.report import (
  aligned,
  live,
  search,
  table_files,
  tables,
  trained_ranges,
  trained_rule,
  view,
)
from norms.lab.report import trials as trial_lines
from norms.lab.report.figures import drawn_points
from norms.lab.report.parity.agreement import tables as agreement
from norms.lab.report.probes import at_start, layer_figures
from norms.lab.report.reference import comparison
from norms.lab.statistics import importance, learnt, regions, words


@pytest.mark.parametrize(('share', 'text'), [
  (np.nan, tables.ABSENT), (0.0, 'below 0.1%'), (0.0009, 'below 0.1%'), (0.001, '0.1%'),
  (0.099, '9.9%'), (0.1, '10%'), (0.984, '98%'), (0.99, '99.0%'), (1.0, '100.0%'),
])  # fmt: skip
def test_a_share_is_in_percent(share, text):
  assert search.percent(share) == text


@pytest.mark.parametrize(('value', 'text'), [
  (9.99e-6, '9.990e-06'), (1e-5, '0.00001'), (9.99e-4, '0.000999'), (1e-3, '0.0010'),
  (999.9, '999.9000'), (1e3, '1.000e+03'), (-1e3, '-1.000e+03'),
])  # fmt: skip
def test_a_measured_value_has_the_decimals_that_say_something(value, text):
  assert words.score(value) == text


@pytest.mark.parametrize(('value', 'text'), [
  (999_999, '999999'), (999_999.4, '1000000'), (1e6, '1e+06'), (1_000_000.5, '1e+06'),
  (1234.5, '1230'), (0.12345, '0.123'), (-1e6, '-1e+06'), (None, 'None'), (True, 'True'),
])  # fmt: skip
def test_a_value_of_an_axis_has_three_digits_and_whole_numbers_all(value, text):
  assert words.number(value) == text


@pytest.mark.parametrize(('p', 'text'), [
  (9.9e-5, 'p < 0.0001'), (1e-4, 'p = 0.0001'), (0.0123, 'p = 0.012'), (1.0, 'p = 1'),
])  # fmt: skip
def test_no_p_is_smaller_than_a_bootstrap_can_tell(p, text):
  assert words.p_value(p) == text


@pytest.mark.parametrize(('seconds', 'text'), [
  (0.1, '1 s'), (89.4, '89 s'), (90, '2 min'), (7140, '119 min'), (7200, '2.0 h'), (9000, '2.5 h'),
])  # fmt: skip
def test_the_time_left_has_the_unit_that_fits(seconds, text):
  content = {'study': large.asked(points=2), 'tables': [], 'done': 1, 'planned': 2}
  page = live.text(content, seconds=seconds, every=0.2)
  assert f'About {text} left.' in page and 'content="1"' in page


def trials(values, trains):
  return pd.DataFrame({'init_scale': values, 'trained': [value in trains for value in values]})


def test_of_many_values_a_table_has_the_ends_and_what_is_around_the_range_that_trains():
  nine = [float(value) for value in range(1, 10)]
  assert at_start.edges(trials(nine, (4, 5, 6, 7)), 'init_scale') == [1, 3, 4, 5, 7, 8, 9]
  assert at_start.edges(trials(nine, ()), 'init_scale') == [1, 5, 9]
  assert at_start.edges(trials(nine[:8], ()), 'init_scale') == nine[:8]


def test_ten_values_are_ten_groups_and_eleven_are_ten_bins():
  ten, eleven = pd.Series(np.arange(10.0)), pd.Series(np.arange(11.0))
  assert importance.binned(ten).equals(ten)
  assert list(importance.binned(eleven)) == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_what_a_setting_explains_alone():
  """Around the mean 5, within the two groups 1/2 each: 1 - 1/5 * 3/2."""
  y = pd.Series([0.0, 1.0, 2.0, 3.0])
  assert importance.main_effect(pd.Series(list('aabb')), y) == pytest.approx(0.7)
  assert importance.main_effect(pd.Series(list('aaaa')), y) == 0
  assert importance.main_effect(pd.Series(list('abcd')), y) == 0
  assert importance.main_effect(pd.Series(list('abab')), pd.Series([0.0, 0.0, 1.0, 1.0])) == 0


def test_a_forest_needs_forty_cells():
  draws = np.random.default_rng(0)
  x, y = pd.DataFrame({'rate': draws.uniform(size=40)}), pd.Series(draws.uniform(size=40))
  assert np.isnan(importance.total_effects(x[:39], y[:39])[1])
  assert np.isfinite(importance.total_effects(x, y)[1])


def searched(n):
  """Cells whose validation accuracy is their rate; the halves are every second one."""
  rate = np.arange(n) / n
  rows = {'rate': rate, 'validation_accuracy': rate, 'test_accuracy': rate**2}
  return pd.DataFrame({**rows, 'norm': 'layer', 'seed': 0, 'trial': [f'{i:04d}' for i in range(n)]})


def best(n):
  return regions.best(searched(n), 'layer', ['rate'], 'validation_accuracy', 'test_accuracy')


def test_the_best_tenth_without_a_twentieth_at_its_ends():
  """200 cells choose, each even one; the best 20 are 360 to 398, and without one at each end:"""
  found = best(400)
  assert found.settings == {'rate': (362 / 400, 396 / 400)} and found.chosen_by == 200
  inside = np.arange(363, 396, 2) / 400
  assert found.score.n == len(inside) == 17
  assert found.score.value == pytest.approx(np.mean(inside**2))


def test_eight_cells_at_least_are_the_best_of_twice_as_many():
  assert best(30) is None
  assert best(31).chosen_by == 16 and best(31).settings == {'rate': (16 / 31, 30 / 31)}


@pytest.mark.parametrize(('mean', 'deviation', 'n', 'above'), [
  (1.0, 0.0, 1, False), (1.0, 0.0, 2, True), (0.0, 0.0, 9, False), (-1.0, 0.0, 9, False),
  (1.0, np.nan, 9, False), (np.nan, 1.0, 9, False),
  # P(T >= 7.1732) = 0.001 with 4 degrees of freedom.
  (7.18, np.sqrt(5), 5, True), (7.17, np.sqrt(5), 5, False),
])  # fmt: skip
def test_a_mean_above_zero_is_one_by_students_test(mean, deviation, n, above):
  assert learnt.above_zero(mean, deviation, n) == above


def test_a_trial_diverged_in_the_epoch_whose_steps_hold_the_one_that_was_lost():
  """Epochs end at steps 10, 20, 30 and 40; a record may end before the step."""
  frame = records(norms=('none',), batches=(4,), scales=(100.0,), seeds=4)
  lost = dict(zip(frame['trial'].unique(), (10, 11, 40, 41), strict=True))
  frame['diverged_at'] = frame['trial'].map(lost).astype('Int64')
  assert list(trial_lines.ends(view.of(frame, study())).values()) == [1, 2, 4, 4]


@pytest.mark.parametrize(('values', 'log'), [
  ([1, 4], True), ([1, 3.9], False), ([0, 4], False), ([-1, 8], False), ([2, 3, 8], True),
])  # fmt: skip
def test_points_lie_on_an_axis_of_logs_from_a_factor_of_four_on(values, log):
  assert drawn_points._is_log(pd.Series(values)) == log


def test_points_of_norms_stand_side_by_side_by_the_least_distance():
  values = pd.Series([8, 1, 2, 2, 4.5])
  assert drawn_points._step(values, False) == 1
  assert drawn_points._step(values, True) == pytest.approx(np.log(8 / 4.5))
  assert drawn_points._step(values[2:4], True) == 0
  assert list(drawn_points._moved(values[:2], 0.5, False)) == [8.5, 1.5]
  assert list(drawn_points._moved(values[:2], np.log(2), True)) == pytest.approx([16, 2])


def test_medians_are_of_five_trials_or_more():
  rows = pd.DataFrame({'rate': [1] * 5 + [2] * 4, 'score': [5, 1, 4, 2, 9, 0, 0, 0, 0]})
  x, y = drawn_points._medians(rows, 'rate')
  assert (list(x), list(y)) == ([1], [4])


@pytest.mark.parametrize(('explained', 'said'), [
  (0.5, 'alone, in brackets with its interactions: learning rate 25% (40%).'),
  (0.49, 'alone: learning rate 25%.'), (np.nan, 'alone: learning rate 25%.'),
])  # fmt: skip
def test_interactions_are_quoted_of_a_forest_that_explains_half(explained, said):
  table = pd.DataFrame({'alone': [0.25], 'total': [0.4]}, index=['learning_rate'])
  found = importance.Importance(table, explained, 50)
  seen = types.SimpleNamespace(importance=found, score='test_accuracy')
  (sentence,) = search.depends(seen)
  assert sentence.startswith('Test accuracy depends most on learning rate; of its variance between')
  assert sentence.endswith(f'50 cells each setting explains, {said}')


def test_the_page_so_far_has_the_first_lines_of_what_is_missing(monkeypatch):
  """There are two trials of each batch size, of which one of size 64 is done."""
  made = study_.defaults()
  made.name = 'waits'
  made.sweep.norm, made.sweep.batch_size, made.sweep.seed = ('batch',), (64, 32, 128), (0, 1)
  asked = study_.from_config(made)
  frame = invented.records(asked)
  one = frame[frame['trial'] == asked.trials[0].hash]
  one.attrs['axes'] = ['batch_size']  # as sweep.results has it, though only one value is done
  _, missing = live.contents(one, asked)['tables']
  assert [row.cells for row in missing.rows] == [
    ['batch', '64', '1'], ['batch', '32', '2'], ['batch', '128', '2'],
  ]  # fmt: skip
  assert missing.note == '5 trials without a result.'
  assert not any(row.failed for row in missing.rows)
  monkeypatch.setattr(live, 'MOST', 3)
  assert live.contents(one, asked)['tables'][1].note == missing.note
  monkeypatch.setattr(live, 'MOST', 2)
  short = live.contents(one, asked)['tables'][1]
  assert len(short.rows) == 2 and short.note == f'The first 2 of 3 lines. {missing.note}'


def test_what_is_missing_is_told_of_a_setting_that_a_norm_lacks_too():
  trials = pd.DataFrame({'norm': ['layer', 'layer', 'group'], 'clip_norm': [np.nan, np.nan, 4.0]})
  table = live._missing(trials, {'layer': 'LN'}, ['clip_norm', 'not_there'])
  assert [row.cells for row in table.rows] == [['LN', 'nan', '2'], ['group', '4', '1']]
  assert table.columns == ['norm', 'clip norm', 'trials']


def test_a_loss_has_fallen_that_is_below_the_one_before_training():
  """By the rule of records without counts; the losses of the epochs between do not matter."""
  frame = records(norms=('none',), batches=(4,), scales=(0.01,), seeds=1)
  causes = []
  for losses in ([2.3, 0.5, 0.5, 0.5, 1.0], [2.3, 9.0, 9.0, 9.0, 2.29]):
    table = trial_lines.failures(view.of(frame.assign(train_loss=losses), study()))
    causes.append(dict(zip(table.columns, table.rows[0].cells, strict=True))['what happened'])
  assert causes == [trained_rule.AT_CHANCE, 'the training loss did not fall by 1%']


def test_a_range_is_spoken_of_from_three_values_on():
  of = view.of(records(scales=(0.1, 1.0, 10.0)), study())
  assert trained_ranges.axes(of) == ['init_scale']  # a batch size is no range
  assert trained_ranges.axes(view.of(records(scales=(1.0, 10.0)), study())) == []


def test_a_library_beats_ours_with_less_than_half_of_the_error():
  lines = pd.DataFrame({
    'error': [2.0, 2.1, 2.1, 2.1], 'error_best': [1.0] * 4, 'two_ulp': [0.1, 0.1, 2.1, 2.0],
  })  # fmt: skip
  assert list(agreement.beaten_rows(lines).index) == [1, 3]


def test_a_value_of_zero_is_marked_whole_on_the_lower_edge():
  _, ax = plt.subplots()
  ax.set_yscale('log')
  ax.set_ylim(0.01, 10)
  table = pd.DataFrame({'layer': ['a', 'b', 'a'], 'x': [1.0, 2.0, 3.0]})
  layer_figures._zeros(ax, table, 'x', {'a': ('#102030', 's')})
  (marked,) = ax.get_lines()
  assert list(marked.get_xdata()) == [1, 3] and list(marked.get_ydata()) == [0.01, 0.01]
  assert not marked.get_clip_on()  # or its lower half would be cut off
  plt.close()


def test_a_table_that_fits_a_page_is_latex_too(tmp_path):
  shown = [
    tables.Table(f'of_{n}', 'Lines', '', ['norm'], [tables.TableRow(['batch'], False)] * n)
    for n in (200, 201)
  ]
  table_files.write(shown, tmp_path)
  names = sorted(path.name for path in (tmp_path / 'tables').iterdir())
  assert names == ['of_200.csv', 'of_200.tex', 'of_201.csv']


@pytest.mark.parametrize(('value', 'text'), [
  (0.5, '0.50'), (1e-3, '0.00'), (9.99e-4, '0.000999'), (999.999, '1000.00'), (1e3, '1.000e+03'),
])  # fmt: skip
def test_a_figure_beside_the_reference_has_its_decimals_where_these_say_something(value, text):
  assert comparison.like(types.SimpleNamespace(digits=2), value) == text


def test_the_terminal_has_numbers_to_the_right_and_words_to_the_left():
  rows = [['1', 'a', '7'], ['+22', '3', tables.ABSENT], ['-3', 'bc', '-12']]
  shown = tables.Table(
    't', 'T', '', ['n', 'word', 'x'], [tables.TableRow(row, False) for row in rows]
  )
  assert aligned.plain(shown).splitlines() == [
    '  n  word    x', '  1  a       7', f'+22  3       {tables.ABSENT}', ' -3  bc    -12',
  ]  # fmt: skip
