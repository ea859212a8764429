"""The report: complete, self-contained, the same bytes twice, whatever the records hold."""

from html.parser import HTMLParser
import json
import os
import re
import subprocess
import sys
import types

import numpy as np
import pandas as pd
import pytest

from norms.lab import report
from norms.lab.report import findings, page, style, tables, view
from norms.lab.runner import helping

LEARNT = ('train_loss', 'train_accuracy', 'test_loss', 'test_accuracy', 'grad_norm')
PROVENANCE = [
  {
    'command': 'python train.py --config=configs/scale.py',
    'commit': 'f00dfeed',
    'versions': {'jax': '0.9.9', 'norms': '0.1.0'},
    'device': 'cpu',
    'cores': 8,
    'started': f'2025-11-2{i}T10:00:00+00:00',
    'compile_seconds': 1.5,
    'run_seconds': 60.0,
    'group': f'group {i}',
    'trials': 9,
  }
  for i in (1, 2)
]


def records(norms=('none', 'batch', 'layer'), batches=(4, 64), scales=(0.01, 1.0, 100.0), seeds=3):
  """A sweep as its records are: the plain net trains at scale 1 only, and diverges at 100."""
  cells = [(n, b, x, s) for n in norms for b in batches for x in scales for s in range(seeds)]
  trials = pd.DataFrame(cells, columns=['norm', 'batch_size', 'init_scale', 'seed'])
  trials['trial'] = [f'{i:08x}' for i in range(len(trials))]
  trials['trained'] = (trials['norm'] != 'none') | (trials['init_scale'] == 1)
  blown = (trials['norm'] == 'none') & (trials['init_scale'] == 100)
  trials['diverged_at'] = pd.Series(np.where(blown, 7, None)).astype('Int64')
  trials = trials.assign(data='digits', model='mlp', optimizer='sgd', epochs=4)
  trials = trials.assign(weight_scale=np.nan, learning_rate=0.1, eval_stats='exact')
  frame = trials.merge(pd.DataFrame({'epoch': range(5)}), how='cross')
  known = {'batch': 0.92, 'layer': 0.91}
  top = frame['norm'].map(known).fillna(0.9) + 0.001 * frame['seed']
  reached = np.where(frame['trained'], 0.1 + (top - 0.1) * (1 - 0.5 ** frame['epoch']), 0.1)
  lost = frame['diverged_at'].notna() & (frame['epoch'] > 1)
  loss = np.where(lost, np.nan, 2.3 * (1.05 - reached))
  frame = frame.assign(step=frame['epoch'] * 10, test_accuracy=reached, train_accuracy=reached)
  frame = frame.assign(train_loss=loss, test_loss=loss, minibatch_loss=loss, grad_norm=loss)
  running = np.where(frame['norm'] == 'batch', reached - 0.3, np.nan)
  return frame.assign(test_accuracy_running=running)


def study(**changes):
  base = {
    'name': 'scale',
    'question': 'Which norm tolerates <any> scale?',
    'expectation': 'Batch norm.',
    'doc': 'The notes.',
    'command': 'python train.py',
    'claims': (('beats', {'norm': 'batch', 'than': 'none'}), ('fails', {'norm': 'layer'})),
    'axes': {'norm': ('layer', 'none', 'batch')},
  }
  return types.SimpleNamespace(**{**base, **changes})


@pytest.fixture(scope='module')
def written(tmp_path_factory):
  """One report, as the texts of its files."""
  folder = tmp_path_factory.mktemp('report')
  index = report.write(records(), study(), PROVENANCE, folder)
  assert index == folder / 'index.html'
  return types.SimpleNamespace(
    folder=folder,
    html=index.read_text(encoding='utf-8'),
    markdown=(folder / 'report.md').read_text(encoding='utf-8'),
    csv=pd.read_csv(folder / 'summary.csv'),
  )


class Page(HTMLParser):
  """Collects what a page refers to, its ids, and whether its elements close."""

  VOID = frozenset(('meta', 'link', 'input', 'br', 'use', 'path'))

  def __init__(self, text):
    super().__init__()
    self.references, self.ids, self.open = [], [], []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    found = dict(attrs)
    self.references += [found[k] for k in ('src', 'href', 'xlink:href') if k in found]
    self.ids += [found['id']] if 'id' in found else []
    if tag not in self.VOID:
      self.open.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.handle_starttag(tag, attrs)
    if tag not in self.VOID:
      self.open.pop()

  def handle_endtag(self, tag):
    if tag not in self.VOID:
      assert self.open.pop() == tag


