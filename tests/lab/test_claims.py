"""Several processes on one folder: each tile is run once, and the last one writes the report."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest
import small

from norms.lab import left, records, session, study, sweep
from norms.lab.runner import execution, tiles
from norms.lab.workdir import claims, shards
from tests import processes

ROOT = pathlib.Path(__file__).parents[2]


def state(folder):
  return json.loads((folder / 'records' / claims.FILE).read_text())['claims']


def trials(**changes):
  return study.from_config(small.config(**changes)).trials


def test_what_one_holds_no_other_gets(tmp_path):
  a, b, c = trials(seed=(0, 1, 2))
  with claims.held(tmp_path, [a, b], set) as mine:
    assert mine == {a.hash, b.hash}
    (who,) = state(tmp_path).values()
    assert who['pid'] == os.getpid() and set(who['trials']) == mine
    with claims.held(tmp_path, [b, c], set) as others:
      assert others == {c.hash}
    assert claims.at_work(tmp_path) == {f'{who["host"]}, process {os.getpid()}': mine}
    assert not claims.at_work(tmp_path, others=True)
  with claims.held(tmp_path, [b], set) as mine:
    assert mine == {b.hash}
  assert not state(tmp_path)


def test_what_a_worker_holds_says_whose_worker_it_is(tmp_path, monkeypatch):
  parent = type('Parent', (), {'pid': os.getppid()})
  monkeypatch.setattr(claims.multiprocessing, 'parent_process', lambda: parent)
  with claims.held(tmp_path, trials(seed=(0,)), set):
    (who,) = state(tmp_path).values()
  assert who['for'] == os.getppid()


def test_what_is_done_is_looked_at_where_others_are_or_were_there(tmp_path):
  """Of each tile: others may have run one while this process ran another, and have ended."""
  a, b = trials(seed=(0, 1))
  with claims.present(tmp_path):  # nobody else ever came
    with claims.held(tmp_path, [a], lambda: {a.hash}) as mine:
      assert mine
    with claims.present(tmp_path), claims.held(tmp_path, [a], lambda: {a.hash}) as mine:
      assert not mine
    for trial in (a, b):  # of which the other did both before it ended
      with claims.held(tmp_path, [trial], lambda trial=trial: {trial.hash}) as mine:
        assert not mine
  with claims.held(tmp_path, [a], lambda: {a.hash}) as mine:
    assert not mine


@pytest.mark.parametrize('how', ['ended', 'ended, and nobody waits', 'orphan', 'silent', 'torn'])
def test_a_stale_claim_is_taken_over(how, tmp_path):
  (a,) = trials(seed=(0,))
  with subprocess.Popen(['true']) as gone, subprocess.Popen(['true']) as unwaited:
    gone.wait()
    os.waitid(os.P_PID, unwaited.pid, os.WEXITED | os.WNOWAIT)
    _check_takeover(how, a, gone.pid, unwaited.pid, tmp_path)


def _check_takeover(how, a, gone, unwaited, tmp_path):
  with claims.present(tmp_path):
    pass
  file = tmp_path / 'records' / claims.FILE
  living = {'host': 'elsewhere', 'pid': 1, 'beat': time.time(), 'trials': [a.hash]}
  stale = {
    'ended': living | {'host': claims.durable.host(), 'pid': gone},
    'ended, and nobody waits': living | {'host': claims.durable.host(), 'pid': unwaited},
    'orphan': living | {'host': claims.durable.host(), 'pid': os.getpid(), 'for': gone},
    'silent': living | {'beat': time.time() - claims.STALE - 1},
    'torn': living,
  }[how]
  for claim, free in ((living, False), (stale, True)):
    text = json.dumps({'came': 1, 'claims': {'x': claim}})
    file.write_text(text[:-5] if free and how == 'torn' else text)
    with claims.held(tmp_path, [a], set) as mine:
      assert bool(mine) == free


def test_who_lives_renews_its_claim(tmp_path, monkeypatch):
  monkeypatch.setattr(claims, 'BEAT', 0.05)
  (a,) = trials(seed=(0,))
  with claims.held(tmp_path, [a], set):
    (before,) = state(tmp_path).values()
    (tmp_path / 'records' / claims.FILE).write_text('torn')
    after = []
    for _ in range(200):
      time.sleep(0.05)
      try:
        after = list(state(tmp_path).values())
        break
      except ValueError:
        continue
    assert after[0]['trials'] == before['trials'] and after[0]['beat'] > before['beat']


def test_a_tile_of_which_another_has_a_part_is_run_without_it(tmp_path, monkeypatch):
  """What is recorded is as of the whole tile, and nothing is recorded twice."""
  asked = study.from_config(small.config(norm='none', seed=(0, 1), learning_rate=(0.01, 0.1)))
  whole, _, _ = small.run(asked, tmp_path / 'whole')
  theirs = [trial for trial in asked.trials if trial.seed == 1][:1]
  ran = []
  run = tiles._run_tile

  def seen(group, tile, *rest):
    ran.extend(trial.hash for trial in tile.trials)
    run(group, tile, *rest)

  monkeypatch.setattr(tiles, '_run_tile', seen)
  folder = tmp_path / 'part'
  with claims.held(folder, theirs, set):
    part, failed, groups = small.run(asked, folder)
    assert not failed and set(ran) == {t.hash for t in asked.trials} - {theirs[0].hash}
    (line,) = left.lines(asked.name, folder, asked.trials)
    assert '1 of 4 trials are left to other processes (1 by' in line
    assert not left.behind(folder, asked.trials)
  order = ['trial', 'epoch']
  same = whole[whole['trial'].isin(ran)].sort_values(order, ignore_index=True)
  assert part.sort_values(order, ignore_index=True)['test_loss'].equals(same['test_loss'])
  session.run(asked, folder, progress=False)
  assert len(ran) == 4 == len(set(ran)) and not left.lines(asked.name, folder, asked.trials)
  sweep.run(asked, groups, folder, tick=lambda *_: None)  # a plan from before: all is done
  assert len(ran) == 4


def test_nothing_is_compiled_for_a_group_that_another_runs(tmp_path, monkeypatch):
  def fails(*_):
    raise AssertionError('it was compiled')

  asked = study.from_config(small.config(norm='none', epochs=1))
  monkeypatch.setattr(execution, 'compile_group', fails)
  with claims.held(tmp_path, asked.trials, set):
    frame, failed, _ = small.run(asked, tmp_path)
  assert frame.empty and not failed


def test_shards_are_all_trials_once_and_of_one_size():
  asked = study.from_config(
    small.config(norm=('none', 'batch', 'layer'), batch_size=(64, 256), seed=(0, 1, 2))
  )
  for count in (1, 2, 4, 9):
    parts = [shards.part(asked.trials, f'{i}/{count}') for i in range(1, count + 1)]
    found = [trial for part in parts for trial in part]
    assert len(found) == len(asked.trials) == len(set(found)) and all(parts)
    programs = [{trial.static for trial in part} for part in parts]
    if count <= 6:
      assert sum(map(len, programs)) == len(set().union(*programs))
    costs = [shards._cost(part) for part in parts]
    assert max(costs) <= 2.5 * min(costs)
  for wrong in ('0/2', '3/2', '1', 'a/b', '1/0'):
    with pytest.raises(ValueError, match=r'give i/n, from 1/n to n/n'):
      shards.part(asked.trials, wrong)


def test_a_shard_says_what_is_left(tmp_path):
  asked = study.from_config(small.config(norm=('none', 'batch'), epochs=1))
  for i, lines in ((1, 1), (2, 0)):
    frame = session.run(asked, tmp_path, shard=f'{i}/2', progress=False)
    assert frame['norm'].nunique() == i and len(frame.attrs['left']) == lines


@pytest.mark.slow
def test_four_processes_train_each_group_once(tmp_path):
  """A file that is written a second time says nothing of that: the runs themselves are counted."""
  cost = processes.measured(4, tmp_path, ['--config=configs/sweep.py:smoke'])
  assert (cost.files, cost.again, cost.in_report) == (6, 0, 24) and cost.said >= 1


def _at_work(folder, begun):
  """Whether all have come, and the first one's workers have something to run."""
  try:
    held = list(state(folder).values())
  except (OSError, ValueError):  # not there yet, or just being written
    return False
  came = {each['pid'] for each in held if not each['trials']}
  return came == {each.pid for each in begun} and any(
    each['trials'] and each.get('for') == begun[0].pid for each in held
  )


