"""Promises of the number of the arithmetic: it is raised where curves leave the reference, and what
was made under another number is named, kept, and taken for nothing that it is not."""

import json

import jax
import numpy as np
import pandas as pd
from pyarrow import parquet
import pytest
import reference
import small

from norms.lab import numerics, parity, records, report, study, sweep
from norms.lab.runner import planned
from norms.lab.store import checked

# Relative. An ulp in every initial kernel moves a loss by 3e-7 in these 33 steps, and processors
# differ by as little; one part in 1e4 of the learning rate moves it by 6e-5 and more.
ROUNDING = 1e-5
FLIPPED = 2 / 355  # accuracy: two examples of the test split may change sides
MEND = (
  f'curves are off the reference by more than rounding: if that is meant, raise NUMERICS in '
  f'norms/lab/numerics.py, say there what changed, then {reference.COMMAND}'
)


def kept():
  return json.loads(reference.FILE.read_text(encoding='utf-8'))


def apart(found, expected):
  """Where curves differ by more than rounding: lines, none where they are the same."""
  for norm, columns in expected.items():
    for column, figures in columns.items():
      a, b = np.array(found[norm][column], float), np.array(figures, float)
      bound = ROUNDING * np.abs(b) if column in reference.LOSSES else FLIPPED
      if not np.array_equal(np.isnan(a), np.isnan(b)) or np.nanmax(np.abs(a - b) - bound) > 0:
        yield f'{norm} {column}: {a.tolist()}, in the reference {b.tolist()}'


@pytest.mark.skipif(jax.default_backend() != 'cpu', reason='the reference was made on a CPU')
def test_curves_are_the_references(tmp_path):
  wrong = list(apart(reference.curves(tmp_path), kept()['curves']))
  assert not wrong, '\n'.join([MEND, *wrong])


def test_the_reference_is_of_todays_number():
  """So that a number is raised with new curves, and curves are made anew with a new number."""
  assert kept()['numerics'] == numerics.NUMERICS, f'NUMERICS was raised: {reference.COMMAND}'


@pytest.mark.parametrize('factor', [1 + 1e-4, np.nan])
def test_a_curve_that_has_moved_is_seen(factor):
  expected = kept()['curves']
  moved = json.loads(json.dumps(expected))
  moved['rms']['test_loss'][2] *= factor
  (line,) = apart(moved, expected)
  assert line.startswith('rms test_loss')


def trials(**changes):
  return study.from_config(small.config(**changes)).trials


def test_the_number_is_part_of_a_trial(monkeypatch):
  """And of a unit of a comparison with other libraries."""

  def identity():
    return (trials()[0].hash, parity.study.digest({'norm': 'batch'}))

  now = identity()
  monkeypatch.setattr(numerics, 'NUMERICS', numerics.NUMERICS + 1)
  assert all(a != b for a, b in zip(now, identity(), strict=True))


def test_trials_of_number_1_are_those_from_before_there_was_one(monkeypatch):
  """To the hash, of a replayed one too: what is on disk stays what it is called."""
  monkeypatch.setattr(numerics, 'NUMERICS', 1)
  assert trials()[0].hash == '15be5e1ce90efb36'
  replayed = trials(replay='numpy_legacy', weight_scale=0.1, seed=(0,), norm=('none', 'batch'))
  assert [t.hash for t in replayed] == ['2dc0bd9c84fcadb9', 'aede0f5f7e0d0947']


def older(made, folder):
  """Records as they were written before there was a number."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(numerics, 'NUMERICS', 1)
    small.run(made, folder)
  for file in records.files(folder):
    table = parquet.read_table(file)
    origin = json.loads(table.schema.metadata[b'norms.provenance'])
    assert origin.pop('numerics') == 1
    metadata = {**table.schema.metadata, b'norms.provenance': json.dumps(origin).encode()}
    checked.write(file, table.replace_schema_metadata(metadata))


def test_older_records_are_kept_named_and_not_used(tmp_path):
  made = small.config(norm=('none', 'batch'))
  older(made, tmp_path)
  before = {f: f.stat().st_mtime_ns for f in records.files(tmp_path)}
  asked = study.from_config(made)
  assert set(records.load(tmp_path)['numerics']) == {1}
  assert sweep.results(asked, tmp_path).empty
  groups = sweep.pending(asked, tmp_path)
  assert sum(len(group.trials) for group in groups) == 2
  not_used = f'2 trials of numerics 1 not used: numerics is {numerics.NUMERICS} now'
  line = f'{tmp_path}/records: {not_used}'
  assert planned.describe(asked, groups, tmp_path).splitlines()[-1] == line

  frame, failed, _ = small.run(made, tmp_path)
  assert not failed and set(frame['numerics']) == {numerics.NUMERICS}
  assert all(f.stat().st_mtime_ns == at for f, at in before.items())
  whole = records.load(tmp_path)
  assert whole.groupby('numerics')['trial'].nunique().to_dict() == {1: 2, numerics.NUMERICS: 2}
  assert sweep.pending(asked, tmp_path) == ()
  assert line in planned.describe(asked, (), tmp_path)

  page = report.write(frame, asked, records.provenance(tmp_path), tmp_path / 'report')
  told = page.with_name('report.md').read_text(encoding='utf-8')
  assert f'- numerics: {numerics.NUMERICS}; {not_used}\n' in told and '- trials: 2\n' in told


def test_a_plan_without_older_records_says_nothing_of_them(tmp_path):
  made = small.config()
  frame, _, _ = small.run(made, tmp_path)
  assert records.unused(tmp_path) == []
  (origin,) = records.provenance(tmp_path)
  assert origin['numerics'] == numerics.NUMERICS
  pd.testing.assert_frame_equal(records.load(tmp_path), frame)
  page = report.write(frame, study.from_config(made), [origin], tmp_path / 'report')
  assert 'not used' not in page.with_name('report.md').read_text(encoding='utf-8')


def test_older_files_are_counted_by_number():
  files = [(1, 3), (numerics.NUMERICS, 5), (1, 1), (7, 1)]
  assert numerics.unused(files) == (
    f'4 trials of numerics 1, 1 trial of numerics 7 not used: numerics is {numerics.NUMERICS} now'
  )
  assert numerics.unused([(numerics.NUMERICS, 5)]) == ''
