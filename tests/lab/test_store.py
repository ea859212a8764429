"""Promises of the store at scale: what is known is not opened again, and small files become large
ones whoever is killed, without a change of what is read."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from norms.lab import records
from norms.lab.store import checked, packed, stored, united
from norms.lab.workdir import superseded

A = [f'a{i:02}' for i in range(40)]


@dataclasses.dataclass(frozen=True)
class Made:
  """A trial that was never trained."""

  hash: str


def write(folder, *names, started='2026', value=1.0, **columns):
  """A tile's file; two rows a trial."""
  rows = [(name, epoch, value + epoch) for name in names for epoch in (0, 1)]
  frame = pd.DataFrame(rows, columns=['trial', 'epoch', 'test_accuracy']).assign(**columns)
  origin = {'started': started, 'trials': len(names)}
  records.write(folder, map(Made, names), frame, origin, ['init_scale'])


@pytest.fixture
def folder(tmp_path):
  """Forty tiles of two trials, some with columns that the others have not."""
  for i in range(40):
    more = ({}, {'head_scale': 0.5}, {'clip_norm': 1.0})[i % 3]
    write(tmp_path, f'a{i:02}', f'b{i:02}', value=float(i), started=f'2026-{i:02}', **more)
  return tmp_path


def forget():
  """As in a process that has just begun."""
  stored._memory.clear()


def opened(monkeypatch):
  """The names of files of records that are opened from now on."""
  names, content = [], checked.content

  def counted(path, *columns):
    names.append(path.name)
    return content(path, *columns)

  monkeypatch.setattr(checked, 'content', counted)
  return names


def test_what_the_index_knows_is_not_opened(folder, monkeypatch):
  done, told = records.done(folder), records.provenance(folder)
  assert len(done) == 80 and len(told) == 40
  forget()
  names = opened(monkeypatch)
  assert records.done(folder) == done and records.provenance(folder) == told
  assert records.damaged(folder) == {} and records.unused(folder) == []
  assert names == ['.index']
  write(folder, 'new')
  assert records.done(folder) == done | {'new'} and len(names) == 2


@pytest.mark.parametrize('how', ['torn', 'absent', 'foreign', 'of no use'])
def test_an_index_that_cannot_be_used_is_made_anew(how, folder, monkeypatch):
  done, index = records.done(folder), folder / 'records' / '.index'
  if how == 'absent':
    index.unlink()
  elif how == 'torn':
    index.write_bytes(index.read_bytes()[:-9])
  elif how == 'foreign':
    index.write_bytes(next(folder.glob('records/*.parquet')).read_bytes())
  else:
    for file in folder.glob('records/*.parquet'):
      os.utime(file, (1, 1))
  forget()
  assert records.done(folder) == done
  forget()
  names = opened(monkeypatch)
  assert records.done(folder) == done and names == ['.index']


def test_a_file_of_another_size_time_or_number_is_read_and_checked(folder):
  before = records.done(folder)
  file = records.files(folder)[3]
  raw = file.read_bytes()
  file.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
  assert list(records.damaged(folder)) == [file] and len(before - records.done(folder)) == 2