def test_the_page_loads_nothing(written):
  page = Page(written.html)
  outside = [r for r in page.references if not r.startswith(('#', 'data:,'))]
  assert {'report.md', 'summary.csv', 'trials.csv', 'records.parquet'} < set(outside)
  assert all((written.folder / name).is_file() for name in outside)  # which are links, all of them
  assert '@import' not in written.html and 'src=' not in written.html
  assert not re.search(r'url\((?!#)', written.html)


def test_the_page_is_well_formed_and_its_ids_are_unique(written):
  page = Page(written.html)
  assert page.open == []
  assert len(page.ids) == len(set(page.ids))
  inside = {r[1:] for r in page.references if r.startswith('#')}
  assert inside <= set(page.ids)


def test_text_of_a_study_is_escaped(written):
  assert 'Which norm tolerates &lt;any&gt; scale?' in written.html


def test_two_runs_write_the_same_bytes(written, tmp_path):
  report.write(records(), study(), PROVENANCE, tmp_path)
  names = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob('*') if p.is_file())
  assert names == sorted(p.relative_to(written.folder) for p in written.folder.rglob('*.*'))
  for name in names:
    assert (tmp_path / name).read_bytes() == (written.folder / name).read_bytes(), name


@pytest.mark.parametrize('gone', [None, 'while it draws', 'before it is asked'])
def test_a_process_that_helps_changes_no_byte(gone, written, tmp_path):
  """Nor does one that is gone before it has drawn its share."""
  with helping.Helper() as helper:
    ends = helper.submit(os._exit, 9) if gone else None
    if gone == 'before it is asked':
      assert ends.exception()
    report.write(records(), study(), PROVENANCE, tmp_path, helper=helper)
  for path in written.folder.rglob('*.*'):
    name = path.relative_to(written.folder)
    assert (tmp_path / name).read_bytes() == path.read_bytes(), name


def test_the_order_of_the_records_changes_nothing():
  plain = view.of(records(), study())
  mixed = view.of(records().sample(frac=1, random_state=0), study())
  assert str(page.contents(mixed, [])) == str(page.contents(plain, []))
  pd.testing.assert_frame_equal(tables.summary(mixed), tables.summary(plain))


def test_every_figure_is_written_twice_and_shown(written):
  drawn = {path.stem for path in (written.folder / 'figures').glob('*.png')}
  assert drawn == {path.stem for path in (written.folder / 'figures').glob('*.svg')}
  assert drawn >= {
    'accuracy_by_seed',
    'training_curves',
    'test_accuracy_by_batch_size',
    'test_accuracy_by_init_scale',
    'heat_batch_size',
    'did_not_train_by_init_scale',
    'loss_curves',
  }
  assert written.html.count('<svg') == len(drawn)
  assert all(f'](figures/{name}.png)' in written.markdown for name in drawn)


def test_a_figure_that_is_no_longer_drawn_goes(tmp_path):
  (tmp_path / 'figures').mkdir()
  old = tmp_path / 'figures' / 'test_accuracy_by_momentum.png'
  old.write_bytes(b'')
  report.write(records(batches=(4,), scales=(1.0,)), study(), PROVENANCE, tmp_path)
  assert not old.exists()


def test_what_did_not_train_is_said_everywhere(written):
  assert 'did not train: 3 of 3' in written.html
  assert 'did not train: 3 of 3' in written.markdown
  assert '12 of 54 trials did not train (no norm 12); in 6 the loss became infinite' in written.html
  assert '<tr class="failed"><td><span class="dot"' in written.html
  assert 'hollow: not every seed trained' in written.html
  failed = written.csv.query('norm == "none" and init_scale == 100 and metric == "test_accuracy"')
  assert list(failed['share_trained']) == [0, 0] and list(failed['diverged']) == [3, 3]


