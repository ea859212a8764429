"""Large and random designs: what matters, where each norm does best, and pages that stay small."""

import re
import time

import large
from matplotlib.colors import to_hex
import numpy as np
import pandas as pd
import pytest

from norms.lab import records, report, statistics
from norms.lab.report import findings, search, style, tables, trials, view, which_figures
from norms.lab.report.figures import drawn_points, writing
from norms.lab.statistics import design, importance, regions

DRAWS = np.random.default_rng(0)


def cells(score, n=1200, norms=('layer', 'batch'), **how):
  """Last rows of trials whose rate, decay and depth are drawn from -1 to 1: score(rows)."""
  rows = pd.DataFrame(DRAWS.uniform(-1, 1, size=(n, 3)), columns=['rate', 'decay', 'depth'])
  rows = rows.assign(norm=np.resize(norms, n), seed=0, trial=[f'{i:04x}' for i in range(n)], **how)
  return rows.assign(test_accuracy=score(rows))


# What matters.


def test_shares_of_the_variance_are_those_of_a_known_function():
  """y = a + 3 b c: a alone has V = 1/3, b and c together 9 V(bc) = 1, all of it interaction."""
  rows = cells(lambda r: r['rate'] + 3 * r['decay'] * r['depth'], n=4000)
  found = importance.of(rows, ['rate', 'decay', 'depth'], 'test_accuracy')
  alone, total = found.table['alone'], found.table['total']
  assert (
    alone['rate'] == pytest.approx(1 / 4, abs=0.04) and (alone[['decay', 'depth']] < 0.03).all()
  )
  assert total['rate'] == pytest.approx(1 / 4, abs=0.06)
  # Forests smooth: they find these a little too small.
  assert total[['decay', 'depth']].between(0.6, 0.78).all()
  assert list(found.table.index[:2]) in (['decay', 'depth'], ['depth', 'decay'])
  assert total['norm'] < 0.02 > alone['norm'] and found.explained > 0.85
  assert (found.table['low'] <= total).all() and (total <= found.table['high']).all()


def test_what_does_nothing_explains_nothing():
  """Ten bins of 50 cells would have 9/49 of the variance without the correction."""
  shares = [
    importance.main_effect(rows['rate'], rows['test_accuracy'])
    for rows in (cells(lambda r: DRAWS.normal(size=len(r)), n=50) for _ in range(60))
  ]
  assert np.mean(shares) < 0.09
  constant = cells(lambda r: 0 * r['rate'], n=50)
  found = importance.of(constant, ['rate'], 'test_accuracy')
  assert (found.table['alone'] == 0).all() and np.isnan(found.explained)


def test_a_forest_that_has_learnt_nothing_says_so():
  rows = cells(lambda r: DRAWS.normal(size=len(r)), n=200)
  assert importance.of(rows, ['rate'], 'test_accuracy').explained < 0.1
  few = importance.of(rows.iloc[:30], ['rate'], 'test_accuracy')
  assert few.table['total'].isna().all() and few.cells == 30


def test_bins_hold_equally_many():
  numbers = pd.Series(DRAWS.exponential(size=95))
  found = importance.binned(numbers)
  assert found.value_counts().between(9, 10).all() and sorted(found.unique()) == list(range(10))
  assert numbers[found == 0].max() < numbers[found == 1].min()
  assert (
    importance.binned(numbers.round()).equals(numbers.round()) or numbers.round().nunique() > 10
  )


# Where a norm does best.


def test_a_region_holds_the_optimum_and_its_score_is_that_of_other_cells():
  rows = cells(lambda r: 0.9 - 0.3 * abs(r['rate'] - 0.4), norms=('layer',))
  found = regions.best(rows, 'layer', ['rate', 'decay'], 'test_accuracy', 'test_accuracy')
  low, high = found.settings['rate']
  assert low < 0.4 < high < low + 0.3 and np.subtract(*found.settings['decay']) < -1.5
  hashes = rows.sort_values('trial')
  judging = hashes.iloc[1::2].query('@low <= rate <= @high')
  judging = judging[judging['decay'].between(*found.settings['decay'])]
  assert found.score.n == len(judging) > 20 and found.chosen_by == 600
  assert found.score.value == pytest.approx(judging['test_accuracy'].mean())


