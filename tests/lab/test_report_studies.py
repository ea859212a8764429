"""The reports of the reference studies: the reference beside ours, from records by formula."""

import json
import pathlib
import re
import types

import invented
import numpy as np
import pandas as pd
import pytest

from norms.lab import report
from norms.lab.report import (
  naming,
  replay_json,
  studies,
  summary_json,
  timing,
  trained_ranges,
  view,
  which_figures,
)
from norms.lab.report.figures import writing
from norms.lab.report.reference import comparison

FIGURES = {
  'fashion_cnn': {'training_curves', 'reference_points', 'accuracy_by_seed'},
  'fashion_cnn_underfit': {'curves_by_learning_rate', 'did_not_train_by_learning_rate'},
  'mnist_mlp': {'reference_curves', 'reference_points', 'time_per_epoch', 'training_curves'},
  'cifar_depth': {'reference_curves', 'reference_points', 'training_curves'},
  'cifar_init_scale': {
    'bests_by_weight_scale',
    'grad_norm_by_weight_scale',
    'layers_by_weight_scale',
  },
  'cifar_batch_size': {'accuracy_by_batch_size', 'validation_accuracy_by_batch_size'},
  'cifar_few_features': {'validation_accuracy_by_model_options.features'},
  'cifar_group_norm': {'test_accuracy_by_batch_size'},
  'cifar_learning_rate': {'test_accuracy_by_learning_rate'},
}


def of(name, change=lambda frame: frame):
  """The view of a study's invented records."""
  made = invented.asked(name)
  return view.of(change(invented.records(made)), made, invented.timing(made))


# A second or two for each; these have every kind of figure between them.
QUICK = ('mnist_mlp', 'fashion_cnn_underfit', 'cifar_batch_size')
DRAWN = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FIGURES]


@pytest.mark.parametrize('name', DRAWN)
def test_each_study_has_its_figures_and_every_norm_its_own_look(name):
  seen = of(name)
  drawn = {drawing.name for drawing in writing.draw_all(which_figures.parts_of(seen))}
  assert drawn >= FIGURES[name]
  looks = seen.looks.values()
  assert len({look.colour for look in looks}) == len({look.marker for look in looks}) == len(looks)


# The reference beside ours.


def only(**entry):
  """A study whose one reference is this, over two norms and two seeds."""
  entry = {'name': 'score', 'column': 'test_accuracy', 'at': {'norm': 'batch'}, **entry}
  rows = [
    {'trial': f'{norm}{seed}', 'norm': norm, 'seed': seed, 'epoch': epoch, 'trained': True,
     'diverged_at': pd.NA, 'batch_size': 4, 'step': epoch, 'minibatch_loss': 1.0,
     **{column: value + 0.02 * seed for column, value in (
       ('test_accuracy', 0.2 * epoch), ('train_accuracy', 0.9 - 0.1 * epoch),
       ('train_loss', 64.0 / (1 + epoch)), ('test_loss', 1.0))}}
    for norm in ('none', 'batch') for seed in (0, 1) for epoch in range(4)
  ]  # fmt: skip
  frame = pd.DataFrame(rows).astype({'diverged_at': 'Int64'})
  made = types.SimpleNamespace(name='s', references=(entry,), axes={}, claims=(), labels={})
  return view.of(frame, made)


def test_ours_is_taken_at_the_epoch_and_by_the_factor_of_the_reference():
  (line,) = comparison.compared(only(values={2: 0.5}))
  assert line.ours.value == pytest.approx(0.41) and line.ours.n == 2 and line.ours.kind == 'range'
  assert line.difference == pytest.approx(-0.09)
  (line,) = comparison.compared(only(values={-1: 0.5}))
  assert line.ours.value == pytest.approx(0.61)
  (line,) = comparison.compared(only(values={'best': 0.5}, column='train_accuracy'))
  assert line.ours.value == pytest.approx(0.91)
  (line,) = comparison.compared(only(values={1: 0.5}, column='train_loss', factor=1 / 64))
  assert line.ours.value == pytest.approx(0.5, abs=2e-4)  # (32 + 0.01) / 64


