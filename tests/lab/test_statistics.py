"""The statistics: known values, pairing by seed, and every outcome of every claim."""

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from norms.lab import statistics
from norms.lab.statistics import intervals, words

SEEDS = (0, 1, 2, 3, 4)
SHARED = (0.0, 0.05, -0.04, 0.03, -0.05)  # what a seed does to every norm alike


def trial(norm, seed, accuracy, *, trained=True, batch_size=64, init_scale=1.0, **columns):
  """The two rows of a trial of one epoch."""
  name = f'{norm} {seed} {batch_size} {init_scale:g} {sorted(columns.items())}'
  same = {'trial': name, 'data': 'digits', 'model': 'mlp', 'norm': norm, 'optimizer': 'sgd'}
  same |= {'batch_size': batch_size, 'epochs': 1, 'init_scale': init_scale, 'seed': seed}
  same |= {'weight_scale': np.nan, 'learning_rate': 0.1, 'eval_stats': 'exact'}
  same |= {'diverged_at': pd.NA, 'trained': trained, 'test_accuracy_running': np.nan}
  ends = ((0, 0.1, 2.3), (1, accuracy, 2.3 * (1 - accuracy)))
  return [
    same | {'epoch': epoch, 'test_accuracy': a, 'test_loss': b, 'train_loss': b} | columns
    for epoch, a, b in ends
  ]


def frame_of(*trials):
  frame = pd.DataFrame([row for rows in trials for row in rows])
  return frame.astype({'diverged_at': 'Int64'})


def two_norms(lead, seeds=SEEDS):
  """layer leads batch by about `lead` at every seed; seeds differ by far more."""
  batch = [trial('batch', s, 0.8 + SHARED[s]) for s in seeds]
  layer = [trial('layer', s, 0.8 + SHARED[s] + lead + 0.0002 * (s % 3)) for s in seeds]
  return frame_of(*batch, *layer)


def trained_on(norm, scales, seeds=SEEDS, grid=(0.01, 0.1, 1.0, 10.0, 100.0)):
  """Trials of `norm` over a grid of scales, of which those at `scales` trained."""
  return [
    trial(norm, s, 0.9 if x in scales else 0.1, trained=x in scales, init_scale=x)
    for x in grid
    for s in seeds
  ]


# Trained.


BETTER = {'gained': 100, 'lost': 10, 'last_loss': 1.0}


def test_trained_begins_where_the_binomial_test_says():
  threshold = next(k for k in range(1001) if stats.binom.sf(k - 1, 1000, 0.1) < 1e-3)
  assert threshold == 131
  assert statistics.trained(threshold / 1000, 1000, 0.1, **BETTER)
  assert not statistics.trained((threshold - 1) / 1000, 1000, 0.1, **BETTER)


@given(st.integers(0, 500), st.integers(1, 500), st.floats(0.02, 0.9))
@settings(max_examples=60, deadline=None)
def test_trained_agrees_with_scipy(correct, n, chance):
  correct = min(correct, n)
  p_value = stats.binomtest(correct, n, chance, alternative='greater').pvalue
  assert statistics.trained(correct / n, n, chance, **BETTER) == (p_value < 1e-3)


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_mcnemar_agrees_with_scipy(gained, lost):
  p = stats.binomtest(gained, gained + lost, alternative='greater').pvalue if gained + lost else 1.0
  assert statistics.mcnemar(gained, lost) == pytest.approx(p, rel=1e-9)
  assert statistics.trained(0.9, 1000, 0.1, gained, lost, 1.0) == (p < 1e-3)


@pytest.mark.parametrize(
  'accuracy, changed, loss',
  [
    (0.0718, (500, 200), 1.0),  # study B: below chance
    (0.158, (8, 8), 2.3),  # a lucky start
    (0.158, (9, 0), 2.3),  # a tenth would be enough
    (0.158, (200, 500), 2.3),
    (0.9, (8500, 30), np.nan),
    (0.9, (8500, 30), np.inf),
    (np.nan, (8500, 30), 1.0),
  ],
)
def test_not_trained(accuracy, changed, loss):
  assert not statistics.trained(accuracy, 10000, 0.1, *changed, loss)