def test_cells_that_choose_do_not_judge():
  rows = cells(lambda r: 0.9 - 0.3 * abs(r['rate'] - 0.4), n=400, norms=('layer',))
  lucky = rows.assign(test_loss=np.where(np.arange(400) % 2, rows['test_accuracy'], 0.0))
  found = regions.best(lucky, 'layer', ['rate'], 'test_accuracy', 'test_loss')
  assert found.chosen_by == 200 and found.score.low > 0.7


def test_the_best_of_equals_is_not_flattered():
  """The best tenth of pure noise leads by 1.75 deviations; what it chooses leads by none."""
  scores = []
  for _ in range(40):
    rows = cells(lambda r: 0.5 + 0.1 * DRAWS.normal(size=len(r)), n=200, norms=('layer',))
    found = regions.best(rows, 'layer', ['rate'], 'test_accuracy', 'test_accuracy')
    scores.append(found.score.value)
  assert abs(np.mean(scores) - 0.5) < 4 * np.std(scores) / np.sqrt(len(scores))


def test_losses_are_best_where_they_are_least_and_few_cells_choose_nothing():
  rows = cells(lambda r: r['rate'] ** 2, norms=('layer',)).rename(
    columns={'test_accuracy': 'test_loss'}
  )
  low, high = regions.best(rows, 'layer', ['rate'], 'test_loss', 'test_loss').settings['rate']
  assert -0.2 < low < 0 < high < 0.2
  assert regions.best(rows.iloc[:30], 'layer', ['rate'], 'test_loss', 'test_loss') is None


# The design.


def test_two_points_that_agree_by_chance_are_still_of_a_random_design():
  drawn = cells(lambda r: r['rate'], n=100)
  drawn.loc[1, ['rate', 'depth']] = drawn.loc[0, ['rate', 'depth']]
  axes = ['rate', 'decay', 'depth']
  assert design.scattered(drawn, axes) == axes
  steps = pd.DataFrame({a: [0, 1, 2] * (a == b) or [0] * 3 for a in axes} for b in axes)
  one_at_a_time = pd.concat([pd.DataFrame(dict(line)) for _, line in steps.iterrows()])
  assert design.scattered(one_at_a_time, axes) == []


# The report.


@pytest.fixture(scope='module')
def seen():
  made = large.asked()
  return view.of(large.frame_of(made), made)


@pytest.fixture(scope='module')
def drawings(seen):
  return {d.name: d for d in writing.draw_all(which_figures.parts_of(seen))}


def test_a_random_design_shows_all_its_points_and_no_cell_that_would_be_usual(seen, drawings):
  assert seen.is_random and seen.scattered == ['batch_size', 'learning_rate', 'weight_decay']
  axes = ('batch_size', 'learning_rate', 'weight_decay')
  assert set(drawings) == {'importance', *(f'test_accuracy_by_{axis}' for axis in axes)}
  assert not any(' At ' in said or said.startswith('At ') for said in findings.sentences(seen))