@pytest.mark.parametrize(
  'entry',
  [
    {'values': {9: 0.5}},
    {'values': {-1: 0.5}, 'at': {'norm': 'layer'}},
    {'values': {-1: 0.5}, 'at': {'norm': 'batch', 'batch_size': 5}},
    {'values': {-1: 0.5}, 'column': 'validation_accuracy'},
    {'values': {-1: 0.5}, 'column': 'epoch_seconds'},
  ],
)
def test_a_figure_of_the_reference_without_ours_says_so(entry):
  seen = only(**entry)
  (row,) = comparison.table(seen).rows
  assert 'no run' in row.cells
  assert list(comparison.sentences(seen)) == ['score: no run of ours here.'] or 'at' in entry
  assert not [
    drawing
    for drawing in writing.draw_all(which_figures.parts_of(seen))
    if 'reference' in drawing.name
  ]


def test_a_figure_that_another_study_has_is_pointed_to():
  seen = only(values={-1: 4e-8}, column=None, see='results/parity')
  assert comparison.table(seen).rows[0].cells[5] == 'results/parity'
  assert list(comparison.sentences(seen)) == ['score: ours is in results/parity.']


def test_values_have_the_decimals_of_the_reference():
  seen = only(values={1: 0.123456, 2: 0.5})
  first, second = (row.cells for row in comparison.table(seen).rows)
  assert first[4:6] == ['0.123456', '0.210000'] and second[4:6] == ['0.500000', '0.410000']


@pytest.mark.parametrize(
  ('reference', 'said'),
  [(0.41, '0.0000'), (0.4094, '+0.0006'), (0.42, '-0.0100'), (4e-8, '+0.4100')],
)
def test_a_difference_has_the_decimals_of_what_it_is_between(reference, said):
  (row,) = comparison.table(only(values={2: reference})).rows
  assert row.cells[-1] == said
  assert f'({said})' in ' '.join(comparison.sentences(only(values={2: reference})))


def test_study_c_stands_beside_its_reference(tmp_path):
  made = invented.asked('mnist_mlp')
  frame = invented.records(made)
  index = report.write(frame, made, [], tmp_path, invented.timing(made))
  text = (tmp_path / 'report.md').read_text()
  for title in ('## Reference beside ours', '## Time per epoch'):
    assert title in text and title.removeprefix('## ') in index.read_text()
  usual = frame[(frame['norm'] == 'none') & (frame['epoch'] == 1) & (frame['init_scale'] == 1)]
  first = usual['minibatch_loss'].mean() / 64
  assert re.search(rf'no norm \| loss / 64 .* \| 1 \| 0.0087 \| {first:.4f} ', text)
  for start in ('usual', 'small', 'searched'):
    asks = f'From the {start} start, does batch norm converge faster than the net without?'
    assert f'{asks} **' in text


# Names.


def test_a_norm_has_the_studys_name_for_it_everywhere(tmp_path):
  made = invented.asked('fashion_cnn')
  index = report.write(invented.records(made), made, [], tmp_path)
  label = 'layer (H,W,C)'
  for text in (
    index.read_text(),
    *((tmp_path / f).read_text() for f in ('report.md', 'summary.csv')),
  ):
    assert label in text and not re.search(r'\bgroup \d|</span>group<|\| group \| (?!trials)', text)
  assert 'layer norm (H,W,C) reaches' in (tmp_path / 'report.md').read_text()
  assert label in report.terminal(invented.records(made), made)
  seen = of('fashion_cnn')
  assert seen.looks[label].colour not in {seen.looks[n].colour for n in seen.norms if n != label}


