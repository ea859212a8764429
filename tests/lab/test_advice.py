"""What a page says is to be done follows from its verdicts: who is ahead, where, and how sure."""

import pytest

from norms.lab.report import advice
from norms.lab.report.parity.page import ParityVerdict
from norms.lab.statistics import CLAIMS, Verdict

PAIR = {'norm': 'layer', 'than': 'batch'}
SMALL = {'at': {'batch_size': 2}}
COST = (
  'choose between layer norm and batch norm on other grounds, such as their cost: in {} they '
  'differ by at most {} (95% interval).'
)


def judged(claim, outcome, effect=0.0, low=float('nan'), high=float('nan'), n=5, kind='interval'):
  return Verdict(claim, outcome, effect, (low, high, kind), n, 'It is so.')


def said(claim, options, outcome, *numbers, **more):
  return advice.sentence([judged(claim, outcome, *numbers, **more)], [(claim, options)])


@pytest.mark.parametrize('claim', ['beats', 'survives'])
def test_the_norm_that_is_ahead_is_to_be_taken(claim):
  take = 'Take layer norm rather than batch norm.'
  assert said(claim, PAIR, 'supported', 0.1, 0.05, 0.15) == take
  take = 'Take batch norm rather than layer norm.'
  assert said(claim, PAIR, 'refuted', -0.1, -0.15, -0.05) == take
  take = 'At batch size 2, take layer norm rather than batch norm.'
  assert said(claim, PAIR | SMALL, 'supported', 0.1, 0.05, 0.15) == take
  take = 'Take layer norm rather than batch norm, judged by training accuracy.'
  metric = {'metric': 'train_accuracy'}
  assert said(claim, PAIR | metric, 'supported', 0.1, 0.05, 0.15) == take


@pytest.mark.parametrize('outcome', ['undecided', 'equivalent'])
def test_of_two_that_cannot_be_told_apart_the_most_they_may_differ_is_said(outcome):
  cost = COST.format('test accuracy', '0.0300')
  low_is_farther = said('beats', PAIR, outcome, 0.01, -0.03, 0.02)
  assert low_is_farther == cost[:1].upper() + cost[1:]
  assert '0.0400 (95%' in said('beats', PAIR, outcome, 0.01, -0.03, 0.04)
  metric = {'metric': 'validation_accuracy'} | SMALL
  expected = f'At batch size 2, {COST.format("validation accuracy", "0.0400")}'
  assert said('beats', PAIR | metric, outcome, 0.01, -0.03, 0.04) == expected
  tuned = {'tuned': ('learning_rate', 'init_scale')}
  expected = f'Each at its own best learning rate and initial scale, {cost}'
  assert said('best_against_best', PAIR | tuned, outcome, 0.01, -0.03, 0.02) == expected


def test_few_seeds_advise_more_seeds_and_ranges_nothing():
  more = 'Run the study with at least 5 seeds: fewer describe, and decide nothing.'
  assert said('beats', PAIR, 'undecided', 0.01, -0.03, 0.04, n=4) == more
  assert not said('beats', PAIR, 'undecided', n=0)  # a claim that could not be judged
  assert not said('beats', PAIR, 'undecided', 0.01, -0.03, 0.04, kind='range')
  assert not said('beats', PAIR, 'undecided', 0.01)
  assert said('beats', PAIR, 'undecided', 0.01, -0.03, 0.04, n=5)


def test_the_norm_that_trains_over_more_is_for_what_is_not_tuned():
  wider = 'Where the initial scale is not tuned, take layer norm rather than batch norm.'
  assert said('wider_range', PAIR, 'supported', 2.0) == wider
  over = {'axis': 'weight_scale'}
  assert said('wider_range', PAIR | over, 'refuted', -2.0) == (
    'Where the weight scale is not tuned, take batch norm rather than layer norm.'
  )
  assert said('higher_limit', PAIR, 'supported', 1.0) == (
    'Where the learning rate is large or not tuned, take layer norm rather than batch norm.'
  )
  assert not said('wider_range', PAIR, 'undecided', 2.0)
  # Not wider by a decade, and as wide: nobody is ahead.
  assert not said('wider_range', PAIR | {'by': 1.0}, 'refuted', 0.0)