def test_every_part_says_how_many_seeds(written):
  assert '54 trials, 3 seeds.' in written.html
  captions = re.findall(r'<figcaption>(.*?)</figcaption>', written.html)
  assert captions and all('3 seeds' in caption for caption in captions)
  assert '(range)' in written.html and '95% interval' not in written.html


def test_five_seeds_have_intervals(tmp_path):
  index = report.write(records(batches=(4,), scales=(1.0,), seeds=5), study(), [], tmp_path)
  text = index.read_text(encoding='utf-8')
  assert '(95% interval)' in text and '(range)' not in text


def test_verdicts_stand_first_with_their_outcomes(written):
  assert written.html.count('<li class="undecided">') == 2  # three seeds decide nothing
  assert written.html.index('id="verdicts"') < written.html.index('id="figures"')
  assert '- **undecided** (`fails`): Over the whole sweep, 18 of 18' in written.markdown


def test_a_page_has_every_outcome_and_how_sure_it_is(tmp_path):
  options = {'norm': 'layer', 'than': 'batch', 'at': {'init_scale': 1.0}}
  claims = (('beats', options), ('beats', {**options, 'margin': 0.5}),
            ('fails', {'norm': 'layer'}))  # fmt: skip
  index = report.write(records(batches=(4,), seeds=5), study(claims=claims), [], tmp_path)
  text = index.read_text(encoding='utf-8')
  verdicts = json.loads((tmp_path / 'summary.json').read_text(encoding='utf-8'))['verdicts']
  for verdict in verdicts:
    assert f'<li class="{verdict["outcome"]}">' in text
  assert [verdict['outcome'] for verdict in verdicts][1:] == ['equivalent', 'refuted']
  assert (
    '15 of 15 trials of layer norm trained: refuted, against the expectation (5 seeds).' in text
  )
  assert [verdict['tested'] for verdict in verdicts] == [2, 2, 0]
  assert verdicts[2]['p_corrected'] is None and verdicts[1]['p_corrected'] < 0.05


def test_the_summary_names_the_widest_and_the_best(written):
  assert (
    'Layer norm and batch norm train in the most cells with every seed '
    '(layer 6 of 6, no norm 2 of 6, batch 6 of 6).'
  ) in written.html
  assert 'batch norm reaches 0.8697 in test accuracy and layer norm' in written.html
  assert 'It scores highest of all; its lead cannot be told from zero with 3 seeds.' in written.html


def test_running_statistics_stand_beside_exact_ones(written):
  assert 'batch norm reaches 0.5697 at batch size 64' in written.html
  running = written.csv[written.csv['metric'] == 'test_accuracy_running']
  assert set(running['norm']) == {'batch'}


def test_provenance_adds_up(written):
  for fact in ('f00dfeed', 'jax 0.9.9', 'cpu, 8 cores', 'configs/scale.py', '2 min 0 s', '18'):
    assert f'<dd>{fact}' in written.html or fact in written.markdown
  assert '2025-11-21T10:00:00+00:00 to 2025-11-22T10:00:00+00:00' in written.html


def test_norms_keep_the_order_of_the_study(written):
  rows = re.findall(r'<td><span class="dot"[^>]*></span>([\w ]+)</td>', written.html)
  assert rows[:3] == ['layer', 'no norm', 'batch']


def test_dark_pages_recolour_the_figures(written):
  drawings = ''.join(re.findall(r'<svg.*?</svg>', written.html, flags=re.DOTALL))
  assert 'var(--ink)' in drawings and 'var(--card)' in drawings
  assert style.INK not in drawings
  for light, _ in style.PALETTE:
    assert light not in drawings


def only(frame, **fixed):
  for column, value in fixed.items():
    frame = frame[frame[column] == value]
  return frame


def without_values(norms, batches):
  frame = records(batches=(4, 64)[:batches], scales=(1.0, 100.0))
  lost = frame['norm'].isin(norms)
  frame.loc[lost, [*LEARNT, 'minibatch_loss', 'test_accuracy_running']] = np.nan
  frame.loc[lost, 'trained'] = False
  return frame


def by_weight_scale():
  frame = only(records(), batch_size=4)
  return frame.assign(weight_scale=frame['init_scale'], init_scale=np.nan)


def by_learning_rate():
  frame = only(records(), batch_size=4)
  return frame.assign(learning_rate=frame['init_scale'], init_scale=1.0)