def test_layers_of_one_width_are_a_numeric_axis():
  seen = of('cifar_few_features')
  assert seen.numeric == ['model_options.features']
  assert sorted(seen.rows['model_options.features'].unique()) == [1, 2, 4, 8, 16, 32, 100]
  mixed = pd.DataFrame({'norm': 'batch', 'model_options.features': ['[8, 8]', '[8, 4]']})
  kept = naming.rename_norms(mixed, types.SimpleNamespace())
  assert list(kept['model_options.features']) == ['[8, 8]', '[8, 4]']


# What did not train.


def test_study_b_is_flagged_in_table_figures_and_text(tmp_path):
  made = invented.asked('fashion_cnn_underfit')
  index = report.write(invented.records(made), made, [], tmp_path)
  text = (tmp_path / 'report.md').read_text()
  assert '20 of 40 trials did not train (no norm 5, batch 5, layer 5, weight 5)' in text
  assert text.count('(did not train)') == 4  # of the reference's table, a line per norm
  assert text.count('did not train: 5 of 5') >= 4
  drawn = (tmp_path / 'figures' / 'curves_by_learning_rate.svg').read_text()
  assert 'learning rate 1e-08: did not train (20 of 20)' in drawn
  assert index.read_text().count('<tr class="failed">') >= 8


# Scales.


def unprobed(frame):
  """As records were before there were probes."""
  return frame[[name for name in frame if '.layer_' not in name]]


def test_study_d5_names_ranges_and_the_gradients_beyond_them():
  seen = of('cifar_init_scale', unprobed)
  (table,) = [trained_ranges.table(seen, axis) for axis in trained_ranges.axes(seen)]
  ranges = {row.cells[0]: row.cells[2] for row in table.rows}
  assert ranges['batch'].startswith('4.0 decades') and ranges['no norm'].startswith('0.8 decades')
  (sentence,) = trained_ranges.sentences(seen)
  assert 'Gradient norm of the net with no norm' in sentence
  assert '1 to 1 where it trains; below 0.0336' in sentence and '1e-09 to 1e-09' in sentence


def test_a_gradient_that_is_not_finite_is_counted():
  def change(frame):
    blown = (frame['weight_scale'] > 0.3) & (frame['seed'] == 0)
    return unprobed(frame.assign(grad_norm=frame['grad_norm'].where(~blown, np.inf)))

  sentences = list(trained_ranges.sentences(of('cifar_init_scale', change)))
  assert any('(not finite in 3 of 18 trials)' in sentence for sentence in sentences)


# Replays.


def test_a_replay_is_apart_from_our_seeds(tmp_path):
  made = invented.asked('cifar_depth')
  frame = invented.records(made)
  seen = view.of(frame, made)
  assert seen.seeds() == '5 seeds' and set(seen.rows['seed']) == set(range(5))
  assert seen.replayed['trial'].nunique() == 2 and seen.axes == []
  report.write(frame, made, [], tmp_path)
  text = (tmp_path / 'report.md').read_text()
  which = '2 trials (batch norm and the net with no norm)'
  assert f'{which} replay the draws of numpy_legacy_zeros, seed 231' in text
  found = json.loads((tmp_path / 'replay.json').read_text())
  assert list(found) == ['batch', 'none']
  assert found['batch']['iteration'] == list(range(1, 200, 20))
  own = frame[(frame['norm'] == 'batch') & (frame['replay'] != '')].sort_values('epoch')
  assert found['batch']['loss'] == own['first_loss'].tolist()[1:]  # to the last bit
  assert found['batch']['train_accuracy'] == own['train_accuracy'].tolist()
  assert len(found['none']['validation_accuracy']) == 11
  kept = frame[frame['replay'] == '']
  report.write(kept, made, [], tmp_path)
  assert not (tmp_path / 'replay.json').exists()


