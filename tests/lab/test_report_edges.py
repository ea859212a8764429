"""What a report says right at the values where it changes, by hand."""

import large
import numpy as np
import pandas as pd
import pytest

from norms.lab.report import live, search, tables
from norms.lab.report.probes import at_start
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
