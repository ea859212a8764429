"""Every number of every committed verdict, recomputed from the committed files by another route."""

import json
import pathlib

import invented
import numpy as np
import pandas as pd
import pytest
import recomputed

from norms.lab.report import studies

RESULTS = pathlib.Path(__file__).parents[2] / 'results'
FOLDERS = sorted(path.parent for path in RESULTS.glob('*/re*/trials.csv'))
NOT_RULES = ('at', 'asks', 'expects')


def numbers(claim, trials, starts):
  """What a claim's rule gives."""
  name, options = claim
  rule = getattr(recomputed, name)
  rows = recomputed.at(starts if name == 'passes_on' else trials, options.get('at', {}))
  return rule(rows, **{key: value for key, value in options.items() if key not in NOT_RULES})


def outcome(found, p):
  """By the corrected p, where the claim is tested."""
  sure = np.isnan(p) or p <= 0.05
  return 'supported' if sure and found.holds else 'refuted' if sure and found.fails else 'undecided'


@pytest.mark.parametrize('folder', FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_number_of_every_verdict_follows_from_the_files_beside_it(folder):
  summary = json.loads((folder / 'summary.json').read_text())
  claims = invented.asked(folder.parent.name).claims
  trials, starts = recomputed.read(folder)
  found = [numbers(claim, trials, starts) for claim in claims]
  corrected = recomputed.holm([each.p for each in found])
  assert len(claims) == len(summary['verdicts']) > 0
  for (name, _), line, each, p in zip(claims, summary['verdicts'], found, corrected, strict=True):
    assert line['claim'] == name
    where = f'{name}: {line["sentence"]}'
    told = [line[key] for key in ('effect', 'low', 'high', 'p', 'p_corrected')]
    told = [np.nan if value is None else value for value in told]
    # trials.csv has nine digits; a difference of two scores keeps six of them, or more.
    np.testing.assert_allclose(
      told, [*each[:4], p], rtol=1e-4, atol=1e-7, equal_nan=True, err_msg=where
    )
    assert line['outcome'] == outcome(each, p), where
    for text in each.says:
      assert text in line['sentence'], (text, where)


def test_there_is_evidence_of_every_study_with_claims():
  """A report without its files cannot be recomputed."""
  kept = {folder.parent.name for folder in FOLDERS}
  compared = {'parity_drift'}  # by the bars of a comparison with other libraries
  assert kept - compared == {*studies.STUDIES, 'sweep'} - compared


def test_a_study_tells_its_history_where_it_is_read():
  """What was first supported, from which start, and what took its place."""
  page = (RESULTS / 'mnist_mlp' / 'report' / 'report.md').read_text()
  assert "## The study's own notes" in page
  assert 'the lead of batch norm in loss was +.0409 (.0394 to .0425)' in page
  table = (RESULTS / 'README.md').read_text()
  for start in ('usual', 'small', 'searched'):
    assert f'From the {start} start, does batch norm converge faster' in table


def test_the_csv_says_which_trials_replay_a_reference():
  rows = pd.read_csv(RESULTS / 'cifar_depth' / 'report' / 'trials.csv')
  replayed = rows['replay'].notna()
  assert set(rows[replayed]['seed']) == {231} and set(rows[~replayed]['seed']) == set(range(5))