def test_a_replayed_loss_that_is_not_finite_is_null(tmp_path):
  made = invented.asked('cifar_depth')
  seen = view.of(invented.records(made), made)
  seen.replayed.loc[seen.replayed['epoch'] == 3, 'first_loss'] = np.nan
  replay_json.write(seen, tmp_path)
  assert json.loads((tmp_path / 'replay.json').read_text())['batch']['loss'][2] is None


# Time.


def test_the_table_of_times_is_paired_by_round():
  made = invented.asked('mnist_mlp')
  seconds = {'none': 1.0, 'batch': 2.0, 'weight': 3.0, 'layer': 4.0}
  rows = [
    {'norm': norm, 'round': i, 'seconds': (10 if i == 2 else 1) * each, 'steps': 1000}
    for i in range(5) for norm, each in seconds.items()
  ]  # fmt: skip
  seen = view.of(invented.records(made), made, {'rows': rows, 'device': 'cpu'})
  table = timing.table(seen)
  assert table.rows[0].cells[:7] == [
    'no norm',
    '5',
    '1000',
    '1000 to 1e+04',
    '1000',
    '1.00',
    '1.00 to 1.00',
  ]
  assert table.rows[3].cells[5:7] == ['4.00', '4.00 to 4.00']  # the slow round slows both sides
  assert 'layer norm, the slowest' in next(iter(timing.sentences(seen)))
  assert timing.table(view.of(invented.records(made), made)) is None


# The table in results/README.md.


def test_the_table_of_studies_comes_from_the_reports(tmp_path, monkeypatch):
  for name in ('fashion_cnn', 'cifar_init_scale'):
    made = invented.asked(name)
    report.write(invented.records(made), made, [], tmp_path / 'results' / name / 'report')
  monkeypatch.chdir(tmp_path)
  readme = tmp_path / 'results' / 'README.md'
  readme.write_text(f'before\n\n{studies.BEGIN}\nold\n{studies.END}\nafter\n')
  assert studies.main(['results/README.md']) == 0
  text = readme.read_text()
  assert (
    text.startswith('before\n') and text.endswith(f'{studies.END}\nafter\n') and 'old' not in text
  )
  first = next(line for line in text.splitlines() if line.startswith('| A: fashion_cnn'))
  assert 'python train.py --config=configs/fashion_cnn.py`' in first
  assert 'layer (H,W,C) 0.9070' in first and '(95% interval, 5 seeds)' in first
  assert 'Does layer norm beat batch norm? **' in first
  assert 'without a norm the net is dead below a weight scale of 1e-2' in text
  links = re.findall(r'\]\(([^)]*)\)', text)
  assert len(links) == 4 and all((tmp_path / 'results' / link).is_file() for link in links), links
  before = readme.read_text()
  studies.main(['results/README.md'])
  assert readme.read_text() == before


def test_every_verdict_of_a_study_is_in_its_line(tmp_path):
  """With what came out otherwise than expected, and the claims that have no question."""
  judged = [
    {'asks': 'Is it?', 'outcome': 'refuted', 'expected': 'against the expectation'},
    {'asks': 'And this?', 'outcome': 'supported', 'expected': 'as expected'},
    {'asks': '', 'outcome': 'refuted', 'expected': ''},
    {'asks': '', 'outcome': 'supported', 'expected': ''},
    {'asks': '', 'outcome': 'refuted', 'expected': ''},
  ]
  folder = tmp_path / 'mnist_mlp' / 'report'
  folder.mkdir(parents=True)
  facts = {'question': 'Q?', 'command': 'c', 'reference': [], 'reference_says': []}
  each = [{'sentence': '', **verdict} for verdict in judged]
  (folder / 'summary.json').write_text(json.dumps({**facts, 'verdicts': each}))
  assert studies.table(tmp_path)[2].split(' | ')[4] == (
    'Is it? **refuted**, against the expectation<br>And this? **supported**<br>'
    '3 more claims: 2 refuted, 1 supported'
  )


