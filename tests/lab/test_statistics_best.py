"""Best against best, claims across any axis, rules of a user: every outcome, and no inflation."""

import itertools
import pathlib
import re
import types

import numpy as np
import pandas as pd
import pytest

from norms.lab import report, statistics
from norms.lab.report import best_of_each, naming, tables, view
from norms.lab.statistics import tuned

RATES = (0.01, 0.1, 1.0)
CLAIM = {'norm': 'layer', 'than': 'batch', 'tuned': ('learning_rate',)}


def records(means, seeds=10, noise=0.001, **settings):
  """Trials of {norm: {rate: accuracy}}; a validation accuracy of 0.1 less, by other noise.

  A value may be (test accuracy, validation accuracy).
  """
  draws, rows = np.random.default_rng(0), []
  for (norm, rates), seed in itertools.product(means.items(), range(seeds)):
    for rate, value in rates.items():
      test, validation = value if isinstance(value, tuple) else (value, value - 0.1)
      test, validation = (x + noise * draws.normal() for x in (test, validation))
      trial = {'trial': f'{norm} {rate} {seed} {settings}', 'norm': norm, 'seed': seed}
      trial |= {'learning_rate': rate, 'batch_size': 64, 'diverged_at': pd.NA, 'trained': True}
      for epoch in (0, 1):
        scores = {'test_accuracy': test, 'validation_accuracy': validation, 'train_accuracy': test}
        scores |= {'train_loss': 1 - test, 'test_loss': 1 - test, 'validation_loss': 1 - validation}
        rows.append({**trial, **settings, 'epoch': epoch, 'step': epoch, **scores})
  return pd.DataFrame(rows).astype({'diverged_at': 'Int64'})


def judged(frame, claim='best_against_best', **options):
  return statistics.verdict(claim, frame, **(options or CLAIM))


def study(*claims, labels=()):
  return types.SimpleNamespace(
    name='s', question='', expectation='', doc='', command='', claims=claims, axes={},
    labels=dict(labels), references=(),
  )  # fmt: skip


# Best against best.


def test_each_norm_is_judged_at_its_own_best_rate():
  """At every rate that both share batch norm is ahead, or as good; layer norm is best of all."""
  frame = records({
    'layer': {0.01: 0.70, 0.1: 0.80, 1.0: 0.95},
    'batch': {0.01: 0.72, 0.1: 0.90, 1.0: 0.10},
  })  # fmt: skip
  found = judged(frame)
  assert found.outcome == 'supported' and found.n == 5
  assert found.effect == pytest.approx(0.05, abs=2e-3)
  assert 'chosen by validation accuracy with 5 other seeds' in found.sentence
  assert 'layer norm (learning rate 1) reaches 0.9' in found.sentence
  assert 'and batch norm (learning rate 0.1) 0.' in found.sentence
  swapped = judged(frame, norm='batch', than='layer', tuned='learning_rate')
  assert swapped.outcome == 'refuted' and swapped.effect == pytest.approx(-found.effect)


def test_the_choice_is_made_on_validation_data_and_by_the_first_half_of_the_seeds():
  """A rate that is best on test data only is not chosen, nor one that later seeds prefer."""
  frame = records({
    'layer': {0.01: (0.99, 0.5), 0.1: (0.90, 0.8), 1.0: (0.92, 0.6)},
    'batch': {0.01: (0.85, 0.8), 0.1: (0.80, 0.7)},
  })  # fmt: skip
  late = (frame['seed'] >= 5) & (frame['learning_rate'] == 1.0)
  frame.loc[late, 'validation_accuracy'] = 1.0
  found = judged(frame)
  assert 'layer norm (learning rate 0.1) reaches 0.9' in found.sentence
  assert found.outcome == 'supported' and found.effect == pytest.approx(0.05, abs=2e-3)
  # Without validation data other seeds choose on test data, and the sentence says so.
  found = judged(frame.drop(columns='validation_accuracy'))
  assert 'chosen by test accuracy with 5 other seeds' in found.sentence
  assert 'layer norm (learning rate 0.01)' in found.sentence


def test_one_lucky_seed_chooses_nothing():
  frame = records({'layer': {0.1: 0.9, 1.0: 0.8}, 'batch': {0.1: 0.7, 1.0: 0.7}})
  lucky = (frame['seed'] == 2) & (frame['learning_rate'] == 1.0)
  frame.loc[lucky, 'validation_accuracy'] = 0.99
  assert 'layer norm (learning rate 0.1)' in judged(frame).sentence


