"""Every number of every committed verdict, recomputed from the committed files by another route."""

import json
import pathlib

import invented
import numpy as np
import pytest
import recomputed

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
  assert {'sweep', 'mnist_mlp', 'cifar_init_scale', 'cifar_group_norm'} <= kept
