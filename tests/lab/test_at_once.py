"""Processes that end at once, or change one folder: one after the other, and all of it is whole."""

from concurrent import futures
import dataclasses
import errno
import json
import re
import subprocess
import sys
import threading
import time

import commands
import invented
import pandas as pd
import pytest
import small
from test_live import asked as asked
from test_live import tile

from norms.lab import left, live, records, reporting, session, study
from norms.lab.parity import study as comparisons
from norms.lab.runner import timing
from norms.lab.store import durable, locked
from norms.lab.workdir import claims, failures, superseded


def test_one_after_the_other(tmp_path):
  records.prepare(tmp_path)
  with claims.alone(tmp_path, claims.REPORT) as mine:
    assert mine
    with claims.alone(tmp_path, claims.REPORT, wait=False) as other:
      assert not other
    with claims.alone(tmp_path, claims.ROWS, wait=False) as other:
      assert other  # it is another thing
    with claims.held(tmp_path, [], set) as nothing:
      assert not nothing
  with claims.alone(tmp_path, claims.REPORT, wait=False) as mine:
    assert mine


def test_who_died_with_it_keeps_nobody_waiting(tmp_path):
  records.prepare(tmp_path)
  code = (
    f'import os; from norms.lab.workdir import claims\n'
    f'with claims.alone({str(tmp_path)!r}, claims.REPORT): os._exit(9)'
  )
  assert subprocess.run([sys.executable, '-c', code], cwd=commands.ROOT).returncode == 9
  assert claims.REPORT in (tmp_path / 'records' / claims.FILE).read_text()
  with claims.alone(tmp_path, claims.REPORT, wait=False) as mine:
    assert mine


@pytest.mark.parametrize('locks', [True, False])
def test_a_file_is_changed_by_one_at_a_time_where_the_file_system_has_no_locks_too(
  locks, tmp_path, monkeypatch
):
  path = tmp_path / '.claims'

  def refuse(*_):
    raise OSError(errno.ENOSYS, 'Function not implemented')

  if not locks:
    monkeypatch.setattr(locked.fcntl, 'flock', refuse)
    monkeypatch.setattr(locked, 'STALE', 0.5)
    path.with_name('.claims.lock').touch()  # of a process that was killed

  def add(_):
    for _ in range(20):
      with locked.opened(path) as file:
        file.seek(0)
        before = int(file.read() or 0)
        file.seek(0)
        file.truncate()
        file.write(str(before + 1))

  with futures.ThreadPoolExecutor(4) as pool:
    list(pool.map(add, range(4)))
  assert path.read_text() == '80' and [each.name for each in tmp_path.iterdir()] == ['.claims']


def test_what_else_a_lock_meets_is_raised(tmp_path, monkeypatch):
  def fails(*_):
    raise OSError(errno.EIO, 'Input/output error')

  monkeypatch.setattr(locked.fcntl, 'flock', fails)
  with pytest.raises(OSError, match='Input/output'), locked.opened(tmp_path / 'file'):
    pass


def test_a_folder_without_records_gets_no_claims(tmp_path):
  with claims.alone(tmp_path, claims.REPORT) as mine:
    assert mine
  assert not list(tmp_path.iterdir())


def test_a_report_takes_its_place_whole_its_page_last(tmp_path, monkeypatch):
  folder, order = tmp_path / 'report', []
  for name in ('index.html', 'gone.json', 'notes.txt', 'figures/old.svg', 'figures/both.svg'):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text('old')
  replace = type(folder).replace
  monkeypatch.setattr(
    type(folder), 'replace', lambda path, to: (order.append(to.name), replace(path, to))[1]
  )
  with durable.renewing(folder, 'index.html', goes=['gone.json']) as fresh:
    (fresh / 'index.html').write_text('new')
    (fresh / 'summary.json').write_text('new')
    (fresh / 'figures').mkdir()
    (fresh / 'figures' / 'both.svg').write_text('new')
    assert {path.read_text() for path in folder.rglob('*.*')} == {'old'}
  assert order[-1] == 'index.html' and len(order) == 3
  texts = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob('*.*')}
  new = dict.fromkeys(('index.html', 'summary.json', 'figures/both.svg'), 'new')
  assert texts == new | {'notes.txt': 'old'}
  with pytest.raises(OSError, match='full'), durable.renewing(folder, 'index.html') as fresh:
    (fresh / 'index.html').write_text('newer')
    raise OSError('full')
  assert (folder / 'index.html').read_text() == 'new'
  assert [path.name for path in tmp_path.iterdir()] == ['report']


