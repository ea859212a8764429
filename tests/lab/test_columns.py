"""The schema of the records: what it says of each column is what statistics and reports do."""

import ast
import dataclasses
import pathlib

import invented
import numpy as np
import pandas as pd
from pyarrow import parquet
import pytest
import small

import norms
from norms.lab import columns, parity_columns, records, report, statistics, study, sweep
from norms.lab.report import measurements, tables, view
from norms.lab.report.figures import scales, sheets, writing
from norms.lab.statistics import design

PACKAGE = pathlib.Path(norms.__file__).parent


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """(study, folder) of a small sweep that has run: two norms, two scales, two seeds, a probe."""
  made = study.from_config(
    small.config(
      norm=('none', 'batch'), init_scale=(0.1, 1.0), seed=(0, 1), probe=32, data={
        'name': 'digits', 'validation': 100, 'manual_dir': ''}, augment=(),
    )
  )  # fmt: skip
  folder = tmp_path_factory.mktemp('run')
  _, failed, _ = small.run(made, folder)
  assert not failed
  return made, folder


def with_columns(run, folder, **more):
  """The study's records as they would be with more columns, written and read as any are."""
  made, origin = run
  frame = sweep.results(made, origin)
  for name, values in more.items():
    frame[name] = values(frame)
  records.write(folder, made.trials, frame.drop(columns='numerics'), {'trials': len(made.trials)})
  return sweep.results(made, folder)


def whole_report(made, frame, folder):
  """The texts of a report's page, of its report.md, and its summary.csv."""
  page = report.write(frame, made, records.provenance(folder), folder / 'report')
  text = (folder / 'report' / 'report.md').read_text(encoding='utf-8')
  csv = pd.read_csv(folder / 'report' / 'summary.csv')
  drawn = {path.stem for path in (folder / 'report' / 'figures').glob('*.png')}
  return page.read_text(encoding='utf-8'), text, csv, drawn


# A measurement that is unlike others ends no report and is no axis: the page says what it is.

LIKE = {
  'constant': (lambda frame: frame['seed'] + 0.5, 'the same at every epoch'),
  'the_same_everywhere': (lambda frame: 3.0, 'the same at every epoch'),
  'all_NaN': (lambda frame: np.nan, 'no value in any trial: all are NaN'),
  'infinite': (lambda frame: np.inf, 'infinite in 8 of 8 trials'),
  'infinite_at_one_scale': (
    lambda frame: np.where(frame['init_scale'] < 1, np.inf, frame['epoch']),
    'infinite in 4 of 8 trials',
  ),
  'minus_infinite_in_one_trial': (
    lambda frame: np.where(frame['trial'] == frame['trial'].iloc[0], -np.inf, -1e300),
    'infinite in 1 of 8 trials',
  ),
  'infinite_at_one_seed': (
    lambda frame: np.where(frame['seed'] == 0, np.inf, 1.0),
    'infinite in 4 of 8 trials',
  ),
  'text': (lambda frame: 'steep', 'no numbers'),
}  # fmt: skip


@pytest.fixture(scope='module')
def unusual(run, tmp_path_factory):
  """(records, report) with all of these among the columns."""
  folder = tmp_path_factory.mktemp('unusual')
  frame = with_columns(run, folder, **{case: values for case, (values, _) in LIKE.items()})
  return frame, whole_report(run[0], frame, folder)


@pytest.mark.parametrize('case', LIKE)
def test_an_unusual_measurement_gets_a_page_that_says_so_and_is_no_axis(case, unusual):
  frame, (page, text, csv, drawn) = unusual
  label, says = case.replace('_', ' '), LIKE[case][1]
  assert f'Of the measurement {label}: {says}' in page and f'{label}: {says}' in text
  assert f'| {label} | no norm |' in text
  assert case not in csv and statistics.axes(frame) == ['init_scale']
  assert f'heat_{case}' not in drawn and f'test_accuracy_by_{case}' not in drawn
  assert f'{case}_by_epoch' not in drawn or case == 'infinite_at_one_scale'
  finite = np.isfinite(pd.to_numeric(frame[case], errors='coerce')).any()
  assert (f'{case}_by_init_scale' in drawn) == finite