def test_luck_in_the_choice_of_the_rival_supports_nothing():
  """Batch norm's chosen rate is behind, but another of its rates is as good as layer norm's."""
  frame = records({
    'layer': {0.1: (0.90, 0.8), 1.0: (0.5, 0.4)},
    'batch': {0.1: (0.90, 0.7), 1.0: (0.80, 0.8)},
  })  # fmt: skip
  found = judged(frame)
  assert found.effect == pytest.approx(0.1, abs=2e-3) and found.interval[0] > 0
  assert found.outcome == 'undecided' and 'is not behind' in found.sentence


def test_in_a_loss_the_best_is_the_lowest():
  frame = records({'layer': {0.1: 0.9, 1.0: 0.5}, 'batch': {0.1: 0.8, 1.0: 0.4}})
  found = judged(frame, **CLAIM, metric='test_loss')
  assert found.outcome == 'supported' and found.effect == pytest.approx(0.1, abs=2e-3)
  assert 'chosen by validation loss' in found.sentence
  assert 'layer norm (learning rate 0.1) comes down to 0.1' in found.sentence


def test_a_rate_that_diverged_is_not_chosen_and_drops_no_seed():
  frame = records({'layer': {0.1: 0.9, 1.0: 0.95}, 'batch': {0.1: 0.8, 1.0: 0.8}})
  lost = (frame['norm'] == 'layer') & (frame['learning_rate'] == 1.0)
  frame.loc[lost, ['test_accuracy', 'validation_accuracy']] = np.nan
  found = judged(frame)
  assert 'layer norm (learning rate 0.1)' in found.sentence and found.n == 5


def test_several_axes_are_tuned_together():
  """Each axis alone would choose another point: the best is at (1.0, sgd)."""
  tops = {'adam': {0.01: 0.9, 0.1: 0.9, 1.0: 0.1}, 'sgd': {0.01: 0.1, 0.1: 0.1, 1.0: 0.95}}
  frame = pd.concat([
    records({'layer': rates, 'batch': dict.fromkeys(RATES, 0.5)}, optimizer=name)
    for name, rates in tops.items()
  ])  # fmt: skip
  found = judged(frame, **CLAIM | {'tuned': ('learning_rate', 'optimizer')})
  assert found.outcome == 'supported'
  assert 'layer norm (learning rate 1 and optimizer sgd)' in found.sentence


def test_other_axes_are_averaged_over_the_cells_that_both_have():
  both = {'layer': {0.1: 0.9, 1.0: 0.8}, 'batch': {0.1: 0.7, 1.0: 0.6}}
  frame = pd.concat([records(both), records(both, batch_size=4)])
  extra = records({'layer': {0.1: 0.1, 1.0: 0.1}}, batch_size=16)
  found = judged(pd.concat([frame, extra]))
  assert found.outcome == 'supported' and found.effect == pytest.approx(0.2, abs=2e-3)


@pytest.mark.parametrize(
  ('seeds', 'outcome', 'words'),
  [
    (1, 'undecided', 'no two seeds have all values'),
    (3, 'undecided', '2 seeds; fewer than 5 describe'),
    (6, 'undecided', '3 seeds; fewer than 5 describe'),
    (10, 'supported', '5 seeds; p < 0.0001'),
  ],
)
def test_few_seeds(seeds, outcome, words):
  found = judged(records({'layer': {0.1: 0.9, 1.0: 0.8}, 'batch': {0.1: 0.7, 1.0: 0.6}}, seeds))
  assert found.outcome == outcome and words in found.sentence


def test_one_rate_leaves_nothing_to_choose():
  found = judged(records({'layer': {0.1: 0.9}, 'batch': {0.1: 0.7}}))
  assert found.outcome == 'undecided' and 'one value of learning rate' in found.sentence
  (found,) = statistics.verdicts(
    records({'layer': {0.1: 0.9}, 'batch': {0.1: 0.7}}),
    [('best_against_best', {**CLAIM, 'tuned': 'weight_scale'})],
  )
  assert found.sentence.startswith("Not judged: unknown axis 'weight_scale'")


# Without an effect: how often a study claims one. Means are in standard deviations of a seed.