@pytest.mark.faults
def test_four_processes_on_one_folder_run_every_group_once(tmp_path):
  """One of them is killed with its workers; the others take over what it held."""
  command = [sys.executable, 'train.py', '--config=configs/sweep.py:smoke', f'--workdir={tmp_path}',
             '--config.sweep.batch_size=64,128,256', '--config.sweep.seed=0,1,2,3,4,5',
             '--config.epochs=10']  # fmt: skip
  begun = [
    subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(4)
  ]
  while not _at_work(tmp_path, begun):
    assert all(process.poll() is None for process in begun)
    time.sleep(0.1)
  begun[0].kill()
  said = [process.communicate(timeout=500) for process in begun]
  assert [process.returncode for process in begun[1:]] == [0, 0, 0], said
  told, frame = records.provenance(tmp_path), records.load(tmp_path)
  assert sum(each['trials'] for each in told) == frame['trial'].nunique()
  assert any('report: ' in out for out, _ in said[1:]), said
  summary = json.loads((tmp_path / 'report' / 'summary.json').read_text())
  assert summary['name'] == 'sweep-smoke'
  assert any('report: ' in out for out, _ in said[1:])
  kept = (tmp_path / 'report' / 'trials.csv').read_text().splitlines()
  assert len(kept) == 1 + frame['trial'].nunique()
