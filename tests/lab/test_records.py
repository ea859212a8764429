"""Promises of the store: what is damaged is noticed, named and trained again; nothing is litter."""

import os
import pathlib
import re
import socket
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet
import pytest
import small

from norms.lab import records, session, study
from norms.lab.store import checked, durable

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path):
  """A file of two trials, three rows each."""
  frame = pd.DataFrame({'trial': ['a'] * 3 + ['b'] * 3, 'epoch': [0, 1, 2] * 2, 'x': range(6)})
  path = tmp_path / 'one.parquet'
  checked.write(path, pa.Table.from_pandas(frame, preserve_index=False))
  return path


def test_every_flipped_bit_is_noticed(file):
  raw = file.read_bytes()
  for i in range(0, 8 * len(raw), 7):  # of all places in a byte in turn
    torn = bytearray(raw)
    torn[i // 8] ^= 1 << i % 8
    file.write_bytes(torn)
    with pytest.raises(checked.Damaged, match='cannot be read'):
      checked.read(file, ['trial'])
  file.write_bytes(raw)
  assert checked.read(file)['x'].to_pylist() == list(range(6))


@pytest.mark.parametrize('length', [0, 4, 100, -1])
def test_a_torn_file_is_noticed(length, file):
  file.write_bytes(file.read_bytes()[:length])
  with pytest.raises(checked.Damaged, match='run its study again'):
    checked.read(file)


def test_a_file_says_how_much_it_holds_and_a_page_its_own_sum(file):
  told = parquet.read_metadata(file).metadata
  assert told[b'norms.counts'] == b'{"trials": 2, "rows": 6}'
  # As one from before there were sums, which is read as it is.
  parquet.write_table(parquet.read_table(file).replace_schema_metadata(None), file)
  assert checked.read(file).num_rows == 6
  checked.write(file, checked.read(file))
  assert len(re.findall(b'norms.sha256', file.read_bytes())) == 1


def test_a_copy_with_other_rows_says_its_own_sum(file):
  checked.write(file, checked.read(file).slice(0, 3))
  assert checked.read(file).num_rows == 3
  assert parquet.read_metadata(file).metadata[b'norms.counts'] == b'{"trials": 1, "rows": 3}'


def test_what_cannot_be_opened_is_not_taken_for_damaged(tmp_path):
  with pytest.raises(ValueError, match='cannot be opened: Is a directory') as error:
    checked.read(tmp_path)
  assert not isinstance(error.value, checked.Damaged)


def test_a_damaged_file_is_set_aside_and_its_trials_run_again(tmp_path, capsys):
  asked = study.from_config(small.config(norm=('none', 'batch'), epochs=1))
  before = session.run(asked, tmp_path, progress=False)
  file, kept = records.files(tmp_path)
  raw = file.read_bytes()
  file.write_bytes(raw[: len(raw) // 2])
  with pytest.raises(ValueError, match=f'{file.name} cannot be read'):
    records.load(tmp_path)
  plan = session.describe(asked, tmp_path)
  assert '1 done, 1 to run' in plan and f'{file} is damaged' in plan
  assert file.exists()  # a plan moves nothing
  at = kept.stat().st_mtime_ns
  after = session.run(asked, tmp_path, progress=False)
  assert f'{file} is damaged or foreign: it is now {file.name}.damaged' in capsys.readouterr().err
  pd.testing.assert_frame_equal(before, after)
  assert (tmp_path / 'records' / f'{file.name}.damaged').read_bytes() == raw[: len(raw) // 2]
  assert kept.stat().st_mtime_ns == at


@pytest.mark.parametrize(
  'columns',
  [{'x': [1, 2]}, {'trial': [1, 2]}, {'trial': [['a'], ['b']]}, {}],
  ids=['of another program', 'trials by number', 'trials in lists', 'nothing'],
)
def test_a_foreign_file_is_set_aside_whatever_it_holds(columns, tmp_path, capsys):
  """Also a Parquet file that is whole; folders, and what has another name, stay."""
  asked = study.from_config(small.config(norm='none', epochs=1))
  before = session.run(asked, tmp_path, progress=False)
  folder = records.folder(tmp_path)
  parquet.write_table(pa.table(columns), folder / 'mine.parquet')
  (folder / 'folder.parquet').mkdir()
  (folder / 'notes.txt').write_text('mine')
  with pytest.raises(checked.Damaged, match='mine.parquet cannot be read .it holds no trials'):
    records.load(tmp_path)
  pd.testing.assert_frame_equal(session.run(asked, tmp_path, progress=False), before)
  assert 'mine.parquet is damaged or foreign' in capsys.readouterr().err
  assert parquet.read_table(folder / 'mine.parquet.damaged').to_pydict() == columns
  assert (folder / 'folder.parquet').is_dir() and (folder / 'notes.txt').exists()


def test_of_a_trial_in_two_files_the_first_counts(tmp_path):
  """Two studies that overlap, and run at once, both train it: neither loses its report."""
  asked = study.from_config(small.config(norm=('none', 'batch'), epochs=1))
  frame = session.run(asked, tmp_path, progress=False)
  written = frame.drop(columns='numerics')
  records.write(tmp_path, asked.trials, written.assign(test_loss=0.5), {'started': '1970'})
  assert set(records.load(tmp_path)['test_loss']) == {0.5}
  assert len(records.load(tmp_path)) == len(frame)
  records.write(tmp_path, asked.trials, written.assign(test_loss=0.5), {'started': '3000'})
  np.testing.assert_array_equal(records.load(tmp_path)['test_loss'], frame['test_loss'])


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
  target = tmp_path / 'folder' / 'one.txt'
  with durable.replacing(target) as temporary:
    temporary.write_text('whole')
    assert not target.exists() and temporary.parent == target.parent
  with pytest.raises(RuntimeError), durable.replacing(target) as temporary:
    temporary.write_text('half')
    raise RuntimeError
  assert [each.name for each in target.parent.iterdir()] == ['one.txt']
  assert target.read_text() == 'whole'


def test_two_processes_of_one_number_on_two_hosts_have_names_of_their_own(tmp_path, monkeypatch):
  names = set()
  for host in ('one', 'two', 'two'):
    monkeypatch.setattr(socket, 'gethostname', lambda host=host: host)
    names.add(durable.beside(tmp_path / 'file').name)
  assert len(names) == 3


def test_what_a_kill_left_is_cleared_and_nothing_else(tmp_path, monkeypatch):
  with subprocess.Popen(['true']) as gone:
    pass
  own = durable.beside(tmp_path / 'mine.v2.parquet')
  left = own.with_name(own.name.replace(f'-{os.getpid()}-', f'-{gone.pid}-'))
  folder = left.with_name(left.name.replace('mine', 'folder'))
  monkeypatch.setattr(socket, 'gethostname', lambda: 'another.host')
  theirs, old = (durable.beside(tmp_path / name) for name in ('theirs', 'old'))
  monkeypatch.undo()
  for path in (own, left, theirs, old, tmp_path / '.notes.tmp', tmp_path / 'one.parquet'):
    path.touch()
  (folder / 'inside').mkdir(parents=True)
  os.utime(old, (0, 0))
  durable.clear(tmp_path)
  there = {'.notes.tmp', 'one.parquet', own.name, theirs.name}
  assert {path.name for path in tmp_path.iterdir()} == there
  records.prepare(tmp_path)
  left.with_name('records').joinpath(left.name).touch()
  records.prepare(tmp_path)
  assert not list((tmp_path / 'records').iterdir())


def test_a_folder_of_a_process_that_ended_goes_from_the_temporary_one(tmp_path, monkeypatch):
  monkeypatch.setattr(durable.tempfile, 'tempdir', str(tmp_path))
  code = (
    'import os, pathlib; from norms.lab.store import durable; folder = durable.temporary_folder();'
    'pathlib.Path(folder.name, "inside").touch(); os._exit(9)'  # as after a kill
  )
  environment = os.environ | {'TMPDIR': str(tmp_path), 'PYTHONPATH': str(ROOT)}
  subprocess.run([sys.executable, '-c', code], env=environment)
  assert len(list(tmp_path.rglob('inside'))) == 1
  with durable.temporary_folder() as one, durable.temporary_folder() as other:
    assert {str(path) for path in tmp_path.iterdir()} == {one, other}
  assert not list(tmp_path.iterdir())


def test_a_folder_is_tried_before_anything_is_trained(tmp_path, monkeypatch):
  """Root may write to any folder whatever its mode, so here the file system itself refuses."""
  durable.check_writable(tmp_path)
  assert not list(tmp_path.iterdir())

  def refuse(*_, **__):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(os, 'open', refuse)
  with pytest.raises(OSError, match='No space left'):
    records.prepare(tmp_path)
