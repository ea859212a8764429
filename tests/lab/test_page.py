"""The page: the answer first, figures by question, tables that can be filtered, what failed."""

from html.parser import HTMLParser
import json
import pathlib
import re
import shutil
import subprocess

import pandas as pd
import pytest
from test_report import PROVENANCE, records, study

from norms.lab import report, statistics
from norms.lab.report import (
  answer,
  origins,
  questions,
  tables,
  trained_rule,
  trials,
  varied,
  view,
  which_figures,
)
from norms.lab.runner import provenance

FILTERS = pathlib.Path(report.__file__).parent / 'filters.js.j2'
CLAIMS = (
  ('depends_less', {'asks': 'Does layer norm depend less?', 'norm': 'layer', 'than': 'batch'}),
  ('beats', {'norm': 'batch', 'than': 'none'}),
  ('fails', {'asks': 'Does layer norm fail?', 'norm': 'layer'}),
  ('trains', {'norm': 'batch'}),
)


class Tables(HTMLParser):
  """The cells of each table of a page, by its id."""

  def __init__(self, text):
    super().__init__()
    self.tables, self.rows, self.cell = {}, None, None
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    if tag == 'table':
      self.rows = self.tables.setdefault(dict(attrs)['id'], [])
    elif tag == 'tr':
      self.rows.append([])
    elif tag in ('td', 'th'):
      self.cell = ''

  def handle_data(self, data):
    if self.cell is not None:
      self.cell += data

  def handle_endtag(self, tag):
    if tag in ('td', 'th'):
      self.rows[-1].append(self.cell.strip())
      self.cell = None


@pytest.fixture(scope='module')
def html(tmp_path_factory):
  folder = tmp_path_factory.mktemp('report')
  index = report.write(records(seeds=5), study(claims=CLAIMS), PROVENANCE, folder)
  return index.read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def lines(html):
  return Tables(html).tables


def test_the_page_goes_from_the_answer_to_the_details(html):
  assert '<h1>Which norm tolerates &lt;any&gt; scale?</h1>' in html
  ids = ('answer', 'verdicts', 'design', 'figures', 'summary', 'norms', 'every', 'provenance')
  places = [html.index(f'<section id="{name}"') for name in ids]
  assert places == sorted(places)
  said = html[places[0] : places[1]]
  assert said.count('<p class="answer">') == 3 and said.count('<svg') == 1
  assert '<strong>Does layer norm depend less?</strong> Not decided: ' in said
  assert '<strong>What to do in such a case?</strong> Take batch norm rather than the net' in said
  judged = html[places[1] : places[2]]
  assert '<p>Of 4 claims, 1 is undecided, 2 are supported and 1 is refuted.</p>' in judged


def test_the_answer_names_a_verdict_that_came_out_otherwise():
  judged = statistics.verdicts(records(seeds=5), CLAIMS[1:])
  first, other, do = answer.lines(judged, advice='Take it.')
  assert first == ('', answer.found(judged[0]))
  said = 'No: o' + judged[1].sentence[1:].replace(': refuted', '')  # which 'No' has said
  assert other == ('Does layer norm fail?', said)
  assert do == ('What to do in such a case?', 'Take it.')
  assert answer.counts(judged) == 'Of 3 claims, 2 are supported and 1 is refuted.'
  assert answer.lines(judged[:1]) == [first]
  assert [line.text for line in answer.lines([], 'abcd')] == ['a', 'b', 'c']


def test_the_answer_is_a_sentence_and_the_verdict_has_what_else_may_be_the_reason(html):
  """Three sentences are read in half a minute; three confounds and dates more are not."""
  (judged,) = statistics.verdicts(records(seeds=5), CLAIMS[:1])
  known = 'Stated before its trials ran.'
  verdict = judged._replace(known=known, sentence=f'{judged.sentence} {known}')
  (said,) = answer.lines([verdict])
  assert said.text.startswith('Not decided: ') and said.text.endswith('contains zero; p = 1).')
  first, beside = answer.found(verdict), answer.beside(verdict)
  assert f'{first} {beside}' == verdict.sentence
  assert beside.startswith('Not ruled out: the learning rate') and beside.endswith(known)
  assert f'<span class="note">{answer.beside(judged)}</span>' in html