def test_a_load_notices_what_has_the_size_and_time_that_it_had(folder):
  """And tells the index, by which the next run sets it aside."""
  records.done(folder)
  file = records.files(folder)[3]
  raw, status = bytearray(file.read_bytes()), file.stat()
  raw[len(raw) // 2] ^= 4
  with file.open('r+b') as there:
    there.write(raw)
  os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
  forget()
  assert not records.damaged(folder)
  with pytest.raises(ValueError, match=f'{file.name} cannot be read'):
    records.load(folder)
  forget()
  assert list(records.damaged(folder)) == [file]
  assert 'run again' in records.set_aside(folder)[0]
  assert len(records.load(folder)) == 156


def same(folder, before):
  """Whether a folder says what it said before, to this process and to the next."""
  frame, done, told = before
  for _ in range(2):
    again = records.load(folder)
    pd.testing.assert_frame_equal(again, frame)
    assert again.attrs == frame.attrs
    assert records.done(folder) == done and records.provenance(folder) == told
    forget()


def state(folder):
  return records.load(folder), records.done(folder), records.provenance(folder)


def test_compaction_changes_nothing_that_is_read(folder):
  before = state(folder)
  assert before[0]['head_scale'].isna().sum() == 108 and before[0].attrs['axes'] == ['init_scale']
  tiles = [(name, records.tile_hash([Made(name), Made(f'b{name[1:]}')])) for name in A]
  order = [name for name, _ in sorted(tiles, key=lambda tile: tile[1]) for _ in range(2)]
  assert before[0]['trial'][before[0]['trial'].isin(A)].tolist() == order
  made = records.compact(folder)
  assert len(made) == 3 and sorted(folder.glob('records/*.parquet')) == sorted(made)
  same(folder, before)
  assert records.compact(folder) == []
  # What was trained twice counts once still, that which was begun first, wherever it stands.
  write(folder, 'a07', 'later', started='2027', value=99.0)
  write(folder, 'b08', 'earlier', started='2025', value=77.0)
  frame = records.load(folder).set_index('trial')['test_accuracy']
  assert frame['a07'].tolist() == [7, 8] and frame['b08'].tolist() == [77, 78]
  assert len(frame) == 164


def test_some_columns_are_those_of_all(folder):
  records.compact(folder)
  write(folder, 'new')
  whole, some = records.load(folder), records.load(folder, ['test_accuracy', 'head_scale'])
  assert list(some) == ['trial', 'test_accuracy', 'head_scale', 'numerics']
  pd.testing.assert_frame_equal(some, whole[list(some)])
  with pytest.raises(ValueError, match="no column 'test_acuracy'"):
    records.load(folder, ['test_acuracy'])


def test_a_file_that_is_written_anew_under_a_replaced_name_counts(folder):
  (name,) = [f.name for f in records.files(folder) if f.stem == records.tile_hash(
    map(Made, ('a05', 'b05')))]  # fmt: skip
  raw = (folder / 'records' / name).read_bytes()
  records.compact(folder)
  (folder / 'records' / name).write_bytes(raw)  # as a kill leaves it
  assert name not in [file.name for file in records.files(folder)]
  records.prepare(folder)
  assert not (folder / 'records' / name).exists()
  write(folder, 'a05', 'b05', started='2020', value=50.0)
  records.prepare(folder)
  assert name in [file.name for file in records.files(folder)]
  assert records.load(folder).set_index('trial')['test_accuracy']['a05'].tolist() == [50, 51]


def test_trials_leave_a_large_file(folder):
  before = records.load(folder)
  records.compact(folder)
  gone = ['a03', 'b03', 'a04']
  superseded.withdraw(folder, map(Made, gone))
  left = before[~before['trial'].isin(gone)].reset_index(drop=True)
  pd.testing.assert_frame_equal(records.load(folder), left)
  assert records.done(folder) == set(left['trial']) and len(records.provenance(folder)) == 39
  superseded.withdraw(folder, map(Made, left['trial'].unique()))
  assert not list(folder.glob('records/*.parquet')) and records.load(folder).empty


def test_a_damaged_large_file_is_set_aside(folder):
  file, *others = records.compact(folder)
  raw = file.read_bytes()
  file.write_bytes(raw[: len(raw) // 2])
  (line,) = records.set_aside(folder)
  assert file.name in line and 26 <= 80 - len(records.done(folder)) <= 28
  assert records.files(folder) == sorted(others)


@pytest.mark.faults
def test_a_kill_at_any_moment_of_compaction_loses_nothing(folder):
  """A process that ends at its n-th write to the disk, for every n, and the next one goes on."""
  before = state(folder)
  code = f'import test_store; test_store.die_at_each({str(folder)!r})'
  here, pipe = pathlib.Path(__file__).parent, subprocess.PIPE
  with subprocess.Popen([sys.executable, '-c', code], cwd=here, text=True, stdout=pipe) as process:
    copies = process.stdout.read().splitlines()
  assert len(copies) > 40
  for copy in map(pathlib.Path, copies):
    forget()
    same(copy, before)
    assert len(records.compact(copy)) <= 3
    same(copy, before)
    records.prepare(copy)
    there = {path.name for path in copy.glob('records/*')} - {'.index'}
    assert there == {file.name for file in records.files(copy)} and 3 <= len(there) <= 5


def die_at_each(folder):
  """Prints the folder in which each of these processes was killed."""
  for n in range(1, 200):
    copy = f'{folder}-{n}'
    shutil.copytree(folder, copy)
    if not (pid := os.fork()):
      dying(copy, n)
      os._exit(0)
    print(copy, flush=True)
    if not os.waitpid(pid, 0)[1]:
      return


def dying(folder, n):
  """Compaction that ends at the n-th flush, replacement or deletion, before or after it."""
  left = [n]

  def fatal(call):
    def counted(*args, **kwargs):
      left[0] -= 1
      if not left[0]:
        os._exit(9)
      return call(*args, **kwargs)

    return counted

  os.fsync, os.replace = fatal(os.fsync), fatal(os.replace)
  pathlib.Path.replace, pathlib.Path.unlink = map(
    fatal, (pathlib.Path.replace, pathlib.Path.unlink)
  )
  records.compact(folder)


def test_who_reads_during_compaction_reads_the_same(folder, monkeypatch):
  """Here all small files are gone between the listing of the folder and the first read."""
  before, listed, times = records.load(folder), stored.files, []

  def then_compacted(where):
    found = listed(where)
    times.append(len(found))
    if len(times) == 1:
      records.compact(folder)
    return found

  monkeypatch.setattr(united.stored, 'files', then_compacted)
  pd.testing.assert_frame_equal(records.load(folder), before)
  assert times[0] == 40 and times[-1] == 3


def test_a_run_packs_where_there_are_many_small_files(folder, monkeypatch):
  records.tidy(folder)
  assert len(records.files(folder)) == 40
  monkeypatch.setattr(packed, 'FROM', 40)
  records.tidy(folder)
  assert len(records.files(folder)) == 3
  np.testing.assert_array_equal(records.load(folder)['test_accuracy'].iloc[:2].diff().iloc[1], 1)