def test_a_usual_measurement_has_its_curve_its_figure_and_its_lines(run, tmp_path):
  frame = with_columns(run, tmp_path, steepness=lambda frame: -1.0 - frame['epoch'])
  _, text, csv, drawn = whole_report(run[0], frame, tmp_path)
  assert {'steepness_by_epoch', 'steepness_by_init_scale'} <= drawn
  assert 'Of the measurement' not in text
  own = csv[csv['metric'] == 'steepness']
  assert set(own['mean']) == {-3.0} and set(own['norm']) == {'none', 'batch'}


def test_a_measurement_that_only_some_files_have_is_one(run, tmp_path):
  made, origin = run
  frame = sweep.results(made, origin).drop(columns='numerics')
  for norm, part in frame.groupby('norm'):
    part = part.assign(steepness=2.0) if norm == 'batch' else part
    trials = [trial for trial in made.trials if trial.norm == norm]
    records.write(tmp_path, trials, part, {})
  page, *_ = whole_report(made, sweep.results(made, tmp_path), tmp_path)
  assert 'Of the measurement steepness: NaN in 4 of 8 trials, the same at every epoch' in page


# The table.


def test_every_row_is_consistent():
  rows = columns.COLUMNS
  assert len({row.name for row in rows}) == len(rows)
  for row in rows:
    assert row.kind in (columns.KEY, columns.SETTING, columns.MEASUREMENT), row
    assert row.dtype in columns.DTYPES and row.better in ('', columns.HIGHER, columns.LOWER), row
    assert row.shown != columns.AXIS or row.kind == columns.SETTING, row
    assert row.limits[0] < row.limits[1] and columns.of(row.name) is row
    assert row.kind == columns.MEASUREMENT or not row.better, row


def test_every_column_that_the_lab_writes_has_a_row_of_its_dtype(run):
  frame = sweep.results(*run)
  kinds = {'float': 'f', 'int': 'iu', 'bool': 'b', 'text': 'OUT', 'any': 'ifbOUT'}
  for name in frame:
    row = columns.of(name)
    assert columns.has_row(name), f'{name} has no row in norms/lab/columns.py'
    assert frame[name].dtype.kind in kinds[row.dtype], (name, frame[name].dtype)
  assert {'activation.layer_0', 'validation_accuracy', 'test_accuracy_running'} <= set(frame)


def test_every_key_of_a_trial_is_a_setting_or_a_key_and_no_measurement():
  for name in invented.asked('cifar_depth').trials[0].columns():
    assert columns.of(name).kind in (columns.SETTING, columns.KEY), name


def test_no_other_file_spells_the_name_of_a_column():
  """Words such as norm or seed are other things as well; names with an underscore are not."""
  schemas = (columns, parity_columns)
  constants = {c for schema in schemas for name, c in vars(schema).items() if name.isupper()}
  spelt = {row.name for schema in schemas for row in schema.COLUMNS}
  spelt |= {c for c in constants if isinstance(c, str)}
  spelt = {name for name in spelt if '_' in name}
  assert {'batch_size', 'test_accuracy', 'two_ulp'} <= spelt
  lab = PACKAGE / 'lab'
  files = [lab / 'records.py', lab / 'sweep.py', lab / 'statistics', lab / 'report']
  files = [f for path in files for f in (path.rglob('*.py') if path.is_dir() else [path])]
  assert len(files) > 40
  for path in files:
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
      where = f'{path.name}:{getattr(node, "lineno", 0)}'
      if isinstance(node, ast.Constant):
        assert node.value not in spelt, f'{where} spells {node.value!r}: see norms/lab/columns.py'
      if isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant):
        part_of_a_name = node.left.value in ('accuracy', 'loss', 'scale')
        assert not part_of_a_name, f'{where} looks into the name of a column'


LABELS = {
  'batch_size': 'batch size',
  'init_scale': 'initial scale',
  'head_scale': 'scale of the last layer',
  'eval_stats': 'evaluation statistics',
  'grad_norm': 'gradient norm',
  'final_loss': 'final training loss',
  'activation': 'signal (root mean square)',
  'gradient': 'gradient of the kernel',
  'relative_gradient': 'relative gradient',
  'model_options.features': 'hidden features',
  'model_options.hidden_width': 'hidden width',
  'test_accuracy_running': 'test accuracy with running statistics',
  'minibatch_loss': "mean loss over the epoch's steps",
  'first_loss': "loss of the epoch's first step",
  'mine': 'mine',
}


