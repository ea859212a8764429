"""The table of docs/statistics.md keeps its promises, and a small form of its simulations runs."""

import pathlib
import re

import numpy as np
import pytest

from tests.simulations import coverage, observed, studies, untrained

PAGE = pathlib.Path(__file__).resolve().parent.parent / 'docs' / 'statistics.md'


def blocks():
  """{first line of a part of the table: {line: its shares in percent}}."""
  table = PAGE.read_text().partition('python -m tests.simulations')[2].partition('```text\n')[2]
  found = {}
  for part in table.partition('```')[0].strip().split('\n\n'):
    head, *lines = part.split('\n')
    found[head] = {
      line[:36].strip(): [float(x) for x in re.findall(r'([\d.]+)%', line)] for line in lines
    }
  return found


def part(start):
  (lines,) = [lines for head, lines in blocks().items() if head.startswith(start)]
  return lines


def test_the_table_is_of_four_thousand_studies():
  assert '\n4000 studies a line' in PAGE.read_text()


def test_a_study_of_no_effect_claims_one_in_at_most_6_5_percent():
  lines = part('no effect')
  assert lines
  for uncorrected, holm in lines.values():
    assert holm <= 6.5 < uncorrected


def test_intervals_cover_at_least_93_percent():
  """Of normal differences and of skewed ones; the very skewed ones show where they fail."""
  lines = {name: share for name, (share,) in part('95% interval').items()}
  promised = {name: share for name, share in lines.items() if not name.startswith('very')}
  assert len(promised) == 6 and min(promised.values()) >= 93
  assert all(once >= 93 for once, _ in part('the same over').values())


def test_the_committed_studies_are_as_skewed_as_the_page_says():
  lines = PAGE.read_text().splitlines()
  for seeds in (5, 10):
    settings = observed.observed(seeds)
    pairs = np.concatenate(settings)
    name = f'{len(pairs)} of {len(settings)} settings, here'
    (line,) = [line.split() for line in lines if line.startswith(f'{name:26}{seeds:3} seeds')]
    ends = [float(word.strip('()')) for word in (line[7], line[8], line[10])]
    np.testing.assert_allclose(ends, observed.mean_and_interval(settings), atol=0.0051)
    assert line[11] == f'{np.mean(pairs > 1):.0%}'
    of_each = {noise: observed.invented(4000, seeds, noise).mean() for noise in studies.NOISE}
    normal, skewed, very_skewed = of_each.values()
    _, low, high = ends
    if seeds == 5:
      assert normal < low < skewed < very_skewed < high
    else:
      assert low < normal < skewed < high < very_skewed


def test_the_skewness_of_a_sample_is_told_without_its_sign():
  np.testing.assert_allclose(
    observed.skewness(np.array([[0.0, 0, 0, 1], [1, 1, 1, 0]])), 1.1547, 1e-4
  )


def test_of_nets_in_which_nothing_was_learnt_none_counts_as_trained():
  heads = [head for head in blocks() if head.startswith('nothing learnt')]
  assert len(heads) == 1
  rows = PAGE.read_text().partition(heads[0])[2].partition('```')[0].split('\n')[1:-1]
  counts = np.array([[int(x) for x in row.split()[1:]] for row in rows])
  assert counts.sum(axis=0).tolist() == [600, 45, 0, 0]


@pytest.mark.slow
def test_a_few_nets_in_which_nothing_was_learnt():
  (found,) = untrained.count(untrained.study(seeds=3, norms=('none',))).values()
  assert found.nets == 6 and found.above_before == found.trained == 0


def test_a_reference_at_the_margin_is_called_neither_too_often():
  assert all(within <= 4 and beyond <= 4 for within, beyond in part('a reference').values())


@pytest.mark.parametrize('noise', ['normal', 'skewed (skewness 1)'])
def test_a_few_studies_of_no_effect(noise):
  """Five standard deviations of 40 studies above the promise, at most."""
  uncorrected, corrected = studies.share_with_a_claim(40, 5, noise)
  assert corrected <= uncorrected and corrected <= 0.065 + 5 * (0.05 * 0.95 / 40) ** 0.5


def test_a_few_intervals():
  assert coverage.coverage(400, 5, 'normal') > 0.95 - 5 * (0.05 * 0.95 / 400) ** 0.5
  assert coverage.coverage(40, 20, 'normal') > 0.95 - 5 * (0.05 * 0.95 / 40) ** 0.5
  once, stratified = coverage.over_cells(40, 5, resamples=100)
  assert once > 0.8 > stratified