def by_data():
  frame = only(records(), init_scale=1.0)
  return pd.concat([frame, frame.assign(data='mnist', trial=frame['trial'] + 'm')])


CASES = {
  'one batch size': lambda: only(records(), batch_size=4),
  'one scale': lambda: only(records(), init_scale=1.0),
  'one trial': lambda: records(norms=('layer',), batches=(4,), scales=(1.0,), seeds=1),
  'one seed, norms of users': lambda: records(('a:Odd', 'b.c:Norm'), scales=(1.0,), seeds=1),
  'all of one norm NaN': lambda: without_values(['none'], 1),
  'everything NaN': lambda: without_values(['none', 'batch', 'layer'], 2),
  'weight scale': by_weight_scale,
  'learning rate': by_learning_rate,
  'two data sets': by_data,
  'cells missing': lambda: only(records(), init_scale=1.0).query(
    'norm != "none" or batch_size > 4'
  ),
  'another key': lambda: only(records(), init_scale=1.0).rename(
    columns={'batch_size': 'model_options.width'}
  ),
  'validation': lambda: records(scales=(1.0,)).assign(validation_accuracy=0.5),
}


# Each numeric axis has its figure.
OF_AXES = {
  'weight scale': 'test_accuracy_by_weight_scale',
  'learning rate': 'test_accuracy_by_learning_rate',
  'another key': 'test_accuracy_by_model_options_width',
  'validation': 'validation_accuracy_by_batch_size',
}


@pytest.mark.parametrize('case', CASES)
def test_every_shape_of_study_has_a_report(case, tmp_path):
  frame = CASES[case]()
  index = report.write(frame, study(axes={}), PROVENANCE[:1], tmp_path)
  text = index.read_text(encoding='utf-8')
  assert Page(text).open == []
  norms = frame['norm'].replace('none', 'no norm').unique()
  assert all(norm in text for norm in norms)
  assert norms[0] in report.terminal(frame, study())
  assert case not in OF_AXES or (tmp_path / 'figures' / f'{OF_AXES[case]}.png').exists()


def test_settings_changed_together_are_called_so():
  frame = records()
  frame['learning_rate'] = frame['batch_size'] / 640
  first, *_ = findings.sentences(view.of(frame, study()))
  assert first.startswith('This sweep changed learning rate together with batch size')


def test_the_terminal_table_is_aligned_and_flags_failures():
  text = report.terminal(records(), study())
  assert 'did not train' not in text.split('whole sweep')[0]  # at the usual cell all trained
  assert '33% of 18' in text and '54 trials, 3 seeds' in text
  table = text.split('\n\n')[1].splitlines()[-3:]
  assert len({line.index('0.') for line in table}) == 1
  assert max(map(len, text.splitlines())) < 165


def test_no_records_is_one_clear_line(tmp_path):
  with pytest.raises(ValueError, match=r"the records of study 'scale' hold no trial: run it"):
    report.write(records().iloc[:0], study(), [], tmp_path)


def test_each_norm_looks_the_same_everywhere_and_unlike_others():
  looks = [style.look(norm) for norm in ('none', 'batch', 'layer', 'group', 'rms', 'weight')]
  assert len({look.colour for look in looks}) == len({look.marker for look in looks}) == 6
  assert style.look('mine.norms:Odd') == style.look('mine.norms:Odd')


def test_a_report_needs_no_jax():
  code = (
    'import sys; before = set(sys.modules); import norms; base = set(sys.modules);'
    'import norms.lab.report; new = set(sys.modules) - base;'
    'bad = [m for m in new if m.split(".")[0] in ("jax", "flax", "optax", "seaborn")];'
    'assert not bad, bad; assert not {"norms.lab.study", "matplotlib.pyplot"} & new'
  )
  subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.slow
def test_a_page_of_a_large_sweep_stays_small(tmp_path):
  names = ('none', 'batch', 'layer', 'group', 'rms', 'weight')
  frame = records(norms=names, batches=(4, 16, 64, 256), scales=tuple(np.logspace(-2, 2, 7)))
  index = report.write(frame, study(), PROVENANCE, tmp_path)
  assert index.stat().st_size < 1.5e6