@pytest.mark.parametrize('axis', ['learning_rate', 'batch_size'])
def test_points_and_medians_are_those_of_the_records(seen, drawings, axis):
  figure = drawings[f'test_accuracy_by_{axis}'].figure
  (ax,), (legend,) = figure.axes, figure.legends
  colours = {
    t.get_text(): to_hex(h.get_color())
    for t, h in zip(legend.get_texts(), legend.legend_handles, strict=True)
  }
  frame = large.frame_of(large.asked())
  last = frame[frame['epoch'] == large.EPOCHS]
  for place, norm in enumerate(dict.fromkeys(last['norm'])):
    own, label = last[last['norm'] == norm], 'no norm' if norm == 'none' else norm
    assert colours[label] == style.look(norm).colour
    points, medians = (
      line for line in ax.get_lines() if to_hex(line.get_color()) == colours[label]
    )
    aside = 4 ** ((place - 2) / 10) if axis == 'batch_size' else 1.0
    for line, table in ((points, own[[axis, 'test_accuracy']]), (medians, _medians(own, axis))):
      expected = table.sort_values([axis, 'test_accuracy']).to_numpy()
      x, y = line.get_xdata() / aside, line.get_ydata()
      found = np.column_stack([x, y])[np.lexsort((y, np.round(x, 9)))]
      np.testing.assert_allclose(found, expected)
  low, high = ax.get_xlim()
  assert low < min(min(line.get_xdata()) for line in ax.get_lines())
  assert high > max(max(line.get_xdata()) for line in ax.get_lines())


