"""The schema of what parity studies record: a row for each column that they write, of its dtype."""

import importlib.util
import pathlib

import pytest

from norms.lab import columns, parity, parity_columns

CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'
KINDS = {'float': 'fiu', 'int': 'iu', 'text': 'OUT'}


def recorded(name, folder, **changes):
  """The records of a small study of configs/<name>.py."""
  spec = importlib.util.spec_from_file_location(name, CONFIGS / f'{name}.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  config = module.get_config('smoke')
  with config.unlocked():
    config.update(changes)
  study = parity.from_config(config)
  assert parity.run(study, study.units, folder) == []
  return parity.results(study, folder)


SMALL = {
  'parity': {'norms': ('layer',), 'peers': ('linen',), 'dtypes': ('float32',), 'inputs': ('unit',)},
  'parity_drift': {'libraries': ('norms',), 'families': ('layer',), 'seeds': (0,), 'epochs': 1},
}


@pytest.fixture(scope='module')
def frames(tmp_path_factory):
  return {name: recorded(name, tmp_path_factory.mktemp(name), **SMALL[name]) for name in SMALL}


@pytest.mark.parametrize('name', SMALL)
def test_every_column_that_a_parity_study_writes_has_a_row_of_its_dtype(name, frames):
  frame = frames[name]
  for column in frame:
    row = parity_columns.of(column)
    values = frame[column].dropna()
    assert frame[column].dtype.kind in KINDS[row.dtype], (column, frame[column].dtype)
    if row.dtype != 'text':
      low, high = row.limits
      assert values.between(low, high).all(), column


def test_every_row_is_of_a_column_that_some_parity_study_writes(frames):
  written = set().union(*frames.values())
  assert {row.name for row in parity_columns.COLUMNS} == written
  assert set(parity_columns.COMPARED) <= written


def test_rows_are_consistent_and_no_measurement_of_a_study_is_hidden_by_them():
  rows = parity_columns.COLUMNS
  assert len({row.name for row in rows}) == len(rows)
  for row in rows:
    assert row.kind in (columns.KEY, columns.SETTING, columns.MEASUREMENT), row
    assert row.dtype in columns.DTYPES and parity_columns.label(row.name), row
    assert row.shown == columns.NOWHERE, row
    if row.unit:
      assert row.dtype in ('float', 'int'), row
  # A metric of a user that is called error is shown as any other.
  assert columns.of('error') == columns.Column('error')
  with pytest.raises(KeyError):
    parity_columns.of('test_loss')
