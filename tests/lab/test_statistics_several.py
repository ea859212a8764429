"""How sure a verdict is: p, corrected over claims; margins, expectations, confounds, their date."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_statistics import SEEDS, frame_of, over_batches, trial, two_norms

from norms.lab import statistics
from norms.lab.statistics import intervals, means, stated

PAIR = {'norm': 'layer', 'than': 'batch'}
LEADS = (0.010, 0.001, 0.019, 0.0045, 0.0155)  # Student's t is 3.0, p = 0.040


def leading(norm='layer', by=LEADS, **columns):
  """The norm leads batch norm by so much, seed by seed."""
  ahead = [trial(norm, s, 0.8 + lead, **columns) for s, lead in enumerate(by)]
  return frame_of(*ahead, *(trial('batch', s, 0.8, **columns) for s in range(len(by))))


def series(values):
  return pd.Series(list(values), dtype=float)


# p-values and intervals.


@given(st.lists(st.floats(-1, 1), min_size=5, max_size=19), st.floats(-1, 1))
@settings(max_examples=60, deadline=None)
def test_below_twenty_values_p_is_students(values, at):
  if np.std(values) > 1e-6:
    expected = stats.ttest_1samp(values, at).pvalue
    assert means.p_value(np.array(values), at) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_equal_values_lie_where_they_are():
  same = np.full(6, 0.25)
  assert means.p_value(same, 0.25) == 1.0 and means.p_value(same) == 0.0
  assert means.interval(np.full(25, 0.25)) == (0.25, 0.25)


def test_from_twenty_values_on_it_is_the_bootstrap_at_the_expanded_level():
  values = np.random.default_rng(0).exponential(size=20)
  level = 2 * stats.norm.cdf(np.sqrt(20 / 19) * stats.t.ppf(0.975, 19)) - 1
  found = stats.bootstrap((values,), np.mean, confidence_level=level, rng=np.random.default_rng(0))
  assert means.interval(values) == pytest.approx(tuple(found.confidence_interval))
  low, high = means.interval(values)
  assert high - values.mean() > values.mean() - low  # skewed, as Student's t is not


@pytest.mark.parametrize('n', [10, 25])
def test_p_is_where_the_interval_ends(n):
  """Just outside the 95% interval p is below 0.05, just inside above."""
  values = np.random.default_rng(1).normal(0.5, 1.0, n)
  for end, sign in zip(means.interval(values), (-1, 1), strict=True):
    assert (
      means.p_value(values, end + sign * 0.02) < 0.05 < means.p_value(values, end - sign * 0.02)
    )


def test_infinite_losses_are_compared_by_rank():
  lost, kept = series([np.inf] * 5), series([0.1, 0.2, 0.3, 0.4, 0.5])
  found = intervals.compare(lost, kept)
  assert found.outcome == 'supported' and found.kind == 'range'
  assert found.p == stats.mannwhitneyu(range(5, 10), range(5)).pvalue
  assert intervals.compare(series([np.inf, 0.0, 0.0, 0.0, 0.0]), kept).outcome == 'undecided'


# Several claims.


def closed(p):
  """Holm's p by the closed test: of all sets with a claim, the largest Bonferroni p."""
  sets = [set(s) for k in range(1, len(p) + 1) for s in itertools.combinations(range(len(p)), k)]
  return [max(min(1, len(s) * min(p[j] for j in s)) for s in sets if i in s) for i in range(len(p))]


@given(st.lists(st.floats(0, 1), max_size=6))
@settings(max_examples=60, deadline=None)
def test_holm_is_the_closed_test(p):
  assert statistics.holm(p) == pytest.approx(closed(p))


def test_a_claim_without_a_test_counts_for_nothing():
  assert statistics.holm([0.02, np.nan, 0.03]) == pytest.approx([0.04, np.nan, 0.04], nan_ok=True)


def test_a_claim_that_one_of_many_would_reach_by_chance_is_undecided():
  alone = statistics.verdict('beats', leading(), **PAIR)
  assert alone.outcome == 'supported' and alone.p == pytest.approx(0.0399, abs=1e-3)
  assert f'(5 seeds; p = {alone.p:.2g}).' in alone.sentence
  first, second, count = statistics.verdicts(
    leading(), [('beats', PAIR), ('rises', {'norm': 'batch', 'axis': 'learning_rate'}),
                ('trains', {'norm': 'layer'})])  # fmt: skip
  assert first.outcome == 'supported' and first.tested == 1  # nothing else is tested there
  assert second.outcome == 'undecided' and count.outcome == 'supported' and count.tested == 0
  first, second = statistics.verdicts(leading(), [('beats', PAIR), ('survives', {**PAIR, 'by': 1})])
  assert first.outcome == second.outcome == 'undecided'
  assert (first.p, first.p_corrected) == pytest.approx((alone.p, 2 * alone.p))
  assert 'of 2 claims one as sure as this may be chance' in first.sentence
  assert first.sentence.count('corrected for 2 claims') == 1


def test_a_sure_claim_is_decided_among_others():
  claims = [('beats', PAIR)] * 3
  assert {v.outcome for v in statistics.verdicts(two_norms(0.01), claims)} == {'supported'}


def test_a_ranking_is_as_sure_as_its_least_sure_pair():
  third = frame_of(*(trial('rms', s, 0.7) for s in SEEDS))
  pair = statistics.verdict('beats', leading(), **PAIR)
  found = statistics.verdict(
    'ranking', pd.concat([leading(), third]), best=('layer', 'batch', 'rms')
  )
  assert found.p == pytest.approx(2 * pair.p) and found.outcome == 'undecided'


# Margins.