def test_trained_though_its_loss_has_risen():
  assert statistics.trained(0.43, 355, 0.1, gained=130, lost=12, last_loss=4.0)


def test_trained_against_the_majority_share():
  assert statistics.trained(0.6, 1000, 0.5, **BETTER)
  assert not statistics.trained(0.6, 1000, 0.6, **BETTER)


# Spread.


def test_interval_is_students_t():
  values = [0.90, 0.91, 0.905, 0.903, 0.912]
  low, high, kind = statistics.interval(values)
  expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
  assert kind == 'interval'
  np.testing.assert_allclose((low, high), expected, rtol=1e-12)


@pytest.mark.parametrize('values', [[0.9], [0.9, 0.8], [0.9, 0.7, 0.8, 0.85]])
def test_below_five_values_it_is_a_range(values):
  assert statistics.interval(values) == (min(values), max(values), 'range')


def test_values_that_are_not_finite_have_a_range():
  assert statistics.interval([1.0, 2.0, np.inf, 3.0, 4.0]) == (1.0, np.inf, 'range')


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_centre_lies_in_its_spread(values):
  found = statistics.estimate(values, within=(0, 1))
  assert found.low - 1e-12 <= found.value <= found.high + 1e-12
  assert found.low >= 0 and found.high <= 1
  assert found.n == len(values)