def test_a_report_has_what_is_on_record_when_its_turn_comes(asked, tmp_path):
  tile(asked, tmp_path, asked.trials[:6])
  with futures.ThreadPoolExecutor(1) as pool:
    with claims.alone(tmp_path, claims.REPORT):
      written = pool.submit(reporting.of_study, asked, tmp_path)
      time.sleep(0.3)
      tile(asked, tmp_path, asked.trials[6:])
      assert not (tmp_path / 'report').exists()
    assert '12 trials' in written.result()


def test_the_page_of_a_run_never_takes_the_place_of_a_report(asked, tmp_path, monkeypatch):
  """Neither while another process writes it, nor after that."""
  monkeypatch.setattr(live, 'PAUSE', 0.01)
  monkeypatch.setattr(live, 'SHARE', 100)
  index = tmp_path / 'report' / 'index.html'
  records.prepare(tmp_path)
  with live.Live(asked, tmp_path, every=0.01) as so_far:
    so_far(0, 100)
    with claims.alone(tmp_path, claims.REPORT):
      tile(asked, tmp_path, asked.trials[:6])
      time.sleep(0.5)
      assert not index.exists()
      tile(asked, tmp_path, asked.trials[6:])
    reporting.of_study(asked, tmp_path)
    time.sleep(0.3)
    assert 'Not finished' not in index.read_text()


def test_the_last_to_end_measures_times_and_what_it_says_is_all(tmp_path, monkeypatch):
  """What another process records between two looks at the folder is in the frame of who ends."""
  asked = study.from_config(small.config(norm=('none', 'batch'), epochs=1))
  measured, lines = [], left.lines

  def others_end(*arguments):
    found = lines(*arguments)
    if found:
      session.run(asked, tmp_path, progress=False)
    return found

  monkeypatch.setattr(timing, 'guarded', lambda *_: (measured.append(1), [])[1])
  session.run(asked, tmp_path, shard='1/2', progress=False)
  assert not measured
  monkeypatch.setattr(left, 'lines', others_end)
  frame = session.run(asked, tmp_path, shard='1/2', progress=False)
  assert frame['norm'].nunique() == 2 and len(measured) == 1


def test_rows_leave_a_file_one_process_after_the_other(tmp_path):
  """Two that rewrite one file at once would each bring back what the other took out."""
  made = study.from_config(small.config(norm='none', seed=tuple(range(8)), epochs=1))
  frame = invented.records(made)
  records.prepare(tmp_path)
  records.write(tmp_path, made.trials, frame, {'command': ''})
  begin = threading.Barrier(8)

  def anew(trial):
    begin.wait()
    with superseded.withdrawn(tmp_path, [trial]):
      rows = frame[frame['trial'] == trial.hash].assign(test_loss=-1.0)
      records.write(tmp_path, [trial], rows, {'command': ''})

  with futures.ThreadPoolExecutor(8) as pool:
    list(pool.map(anew, made.trials))
  assert (records.load(tmp_path)['test_loss'] == -1).all()
  assert sum(len(tile.trials) for tile in records._tiles(tmp_path)) == 8


def test_files_are_put_together_while_nobody_rewrites_them(tmp_path, monkeypatch):
  asked, seen = study.from_config(small.config(norm='none', epochs=1)), []

  def compact(workdir):
    with claims.alone(workdir, claims.ROWS, wait=False) as mine:
      seen.append(mine)

  monkeypatch.setattr(records, 'tidy', compact)
  session.run(asked, tmp_path, progress=False)
  assert seen == [False]


def test_parameters_that_nobody_keeps_any_more_are_left_behind(tmp_path):
  """Of a trial on record, which a process had begun to run again for them, and was killed."""
  (trial,) = (made := study.from_config(small.config(norm='none', epochs=1))).trials
  session.run(made, tmp_path, progress=False)
  assert left.behind(tmp_path, [trial], 'final') == [trial] and not left.behind(tmp_path, [trial])
  with claims.held(tmp_path, [trial], set):
    assert not left.behind(tmp_path, [trial], 'final')
  session.run(dataclasses.replace(made, keep='final'), tmp_path, progress=False)
  assert not left.behind(tmp_path, [trial], 'final')