NULLS = {
  'equal rates': ((0.0,) * 4, (0.0,) * 4),
  'many rates against one': ((0.0,) * 8, (0.0,)),
  'one rate is the best of both, by little': ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
  'the best rates differ': ((0.7, 0.0, -5.0), (-5.0, 0.0, 0.7)),
}


def outcomes(means, studies, rule, seed=0, shared=0.5):
  """How many of the studies support the claim, and how many refute it."""
  draws, found = np.random.default_rng(seed), []
  for _ in range(studies):
    tables = []
    same = draws.normal(size=(10, sum(map(len, means))))  # a good net is so on both splits
    for _ in range(2):
      noise = np.sqrt(shared) * same + np.sqrt(1 - shared) * draws.normal(size=same.shape)
      names = [(n, i) for n, own in zip('ab', means, strict=True) for i in range(len(own))]
      columns = pd.MultiIndex.from_tuples(names)
      tables.append(pd.DataFrame(np.concatenate(means) + noise, columns=columns))
    choosing, judging = tables
    found.append(rule(choosing, judging).outcome)
  return found.count('supported'), found.count('refuted')


def ours(choosing, judging):
  return tuned.judge(tuned.Scores(choosing[:5], judging[5:], [], ''), 'a', 'b')


def naive(choosing, judging):
  """The best of each on the data that judge it."""
  del choosing
  best = {norm: judging[norm][judging[norm].mean().idxmax()] for norm in 'ab'}
  return statistics.compare(best['a'], best['b'])


@pytest.mark.slow
@pytest.mark.parametrize('null', NULLS)
def test_the_choice_inflates_nothing(null):
  """At most 5% of the studies claim an effect, either way (and a share of three deviations)."""
  studies = 600
  supported, refuted = outcomes(NULLS[null], studies, ours)
  most = 0.05 * studies + 3 * np.sqrt(0.05 * 0.95 * studies)
  assert supported + refuted <= most, (supported, refuted)


@pytest.mark.slow
def test_a_choice_on_the_data_that_judge_it_would_inflate():
  """So that the test above can fail."""
  supported, _ = outcomes(NULLS['many rates against one'], 300, naive)
  assert supported > 0.06 * 300


@pytest.mark.slow
def test_an_effect_is_found():
  supported, refuted = outcomes(((3.0, 0.0, 0.0), (0.0, 0.0, 0.0)), 100, ours)
  assert supported > 80 and refuted == 0


# The report's table.


def test_the_table_has_each_norm_at_its_own_best():
  frame = records({
    'layer': {0.01: (0.99, 0.5), 0.1: (0.90, 0.8)},
    'batch': {0.01: (0.85, 0.8), 0.1: (0.80, 0.7)},
    'rms': {0.01: (0.70, 0.6), 0.1: (0.60, 0.5)},
  })  # fmt: skip
  asked = study(
    ('best_against_best', CLAIM),
    ('best_against_best', {**CLAIM, 'norm': 'rms', 'asks': 'And RMS norm?'}),
    ('best_against_best', {**CLAIM, 'tuned': 'weight_scale'}),
  )
  (table,) = best_of_each.tables_of(view.of(frame, asked))
  assert table.title == 'Each norm at its own best learning rate'
  assert 'Chosen by validation accuracy with the first half of the seeds' in table.note
  lines = {row.cells[0]: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}
  assert {norm: line['learning rate'] for norm, line in lines.items()} == {
    'layer': '0.1', 'batch': '0.01', 'rms': '0.01'
  }  # fmt: skip
  assert lines['layer']['seeds that choose'] == lines['layer']['seeds that judge'] == '5'
  judging = frame.query('norm == "layer" and learning_rate == 0.1 and epoch == 1 and seed >= 5')
  assert float(lines['layer']['test accuracy']) == pytest.approx(
    judging['test_accuracy'].mean(), abs=1e-4
  )
  assert '95% interval' in lines['layer']['spread over seeds']


def test_a_norm_without_a_seed_that_chooses_has_a_line_that_says_nothing():
  frame = records({'layer': {0.1: 0.9, 1.0: 0.8}, 'batch': {0.1: 0.7, 1.0: 0.6}}, seeds=1)
  (table,) = best_of_each.tables_of(view.of(frame, study(('best_against_best', CLAIM))))
  assert [row.cells[0] for row in table.rows] == ['layer', 'batch']
  for row in table.rows:
    assert row.cells[1:] == [tables.ABSENT] * 5 == [tables.ABSENT] * (len(table.columns) - 1)
    assert not row.failed


