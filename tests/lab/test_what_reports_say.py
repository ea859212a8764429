"""Sentences, titles and orders of a report, in the cases that a broken line would get wrong."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from recomputed import two_digits
from test_figures_are_data import recorded
from test_parity_figures_are_data import trained
from test_report import records, study
import test_report_why as probed

from norms.lab import statistics
from norms.lab.report import findings, measurements, origins, page, questions, varied, view
from norms.lab.report.figures import heat_maps, scales, sheets, writing
from norms.lab.report.parity.drift import figures, tables, verdicts
from norms.lab.report.probes import at_start, layer_figures
from norms.lab.statistics import design
from norms.lab.statistics.intervals import compare


def test_the_drift_that_is_told_is_the_farthest_of_all_libraries_and_seeds():
  frame = trained()
  drift = tables.drift(frame)
  found = {verdict.claim: verdict for verdict in verdicts.verdicts(tables.curves(frame), drift)}
  said = found['drift_is_rounding'].sentence
  for family in ('batch', 'layer'):
    for step in (1, 100):
      own = drift[(drift['family'] == family) & (drift['step'] == step)]
      assert two_digits(own['largest'].max()) in said


@pytest.mark.parametrize(('last', 'outcome'), [
  (2e-7, 'supported'), (1e-7, 'refuted'), (0.9e-7, 'refuted'),
])  # fmt: skip
def test_a_drift_that_does_not_grow_is_no_rounding(last, outcome):
  rows = [
    {'library': 'linen', 'title': 'Flax linen', 'family': family, 'seed': 0, 'step': step,
     'largest': largest, 'mean': largest}
    for family, end in (('batch', 3e-7), ('layer', last))
    for step, largest in ((1, 1e-7), (100, end))
  ]  # fmt: skip
  (verdict,) = verdicts._drift_is_rounding(pd.DataFrame(rows))
  assert verdict.outcome == outcome


def test_each_question_has_its_title_and_the_finding_of_its_claims():
  names = ['reference_points', 'layers_by_depth', 'time_per_epoch', 'heat_batch_size']
  names += ['accuracy_by_seed', 'test_accuracy_by_batch_size', 'importance', 'entropy_by_epoch']
  fields = len(writing.WrittenFigure._fields)
  figures = [writing.WrittenFigure(*[name] * fields) for name in names]
  groups = questions.arranged(figures, (), {questions.WHERE: 'Here.'})
  assert [(group.title, group.figures[0].name, group.finding) for group in groups] == [
    ('Which settings matter?', 'importance', ''),
    ('How near is the reference?', 'reference_points', ''),
    ('What was recorded in the layers?', 'layers_by_depth', ''),
    ('What does it cost?', 'time_per_epoch', ''),
    ('Where does each norm train?', 'heat_batch_size', 'Here.'),
    ('Which norm is better?', 'accuracy_by_seed', ''),
    ('What changes along an axis?', 'test_accuracy_by_batch_size', ''),
    ('What else was measured?', 'entropy_by_epoch', ''),
  ]


def test_a_value_that_is_missing_is_a_value_of_an_axis():
  frame = recorded()
  decay = frame['batch_size'].map({4: np.nan, 16: 0.1, 64: 0.1})
  assert 'weight_decay' in design.varied(frame.assign(weight_decay=decay, batch_size=4))
  steps = np.arange(60.0)
  points = pd.DataFrame({'a': steps, 'b': [np.nan] + [1.0] * 59, 'c': steps**2})
  assert design.scattered(points, ['a', 'b', 'c']) == ['a', 'b', 'c']


@pytest.mark.parametrize('norms', [('layer', 'none'), ('layer', 'none', 'batch')])
def test_who_trains_in_the_most_cells(norms):
  said = findings.sentences(view.of(records(norms=norms), study(claims=())))
  each = ', '.join({'layer': 'layer 6 of 6', 'none': 'no norm 2 of 6', 'batch': 'batch 6 of 6'}[n]
                   for n in ('layer', 'none', 'batch') if n in norms)  # fmt: skip
  who = 'Layer norm trains' if len(norms) == 2 else 'Layer norm and batch norm train'
  assert f'{who} in the most cells with every seed ({each}).' in said
  alone = findings.sentences(view.of(records(norms=('layer',)), study(claims=())))
  assert not any('cells' in each for each in alone)


def test_replayed_trials_are_no_seeds_of_ours():
  frame = records(norms=('layer',))
  replayed = frame['trial'] == frame['trial'].iloc[0]
  some = frame.assign(replay=np.where(replayed, 'theirs', ''))
  every = frame[replayed].assign(replay='theirs')
  (said,) = [s for s in findings.sentences(view.of(some, study())) if 'replay the draws' in s]
  assert said.endswith(' only. All else is of 2 to 3 seeds of our own draws.')
  (said,) = [s for s in findings.sentences(view.of(every, study())) if 'replay the draws' in s]
  assert said.endswith('in replay.json.')


def test_seeds_and_numbers_are_listed_in_their_order():
  mixed = records(norms=('layer',)).sort_values('seed', ascending=False)
  facts = dict(varied.facts(view.of(mixed, study())))
  assert (
    'seed: 0, 1 and 2' in facts['Varied'] and 'initial scale: 0.01, 1 and 100' in facts['Varied']
  )
  many = records(norms=('layer',), batches=(4,), scales=(1.0,), seeds=12)
  assert dict(varied.facts(view.of(many, study())))['Varied'].endswith('seed: 12 values')


def test_panels_stand_side_by_side():
  figure, axes = sheets.sheet(5, columns=3, high=2.0)
  boxes = [ax.get_position() for ax in axes]
  assert all(0 < box.x0 < box.x1 < 1 and 0 < box.y0 < box.y1 < 1 for box in boxes)
  assert boxes[0].x1 < boxes[1].x0 < boxes[1].x1 < boxes[2].x0
  assert boxes[3].x0 == boxes[0].x0 and boxes[3].y1 < boxes[0].y0
  assert len({round(box.width, 9) for box in boxes}) == 1 and figure.get_figheight() > 4


def test_axes_of_layers_end_beyond_what_nets_trained_with():
  frame = probed.records()
  blown = (frame['norm'] == 'none') & (frame['init_scale'] == 1.0) & (frame['epoch'] == 0)
  frame.loc[blown, [name for name in frame if name.startswith('activation.')]] = 1e30
  drawing = {d.name: d for d in layer_figures.draw(probed.of(frame))}['layers_by_init_scale']
  trained_ = frame[frame['trained'].astype(bool) & (frame['epoch'] == 0)]
  most = trained_[[f'activation.layer_{i}' for i in range(3)]].to_numpy().max()
  low, high = drawing.figure.axes[0].get_ylim()
  assert 1e4 * most <= high < 1e6 * most and low < 0.01


@pytest.mark.parametrize(('values', 'lines'), [(8, 8), (9, 5)])
def test_eight_values_have_a_line_each_and_of_nine_the_edges(values, lines):
  frame = probed.records(norms=('batch',), scales=tuple(np.geomspace(1e-3, 10, values)))
  (table,) = at_start.tables_of(probed.of(frame))
  assert len(table.rows) == lines


def test_where_no_seed_is_shared_nothing_is_decided():
  none = compare(pd.Series([0.9], [0]), pd.Series([0.8], [1]))
  assert none.outcome == 'undecided' and none.n == 0 and np.isnan(none.effect)


@pytest.mark.parametrize(
  ('left', 'right', 'p'),
  [
    ([3, 4, 5, 6, np.inf], [0, 1, 1, 2, 2.5], 2 / 252),
    ([0, 1, 1, 2, 2.5], [3, 4, 5, 6, np.inf], 2 / 252),
    ([3, 4, 5, 6, np.inf], [0, 1, 1, 2, 3.5], 1),
    ([0, 1, 1, 2, 3.5], [3, 4, 5, 6, np.inf], 1),
  ],
)
def test_values_that_are_not_finite_are_judged_by_ranks_that_lie_apart(left, right, p):
  assert compare(pd.Series(left), pd.Series(right)).p == pytest.approx(p)


def test_curves_fill_their_axis():
  """Its limits are those of means: of sums they would begin beyond every line."""
  axes = figures.curves(trained()).figure.axes
  lines = [line.get_ydata() for ax in axes for line in ax.get_lines()]
  low, high = axes[0].get_ylim()
  least, most = min(map(min, lines)), max(map(max, lines))
  assert low < least < most < high and most - least > 0.7 * (high - low)


def test_seconds_and_trials_of_files_are_added_and_what_is_missing_counts_as_none():
  files = [
    {'started': '2026-01-02', 'compile_seconds': 2.0, 'run_seconds': 30.0, 'trials': 5},
    {'started': '2026-01-01'},
    {'started': '2026-01-03', 'compile_seconds': None, 'run_seconds': 20.0, 'trials': 6},
  ]
  found = dict(origins.facts(files))
  assert found['started'] == '2026-01-01 to 2026-01-03' and found['trials'] == '11'
  assert found['compilation'].startswith('2') and found['training'].startswith('50')


def test_a_correction_is_told_from_two_claims_on():
  frame = records(norms=('layer', 'batch'), scales=(1.0,), seeds=6)
  frame['test_accuracy'] += 0.001 * frame['trial'].map(lambda trial: int(trial, 16) % 7)
  beats = ('beats', {'norm': 'batch', 'than': 'layer'})
  (alone,) = statistics.verdicts(frame, (beats,))
  both = statistics.verdicts(frame, (beats, ('beats', {'norm': 'layer', 'than': 'batch'})))
  assert 'corrected' not in alone.sentence and 'p = ' in alone.sentence.replace('p < ', 'p = ')
  assert all('corrected for 2 claims' in verdict.sentence for verdict in both)


def test_what_is_the_same_at_every_epoch_has_no_curve():
  frame = recorded()
  kinds = frame.assign(steady=frame['seed'] * 1.0, moving=frame['epoch'] * 1.0, lost=np.nan)
  names = {drawing.name for drawing in measurements.draw(view.of(kinds, study()))}
  assert 'moving_by_epoch' in names and 'steady_by_batch_size' in names
  assert not {'steady_by_epoch', 'lost_by_epoch', 'lost_by_batch_size'} & names


def test_numbers_of_a_heat_map_can_be_read():
  drawing = heat_maps.accuracy(view.of(recorded(), study()), 'batch_size', 'init_scale')
  inks = set()
  for ax in drawing.figure.axes[:-1]:
    (mesh,) = ax.collections
    colours = mesh.to_rgba(np.asarray(mesh.get_array()).reshape(3, -1))
    for text in ax.texts:
      x, y = (int(place) for place in text.get_position())
      light = colours[y, x, :3] @ (0.299, 0.587, 0.114) > 0.5
      assert text.get_color() == (heat_maps.DARK if light else heat_maps.LIGHT)
      inks.add(text.get_color())
  assert len(inks) == 2


def test_no_line_ends_within_a_number():
  text = page.unbroken('<b> 5.4e-08, 1e-6 and e-mail')
  parts = [f'<span class="whole">{number}</span>' for number in ('5.4e-08', '1e-6')]
  assert str(text) == f'&lt;b&gt; {parts[0]}, {parts[1]} and e-mail'
  shown = page._templates().from_string('{{ text | unbroken }}')  # as the pages ask for it
  assert shown.render(text='1e-6') == parts[1]


def test_a_band_that_ends_near_zero_does_not_stretch_an_axis_of_logs():
  table = pd.DataFrame({'value': [0.1, 1.0], 'low': [-1.0, 1e-7], 'high': [0.2, 2.0]})
  table['share_trained'] = 1.0
  _, ax = plt.subplots()
  said = scales.fit_y([ax], 'train_loss', table)
  low, high = ax.get_ylim()
  assert 0.005 < low < 0.01 and 2 < high < 4
  assert said == 'Bands whose ends are near zero go on below the axis.'
  assert scales.fit_y([ax], 'train_loss', table.assign(low=0.05)) == ''
  plt.close()
