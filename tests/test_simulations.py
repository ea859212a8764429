"""The table of docs/statistics.md keeps its promises, and a small form of its simulations runs."""

import pathlib
import re

import pytest

from tests.simulations import coverage, studies

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