def test_the_table_is_in_the_report_where_a_study_claims_it(tmp_path):
  frame = records({'layer': {0.1: 0.9, 1.0: 0.8}, 'batch': {0.1: 0.7, 1.0: 0.6}}, seeds=2)
  for claims, there in (((), False), ((('best_against_best', CLAIM),), True)):
    report.write(frame, study(*claims), [], tmp_path)
    text = (tmp_path / 'report.md').read_text(encoding='utf-8')
    assert ('## Each norm at its own best learning rate' in text) == there


# Across any axis.


def by_optimizer(adam, sgd, **more):
  """Two norms under two optimizers; norms differ by far more than optimizers do."""
  frame = [records({'layer': {0.1: x}, 'batch': {0.1: x - 0.5}}, optimizer=name, **more)
           for name, x in (('adam', adam), ('sgd', sgd))]  # fmt: skip
  return pd.concat(frame, ignore_index=True)


ACROSS = {'axis': 'optimizer', 'value': 'adam', 'than': 'sgd'}


def test_two_values_of_an_axis_are_compared_within_each_norm():
  found = judged(by_optimizer(0.9, 0.88), 'beats', **ACROSS)
  assert found.outcome == 'supported' and found.n == 10
  assert found.effect == pytest.approx(0.02, abs=2e-3)
  assert 'optimizer=adam reaches 0.6497' in found.sentence
  assert 'optimizer=sgd 0.6297' in found.sentence
  assert 'norm' not in found.sentence
  assert judged(by_optimizer(0.88, 0.9), 'beats', **ACROSS).outcome == 'refuted'
  assert judged(by_optimizer(0.9, 0.9), 'beats', **ACROSS).outcome == 'undecided'
  # A norm that was run with one of the two only takes no part.
  lone = records({'rms': {0.1: 0.1}}, optimizer='adam')
  more = pd.concat([by_optimizer(0.9, 0.88), lone], ignore_index=True)
  assert judged(more, 'beats', **ACROSS).effect == pytest.approx(found.effect)


def test_numbers_are_compared_and_the_norm_is_an_axis_like_others():
  frame = records({'layer': dict(zip(RATES, (0.5, 0.9, 0.1), strict=True))})
  found = judged(frame, 'beats', axis='learning_rate', value=0.1, than=0.01)
  assert found.outcome == 'supported' and 'learning rate=0.1 reaches 0.8999' in found.sentence
  two = records({'layer': {0.1: 0.9}, 'batch': {0.1: 0.8}})
  by_norm = judged(two, 'beats', axis='norm', value='layer', than='batch')
  assert by_norm == judged(two, 'beats', norm='layer', than='batch')


def test_a_rule_with_an_axis_of_its_own_takes_it_as_over():
  frame = by_optimizer(0.9, 0.9)
  frame = pd.concat([frame, by_optimizer(0.9, 0.4, batch_size=4)], ignore_index=True)
  found = judged(frame, 'depends_less', **ACROSS, over='batch_size')
  assert found.outcome == 'supported' and found.effect == pytest.approx(0.5, abs=5e-3)
  assert judged(frame, 'depends_less', **ACROSS).effect == found.effect  # the default
  other = judged(frame, 'depends_less', **ACROSS, over='learning_rate')
  assert 'only one value of learning rate' in other.sentence
  best = judged(frame, **ACROSS, tuned='batch_size')
  assert 'optimizer=adam (batch size' in best.sentence


def test_a_value_that_the_records_lack_leaves_the_claim_unjudged():
  for options, words in (
    ({**ACROSS, 'value': 'lion'}, 'no trial has optimizer lion'),
    ({**ACROSS, 'axis': 'model'}, "unknown column 'model'"),
  ):
    (found,) = statistics.verdicts(by_optimizer(0.9, 0.9), [('beats', options)])
    assert found.outcome == 'undecided' and words in found.sentence


