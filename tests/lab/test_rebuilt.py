"""A committed report is what today's code makes of the committed records, file by file."""

import dataclasses
import decimal
import itertools
import json
import pathlib
import re

import invented
import matplotlib
import pandas as pd
import pytest

from norms.lab import evidence, parity, report, study
from norms.lab.report import parity as parity_report

RESULTS = pathlib.Path(__file__).parents[2] / 'results'
FOLDERS = sorted(path.parent for path in RESULTS.glob('*/re*/records.parquet'))
# Of different pages, and quick; the others are slow.
QUICK = ('cifar_learning_rate', 'fashion_cnn', 'sweep')
DRAWN_WITH = '3.11.'  # by another Matplotlib the same figure may have other paths
NUMBER = re.compile(r'(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)')


def asked(folder: pathlib.Path):
  """The study of a committed report, as `train.py --report` has it, and what writes its report."""
  name = folder.parent.name
  command = re.search(r'^- report: (.*)$', (folder / 'report.md').read_text(), re.MULTILINE)[1]
  config, get_hyper, doc = invented.config(name)
  if 'kind' not in config:
    made = study.from_config(config, get_hyper=get_hyper, doc=doc, command=command)
    return made, report
  made = parity.from_config(config, doc=doc, command=command)
  # Every library was installed where the records were made, and need not be here.
  return dataclasses.replace(made, absent=''), parity_report


def rebuilt(folder: pathlib.Path, into: pathlib.Path) -> pathlib.Path:
  """The report of the records beside a committed one."""
  made, by = asked(folder)
  frame, made_by, timing = evidence.load(folder)
  index = by.write(frame, made, made_by, into, *[timing] * (by is report))
  return index.parent


def names(folder):
  """Its files, without the records, which are read, and PNGs, whose figures are SVGs too."""
  files = [path for path in folder.rglob('*.*') if path.is_file() and path.suffix != '.parquet']
  return sorted(str(path.relative_to(folder)) for path in files)


def text(path):
  """What a file says; without its drawings, where they were drawn otherwise."""
  said = path.read_text()
  own = matplotlib.__version__.startswith(DRAWN_WITH)
  return said if own else re.sub('<svg.*?</svg>', '', said, flags=re.DOTALL)


def difference(new, old):
  """The first place where two texts differ, or ''.

  Sums in another order, as on another processor, end in other digits: a number with a point may
  differ by one in its last place, or by a millionth.
  """
  if new == old:
    return ''
  for at, (one, other) in enumerate(
    itertools.zip_longest(NUMBER.split(new), NUMBER.split(old), fillvalue='nothing')
  ):
    if one != other and not (at % 2 and '.' in one and '.' in other and close(one, other)):
      return f'{one[-80:]!r} instead of {other[-80:]!r}'
  return ''


def close(one, other):
  step = 10.0 ** decimal.Decimal(other).as_tuple().exponent
  return abs(float(one) - float(other)) <= max(1.001 * step, 1e-6 * abs(float(other)))


@pytest.mark.parametrize(('new', 'old', 'same'), [
  ('0.8765 (n 5)', '0.8766 (n 5)', True), ('0.8765 (n 5)', '0.8765 (n 6)', False),
  ('0.8765', '0.8767', False), ('[1.23456789012]', '[1.23456789034]', True),
  ('batch', 'layer', False), ('1.5 a', '1.5', False), ('2 of 5', '2.0 of 5', False),
])  # fmt: skip
def test_last_digits_may_differ_and_nothing_else(new, old, same):
  assert (not difference(new, old)) == same


@pytest.mark.rebuilt
@pytest.mark.parametrize(
  'folder',
  [
    pytest.param(
      folder, marks=[pytest.mark.slow] * (folder.parent.name not in QUICK), id=folder.parent.name
    )
    for folder in FOLDERS
  ],
)
def test_a_committed_report_is_what_the_code_makes_of_its_records(folder, tmp_path):
  fresh = rebuilt(folder, tmp_path / 'report')
  assert names(fresh) == names(folder)
  differing = {
    name: found
    for name in names(folder)
    if not name.endswith('.png') and (found := difference(text(fresh / name), text(folder / name)))
  }
  assert not differing, 'python train.py --report --config=configs/<study>.py makes it again'
  kept, again = evidence.load(folder), evidence.load(fresh)
  pd.testing.assert_frame_equal(again.frame, kept.frame)
  assert again[1:] == kept[1:]


def words(line):
  return ' '.join(line.split())


@pytest.mark.parametrize(('name', 'tables', 'columns'), [
  ('cifar_learning_rate', ('usual', 'sweep'), None), ('parity', ('pairs',), 9),
  ('parity_drift', ('curves', 'drifts'), None),
])  # fmt: skip
def test_a_terminal_shows_the_committed_tables_and_verdicts(name, tables, columns):
  folder = RESULTS / name / 'report'
  made, by = asked(folder)
  text = by.terminal(evidence.load(folder).frame, made, *[folder / 'index.html'] * (by is report))
  lines = [words(line) for line in text.splitlines()]
  expected = []
  for table in tables:
    cells = pd.read_csv(folder / 'tables' / f'{table}.csv', dtype=str, keep_default_na=False)
    expected += [words(' '.join(row)) for row in cells.iloc[:, :columns].to_numpy()]
  verdicts = json.loads((folder / 'summary.json').read_text())['verdicts']
  said = 'finding' if by is report else 'sentence'
  expected += [words(verdict[said]) for verdict in verdicts]
  places = [next((i for i, line in enumerate(lines) if each in line), -1) for each in expected]
  assert lines[0].startswith(name) and min(places) > 0 and len(expected) > 5


def test_every_study_of_the_index_is_rebuilt():
  assert len(FOLDERS) >= 12 and set(QUICK) < {folder.parent.name for folder in FOLDERS}
