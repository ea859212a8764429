"""The best of several is judged by seeds that had no part in the choice; leads have no minus."""

import numpy as np
import pandas as pd
import pytest
from test_figures_are_data import SHOWN, last, recorded
from test_report import study

from norms.lab.report import findings, tables, view
from norms.lab.statistics import comparing, rules, selection, tuned

DRAWS = np.random.default_rng(0)


def frame(values, **more):
  """Last rows of trials: {norm: score of each seed}."""
  rows = [
    {'trial': f'{norm}{seed}', 'norm': norm, 'seed': seed, 'test_accuracy': value, **more}
    for norm, own in values.items() for seed, value in enumerate(own)
  ]  # fmt: skip
  return pd.DataFrame(rows)


def test_a_seed_judges_what_the_others_chose():
  """Seed 0 puts a first; by the others' means it is c, then b, and so on."""
  table = pd.DataFrame({'a': [9.0, 1, 1], 'b': [2.0, 4, 6], 'c': [3.0, 5, 5]})
  # Means of the others: seed 0: 1, 5, 5 (b, which is first of two equals); 1: 5, 4, 4; 2: 5, 3, 4.
  assert selection.scores(table, table).tolist() == [2, 1, 1]
  assert selection.leads(table, table).tolist() == [2 - 3, 1 - 4, 1 - 5]
  assert selection.scores(table, -table).tolist() == [-2, -1, -1]
  assert not len(selection.scores(table[:1], table[:1])) and not len(
    selection.leads(table[['a']], table[['a']])
  )


def test_of_equal_norms_the_best_has_no_lead():
  """Where on the seeds that choose it its lead over the second is half of a deviation or more."""
  flattered, honest = [], []
  for _ in range(400):
    table = pd.DataFrame(DRAWS.normal(size=(5, 6)))
    first, second = np.sort(table.mean())[::-1][:2]
    flattered.append(first - second)
    honest.append(selection.leads(table, table).mean())
  assert np.mean(flattered) > 0.2
  assert abs(np.mean(honest)) < 4 * np.std(honest) / np.sqrt(len(honest))


def test_choices_are_by_their_own_column_and_losses_by_the_least():
  rows = frame({'a': [0.9, 0.8], 'b': [0.7, 0.6]}).assign(test_loss=lambda r: r['test_accuracy'])
  choosing, judging = selection.tables(rows, ['norm'], 'test_loss', 'test_accuracy')
  assert selection.scores(choosing, judging).tolist() == [0.7, 0.6]
  choosing, judging = selection.tables(rows, ['norm'], 'test_accuracy', 'test_loss')
  assert selection.scores(choosing, judging).tolist() == [-0.9, -0.8]
  lacking = rows[:-1]
  assert list(selection.tables(lacking, ['norm'], 'test_loss', 'test_loss')[0]) == ['a']


def test_the_report_says_how_far_the_best_is_ahead_for_seeds_that_did_not_choose_it():
  rows = recorded()
  (said,) = findings.best(view.of(rows, study()))
  usual = last(rows)[lambda r: (r['batch_size'] == 16) & (r['init_scale'] == 1)]
  wide = usual.pivot(index='seed', columns='norm', values='test_accuracy')
  leads = []
  for seed in wide.index:
    first, second = wide.drop(index=seed).mean().sort_values(ascending=False).index[:2]
    leads.append(wide.loc[seed, first] - wide.loc[seed, second])
  assert said.endswith(f'the best is ahead of the second by +{np.mean(leads):.4f}.')
  assert 'on test data, with the seeds that are shown, which flatters it' in said


def test_the_table_over_the_sweep_has_the_best_cell_that_other_seeds_chose():
  rows = recorded()
  noise = pd.Series(DRAWS.normal(size=rows['trial'].nunique()), rows['trial'].unique())
  rows['test_accuracy'] += 0.01 * rows['trial'].map(noise)
  table = tables.sweep(view.of(rows, study()))
  for row in table.rows:
    line = dict(zip(table.columns, row.cells, strict=True))
    own = last(rows)[last(rows)['norm'] == SHOWN[line['norm']]]
    wide = own.pivot(index='seed', columns=['batch_size', 'init_scale'], values='test_accuracy')
    found = [wide.loc[s, wide.drop(index=s).mean().idxmax()] for s in wide.index]
    assert line['by others'] == f'{np.mean(found):.4f}'


SCORES = {'a': [0.80, 0.81, 0.82, 0.80, 0.81], 'b': [0.83, 0.85, 0.84, 0.84, 0.85]}


def test_a_lead_is_that_of_the_side_which_leads():
  behind, ahead = (
    rules.beats(frame(SCORES, epoch=1), norm=n, than=t)[1] for n, t in (('a', 'b'), ('b', 'a'))
  )
  for said in (behind, ahead):
    assert 'the lead of b norm is +0.0340 (mean; 95% interval +0.0' in said and ' -' not in said
  comparison = rules.beats(frame(SCORES, epoch=1), norm='a', than='b')[0]
  assert comparison.effect == pytest.approx(-0.034) and comparison.outcome == 'refuted'
  low, high = -comparison.high, -comparison.low
  assert comparing.lead(comparison, 'a', 'b').endswith(f'interval +{low:.4f} to +{high:.4f})')


def test_each_at_its_own_best_too():
  values = pd.concat([
    frame({n: np.array(own) - rate for n, own in SCORES.items()}, learning_rate=rate)
    for rate in (0.1, 0.2)
  ])  # fmt: skip
  said = tuned.best_against_best(values, norm='a', than='b', tuned='learning_rate')[1]
  assert 'the lead of b norm is +0.0' in said