def test_another_report_has_its_line_in_the_table_too(tmp_path):
  """parity_drift has verdicts of its own kind, and no records of trials."""
  made = types.SimpleNamespace(name='parity_drift', question='Alike?', command='python train.py')
  line = types.SimpleNamespace(
    claim='curves', outcome='supported', sentence='They are alike.', asks=''
  )
  folder = tmp_path / 'parity_drift' / 'report'
  folder.mkdir(parents=True)
  (folder / 'summary.json').write_text(summary_json.plain(made, [line], says=['they drift slowly']))
  *_, row = studies.table(tmp_path)
  for cell in ('E: parity_drift', 'Alike?', 'they drift slowly', 'They are alike.', '1 supported'):
    assert cell in row


@pytest.mark.parametrize(('n', 'ours', 'runs'), [
  (1, 'batch 0.9130', 'one run'), (2, 'batch 0.9130 (0.9110 to 0.9150)', 'range, 2 seeds'),
])  # fmt: skip
def test_figures_of_two_runs_have_a_spread(n, ours, runs):
  text = {'low': '0.9110', 'ours': '0.9130', 'high': '0.9150'}
  line = {'norm': 'batch', 'text': text, 'trained': True, 'n': n, 'kind': 'range'}
  assert studies._ours(line) == ours and studies._runs([line]) == runs


def test_a_page_without_marks_is_refused(tmp_path):
  page = tmp_path / 'page.md'
  page.write_text('nothing')
  with pytest.raises(ValueError, match='has no lines <!-- studies'):
    studies.main([str(page)], tmp_path)


def test_the_index_has_question_answer_figure_verdicts_and_cost_of_each_study(tmp_path, capsys):
  """Those of STUDIES in their order, then any other that has a report; links lead to files."""
  provenance = [{'compile_seconds': 1.5, 'run_seconds': 60.0, 'cores': 2, 'numerics': 2}]
  for name in ('mnist_mlp', 'fashion_cnn'):
    made = invented.asked(name)
    report.write(invented.records(made), made, provenance, tmp_path / name / 'report')
  other = types.SimpleNamespace(name='a_study', question='Is <this> so?', command='train')
  (tmp_path / 'a_study' / 'report').mkdir(parents=True)
  text = summary_json.plain(other, [], otherwise=['It is.'])
  (tmp_path / 'a_study' / 'report' / 'summary.json').write_text(text)
  (tmp_path / 'a_study' / 'report' / 'index.html').write_text('')
  (tmp_path / 'README.md').write_text(f'{studies.BEGIN}\n{studies.END}\n')
  studies.main([str(tmp_path / 'README.md')], tmp_path)
  studies.main([], tmp_path)  # prints the section, with links from where it was called
  printed = re.findall(r'^!\[.*\]\((.*)\)$', capsys.readouterr().out, re.MULTILINE)
  assert len(printed) == 2 and all(pathlib.Path(link).is_file() for link in printed)
  html = (tmp_path / 'index.html').read_text()
  assert re.findall(r'<article class="card study" id="(\w+)"', html) == [
    'fashion_cnn', 'mnist_mlp', 'a_study',
  ]  # fmt: skip
  assert 'Is &lt;this&gt; so?' in html and 'It is.' in html
  for name in ('mnist_mlp', 'fashion_cnn'):
    article = html.split(f'id="{name}"')[1].split('</article>')[0]
    summary = json.loads((tmp_path / name / 'report' / 'summary.json').read_text())
    assert f'href="{name}/report/index.html"' in article and summary['command'] in article
    assert f'{summary["trials"]} trials, 61.5 s of computing on 2 cores' in article
    assert f'src="{name}/report/{summary["figure"]}"' in article
    outcomes = re.findall(r'<li class="(\w+)"', article)
    assert outcomes == [verdict['outcome'] for verdict in summary['verdicts']]
    assert summary['answer'][0].split('? ')[0] in article
  for link in re.findall(r'(?:href|src)="(?!data:)([^"]+)"', html):
    assert (tmp_path / link).is_file(), link