@pytest.mark.parametrize('name', LABELS)
def test_a_column_has_its_words(name):
  assert columns.label(name) == LABELS[name]


# What a NaN counts as, and the axis on which values lie.
MEASURED = {
  'test_accuracy': (1, 0.0, False),
  'validation_accuracy': (1, 0.0, False),
  'train_accuracy': (1, 0.0, False),
  'test_accuracy_running': (1, 0.0, False),
  'best_train_accuracy': (1, 0.0, False),
  'best_validation_accuracy': (1, 0.0, False),
  'trained': (1, 0.0, False),
  'train_loss': (-1, np.inf, True),
  'test_loss': (-1, np.inf, True),
  'validation_loss': (-1, np.inf, True),
  'final_loss': (-1, np.inf, True),
  'first_loss': (-1, np.inf, True),
  'minibatch_loss': (-1, np.inf, True),
  'grad_norm': (-1, np.inf, True),
  'activation.layer_0': (0, np.nan, True),
  'gradient.layer_0': (0, np.nan, True),
  'relative_gradient.layer_0': (0, np.nan, True),
  'mine': (0, np.nan, False),
}


@pytest.mark.parametrize('name', MEASURED)
def test_a_measurement_has_its_direction_and_its_limits(name):
  sign, worst, log = MEASURED[name]
  assert columns.of(name).kind == columns.MEASUREMENT and not columns.selectable(name)
  assert columns.of(name).sign == sign
  # Of an optional one, of which a norm may have no value, another trial of the norm has one.
  frame = pd.DataFrame({'norm': 'a', name: [np.nan, 0.5]})
  np.testing.assert_equal(statistics.scores(frame, name)[0], worst)
  assert scales.is_log(name) == log
  low, high = scales.limits(name, [0.0, 0.999, np.nan, np.inf])
  assert (low > 0.9) if log else (low < 0)
  assert (high < 1.03) == (sign > 0)
  if sign > 0:
    assert (
      statistics.summary(
        pd.DataFrame({'norm': 'a', 'trained': True, 'diverged_at': None, name: [1.0] * 4 + [0.9]}),
        ['norm'],
        name,
      )['high'].item()
      == 1.0
    )  # an interval is cut to what the measurement can be


@pytest.mark.parametrize('name', ['mine', 'activation.layer_0'])
def test_a_claim_needs_a_direction(name):
  frame = invented.records(invented.asked('cifar_init_scale', 'smoke')).assign(mine=1.0)
  claim = ('beats', {'norm': 'batch', 'than': 'none', 'metric': name})
  (found,) = statistics.verdicts(frame, [claim])
  assert found.outcome == 'undecided'
  assert (
    f'of {name!r} neither more nor less is better: give its row in norms/lab/' in found.sentence
  )


def test_tables_show_what_the_schema_shows(monkeypatch):
  made = invented.asked('cifar_few_features', 'smoke')
  frame = invented.records(made)
  before = tables.usual(view.of(frame, made)).columns
  assert 'training loss' in before and 'test loss' not in before
  rows = [
    row._replace(shown=columns.TABLE if row.name == 'test_loss' else row.shown)
    for row in columns.COLUMNS
  ]
  monkeypatch.setattr(columns, 'COLUMNS', tuple(rows))
  assert 'test loss' in tables.usual(view.of(frame, made)).columns


def test_summary_csv_has_the_metrics_in_the_order_of_the_table(run):
  found = tables.summary(view.of(sweep.results(*run), run[0]))['metric'].unique()
  assert list(found) == [
    'test_accuracy', 'test_accuracy_running', 'validation_accuracy', 'train_accuracy',
    'train_loss', 'test_loss', 'best_train_accuracy', 'best_validation_accuracy', 'final_loss',
  ]  # fmt: skip


def test_a_batch_size_has_an_axis_of_powers_of_two_and_a_rate_of_ten():
  for name, base in (('batch_size', 2), ('learning_rate', 10), ('init_scale', 10)):
    _, (ax,) = sheets.sheet(1, columns=1, high=1)
    scales.scale_x([ax], name, [1, 4, 16, np.inf])
    assert ax.xaxis.get_transform().base == base and np.isfinite(ax.get_xlim()).all()


