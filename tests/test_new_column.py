"""CONTRIBUTING.md's worked example of a new column: two files, and a report that shows it."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
TEXT = (ROOT / 'CONTRIBUTING.md').read_text().partition('\n## A new column\n')[2]
TEXT = TEXT.partition('\n## ')[0]
BLOCKS = re.findall(r'```python\n(.*?)```', TEXT, re.DOTALL)

# A sweep and its report, with a claim of the new column; in a process that imports the copy.
RUN = """
import json, pathlib, sys
import norms, small
from norms.lab import records, report, statistics, study

assert pathlib.Path(norms.__file__).is_relative_to(sys.argv[1]), norms.__file__
claim = ('beats', {'norm': 'batch', 'than': 'none', 'metric': 'test_confidence'})
made = study.from_config(
  small.config(norm=('none', 'batch'), init_scale=(0.1, 1.0), epochs=1, claims=(claim,))
)
folder = pathlib.Path(sys.argv[1]) / 'results'
frame, failed, _ = small.run(made, folder)
assert not failed, failed
report.write(frame, made, records.provenance(folder), folder / 'report')
(verdict,) = statistics.verdicts(frame, made.claims)
found = {'axes': statistics.axes(frame), 'sentence': verdict.sentence}
print(json.dumps(found | {'low': float(frame['train_confidence'].min())}))
"""


def texts(folder):
  """The package's files and what they hold."""
  return {path.relative_to(folder): path.read_text() for path in folder.glob('norms/**/*.py')}


def follow(folder):
  """Does what the section says, to the files that it names."""
  measurement, row = BLOCKS
  evaluation, columns = (folder / name for name in named())
  text = evaluation.read_text().rstrip('\n')
  last = text.splitlines()[-1]
  assert last.startswith('SCORES: '), 'the section replaces the last line'
  evaluation.write_text(text.removesuffix(last) + measurement)
  head, begin, rest = columns.read_text().partition('\nCOLUMNS: tuple[Column, ...] = (\n')
  assert begin, 'COLUMNS begins otherwise'
  columns.write_text(f'{head}{begin}  {row.strip()},\n{rest}')


def named():
  """The files that are to change, as the section first names them."""
  found = dict.fromkeys(re.findall(r'`(norms/lab/(?:columns|engine/evaluation)\.py)`', TEXT))
  return sorted(found, reverse=True)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
  """(the copy's folder, its files before, what the run printed)."""
  folder = tmp_path_factory.mktemp('copy')
  shutil.copytree(ROOT / 'norms', folder / 'norms', ignore=shutil.ignore_patterns('__pycache__'))
  before = texts(folder)
  follow(folder)
  found = subprocess.run(
    [sys.executable, '-c', RUN, str(folder)],
    cwd=folder,
    env={**os.environ, 'PYTHONPATH': f'{folder}:{ROOT / "tests" / "lab"}'},
    capture_output=True,
    text=True,
    check=False,
  )
  assert not found.returncode, found.stderr
  return folder, before, json.loads(found.stdout.splitlines()[-1])


def test_it_takes_two_files(made):
  folder, before, _ = made
  after = texts(folder)
  changed = sorted(str(path) for path in after if after[path] != before.get(path))
  assert changed == ['norms/lab/columns.py', 'norms/lab/engine/evaluation.py'] == sorted(named())
  assert set(after) == set(before) and len(BLOCKS) == 2
  assert len(BLOCKS[1].strip().splitlines()) == 1, 'one row'


def test_the_report_shows_it(made):
  folder, _, found = made
  report = folder / 'results' / 'report'
  csv = pd.read_csv(report / 'summary.csv')
  own = csv[csv['metric'] == 'test_confidence']
  assert len(own) == 4 and own['mean'].between(0.1, 1).all()
  assert found['low'] >= 0.1
  drawn = {path.stem for path in (report / 'figures').glob('*.png')}
  for split in ('train', 'test'):
    assert {f'{split}_confidence_by_epoch', f'{split}_confidence_by_init_scale'} <= drawn
  text = (report / 'report.md').read_text(encoding='utf-8')
  assert '| test confidence | batch |' in text and '## Further measurements' in text


def test_a_claim_can_be_made_of_it(made):
  assert 'in test confidence' in made[2]['sentence'] and 'Not judged' not in made[2]['sentence']


def test_it_is_no_axis(made):
  assert made[2]['axes'] == ['init_scale']
