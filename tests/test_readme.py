"""README: its code runs, its figures are those of the committed reports, and it stays short."""

import pathlib
import re

import numpy as np
import pytest

import norms

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / 'README.md').read_text()
BLOCKS = re.findall(r'```python\n(.*?)```', TEXT, re.DOTALL)
ANSWERS = TEXT.partition('## Two commands')[0]


@pytest.fixture(scope='module')
def names():
  """What the blocks define; run in an empty folder's name, so that nothing on disk is found."""
  found = {'__name__': 'readme'}
  for block in BLOCKS:
    if 'records.load' not in block:  # of a sweep that has run
      exec(compile(block, 'README.md', 'exec'), found)
  return found


def test_blocks_run_and_give_what_they_say(names):
  x, stats = names['x'], names['stats']
  np.testing.assert_allclose(stats.mean, 0.1 * np.mean(x, (0, 1, 2)), atol=1e-6)
  assert names['z'].shape == x.shape
  assert set(names['updates']['batch_stats']) == {'mean', 'var'}


def test_it_is_short_and_answers_first():
  lines = TEXT.splitlines()
  assert len(lines) <= 150
  screen = '\n'.join(lines[:40])
  for part in ('![', '**Which?**', '**When?**', '**Why?**', 'python train.py', 'pip install'):
    assert part in screen, part


def test_every_norm_is_named():
  """In README's list, by its name or its module's."""
  listed = TEXT.partition('`norms.NORMS` lists them')[2].partition('\n\n')[0].lower()
  said = set(re.findall(r'[a-z0-9]+', listed))
  for name, row in norms.NORMS.items():
    if row.kind != 'none':
      assert {row.class_name.lower(), name.split('_')[0]} & said, name


def _answers():
  """(what is said, the text of the reports that it names), answer by answer."""
  parts = ANSWERS.split('\n- ')[1:]
  reports = [re.findall(r'\[report\]\(([^)]*)\)', part) for part in parts]
  reports[0] = reports[0] or reports[1]  # the first two share one
  for part, paths in zip(parts, reports, strict=True):
    assert paths, f'no report beside {part!r}'
    said = re.sub(r'\(`python.*|5 seeds', '', ' '.join(part.split()))
    yield said, '\n'.join((ROOT / path).read_text() for path in paths)


def test_every_figure_is_one_of_the_report_that_stands_beside_it():
  count = 0
  for said, report in _answers():
    for number in re.findall(r'(?<![\w.-])\d+(?:\.\d+)?(?![\w-])', said):
      count += 1
      assert re.search(rf'(?<![\d.]){re.escape(number)}(?![\d]|\.\d)', report), number
  assert count >= 20


def test_the_sentences_that_the_answers_rest_on_are_in_the_reports():
  sweep = (ROOT / 'results/sweep/reference/report.md').read_text()
  assert (
    'no norm 7 of 15, batch 14 of 15, layer 14 of 15, group 14 of 15, rms 14 of 15, weight 8 of 15'
    in sweep
  )
  assert (
    'batch norm reaches 0.9758 in test accuracy and the net with no norm 0.9718: paired by seed, '
    'the lead of batch norm is +0.0039 (mean; 95% interval -0.0037 to +0.0116): undecided' in sweep
  )
  assert 'all seeds of batch norm train over 3.0 decades (0.01 to 10) of initial scale' in sweep
  assert re.search(r'layer norm the best of all\? \*\*undecided\*\* ', sweep)
  scale = (ROOT / 'results/cifar_init_scale/report/report.md').read_text()
  assert 'to 0.01, 0 of 60 trials of the net with no norm trained: supported' in scale
  assert 'by a factor of 0.000455 to 0.0399' in scale
  assert 'all seeds of batch norm train over 2.7 decades' in scale
  for why in ('does its signal die out?', 'does its signal blow up?'):
    assert f'{why} **supported** (`passes_on`)' in scale
  few = (ROOT / 'results/cifar_few_features/report/report.md').read_text()
  assert 'At 1 hidden feature, 0 of 5 trials of layer norm trained: supported' in few
  assert 'does nothing pass it? **supported** (`passes_on`)' in few


@pytest.mark.parametrize('page', ['README.md', 'results/README.md', 'CONTRIBUTING.md'])
def test_links_lead_to_files(page):
  path = ROOT / page
  links = re.findall(r'\]\(([^)#]+)\)', path.read_text())
  for link in links:
    if '://' not in link:
      assert (path.parent / link).exists(), link