def test_labels_rename_norms_and_not_values():
  """A value may be called as a norm is; `reaches` has a value that is a number."""
  made = study(
    ('beats', {'axis': 'model_options.order', 'value': 'layer', 'than': 'batch'}),
    ('beats', {'axis': 'norm', 'value': 'layer', 'than': 'batch'}),
    ('reaches', {'norm': 'layer', 'value': 0.9}),
    labels={'layer': 'layer (H,W,C)', 'batch': 'theirs'},
  )
  values, norms, reaches = (options for _, options in naming.claims(made))
  assert (values['value'], values['than']) == ('layer', 'batch')
  assert (norms['value'], norms['than']) == ('layer (H,W,C)', 'theirs')
  assert reaches['norm'] == 'layer (H,W,C)'
  frame = records({'layer (H,W,C)': {0.1: 0.9}})
  assert statistics.verdict('reaches', frame, **reaches).outcome == 'supported'


# Mistakes, before anything runs.

MISTAKES = {
  'norm equal to than': ('wider_range', {'norm': 'layer', 'than': 'layer'},
                         "claim 'wider_range' compares 'layer' with itself"),
  'in any claim': ('beats', {'norm': 'layer', 'than': 'layer'}, "compares 'layer' with itself"),
  'twice in an order': ('ranking', {'best': ('layer', 'rms', 'layer')}, "'layer' with itself"),
  'a value equal to than': ('beats', {'axis': 'optimizer', 'value': 'sgd', 'than': 'sgd'},
                            "compares 'optimizer=sgd' with itself"),
  'no axis': ('beats', {'value': 'adam', 'than': 'sgd'}, "needs the option 'axis'"),
  'no than': ('beats', {'axis': 'optimizer', 'value': 'adam'}, "needs the option 'than'"),
  'norm and value': ('beats', {**ACROSS, 'norm': 'layer'},
                     "unknown option of claim 'beats' 'norm'"),
  'an axis without a value': ('beats', {'axis': 'optimizer', 'than': 'b'},
                              "needs the option 'value'"),
  'over of a rule without an axis': ('beats', {**ACROSS, 'over': 'batch_size'}, "'over'"),
  'across for one norm': ('trains', {'axis': 'optimizer', 'value': 'adam'}, "'axis'"),
  'an unknown axis': ('beats', {**ACROSS, 'axis': 'optimiser'}, "did you mean 'optimizer'?"),
  'a measurement': ('beats', {**ACROSS, 'axis': 'test_loss'}, "unknown axis 'test_loss'"),
  'an unknown tuned axis': ('best_against_best', {**CLAIM, 'tuned': ('learning_rat',)},
                            "did you mean 'learning_rate'?"),
  'nothing tuned': ('best_against_best', {**CLAIM, 'tuned': ()}, 'tuned=(): give a name in quotes'),
  'an unknown range': ('wider_range', {'norm': 'a', 'than': 'b', 'axis': 'init_scal'},
                       "did you mean 'init_scale'?"),
}  # fmt: skip


@pytest.mark.parametrize('case', MISTAKES)
def test_what_no_records_could_judge_is_refused_in_one_line(case):
  claim, options, words = MISTAKES[case]
  with pytest.raises(ValueError) as error:
    statistics.check([(claim, options)])
  assert words in str(error.value) and '\n' not in str(error.value)


def test_what_is_right_is_not_refused():
  statistics.check([
    ('beats', {'axis': 'model_options.placement', 'value': 'pre', 'than': 'post'}),
    ('beats', {'axis': 'norm', 'value': 'layer', 'than': 'batch'}),
    ('wider_range', {**ACROSS, 'over': 'learning_rate', 'by': 1.0}),
    ('best_against_best', {**ACROSS, 'tuned': ('learning_rate', 'optimizer_options.momentum')}),
    ('reaches', {'norm': 'layer', 'value': 0.9}),
  ])  # fmt: skip


# A rule of a user.