def test_the_terminal_ends_with_the_verdicts_and_the_answer(tmp_path):
  asked = study(claims=CLAIMS)
  index = report.write(records(seeds=5), asked, PROVENANCE, tmp_path)
  *_, verdicts, answered = report.terminal(records(seeds=5), asked, index).split('\n\n')
  outcomes = [line.partition(' ')[0] for line in verdicts.splitlines()]
  assert outcomes == ['undecided', 'supported', 'refuted', 'supported']
  judged = statistics.verdicts(records(seeds=5), CLAIMS)
  assert verdicts.splitlines()[2] == f'refuted     Does layer norm fail? {answer.found(judged[2])}'
  question, first, _, do = answered.splitlines()
  assert question == asked.question and first.startswith('Does layer norm depend less? Not decided')
  assert do.startswith('What to do in such a case? Take batch norm rather than')


def test_the_summary_has_what_an_index_of_studies_shows(tmp_path):
  report.write(records(seeds=5), study(claims=()), PROVENANCE, tmp_path)
  summary = json.loads((tmp_path / 'summary.json').read_text())
  assert summary['cost'] == '2 min 3 s of computing on 8 cores'
  assert (tmp_path / summary['figure']).is_file()
  assert len(summary['answer']) == 3 and summary['answer'][0].startswith('Layer norm and batch')


def test_figures_of_the_first_claim_come_first_and_each_once():
  seen = view.of(records(), study(claims=CLAIMS))
  judged = statistics.verdicts(records(seeds=5), CLAIMS)
  figures = [
    report.page.writing.WrittenFigure(name, name, '', '', '')
    for name in (
      'accuracy_by_seed',
      'test_accuracy_by_batch_size',
      'heat_batch_size',
      'did_not_train_by_init_scale',
      'own_by_epoch',
    )
  ]
  groups = questions.arranged(figures, judged, {})
  assert [(group.title, group.figures[0].name) for group in groups] == [
    (questions.ALONG, 'test_accuracy_by_batch_size'),
    (questions.BETTER, 'accuracy_by_seed'),
    (questions.WHERE, 'did_not_train_by_init_scale'),  # before the heat map: it shows the range
    (questions.ELSE, 'own_by_epoch'),
  ]
  assert [group.finding for group in groups] == [*map(answer.found, judged[:3]), '']
  key, finding, rest = questions.with_key_figure(groups)
  assert (key.name, finding) == ('test_accuracy_by_batch_size', groups[0].finding)
  assert rest == groups[1:]
  assert seen.norms == ['layer', 'no norm', 'batch']


def test_of_figures_alike_that_of_the_claim_is_first():
  named = ['test_accuracy_by_batch_size', 'validation_accuracy_by_batch_size']
  figures = [report.page.writing.WrittenFigure(name, name, '', '', '') for name in named]
  for metric, first in (('validation_accuracy', named[1]), ('test_accuracy', named[0])):
    claims = (('rises', {'norm': 'batch', 'metric': metric}),)
    asked = view.of(records(), study(claims=claims))
    (group,) = questions.arranged(figures, (), {}, which_figures.claimed(asked))
    assert group.figures[0].name == first
  assert which_figures.claimed(view.of(records(), study(claims=()))) == 'test_accuracy'


@pytest.mark.parametrize(('claim', 'names'), [
  ('beats', ['train_loss_by_seed', 'accuracy_by_seed', 'training_curves']),
  ('rises', ['accuracy_by_seed', 'training_curves']),
])  # fmt: skip
def test_seeds_are_shown_by_what_the_first_claim_compares(claim, names):
  claims = (claim, {'norm': 'batch', 'than': 'none', 'metric': 'train_loss'}), *CLAIMS
  first = which_figures.parts_of(view.of(records(), study(claims=claims)))[0]
  assert [drawing.name for drawing in first()] == names