def test_equivalent_is_closer_than_the_margin_for_sure():
  """The 95% interval of the lead is 0.0007 to 0.0193."""
  for margin, outcome in ((0.02, 'equivalent'), (0.019, 'supported'), (0.0, 'supported')):
    found = statistics.verdict('beats', leading(), **PAIR, margin=margin)
    assert found.outcome == outcome, found.sentence
  found = statistics.verdict('beats', leading(), **PAIR, margin=0.02)
  assert 'where less than 0.0200 counts as equal: equivalent, against the' in found.sentence
  high = stats.ttest_1samp(LEADS, 0.02).pvalue
  assert found.p == pytest.approx(high)
  none = [x - np.mean(LEADS) for x in LEADS]
  assert statistics.verdict('beats', leading(by=none), **PAIR, margin=0.008).outcome == 'undecided'
  found = statistics.verdict('beats', leading(by=none), **PAIR, margin=0.01, expects='equivalent')
  assert (found.outcome, found.expected) == ('equivalent', 'as expected')


@pytest.mark.parametrize('rule', ['depends_less', 'rises', 'survives'])
def test_other_rules_take_a_margin(rule):
  frame = frame_of(*over_batches('layer', 0.01), *over_batches('batch', 0.011))
  options = {'rises': {'norm': 'layer'}, 'survives': {**PAIR, 'by': 0.1}}.get(rule, PAIR)
  assert statistics.verdict(rule, frame, **options, margin=0.5).outcome == 'equivalent'


# The expectation.


@pytest.mark.parametrize(
  ('lead', 'expects', 'outcome', 'said'),
  [
    (0.01, 'supported', 'supported', 'as expected'),
    (-0.01, 'supported', 'refuted', 'against the expectation'),
    (-0.01, 'refuted', 'refuted', 'as expected'),
    (0.01, 'refuted', 'supported', 'against the expectation'),
    (-0.0001, 'refuted', 'undecided', ''),
  ],
)
def test_a_verdict_says_whether_it_was_expected(lead, expects, outcome, said):
  found = statistics.verdict('beats', two_norms(lead), **PAIR, expects=expects)
  assert (found.outcome, found.expected) == (outcome, said)
  assert (f': {outcome}, {said} (' in found.sentence) == bool(said)


def test_an_outcome_that_does_not_exist_is_not_expected():
  with pytest.raises(ValueError, match="unknown outcome that 'beats' expects 'suported': did you"):
    statistics.check([('beats', {**PAIR, 'expects': 'suported'})])


# Confounds.

UNTUNED = 'the learning rate is the same on every side, and tuned for none'


def test_a_learning_rate_that_no_norm_chose_is_named():
  found = statistics.verdict('beats', two_norms(0.01), **PAIR)
  assert found.confounds == (UNTUNED,) and found.sentence.endswith(f'Not ruled out: {UNTUNED}.')
  own = two_norms(0.01)
  own['learning_rate'] = np.where(own['norm'] == 'layer', 0.3, 0.1)
  assert statistics.verdict('beats', own, **PAIR).confounds == ()
  # A third norm at its own rate changes nothing for these two.
  third = frame_of(*(trial('rms', s, 0.7, learning_rate=9.0) for s in SEEDS))
  more = pd.concat([two_norms(0.01), third])
  assert statistics.verdict('beats', more, **PAIR).confounds == (UNTUNED,)
  assert statistics.verdict('trains', two_norms(0.01), norm='layer').confounds == ()
  both = pd.concat([two_norms(0.01), two_norms(0.02).assign(learning_rate=0.2)])
  tuned = {**PAIR, 'tuned': 'learning_rate'}
  assert statistics.verdict('best_against_best', both, **tuned).confounds == ()


def test_what_changes_with_the_batch_size_is_named():
  frame = frame_of(*over_batches('batch', 0.1))
  frame['step'] = frame['epoch'] * 1000 // frame['batch_size']
  steps, rate = statistics.verdict('rises', frame, norm='batch').confounds
  assert steps == 'with the batch size the number of steps changes, from 250 to 15'
  assert rate == 'the learning rate does not follow the batch size'
  follows = frame.assign(learning_rate=frame['batch_size'] / 640, step=frame['epoch'])
  assert statistics.verdict('rises', follows, norm='batch').confounds == ()


# When a claim was stated.

CLAIMS = (('beats', PAIR), ('trains', {'norm': 'layer'}))


def known(files, claims=CLAIMS, metric='test_accuracy'):
  verdicts = statistics.verdicts(two_norms(0.01), claims)
  return [found.known for found in stated.told(verdicts, claims, metric, files)]


def test_a_verdict_says_before_how_many_trials_its_claim_was_stated():
  first = {'trials': 10, 'stated': stated.record(CLAIMS[:1], 'test_accuracy')}
  later = {'trials': 5, 'stated': stated.record(CLAIMS, 'test_accuracy')}
  before_all, before_some = known([first, later])
  assert before_all == 'Stated before its trials ran.'
  assert before_some == 'Stated before 5 of 15 trials ran.'
  assert known([{'trials': 10}]) == known([]) == ['', '']
  changed = (('beats', {**PAIR, 'margin': 0.1}), CLAIMS[1])
  assert known([first, later], changed)[0] == 'Stated before 0 of 15 trials ran.'
  assert known([later], metric='test_loss')[0].endswith('how claims are judged has changed since.')


def test_a_tuple_in_a_claim_is_the_list_that_json_makes_of_it():
  assert stated.digest(('ranking', {'best': ('a', 'b')})) == stated.digest(
    ['ranking', {'best': ['a', 'b']}]
  )
