"""What a report says of the best, of settings that changed together, and of random designs."""

import itertools
import pathlib
import types

import numpy as np
import pandas as pd
import pytest

from norms.lab import columns, parity_columns, report, statistics
from norms.lab.report import findings, tables, trained_ranges, view, which_figures
from norms.lab.report.figures import writing
from norms.lab.report.probes import at_start
from norms.lab.statistics import design, tuned

DOCS = pathlib.Path(__file__).parents[2] / 'docs'


def records(settings, *, test, validation=None, norms=('layer', 'batch'), seeds=3):
  """Trials at each of the settings; scores are functions of norm, settings and seed."""
  rows = []
  for norm, at, seed in itertools.product(norms, settings, range(seeds)):
    trial = {'trial': f'{norm} {at} {seed}', 'norm': norm, 'seed': seed, **at}
    trial |= {'diverged_at': pd.NA, 'trained': True}
    for epoch in (0, 1):
      score = test(norm, at, seed)
      scores = {'test_accuracy': score, 'train_accuracy': score, 'minibatch_loss': 1 - score}
      scores |= {'test_loss': 1 - score, 'train_loss': 1 - score, 'grad_norm': 1.0}
      if validation:
        scores['validation_accuracy'] = validation(norm, at, seed)
      rows.append({**trial, 'epoch': epoch, 'step': epoch, **scores})
  return pd.DataFrame(rows).astype({'diverged_at': 'Int64'})


def of(frame):
  made = types.SimpleNamespace(
    name='s', question='', expectation='', doc='', command='', claims=(), axes={}, labels={},
    references=(),
  )  # fmt: skip
  return view.of(frame, made)


# The best is chosen on validation data. There, a rate of 0.01 and layer norm are best; on test
# data, a rate of 1.0 and batch norm.

RATES = tuple({'learning_rate': rate} for rate in (0.01, 0.1, 1.0))


def on_test(norm, at, seed):
  return 0.5 + 0.1 * np.log10(at['learning_rate']) + 0.05 * (norm == 'batch') + 0.001 * seed


def on_validation(norm, at, seed):
  return 0.5 - 0.1 * np.log10(at['learning_rate']) + 0.05 * (norm == 'layer') + 0.001 * seed


BOTH = records(RATES, test=on_test, validation=on_validation)
TEST_ONLY = records(RATES, test=on_test)