def test_a_figure_says_its_finding_to_a_screen_reader(html):
  (verdict,) = statistics.verdicts(records(seeds=5), CLAIMS[1:2])
  (label,) = re.findall(r'aria-label="(Test accuracy of every seed\. .*?)"', html)
  finding, _, outcome = verdict.sentence.partition(': supported')
  assert (
    outcome
    and label.startswith(f'Test accuracy of every seed. {finding}')
    and ' A point per seed' in label
  )


@pytest.mark.parametrize(
  ('remote', 'page'),
  [
    ('git@github.com:owner/name.git', 'https://github.com/owner/name'),
    ('https://user:secret@gitlab.example.org/owner/name', 'https://gitlab.example.org/owner/name'),
    ('ssh://git@github.com:22/owner/name.git', 'https://github.com/owner/name'),
    ('/srv/name.git', ''),
    ('file:///srv/name.git', ''),
    ('', ''),
  ],
)
def test_a_remote_has_a_page_without_its_secrets(remote, page):
  assert provenance.web(remote) == page


@pytest.mark.parametrize(
  ('line', 'text', 'link'),
  [
    ({}, 'configs/scale.py at f00dfeed', ''),
    ({'command': 'python train.py'}, 'configs/sweep.py at f00dfeed', ''),
    ({'commit': 'f00dfeed+changes'}, 'configs/scale.py at f00dfeed, with changes', ''),
    (
      {'web': 'https://github.com/a/b'},
      'configs/scale.py at f00dfeed',
      'https://github.com/a/b/blob/f00dfeed/configs/scale.py',
    ),
    ({'web': 'https://example.org/github/b'}, 'configs/scale.py at f00dfeed', ''),
  ],
)
def test_the_config_is_named_at_its_commit(line, text, link):
  (config,) = origins.configs([each | line for each in PROVENANCE])
  assert (config.text, config.link) == (text, link)
  assert config.command == f'git show f00dfeed:{config.file}'


@pytest.mark.parametrize(
  'line', [{'commit': 'unknown'}, {'command': ''}, {'command': 'python train.py --config=/a/b.py'}]
)
def test_a_config_that_no_commit_has_is_not_named(line):
  assert origins.configs([each | line for each in PROVENANCE]) == []


def test_the_design_says_what_varied_and_what_was_fixed():
  frame = records(scales=tuple(range(1, 11))).assign(augment='')
  facts = dict(varied.facts(view.of(frame, study())))
  assert facts['Varied'] == (
    'norm: layer, no norm and batch; batch size: 4 and 64; initial scale: 10 values, 1 to 10; '
    'seed: 0, 1 and 2'
  )
  assert facts['Fixed'].startswith('data digits; model mlp; optimizer sgd')
  assert 'learning rate 0.1' in facts['Fixed'] and 'batch size' not in facts['Fixed']
  assert 'augment' not in facts['Fixed']  # which is empty: nothing is done to the examples
  facts = dict(varied.facts(view.of(frame.assign(eval_examples=0), study())))
  assert 'eval examples' not in facts['Fixed']  # 0 of them are all of them
  assert facts['Tuned'].startswith('nothing')
  tuned = ('best_against_best', {'norm': 'batch', 'than': 'none', 'tuned': 'learning_rate'})
  facts = dict(varied.facts(view.of(records(), study(claims=(tuned,)))))
  assert facts['Tuned'].startswith('learning rate: each norm at its own best')


def test_the_words_of_the_page_are_explained_on_it(html):
  assert '<a href="#words">Words</a>' in html
  _, _, glossary = html.partition('<details id="words" open>')
  for word in ('trial', 'seed', 'cell', 'trained', 'diverged', 'p, corrected', 'no norm'):
    assert f'<dt>{word}</dt>' in glossary
  assert 'undecided' in glossary and not re.search(r'\blanes?\b', html)