DOCUMENT = (pathlib.Path(__file__).parents[2] / 'docs' / 'own_study.md').read_text()
SECTION = DOCUMENT.partition('### A rule of your own')[2].partition('\n## ')[0]
RULE = re.findall(r'```python\n(.*?)```', SECTION, re.DOTALL)[0]
MINE = f"""{RULE}

def fails(frame, *, norm):
  return frame[norm]

def returns(frame, *, what):
  return what

def finding(frame):
  return statistics.Comparison('supported', 0.5, 0.4, 0.6, 'range', 3), f'of {{len(frame)}} rows'

number = 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
  """The module of a user, under a name of its own for each test."""
  name = f'mine_{tmp_path.name}'.replace('-', '_')
  (tmp_path / f'{name}.py').write_text(MINE)
  monkeypatch.syspath_prepend(tmp_path)
  return name


def test_the_rule_of_the_document_is_judged_by_train_and_report(mine, tmp_path):
  frame = records({'layer': {0.1: 0.9}, 'batch': {0.1: 0.8}})
  frame['train_loss'] = np.where(frame['norm'] == 'layer', 2.0 - frame['epoch'], frame['epoch'])
  claims = [(f'{mine}:falls_steadily', {'norm': norm, 'asks': 'Does it?'})
            for norm in ('layer', 'batch')]  # fmt: skip
  statistics.check(claims)
  good, bad = statistics.verdicts(frame, claims)
  assert (good.outcome, good.effect, good.n) == ('supported', -1.0, 10)
  assert (bad.outcome, bad.effect) == ('refuted', 1.0)
  assert good.claim == f'{mine}:falls_steadily' and good.asks == 'Does it?'
  report.write(frame, study(*claims), [], tmp_path / 'report')
  text = (tmp_path / 'report' / 'report.md').read_text(encoding='utf-8')
  assert f'**refuted** (`{mine}:falls_steadily`): From epoch to epoch the training loss' in text


def test_a_rule_sees_the_rows_that_at_selects_and_may_return_a_finding(mine):
  frame = records({'layer': {0.1: 0.9}, 'batch': {0.1: 0.8, 1.0: 0.7}}, seeds=2)
  found = statistics.verdict(f'{mine}:finding', frame, at={'learning_rate': 0.1})
  assert found.sentence == 'At learning rate 0.1, of 8 rows: supported, as expected (3 seeds).'
  assert (found.effect, found.interval) == (0.5, (0.4, 0.6, 'range'))


def test_a_rule_that_fails_names_its_file_and_ends_no_report(mine):
  frame = records({'layer': {0.1: 0.9}}, seeds=2)
  claims = [(f'{mine}:fails', {'norm': 'layer'}), ('trains', {'norm': 'layer'})]
  broken, other = statistics.verdicts(frame, claims)
  line = MINE.splitlines().index('  return frame[norm]') + 1
  assert broken.outcome == 'undecided' and other.effect == 1.0
  assert f"'{mine}:fails' failed in {mine}.py, line {line}: KeyError: 'layer'" in broken.sentence


WRONG = (
  None, 'supported', (1, 2), ('supported', 'so'),
  (statistics.Comparison('maybe', 0, 0, 0, 'range', 3), 'so'),
  statistics.Verdict('', 'maybe', 0.0, (0.0, 0.0, 'range'), 3, 'So.'),
  statistics.Verdict('', 'supported', 0.0, (0.0, 0.0), 3, 'So.'),
  statistics.Verdict('', 'supported', 0.0, (0.0, 0.0, 'spread'), 3, 'So.'),
  statistics.Verdict('', 'supported', None, (0.0, 0.0, 'range'), 3, 'So.'),
  statistics.Verdict('', 'supported', 0.0, (0.0, 0.0, 'range'), 3, ''),
)  # fmt: skip


@pytest.mark.parametrize('what', WRONG, ids=str)
def test_a_rule_that_returns_no_verdict_names_its_file(what, mine):
  (found,) = statistics.verdicts(
    records({'a': {0.1: 0.9}}, 2), [(f'{mine}:returns', {'what': what})]
  )
  assert f'in {mine}.py returned' in found.sentence and 'return a norms.lab' in found.sentence


@pytest.mark.parametrize(
  ('rule', 'options', 'words'),
  [
    ('falls_stedily', {}, "did you mean 'falls_steadily'?"),
    ('number', {}, 'is a int: name a function'),
    ('falls_steadily', {}, "needs the option 'norm'"),
    ('falls_steadily', {'norm': 'a', 'slak': 1}, "did you mean 'slack'?"),
  ],
)
def test_a_rule_and_its_options_are_checked_before_anything_runs(rule, options, words, mine):
  with pytest.raises(ValueError) as error:
    statistics.check([(f'{mine}:{rule}', options)])
  assert words in str(error.value) and '\n' not in str(error.value)


def test_a_module_that_is_not_there_is_one_line():
  with pytest.raises(ValueError, match="claim 'nowhere:rule': cannot import 'nowhere'"):
    statistics.check([('nowhere:rule', {})])