def lines(table):
  return {row.cells[0]: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


def test_the_best_cell_is_chosen_on_validation_data_and_its_test_accuracy_shown():
  table = tables.sweep(of(BOTH))
  layer = lines(table)['layer']
  assert layer['best cell on validation data'] == '0.3010'  # of the rate 0.01, on test data
  assert layer['at'] == 'learning rate 0.01'
  assert 'chosen on validation data with the seeds whose test accuracy is shown' in table.note


def test_without_validation_data_the_table_says_that_test_data_chose():
  table = tables.sweep(of(TEST_ONLY))
  layer = lines(table)['layer']
  assert (layer['best cell on test data'], layer['at']) == ('0.5010', 'learning rate 1')
  assert 'The best cell is chosen on test data with the seeds' in table.note


def test_validation_data_without_any_value_choose_nothing():
  lost = BOTH.assign(validation_accuracy=np.nan)
  assert lines(tables.sweep(of(lost)))['layer']['at'] == 'learning rate 1'


def test_the_most_accurate_value_is_that_on_validation_data():
  for frame, split, value in ((BOTH, 'validation', '0.01'), (TEST_ONLY, 'test', '1')):
    table = trained_ranges.table(of(frame), 'learning_rate')
    assert lines(table)['batch'][f'most accurate on {split} data at'] == value


def test_the_best_norm_is_chosen_on_validation_data():
  (said,) = [s for s in findings.sentences(of(BOTH)) if 'reaches' in s]
  assert 'layer norm reaches 0.4010 in test accuracy and batch norm 0.4510' in said
  assert 'It scores highest' not in said
  assert 'with 3 seeds. The norm was chosen on validation data, with the seeds that are' in said
  assert said.endswith('the best is behind the second by +0.0500.')
  (said,) = [s for s in findings.sentences(of(TEST_ONLY)) if 'reaches' in s]
  assert 'batch norm reaches 0.4510 in test accuracy and layer norm 0.4010' in said
  assert 'It scores highest of all; its lead can' in said
  assert 'The norm was chosen on test data, with the seeds that are shown, which fl' in said
  assert said.endswith('the best is ahead of the second by +0.0500.')


# Which settings changed together.


def pairs(one, other):
  return pd.DataFrame({'learning_rate': one, 'init_scale': other})


def together(frame):
  return design.followers(frame, list(frame))


def test_a_random_design_has_two_axes_that_can_be_told_apart():
  draws = np.random.default_rng(0).uniform(size=(2, 24))
  frame = pairs(*draws)
  assert design.shared_variance(frame, *frame) < 0.2
  assert together(frame) == {}
  assert design.varied(frame.assign(norm='a')) == ['init_scale', 'learning_rate']


@pytest.mark.parametrize(
  ('follow', 'inseparable'),
  [
    (lambda x: 3 * x, True),
    (lambda x: x**-7, True),  # a power is no line: ranks are correlated
    (lambda x: (x - 4) ** 2 + x / 9, False),  # one tells the other, and yet they share little
  ],
)
def test_effects_cannot_be_told_apart_where_one_setting_rises_or_falls_with_the_other(
  follow, inseparable
):
  x = np.arange(1.0, 8.0)
  assert bool(together(pairs(x, follow(x)))) == inseparable


def test_the_threshold_is_a_variance_inflation_of_ten():
  """Of ten points with swapped neighbours, r of the ranks is known: 1 - 6 sum d^2 / (n^3 - n)."""
  for swaps, r in ((2, 1 - 24 / 990), (5, 1 - 60 / 990), (9, None)):
    order = np.arange(10.0)
    for i in range(min(swaps, 5)):
      order[[2 * i, 2 * i + 1]] = order[[2 * i + 1, 2 * i]]
    order = order if r else np.roll(order, 1)
    frame = pairs(np.arange(10.0), order)
    share = design.shared_variance(frame, *frame)
    assert r is None or share == pytest.approx(r**2)
    assert bool(together(frame)) == (1 / (1 - min(share, 0.999)) >= 10)


def test_three_points_tell_no_two_effects_apart():
  """The ranks of 3, 1, 2 share a quarter of the variance of those of 1, 2, 3."""
  assert together(pairs([1.0, 2, 3], [3.0, 1, 2])) == {'init_scale': 'learning_rate'}
  assert together(pairs([1.0, 2, 3, 4], [3.0, 1, 4, 2])) == {}


def test_repeats_of_a_pair_count_once():
  """Seeds and norms repeat each pair; that one pair was run more often says nothing."""
  frame = pairs([1.0, 2, 3, 4], [3.0, 1, 4, 2])
  repeated = pd.concat([frame, *[frame.iloc[[0, 2]]] * 50])
  assert together(repeated) == {}
  assert design.shared_variance(repeated, *frame) == design.shared_variance(frame, *frame)
  three = pairs([1.0, 2, 3], [3.0, 1, 2])
  crossed = pd.concat([three.assign(batch_size=size) for size in (4, 64)])
  assert together(crossed) == {'init_scale': 'learning_rate'}


def test_texts_change_together_where_one_tells_the_other():
  rates = np.random.default_rng(0).uniform(size=30)
  spread = pd.DataFrame({'learning_rate': rates, 'optimizer': ['sgd', 'adam', 'lion'] * 10})
  assert together(spread) == {}
  each = pd.DataFrame({'learning_rate': [0.1, 0.3, 0.2, 0.4], 'optimizer': list('abcd')})
  assert together(each) == {'optimizer': 'learning_rate'}
  texts = pd.DataFrame({'model': list('aabb'), 'optimizer': list('ccdd'), 'batch_size': range(4)})
  assert together(texts[['model', 'optimizer']]) == {'optimizer': 'model'}
  crossed = pd.DataFrame({'model': list('aabb'), 'optimizer': list('cdcd')})
  assert design.shared_variance(crossed, 'model', 'optimizer') == pytest.approx(0)
  assert together(crossed) == {}


def test_missing_values_are_a_value():
  frame = pairs([1.0, 2, 3, 4], [np.nan, 10, 20, 30])
  assert together(frame) == {'init_scale': 'learning_rate'}
  lost = pairs([1.0, 2, 3, 4], [20, 10, 30, np.nan])  # ranks 3, 2, 4, 1: r = 1 - 6 * 14 / 60
  assert design.shared_variance(lost, *lost) == pytest.approx(0.4**2)


def test_the_report_says_what_changed_together_and_how_much_they_share():
  zipped = [{'batch_size': b, 'learning_rate': b / 640} for b in (4, 16, 64, 256)]
  first, *_ = findings.sentences(of(records(zipped, test=lambda *_: 0.5)))
  assert first == (
    'This sweep changed learning rate together with batch size (4 pairs of values, r² = 1.00): '
    'their effects cannot be told apart.'
  )


# A report of a random design.

DRAWS = np.random.default_rng(1).uniform(-2, 0, size=(12, 2))
RANDOM = [{'learning_rate': 10**a, 'init_scale': 10 * 10**b} for a, b in DRAWS]


def test_a_random_design_has_a_report_that_shows_every_trial(tmp_path):
  frame = records(RANDOM, test=on_test, validation=on_validation)
  seen = of(frame)
  assert seen.axes == seen.scattered == ['init_scale', 'learning_rate'] and seen.grid == []
  assert trained_ranges.axes(seen) == []  # between two values another setting has changed, too
  assert not any('cannot be told apart' in said for said in findings.sentences(seen))
  drawn = {d.name: d.figure for d in writing.draw_all(which_figures.parts_of(seen))}
  assert 'heat_init_scale' not in drawn
  for name in ('test_accuracy_by_learning_rate', 'test_accuracy_by_init_scale'):
    line = next(line for line in drawn[name].axes[0].lines if len(line.get_xdata()))
    assert len(line.get_xdata()) == len(RANDOM), name
  best = min(at['learning_rate'] for at in RANDOM)
  assert f'learning rate {best:.3g}' in lines(tables.sweep(seen))['layer']['at']
  report.write(frame, seen.study, [], tmp_path)
  csv = pd.read_csv(tmp_path / 'summary.csv')
  assert {'init_scale', 'learning_rate'} <= set(csv) and len(
    csv.query('metric == "test_accuracy"')
  ) == 24


def test_a_grid_beside_a_random_design_is_fixed_as_before():
  """Figures against a random axis are drawn at one batch size, in a panel for each."""
  both = [{**at, 'batch_size': size} for at in RANDOM for size in (4, 64)]
  seen = of(records(both, test=on_test))
  assert seen.grid == ['batch_size'] and set(seen.scattered) == {'init_scale', 'learning_rate'}
  assert set(seen.fixed(('learning_rate',))) == {'batch_size'}
  assert set(seen.fixed(('batch_size',))) == {'init_scale', 'learning_rate'}
  assert len(seen.at_usual(seen.rows, free=('learning_rate',))) == 2 * 3 * len(RANDOM)


def test_an_axis_of_one_value_is_not_scattered():
  frame = records([{'batch_size': 4, 'learning_rate': r} for r in (0.1, 1.0)], test=on_test)
  assert design.scattered(frame, ['batch_size', 'learning_rate']) == []


# The probe's table.


def test_the_probes_table_says_which_cell_it_shows():
  sizes = [{'batch_size': size, 'init_scale': x} for size in (4, 64) for x in (0.1, 1.0)]
  frame = records(sizes, test=lambda *_: 0.5).assign(probe=32)
  for i in range(3):
    frame[[f'activation.layer_{i}', f'gradient.layer_{i}', f'relative_gradient.layer_{i}']] = 1.0
  (table,) = at_start.tables_of(of(frame))
  assert table.title.endswith('before the first step, at batch size 64 and initial scale 1')
  more = [{**at, 'init_scale': x} for at in sizes for x in (0.1, 1.0, 10.0)]
  wide = records(more, test=lambda *_: 0.5).assign(probe=32)
  wide = wide.drop_duplicates(['trial', 'epoch'])
  for i in range(3):
    wide[[f'activation.layer_{i}', f'gradient.layer_{i}', f'relative_gradient.layer_{i}']] = 1.0
  (table,) = at_start.tables_of(of(wide))
  assert table.title.endswith('first step, by initial scale, at batch size 64')


# Every column has a line in the documents.


@pytest.fixture
def pages(monkeypatch):
  monkeypatch.syspath_prepend(str(DOCS))
  import column_pages

  return column_pages.tables()


def test_the_documents_list_every_column_of_both_schemas(pages):
  _, *parts = pages.split('## ')
  for schema, part in zip((columns, parity_columns), parts, strict=True):
    for row in schema.COLUMNS:
      start = f'| `{row.name}` | {row.kind} | {row.dtype} |'
      (line,) = {line for line in part.splitlines() if line.startswith(start)} or {''}
      assert row.unit in line and row.better in line, f'{row.name} has no line: {line!r}'
      assert len(line.replace('\\|', '').split('|')) == 9, line
  rows = len(columns.COLUMNS) + len(parity_columns.COLUMNS)
  assert sum(line.startswith('| `') for line in pages.splitlines()) == rows
  assert '| `test_loss` | measurement | float | test loss | nats | lower | from 0 |' in pages
  assert '| `test_accuracy` | measurement | float | test accuracy |  | higher | 0 to 1 |' in pages
  assert '| `learning_rate` | setting | float | learning rate |  |  |  |' in pages
  assert 'generated/columns.inc' in (DOCS / 'columns.md').read_text()
  assert '\ncolumns\n' in (DOCS / 'index.md').read_text()


def test_a_choice_is_made_on_validation_data_of_the_same_measurement():
  assert tuned.validation_of('test_loss') == 'validation_loss'
  assert tuned.validation_of('test_accuracy') == 'validation_accuracy'
  for name in ('train_loss', 'testing', 'validation_loss', 'test'):
    assert tuned.validation_of(name) == name
  assert statistics.scores(BOTH, tuned.validation_of('test_accuracy')).max() > 0.7