def test_the_table_of_trials_is_the_records(lines):
  head, *rows = lines['trials']
  assert head == ['norm', 'batch size', 'initial scale', 'seed', 'test accuracy',
                  'best test accuracy', 'trained', 'diverged in epoch', 'trial']  # fmt: skip
  frame = records(seeds=5)
  last = frame[frame['epoch'] == 4].set_index('trial')
  best = frame.groupby('trial')['test_accuracy'].max()
  assert len(rows) == len(last)
  for norm, batch, scale, seed, score, top, trained, diverged, trial in rows:
    line = last.loc[trial]
    assert norm == line['norm'].replace('none', 'no norm')
    assert (int(batch), float(scale), int(seed)) == (
      line['batch_size'], line['init_scale'], line['seed'],
    )  # fmt: skip
    assert (score, top) == (f'{line["test_accuracy"]:.4f}', f'{best[trial]:.4f}')
    assert (trained == 'yes') == line['trained']
    assert diverged == ('1' if pd.notna(line['diverged_at']) else '\N{EN DASH}')


def test_failures_are_listed_with_epoch_and_cause(lines):
  head, *rows = lines['failures']
  assert head[-4:] == ['epoch', 'what happened', 'test accuracy', 'trial']
  assert len(rows) == 20 and {row[0] for row in rows} == {'no norm'}
  for row in rows:
    ended = ['1', trained_rule.NOT_FINITE] if row[2] == '100' else [
      '4', 'the training loss did not fall by 1%'
    ]  # fmt: skip
    assert row[4:6] == ended


def test_the_page_says_by_which_rule_a_trial_trained():
  """Records without the counts are by the rule of then."""
  line = {'diverged_at': pd.NA, 'train_loss': 2.9, 'test_gained': 30, 'test_lost': 25}
  older = {key: line[key] for key in ('diverged_at', 'train_loss')}
  said = [trained_rule.of(pd.DataFrame([each])) for each in (line, older)]
  assert 'McNemar' in said[0] and 'fell by' not in said[0]
  assert 'that these records were made with' in said[1] and 'McNemar' not in said[1]
  why = 'no better than before training: 30 test examples gained, 25 lost'
  assert trained_rule.broken(line, 2.3) == why
  assert trained_rule.broken({**line, 'test_lost': 2}, 2.3) == trained_rule.AT_CHANCE
  assert trained_rule.broken(older, 2.3) == 'the training loss did not fall by 1%'


def test_of_many_trials_the_first_that_failed_are_shown_and_counted(monkeypatch):
  monkeypatch.setattr(tables, 'LONG', 11)
  monkeypatch.setattr(tables, 'MOST', 10)
  table = trials.failures(view.of(records(), study()))
  assert len(table.rows) == 10
  assert table.note.endswith('The first 10 of 12 trials; trials.csv has all.')


def node(code):
  program = shutil.which('node')
  if program is None:
    pytest.skip('node, which runs the script of the page, is not installed')
  done = subprocess.run(
    [program, '-e', FILTERS.read_text() + code], capture_output=True, text=True, check=True
  )
  return json.loads(done.stdout)


def test_a_filter_looks_at_its_own_column(lines):
  """Norm layer and batch size 64 are so many lines as the sweep has, not all that hold a 64."""
  head, *rows = lines['cells']
  texts = json.dumps(rows)
  filters = json.dumps(
    [{'wanted': {'norm': 'layer', 'batch size': '64'}.get(name, ''), 'whole': name == 'norm'}
     for name in head]
  )  # fmt: skip
  shown = node(f'\nconsole.log(JSON.stringify({texts}.filter((t) => shows(t, {filters}))))')
  assert shown == [row for row in rows if row[:2] == ['layer', '64']]
  assert len(shown) == 3


@pytest.mark.parametrize(
  ('text', 'wanted', 'whole', 'shown'),
  [
    ('64', '64', False, True),
    ('0.9640', '64', False, False),
    ('0.9640', '>0.9', False, True),
    ('0.9640', '<0.9', False, False),
    ('64', '4..64', False, True),
    ('65', '4..64', False, False),
    ('did not train: 1 of 3', 'not', False, True),
    ('layer', 'lay', True, False),
    ('layer', '', True, True),
  ],
)
def test_what_a_filter_takes(text, wanted, whole, shown):
  call = f'matches({json.dumps(text)}, {json.dumps(wanted)}, {json.dumps(whole)})'
  assert node(f'\nconsole.log({call})') is shown