def test_a_report_looks_first_at_the_initial_scale_nearest_to_one():
  frame = pd.DataFrame({'norm': 'a', 'init_scale': [0.01, 0.1, 0.2, 0.9, 0.001]})
  assert statistics.usual(frame) == {'init_scale': 0.9}
  other = frame.rename(columns={'init_scale': 'weight_scale'})
  assert statistics.usual(other) == {'weight_scale': 0.1}


# The axes of a study.

STUDIES = ('sweep', 'fashion_cnn_underfit', 'mnist_mlp', 'cifar_depth', 'cifar_init_scale',
           'cifar_batch_size', 'cifar_few_features')  # fmt: skip
AXES = {
  'sweep': ['batch_size', 'init_scale'],
  'fashion_cnn_underfit': ['learning_rate'],
  'cifar_init_scale': ['weight_scale'],
  'cifar_few_features': ['model_options.features'],
}


@pytest.mark.parametrize('name', STUDIES)
def test_the_axes_that_a_study_plans_are_those_in_which_its_records_differ(name):
  made = invented.asked(name)
  found = design.planned(trial.columns() for trial in made.trials)
  assert found == AXES.get(name, found)
  frame = invented.records(made)
  assert view.of(frame, made).axes == found
  frame.attrs['axes'] = found
  assert view.of(frame, made).axes == found


def test_the_axes_stand_in_each_file_and_are_read_from_there(run):
  made, folder = run
  for file in records.files(folder):
    assert parquet.read_schema(file).metadata[b'norms.axes'] == b'["init_scale"]'
  assert records.load(folder).attrs['axes'] == ['init_scale']


def test_an_axis_of_which_only_one_value_has_run_is_one_all_the_same(run, tmp_path):
  made, origin = run
  frame = sweep.results(made, origin)
  part = frame[frame['init_scale'] == 1].drop(columns='numerics')
  trials = [trial for trial in made.trials if trial.init_scale == 1]
  records.write(tmp_path, trials, part, {}, ['init_scale'])
  assert records.load(tmp_path).attrs['axes'] == ['init_scale']
  _, text, csv, drawn = whole_report(made, records.load(tmp_path), tmp_path)
  assert 'test_accuracy_by_init_scale' in drawn and set(csv['init_scale']) == {1.0}
  assert 'Norms at initial scale 1' in text


def test_an_axis_without_any_value_is_none(run):
  frame = sweep.results(*run).assign(**{'norm_options.groups': np.nan})
  frame.attrs['axes'] = ['init_scale', 'norm_options.groups', 'norm_options.absent']
  assert statistics.axes(frame) == ['init_scale']


def test_files_that_do_not_say_their_axes_have_the_settings_that_vary(run, tmp_path):
  made, origin = run
  frame = sweep.results(made, origin).drop(columns='numerics').assign(steepness=1.0)
  frame['steepness'] += frame['seed']
  records.write(tmp_path, made.trials, frame, {})
  found = records.load(tmp_path)
  assert 'axes' not in found.attrs and statistics.axes(found) == ['init_scale']
  pd.testing.assert_frame_equal(found[list(frame)], frame)  # and its values are as they were


def test_files_of_a_wider_study_add_no_axis_to_a_narrower_one(run):
  made, folder = run
  narrow = dataclasses.replace(made, trials=tuple(t for t in made.trials if t.init_scale == 1))
  assert view.of(sweep.results(narrow, folder), narrow).axes == []


def test_a_column_that_is_not_of_its_dtype_is_one_clear_line(run, tmp_path):
  made, origin = run
  frame = sweep.results(made, origin).drop(columns='numerics')
  records.write(tmp_path, made.trials, frame.assign(test_loss=None), {})
  assert records.load(tmp_path)['test_loss'].dtype == float
  records.write(tmp_path, made.trials, frame.assign(test_loss='low'), {})
  with pytest.raises(ValueError, match='column test_loss holds what is no float'):
    records.load(tmp_path)


def test_of_a_measurement_no_value_is_selected(run):
  with pytest.raises(statistics.cells.SelectionError, match="unknown column 'train_loss'"):
    statistics.select(sweep.results(*run), {'train_loss': 1.0})


def test_a_layer_with_slashes_has_a_file_for_its_figure(run, tmp_path):
  frame = sweep.results(*run)
  seen = view.of(frame.assign(**{'mine.block/layer': frame['epoch']}), run[0])
  (drawn, *_) = writing.write([lambda: measurements.draw(seen)], tmp_path)
  assert drawn.name == 'mine_block_layer_by_epoch'