def _medians(own, axis):
  if axis == 'batch_size':
    return own.groupby(axis, as_index=False)['test_accuracy'].median()
  ordered = own.sort_values(axis)
  bins = [ordered.iloc[np.arange(len(own)) * 10 // len(own) == i] for i in range(10)]
  return pd.DataFrame([part[[axis, 'test_accuracy']].median() for part in bins])


def test_bars_and_table_are_the_shares(seen, drawings):
  found = importance.of(seen.rows, seen.axes, 'test_accuracy').table
  (ax,) = drawings['importance'].figure.axes
  names = [text.get_text() for text in ax.get_yticklabels()]
  assert names == [name.replace('_', ' ') for name in found.index]
  kinds = (('alone', 'alone'), ('with its interactions', 'total'))
  for place, (label, column) in enumerate(kinds, start=1):
    (bars,) = [c for c in ax.containers if c.get_label() == label]
    # Blue and vermilion, which colour-blind readers can tell apart.
    assert {to_hex(bar.get_facecolor()) for bar in bars} == {style.PALETTE[place][0]}
    np.testing.assert_allclose([bar.get_width() for bar in bars], found[column])
    assert [round(bar.get_y() + bar.get_height() / 2) for bar in bars] == [0, 1, 2, 3]
  # The most important setting stands on top, and a share of 1 fits.
  assert ax.get_ylim() == (3.5, -0.5) and ax.get_xlim() == (0, pytest.approx(1.05))
  (spans,) = ax.collections
  ends = np.array([path.vertices[:, 0] for path in spans.get_paths()])
  np.testing.assert_allclose(ends, found[['low', 'high']])
  shown = [row.cells for row in search.importance(seen).rows]
  assert [row[0] for row in shown] == names
  assert not any(row.failed for row in search.importance(seen).rows)
  assert [row[1] for row in shown] == [search.percent(share) for share in found['alone']]
  assert [row[2] for row in shown] == [search.percent(share) for share in found['total']]
  assert list(map(search.percent, (0.5, 0.052, 0.0002, 0.9985))) == [
    '50%', '5.2%', 'below 0.1%', '99.9%',
  ]  # fmt: skip


def test_the_table_of_regions(seen):
  shown = search.best(seen)
  for row, norm in zip(shown.rows, seen.norms, strict=True):
    line = dict(zip(shown.columns, row.cells, strict=True))
    found = regions.best(seen.rows, norm, seen.axes, 'validation_accuracy', 'test_accuracy')
    low, high = found.settings['learning_rate']
    assert line['norm'] == norm and line['learning rate'] == f'{low:.3g} to {high:.3g}'
    assert (line['cells that choose'], line['cells that judge']) == (
      str(found.chosen_by), str(found.score.n),
    )  # fmt: skip
    assert line['test accuracy'] == f'{found.score.value:.4f}'
    assert line['spread over cells'].startswith(
      f'{found.score.low:.4f} to {found.score.high:.4f} ('
    )


def test_a_norm_of_too_few_cells_has_a_line_of_gaps(seen):
  frame = large.frame_of(large.asked())
  rare = frame[frame['norm'] == 'group']['trial'].unique()[7:]
  shown = search.best(view.of(frame[~frame['trial'].isin(rare)], seen.study))
  gaps = [row.cells for row in shown.rows if row.cells[0] == 'group']
  assert gaps == [['group', *[tables.ABSENT] * (len(shown.columns) - 1)]]
  assert {len(row.cells) for row in shown.rows} == {len(shown.columns)}


@pytest.mark.parametrize(('metric', 'lost', 'worst'), [
  ('train_loss', np.inf, 3.0), ('test_accuracy', np.nan, 1.0),
])  # fmt: skip
def test_what_is_not_finite_counts_as_the_worst_finite_value(metric, lost, worst):
  def of(value):
    rows = pd.DataFrame({'norm': 'batch', 'rate': [1, 1, 2, 2], 'decay': [0, 1, 0, 1], 'seed': 0})
    axes = ['rate', 'decay']
    return importance.of(rows.assign(**{metric: [1.0, 2.0, 3.0, value]}), axes, metric)

  assert of(lost).table.equals(of(worst).table)
  assert not of(lost).table.equals(of(4.0 - worst).table)


def test_what_a_page_says_of_a_random_search(seen, tmp_path):
  frame = large.frame_of(large.asked())
  index = report.write(frame, seen.study, [], tmp_path)
  html = index.read_text(encoding='utf-8')
  first, second, third = re.findall(r'<p class="answer">([^<]*)', html)
  assert first.startswith('Test accuracy depends most on learning rate; of its variance between')
  assert 'in the most cells' in second
  assert third.startswith('With settings that one half of the cells chose, the other half reaches')
  assert len(html.encode()) < 1e6 and 'What test accuracy depends on' in html
  assert (tmp_path / 'tables' / 'importance.csv').is_file()
  assert 'Where each norm does best' in report.terminal(frame, seen.study)


def test_a_table_of_as_many_lines_as_are_not_too_long_is_whole(monkeypatch, seen):
  for made in (trials.table, trials.failures):
    lines = len(made(seen).rows)
    monkeypatch.setattr(tables, 'LONG', lines)
    assert len(made(seen).rows) == lines and '; trials.csv has all their' in made(seen).note
    monkeypatch.setattr(tables, 'LONG', lines - 1)
    assert (
      len(made(seen).rows) <= tables.MOST and '; trials.csv has all their' not in made(seen).note
    )


def test_long_tables_show_the_best(monkeypatch, seen):
  monkeypatch.setattr(tables, 'LONG', 100)
  monkeypatch.setattr(tables, 'MOST', 20)
  order = seen.rows.sort_values('validation_accuracy', ascending=False)['trial']
  shown = trials.table(seen)
  assert [row.cells[-1] for row in shown.rows] == list(order.iloc[:20])
  assert shown.title == 'The best 20 of 600 trials' and 'trials.csv has every' in shown.note
  cells_ = tables.everything(seen)
  best = seen.rows.set_index('trial').loc[order.iloc[0]]
  assert len(cells_.rows) == 20 and cells_.rows[0].cells[0] == best['norm']
  assert cells_.rows[0].cells[5] == f'{best["test_accuracy"]:.4f}'


def test_points_of_a_figure_are_few(monkeypatch, seen):
  monkeypatch.setattr(drawn_points, 'MOST', 100)
  drawing = drawn_points.scatter(seen, 'learning_rate', 'test_accuracy')
  points = [line for line in drawing.figure.axes[0].get_lines() if line.get_marker() == '.']
  assert sum(len(line.get_xdata()) for line in points) == 100
  assert drawing.caption.startswith('Points are 100 of 600 trials')


@pytest.mark.slow
def test_ten_thousand_trials_give_a_page_of_five_megabytes_within_a_minute(tmp_path):
  made = large.asked(points=10_000)
  large.write(tmp_path, made)
  started = time.monotonic()
  index = report.of_run(records.load(tmp_path), made, tmp_path)
  assert time.monotonic() - started < 60
  assert index.stat().st_size < 5e6
  assert len(statistics.finals(records.load(tmp_path))) == 10_000