def test_the_norm_that_depends_less_on_an_axis_is_for_an_axis_that_changes():
  steady = 'the batch size changes from run to run, take {} norm rather than {} norm: its test '
  layer = f'Where {steady}accuracy varies less.'.format('layer', 'batch')
  assert said('depends_less', PAIR, 'supported', 0.1) == layer
  batch = f'At seed 3, where {steady}loss varies less.'.format('batch', 'layer')
  options = PAIR | {'metric': 'test_loss', 'at': {'seed': 3}}
  assert said('depends_less', options, 'refuted', -0.1) == batch
  assert not said('depends_less', PAIR, 'undecided', 0.1)


def test_a_norm_that_does_not_train_is_not_to_be_used_there():
  fails = {'norm': 'none', 'at': {'init_scale': {'to': 0.01}}}
  assert said('fails', fails, 'supported') == (
    'At initial scale up to 0.01, expect nothing of the net with no norm: not one trial trained.'
  )
  assert not said('fails', fails, 'refuted') and not said('trains', {'norm': 'none'}, 'supported')


def test_what_grows_with_an_axis_says_which_end_to_take():
  rises = {'norm': 'batch'}
  large = 'Give batch norm a large batch size, for as many epochs.'
  assert said('rises', rises, 'supported', 0.1) == large
  small = 'Give batch norm a small initial scale.'
  assert said('rises', rises | {'axis': 'init_scale'}, 'refuted', -0.1) == small
  assert not said('rises', rises, 'undecided', 0.1)


def test_two_values_of_an_axis_are_advised_as_norms_are():
  sides = {'axis': 'optimizer', 'value': 'adam', 'than': 'sgd'}
  take = 'Take optimizer=adam rather than optimizer=sgd.'
  assert said('beats', sides, 'supported', 0.1, 0.05, 0.15) == take


def test_norms_of_one_advice_are_listed_and_the_second_is_of_another_claim():
  claims = [
    ('wider_range', {'norm': norm, 'than': 'none'}) for norm in ('batch', 'layer', 'batch')
  ] + [
    ('wider_range', {'norm': 'rms', 'than': 'none', 'axis': 'learning_rate'}),
    ('rises', {'norm': 'batch'}),
  ]  # fmt: skip
  verdicts = [judged(claim, 'supported', 1.0) for claim, _ in claims]
  first = 'Where the initial scale is not tuned, take {} rather than the net with no norm.'
  both = f'{first.format("batch norm or layer norm")} Give batch norm a large batch size, for as'
  assert advice.sentence(verdicts, claims) == f'{both} many epochs.'
  # Of one kind of claim alone the second is the next that says something else.
  second = 'Where the learning rate is not tuned, take RMS norm'.replace('RMS', 'rms')
  assert advice.sentence(verdicts[:4], claims[:4]).endswith(
    f'{second} rather than the net with no norm.'
  )
  only = advice.sentence(verdicts[1:2], claims[1:2])
  assert only == first.format('layer norm')
  assert advice.sentence(verdicts[:2], claims[1:2]) == only  # no claim, no advice


def test_a_rule_of_the_users_own_and_no_verdict_advise_nothing():
  assert not said('package.module:rule', {}, 'supported', 0.1, 0.05, 0.15)
  assert advice.sentence([], []) == ''
  assert set(advice.RULES) < set(CLAIMS)


def test_a_comparison_of_libraries_says_what_its_verdicts_allow():
  verdicts = [
    ParityVerdict(claim, outcome, 'It is so.')
    for claim, outcome in (
      ('curves_agree', 'supported'),
      ('fault_is_visible', 'supported'),
      ('fault_is_visible', 'supported'),
    )
  ]
  first, second = advice.sentence(verdicts).split('. ')
  assert first.startswith('Choose the library on other grounds')
  assert second.startswith('To check a norm that was ported')
  assert advice.sentence([verdicts[0]._replace(outcome='refuted')]) == ''