def test_the_interval_covers_the_mean_as_often_as_it_says():
  draws = pd.Series(np.random.default_rng(0).normal(0.9, 0.01, 20000))
  found = intervals.estimates(draws, by=[draws.index.to_series() // 5])
  assert 0.94 < found.eval('low <= 0.9 <= high').mean() < 0.96


def test_summary_is_the_estimate_of_each_cell():
  frame = two_norms(0.01)
  table = statistics.summary(statistics.finals(frame), ['norm'], 'test_accuracy')
  for _, line in table.iterrows():
    own = frame[(frame['norm'] == line['norm']) & (frame['epoch'] == 1)]['test_accuracy']
    expected = statistics.estimate(own, within=(0, 1))
    np.testing.assert_allclose(list(line[['value', 'low', 'high']]), expected[:3])
    assert (line['kind'], line['n']) == ('interval', 5)


# Pairs.


def test_pairing_finds_what_unpaired_groups_hide():
  wide = statistics.by_seed(
    statistics.finals(two_norms(0.004)), ['layer', 'batch'], 'test_accuracy'
  )
  assert stats.ttest_ind(wide['layer'], wide['batch']).pvalue > 0.8
  found = statistics.compare(wide['layer'], wide['batch'])
  assert found.outcome == 'supported' and found.n == 5
  assert found.low == pytest.approx(stats.ttest_rel(*wide.T.to_numpy()).confidence_interval().low)


def test_pairs_are_matched_by_seed_and_not_by_order():
  left = pd.Series([0.1, 0.2, 0.3], [0, 1, 2])
  right = pd.Series([0.3, 0.1, 0.7], [2, 0, 9])
  found = statistics.paired_differences(left, right)
  assert dict(found) == {0: 0.0, 2: 0.0}


def test_a_seed_counts_once_however_many_cells_it_has():
  cells = [(b, n, s) for b in (4, 16, 64) for n in ('layer', 'batch') for s in SEEDS]
  frame = frame_of(*(trial(n, s, 0.8 + 0.01 * (n == 'layer'), batch_size=b) for b, n, s in cells))
  assert statistics.CLAIMS['beats'](frame, norm='layer', than='batch').n == 5


def test_only_cells_that_both_have_are_compared():
  easy = [trial('layer', s, 0.99, batch_size=4) for s in SEEDS]
  both = [trial(n, s, 0.8, batch_size=64) for n in ('layer', 'batch') for s in SEEDS]
  found = statistics.CLAIMS['beats'](frame_of(*easy, *both), norm='layer', than='batch')
  assert found.effect == pytest.approx(0.0)


def test_two_infinite_losses_are_equal():
  left, right = pd.Series([np.inf, 1.0]), pd.Series([np.inf, 2.0])
  assert list(statistics.paired_differences(left, right)) == [0.0, -1.0]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_swapping_the_sides_swaps_the_outcome(values):
  left, right = pd.Series(values), pd.Series(np.zeros(len(values)))
  swap = {'supported': 'refuted', 'refuted': 'supported', 'undecided': 'undecided'}
  one, other = statistics.compare(left, right), statistics.compare(right, left)
  assert swap[one.outcome] == other.outcome
  assert one.effect == pytest.approx(-other.effect, abs=1e-12)


def test_an_accuracy_that_is_nan_counts_as_zero():
  frame = frame_of(*(trial('batch', s, np.nan if s == 1 else 0.9) for s in SEEDS))
  table = statistics.summary(statistics.finals(frame), ['norm'], 'test_accuracy')
  assert table['n'].item() == 5 and table['mean'].item() == pytest.approx(0.72)


def test_a_norm_without_running_statistics_has_none():
  frame = frame_of(*(trial('layer', s, 0.9) for s in SEEDS))
  table = statistics.summary(statistics.finals(frame), ['norm'], 'test_accuracy_running')
  assert np.isnan(table['value'].item())


def test_finals_hold_the_best_accuracy_and_the_loss_of_the_last_hundred_steps():
  epochs = range(11)
  loss = [np.nan, *(10.0 - e for e in epochs[1:])]  # of epochs 1 to 10: 9, 8, ... 0
  frame = pd.DataFrame({
    'trial': 'a', 'norm': 'none', 'seed': 0, 'epoch': epochs, 'step': [20 * e for e in epochs],
    'minibatch_loss': loss, 'train_accuracy': [0.1, 0.9, *[0.5] * 9],
  })  # fmt: skip
  (row,) = statistics.finals(frame).to_dict('records')
  assert row['best_train_accuracy'] == 0.9 and row['train_accuracy'] == 0.5
  assert row['final_loss'] == np.mean([4.0, 3.0, 2.0, 1.0, 0.0])
  # Epochs of a hundred steps or more: the last one.
  (row,) = statistics.finals(frame.assign(step=frame['step'] * 10)).to_dict('records')
  assert row['final_loss'] == 0.0
  # Fewer steps than a hundred: all epochs but 0, which has no steps and so no loss.
  few = frame[frame['epoch'] < 3]
  assert statistics.finals(few)['final_loss'].item() == np.mean([9.0, 8.0])
  frame.loc[9, 'minibatch_loss'] = np.nan
  assert statistics.finals(frame)['final_loss'].item() == np.inf


def test_finals_of_records_without_losses_have_none():
  frame = frame_of(trial('none', 0, 0.9))
  assert 'final_loss' not in statistics.finals(frame)
  assert 'final_loss' not in statistics.finals(frame.assign(step=[0, 5]))


# The design of a sweep.


def test_axes_are_what_varies_within_a_norm():
  trials = [trial('layer', 0, 0.9, batch_size=b, **{'model_options.width': 8}) for b in (4, 64)]
  trials += [trial('batch', 0, 0.9, batch_size=b, **{'model_options.width': 9}) for b in (4, 64)]
  frame = frame_of(*trials)
  frame['probe'] = np.arange(len(frame))  # changes within a trial, so it is a measurement
  assert statistics.axes(frame) == ['batch_size']


def test_what_follows_another_axis_is_no_axis_of_its_own():
  pairs = ((16, 0.1), (64, 0.4))
  frame = frame_of(*(trial('layer', 0, 0.9, batch_size=b, learning_rate=r) for b, r in pairs))
  assert statistics.axes(frame) == ['batch_size']


def test_the_usual_cell_is_one_that_exists():
  pairs = ((4, 1.0), (16, 0.01), (16, 0.1), (64, 0.01))  # the preferred 16 and 1.0 never meet
  frame = frame_of(*(trial('layer', 0, 0.9, batch_size=b, init_scale=x) for b, x in pairs))
  assert tuple(statistics.usual(frame).values()) in pairs


def test_the_usual_cell_is_one_where_norms_can_be_compared():
  layer = [trial('layer', 0, 0.9, batch_size=b) for b in (5, 10, 50)]
  assert statistics.usual(frame_of(*layer, trial('none', 0, 0.9, batch_size=5))) == {
    'batch_size': 5
  }


def test_the_usual_value_is_a_scale_near_1_the_middle_of_numbers_and_the_first_of_texts():
  trials = [
    trial('layer', 0, 0.9, batch_size=b, init_scale=x, optimizer=o)
    for b in (4, 16, 64)
    for x in (0.01, 2.0, 100.0, 1e4)
    for o in ('sgd', 'adam')
  ]
  found = statistics.usual(frame_of(*trials))
  assert found == {'optimizer': 'sgd', 'batch_size': 16, 'init_scale': 2.0}
  # In a study's own order, as far as it names values that there are.
  ordered = statistics.usual(frame_of(*trials), {'optimizer': ('lion', 'adam', 'sgd')})
  assert ordered == found | {'optimizer': 'adam'}
  assert statistics.usual(frame_of(*trials), {'optimizer': ('lion',)}) == found


# Claims.


def check(frame, claim, outcome, *parts, **options):
  """The verdict has the outcome, and its sentence says it, the seeds and the words."""
  found = statistics.CLAIMS[claim](frame, **options)
  assert found.outcome == outcome, found.sentence
  assert found.sentence.endswith('.') and '\n' not in found.sentence
  for word in (outcome, *parts):
    assert word in found.sentence, found.sentence
  return found


def test_beats():
  options = {'norm': 'layer', 'than': 'batch'}
  words = ('5 seeds', 'mean; 95% interval', 'reaches', 'lead of layer norm is +0.01')
  check(two_norms(0.01), 'beats', 'supported', *words, **options)
  check(two_norms(-0.01), 'beats', 'refuted', **options)
  check(two_norms(-0.0001), 'beats', 'undecided', 'contains zero', **options)


def test_beats_in_a_loss_means_below():
  options = {'norm': 'layer', 'than': 'batch', 'metric': 'test_loss'}
  # Losses are 2.3 (1 - accuracy), of accuracies of 0.808 and 0.798 on average.
  words = ('comes down to 0.4412', 'and batch norm 0.4646', 'lead of layer norm is +0.02')
  assert check(two_norms(0.01), 'beats', 'supported', *words, **options).effect > 0


@pytest.mark.parametrize('n', [1, 3, 4])
def test_below_five_seeds_there_is_a_description_and_no_verdict(n):
  options = {'norm': 'layer', 'than': 'batch'}
  says = (words.count(n, 'seed'), 'fewer than 5 describe and decide nothing', 'median; range')
  found = check(two_norms(0.2, SEEDS[:n]), 'beats', 'undecided', *says, **options)
  assert found.effect == pytest.approx(0.2, abs=1e-3) and np.isnan(found.p)
  lost = frame_of(*trained_on('none', (1.0,), seeds=SEEDS[:n]))
  check(lost, 'trains', 'undecided', norm='none')
  check(lost, 'fails', 'undecided', norm='none')


def test_ranking():
  third = [trial('rms', s, 0.7 + SHARED[s]) for s in SEEDS]
  frame = pd.concat([two_norms(0.01), frame_of(*third)])
  found = check(frame, 'ranking', 'supported', 'batch norm, its strongest rival of 2', best='layer')
  assert found.effect == pytest.approx(0.0102, abs=1e-3)
  check(frame, 'ranking', 'refuted', best='rms')
  check(frame, 'ranking', 'supported', best=('layer', 'batch', 'rms'))
  check(frame, 'ranking', 'refuted', best=('batch', 'layer', 'rms'))
  check(pd.concat([two_norms(0.0), frame_of(*third)]), 'ranking', 'undecided', best='batch')
  check(frame_of(*third), 'ranking', 'undecided', 'only norm', best='rms')


def test_a_lead_over_one_of_several_needs_more_than_over_one():
  """Student's t is 3.0 here: beyond 2.8 for one pair, and not beyond 3.5 for one of two."""
  leads = (0.010, 0.001, 0.019, 0.0045, 0.0155)
  layer = [trial('layer', s, 0.8 + lead) for s, lead in zip(SEEDS, leads, strict=True)]
  batch, rms = ([trial(norm, s, x) for s in SEEDS] for norm, x in (('batch', 0.8), ('rms', 0.7)))
  over_one = check(frame_of(*layer, *batch), 'ranking', 'supported', best='layer')
  over_two = check(frame_of(*layer, *batch, *rms), 'ranking', 'undecided', best='layer')
  assert over_two.effect == over_one.effect and over_two.interval[0] < 0 < over_one.interval[0]
  check(frame_of(*layer, *batch, *rms), 'beats', 'supported', norm='layer', than='batch')


def test_wider_range():
  wide, narrow = trained_on('batch', (0.1, 1.0, 10.0)), trained_on('none', (1.0, 10.0))
  options = {'norm': 'batch', 'than': 'none'}
  found = check(
    frame_of(*wide, *narrow), 'wider_range', 'supported', '2.0 decades (0.1 to 10)', **options
  )
  assert found.effect == pytest.approx(1.0) and found.interval == (1.0, 1.0, 'interval')
  check(frame_of(*wide, *narrow), 'wider_range', 'refuted', norm='none', than='batch')
  check(frame_of(*wide, *narrow), 'wider_range', 'refuted', by=2.5, **options)
  # Steps of a decade: ranges that differ by one on the sweep may differ by 1.5.
  check(frame_of(*wide, *narrow), 'wider_range', 'undecided', 'cannot tell', by=1.5, **options)
  check(frame_of(*wide, *narrow), 'wider_range', 'supported', by=1.0, **options)  # at least
  same = [*wide, *trained_on('none', (1.0, 10.0, 100.0))]
  check(frame_of(*same), 'wider_range', 'undecided', 'the two are equal', **options)
  check(frame_of(*same), 'wider_range', 'refuted', by=1.5, **options)
  # One seed of five trains over less than its partner, though all seeds together over more.
  torn = trained_on('none', (1.0,)) + [trial('none', 5, 0.9, init_scale=x) for x in (0.01, 0.1, 1)]
  torn += trained_on('batch', (0.1, 1.0)) + [trial('batch', 5, 0.9, init_scale=x) for x in (0.1, 1)]
  torn += [trial(norm, 5, 0.1, trained=False, init_scale=x) for norm in ('none', 'batch')
           for x in (10.0, 100.0)]  # fmt: skip
  torn += [trial('batch', 5, 0.1, trained=False, init_scale=0.01)]
  check(frame_of(*torn), 'wider_range', 'undecided', 'seeds disagree', **options)


def test_a_range_that_is_wider_by_less_than_was_claimed_refutes():
  """By half a decade instead of 0.9, in steps of half a decade."""
  grid = (0.1, 0.1 * 10**0.5, 1.0, 10**0.5, 10.0, 10**1.5)
  frame = frame_of(
    *trained_on('none', (1.0,), grid=grid), *trained_on('batch', (1.0, 10**0.5), grid=grid)
  )
  pair = {'norm': 'batch', 'than': 'none'}
  check(frame, 'wider_range', 'supported', **pair, by=0.4)
  check(frame, 'wider_range', 'refuted', **pair, by=0.9)


def test_ranges_that_reach_the_ends_of_the_sweep_decide_nothing():
  grid = (0.1, 1.0, 10.0)
  frame = frame_of(*trained_on('batch', grid, grid=grid), *trained_on('none', grid, grid=grid))
  check(frame, 'wider_range', 'undecided', 'ends of the sweep', norm='batch', than='none')


def test_a_range_that_ends_with_the_sweep_may_be_longer():
  """So that it is not said to be longer by less than a sweep of its length could show."""
  grid = (0.1, 1.0, 10.0)
  whole, part = trained_on('batch', grid, grid=grid), trained_on('none', (0.1, 1.0), grid=grid)
  for claim in ('wider_range', 'higher_limit'):
    options = {'norm': 'batch', 'than': 'none', 'axis': 'init_scale'}
    check(frame_of(*whole, *part), claim, 'supported', by=1.0, **options)
    check(
      frame_of(*whole, *part), claim, 'undecided', 'batch norm reaches the end', by=1.5, **options
    )


def test_higher_limit():
  """Of the largest value at which all seeds train, wherever the range begins."""
  high, low = trained_on('batch', (1.0, 10.0)), trained_on('none', (0.01, 0.1, 1.0))
  options = {'norm': 'batch', 'than': 'none', 'axis': 'init_scale'}
  said = (
    'batch norm train up to initial scale 10, those of the net with no norm up to initial scale 1:'
  )
  found = check(frame_of(*high, *low), 'higher_limit', 'supported', said, **options)
  assert found.effect == pytest.approx(1.0) and found.interval == (1.0, 1.0, 'interval')
  check(frame_of(*high, *low), 'wider_range', 'refuted', **options)
  swapped = {**options, 'norm': 'none', 'than': 'batch'}
  check(frame_of(*high, *low), 'higher_limit', 'refuted', **swapped)
  check(frame_of(*high, *low), 'higher_limit', 'refuted', by=2.5, **options)
  same = [*high, *trained_on('none', (10.0,))]
  check(frame_of(*same), 'higher_limit', 'undecided', 'the two are equal', **options)
  lost = [*high, *trained_on('none', ())]
  found = check(
    frame_of(*lost),
    'higher_limit',
    'supported',
    'the net with no norm at no initial scale',
    **options,
  )
  assert found.effect == pytest.approx(3.0)  # as if the plain net trained at 0.01
  rates = [trial(norm, s, 0.9, trained=norm == 'batch' or rate < 1, learning_rate=rate)
           for norm in ('none', 'batch') for s in SEEDS for rate in (0.1, 1.0)]  # fmt: skip
  check(frame_of(*rates), 'higher_limit', 'supported', 'up to learning rate 1, those', norm='batch',
        than='none')  # fmt: skip


def test_a_range_ends_where_one_seed_did_not_train():
  torn = trained_on('batch', (0.01, 0.1, 1.0, 10.0, 100.0))
  torn[3 * len(SEEDS)] = trial('batch', 0, 0.1, trained=False, init_scale=10.0)
  frame = frame_of(*torn, *trained_on('none', (1.0,)))
  check(frame, 'wider_range', 'supported', '2.0 decades (0.01 to 1)', norm='batch', than='none')


def over_batches(norm, drop):
  return [
    trial(norm, s, 0.9 + SHARED[s] / 10 - drop * (b == 4) - 1e-4 * s, batch_size=b)
    for b in (4, 64)
    for s in SEEDS
  ]


def test_depends_less():
  frame = frame_of(*over_batches('layer', 0.01), *over_batches('batch', 0.1))
  found = check(frame, 'depends_less', 'supported', 'batch size', norm='layer', than='batch')
  assert found.effect == pytest.approx(0.09)
  more = 'with batch norm it varies more by 0.0900 (mean; 95% interval 0.0'
  check(frame, 'depends_less', 'refuted', more, norm='batch', than='layer')
  equal = frame_of(*over_batches('layer', 0.01), *over_batches('batch', 0.01))
  check(equal, 'depends_less', 'undecided', norm='layer', than='batch')
  one = equal[equal['batch_size'] == 4]
  check(one, 'depends_less', 'undecided', 'only one value', norm='layer', than='batch')


def test_rises():
  frame = frame_of(*over_batches('batch', 0.1), *over_batches('layer', 0.0))
  found = check(frame, 'rises', 'supported', 'batch size 4 to 64', norm='batch')
  assert found.effect == pytest.approx(0.1)
  assert 'becomes worse' not in found.sentence
  dip = frame_of(
    *over_batches('batch', 0.1), *(trial('batch', s, 0.5, batch_size=16) for s in SEEDS)
  )
  check(
    dip, 'rises', 'supported', 'between neighbours it becomes worse from 4 to 16:', norm='batch'
  )
  assert 'becomes worse' not in check(frame, 'rises', 'undecided', norm='layer').sentence
  check(frame_of(*over_batches('batch', -0.1)), 'rises', 'refuted', norm='batch')
  one = frame[frame['batch_size'] == 4]
  check(one, 'rises', 'undecided', 'only one value', norm='batch')


def runs(values, norm='batch'):
  return frame_of(*(trial(norm, s, x) for s, x in enumerate(values)))


CLOSE = (0.899, 0.9, 0.901, 0.9, 0.9)  # mean 0.9, deviation 0.00071


def test_reaches_is_about_both_sides():
  """Beyond the figure of a single run is no more a reproduction than short of it."""
  says = 'a single run, 0.9010'
  check(runs(CLOSE), 'reaches', 'supported', says, norm='batch', value=0.901)
  check(runs(CLOSE), 'reaches', 'refuted', norm='batch', value=0.95)
  found = check(runs(CLOSE), 'reaches', 'refuted', norm='batch', value=0.85)
  assert found.effect == pytest.approx(0.05)
  check(runs(CLOSE), 'reaches', 'supported', norm='batch', value=0.85, slack=0.06)
  check(runs(CLOSE), 'reaches', 'undecided', 'single run', norm='batch', value=0.909)


def test_reaches_knows_the_noise_of_a_single_run():
  """One run varies as our seeds do, and its share of right answers as a binomial does."""
  values = np.array(CLOSE)
  found = statistics.CLAIMS['reaches'](runs(values), norm='batch', value=0.901)
  half = stats.t.ppf(0.975, 4) * values.std(ddof=1) * np.sqrt(1 + 1 / 5)
  np.testing.assert_allclose(found.interval[:2], (-0.001 - half, -0.001 + half))
  options = {'norm': 'batch', 'value': 0.901, 'examples': 1000}
  found = check(runs(values), 'reaches', 'undecided', 'on 1000 test examples', **options)
  variance = values.var(ddof=1) * (1 + 1 / 5) + 0.901 * 0.099 / 1000
  assert np.diff(found.interval[:2]) / 2 == pytest.approx(stats.t.ppf(0.975, 4) * variance**0.5)


def test_reaches_in_a_loss_has_a_margin_of_one_percent_and_no_binomial():
  options = {'norm': 'batch', 'metric': 'test_loss', 'examples': 100}
  loss = 2.3 * 0.1
  check(runs((0.9, 0.90001) * 3), 'reaches', 'supported', value=loss * 1.005, **options)
  check(runs((0.9, 0.90001) * 3), 'reaches', 'refuted', value=loss * 1.02, **options)


def test_survives_counts_how_often_one_run_each_would_have_said_so():
  options = {'norm': 'layer', 'than': 'batch', 'by': 0.0044}
  words = ('ahead of batch norm by 0.0044, a run each', 'in 20 of 20 cases')
  check(two_norms(0.5), 'survives', 'supported', *words, **options)
  # 0.004 apart and far apart by seed: pairs of one seed agree, runs of two seeds toss a coin.
  found = check(two_norms(0.004), 'survives', 'supported', 'in 10 of 20 cases', **options)
  assert found.effect == pytest.approx(0.0042, abs=3e-4)
  check(two_norms(-0.01), 'survives', 'refuted', **options)


def test_a_claim_carries_its_question():
  asks = 'Is it so?'
  assert statistics.CLAIMS['trains'](two_norms(0.1), norm='layer', asks=asks).asks == asks
  claims = (('trains', {'norm': 'layer', 'asks': asks, 'at': {'batch_size': 65}}),)
  assert [found.asks for found in statistics.verdicts(two_norms(0.1), claims)] == [asks]


def test_a_filter_may_be_a_range():
  frame = frame_of(*trained_on('none', (1.0, 10.0)))
  trains = statistics.CLAIMS['trains']
  found = trains(frame, norm='none', at={'init_scale': {'from': 1.0, 'to': 10.0}})
  assert found.outcome == 'supported' and '10 of 10' in found.sentence
  assert found.sentence.startswith('At initial scale 1 to 10')
  beyond = trains(frame, norm='none', at={'init_scale': {'from': 0.5}})
  assert beyond.outcome == 'refuted' and 'At initial scale 0.5 and above, ' in beyond.sentence
  fails = statistics.CLAIMS['fails'](frame, norm='none', at={'init_scale': {'to': 0.1}})
  assert 'At initial scale up to 0.1, 0 of 10' in fails.sentence


def test_a_filter_takes_numbers_to_a_tenth_of_a_percent_and_texts():
  frame = frame_of(*trained_on('none', (1.0, 10.0)), *trained_on('batch', (1.0,)))
  trains = statistics.CLAIMS['trains']
  ends = {'from': 1.0005, 'to': 9.995}
  assert '10 of 10' in trains(frame, norm='none', at={'init_scale': ends}).sentence
  ends = {'from': 1.005, 'to': 10.0}
  assert '5 of 5' in trains(frame, norm='none', at={'init_scale': ends}).sentence
  two = frame.assign(optimizer=np.where(frame['init_scale'] == 1.0, 'adam', 'sgd'))
  assert '5 of 5' in trains(two, norm='batch', at={'optimizer': 'adam'}).sentence
  assert '0 of 20' in trains(two, norm='batch', at={'optimizer': ('sgd',)}).sentence


def test_a_filter_on_a_result_is_refused():
  with pytest.raises(ValueError, match="unknown column 'test_accuracy'"):
    statistics.CLAIMS['trains'](two_norms(0.1), norm='layer', at={'test_accuracy': 0.9})


def test_trains_and_fails():
  frame = frame_of(*trained_on('none', (1.0,)))
  check(frame, 'trains', 'supported', '5 of 5', norm='none', at={'init_scale': 1.0})
  check(frame, 'trains', 'refuted', '5 of 10', norm='none', at={'init_scale': (1.0, 10.0)})
  check(frame, 'fails', 'supported', '0 of 5', norm='none', at={'init_scale': 100.0})
  check(frame, 'fails', 'refuted', norm='none')
  one = frame_of(*trained_on('none', (1.0,), seeds=(0,)))
  check(one, 'trains', 'undecided', '1 seed', norm='none', at={'init_scale': 1.0})
  found = statistics.CLAIMS['trains'](frame, norm='none')
  assert np.isnan(found.p) and found.tested == 0  # a count of trials, and no test


def test_a_filter_counts_floats_as_equal_that_print_alike():
  frame = frame_of(*trained_on('none', (1.0,), grid=(0.1 + 0.2, 1.0)))
  assert statistics.CLAIMS['fails'](frame, norm='none', at={'init_scale': 0.3}).n == 5


def test_a_norm_that_was_not_swept_leaves_the_claim_undecided():
  found = check(two_norms(0.1), 'beats', 'undecided', 'instance', norm='layer', than='instance')
  assert found.n == 0 and np.isnan(found.effect)


@pytest.mark.parametrize(
  'claim, options, words',
  [
    ('rankng', {}, ("'rankng'", "did you mean 'ranking'?")),
    ('beats', {'norm': 'layer', 'then': 'batch'}, ("'then'", "did you mean 'than'?")),
    ('beats', {'norm': 'layer'}, ("needs the option 'than'",)),
  ],
)
def test_unknown_claims_and_options_are_refused_without_records(claim, options, words):
  with pytest.raises(ValueError) as error:
    statistics.check([(claim, options)])
  assert '\n' not in str(error.value)
  assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
  'at, words',
  [
    ({'batch_size': 65}, ('batch size 65', 'batch size 64')),
    ({'batchsize': 64}, ("'batchsize'", "did you mean 'batch_size'?")),
  ],
)
def test_a_filter_that_matches_nothing_names_what_there_is(at, words):
  with pytest.raises(ValueError) as error:
    statistics.CLAIMS['trains'](two_norms(0.1), norm='layer', at=at)
  assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
  'entry, words',
  [
    ({'nam': 'loss'}, ("'nam'", "did you mean 'name'?")),
    ({'name': 'loss', 'column': 'train_loss', 'values': {1: 0.5}}, ('needs name and at=',)),
    ({'name': 'loss', 'at': {'norm': 'none'}, 'column': 'train_loss'}, ('needs values=',)),
    ({'name': 'a', 'at': {'norm': 'none'}, 'values': {'last': 1.0}}, ("has epoch 'last'",)),
    ({'name': 'loss', 'at': {'norm': 'none'}, 'values': {-1: 1.0}}, ('needs column, or see',)),
  ],
)
def test_a_reference_that_cannot_be_shown_is_refused_without_records(entry, words):
  with pytest.raises(ValueError) as error:
    statistics.check_references([{'says': 'it did not train'}, entry])
  assert '\n' not in str(error.value)
  assert all(word in str(error.value) for word in words), error.value


def test_verdicts_go_on_after_a_claim_that_cannot_be_judged():
  claims = (('trains', {'norm': 'layer', 'at': {'batch_size': 65}}), ('trains', {'norm': 'layer'}))
  first, second = statistics.verdicts(two_norms(0.1), claims)
  assert (first.outcome, second.outcome) == ('undecided', 'supported')
  assert first.sentence.startswith('Not judged: no trial has batch size 65')