class Unit:
  """A unit of a comparison that says when it is measured."""

  version, data, manual_dir = 'numpy 1', (), ''

  def __init__(self, name, measured, fails=False):
    self.hash = self.label = name
    self._measured, self._fails = measured, fails

  def ready(self):
    pass

  def measure(self):
    self._measured.append(self.hash)
    time.sleep(0.02)
    if self._fails:
      raise ValueError('it fails')
    return pd.DataFrame({'a': [1.0]})


def comparison(measured, fails=()):
  units = tuple(Unit(name, measured, name in fails) for name in 'abcdefgh')
  texts = dict.fromkeys(('question', 'expectation', 'doc', 'command', 'reference', 'absent'), '')
  return comparisons.ParityStudy(kind='parity', name='compared', units=units, **texts)


def test_two_comparisons_at_once_measure_each_unit_once(tmp_path, capsys):
  measured: list[str] = []
  made = comparison(measured, fails='c')
  with futures.ThreadPoolExecutor(2) as pool:
    ended = [pool.submit(comparisons.run, made, made.units, tmp_path) for _ in range(2)]
    failed = [each.result() for each in ended]
  assert sorted(measured) in (list('abcdefgh'), list('abccdefgh'))  # what failed is tried by each
  assert any(failed) and records.done(tmp_path) == set('abdefgh')
  assert not left.of(tmp_path, made.units) and failures.trials(tmp_path) == {'c'}


def test_a_comparison_leaves_its_report_to_who_ends_last(tmp_path):
  made = comparison([])
  with claims.held(tmp_path, made.units[:1], set):
    assert not comparisons.run(made, made.units, tmp_path)
    said = reporting.of_comparison(made, tmp_path, kept=False)
  assert '1 of 8 units are left to other processes (1 by' in said
  assert not (tmp_path / 'report').exists()
  measured: list[str] = []
  again = comparison(measured)
  comparisons.run(again, comparisons.pending(again, tmp_path), tmp_path)
  assert measured == ['a']


@pytest.mark.faults
def test_two_processes_that_end_at_once_leave_one_report(tmp_path):
  """Of one of them, and a reader finds a whole page at any moment."""
  plan = ['--config=configs/sweep.py:smoke', f'--workdir={tmp_path}', '--config.epochs=1']
  plan += [f'--config.sweep.{one}' for one in ('norm=none,batch', 'batch_size=256', 'seed=0')]
  commands.train(*plan).check_returncode()
  report, ended = tmp_path / 'report', threading.Event()
  torn: list[str] = []

  def read():
    while not ended.wait(0.002):
      text = (report / 'index.html').read_text()
      torn.extend([text] if not text.rstrip().endswith('</html>') else [])
      torn.extend(n for n in re.findall(r'href="([\w/]+\.\w+)"', text) if not (report / n).exists())

  reader = threading.Thread(target=read)
  reader.start()
  with claims.alone(tmp_path, claims.REPORT):  # both wait for the same moment
    before = (report / 'index.html').stat().st_mtime_ns
    begun = [
      subprocess.Popen(
        [sys.executable, 'train.py', *plan, f'--config.question=Is it {word}?'],
        cwd=commands.ROOT, stdout=subprocess.PIPE, text=True,
      )
      for word in ('apples', 'pears')
    ]  # fmt: skip
    time.sleep(6)
    assert [process.poll() for process in begun] == [None, None]
    assert (report / 'index.html').stat().st_mtime_ns == before
  said = [process.communicate(timeout=120)[0] for process in begun]
  ended.set()
  reader.join()
  assert all('report: ' in each for each in said) and not torn
  summary = json.loads((report / 'summary.json').read_text())
  word = summary['question'].removeprefix('Is it ').rstrip('?')
  other = ({'apples', 'pears'} - {word}).pop()
  for name in ('index.html', 'report.md'):
    text = (report / name).read_text()
    assert f'Is it {word}?' in text and f'Is it {other}?' not in text
