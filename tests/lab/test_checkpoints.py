"""Promises of checkpoints: what goes on is what was never interrupted, to the bit in exact mode."""

import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import small

import norms.lab
from norms.lab import records, study, sweep
from norms.lab.runner import execution, planned, resuming
from norms.lab.workdir import checkpoints, kept

ROOT = pathlib.Path(__file__).parents[2]
OFTEN = 1e-9  # minutes: after each epoch
SHAPE = {'norm': 'batch', 'init_scale': (0.5, 1.0), 'seed': (0, 1), 'chunk': 1}


def config(**changes):
  return small.config(**SHAPE | {'checkpoint': OFTEN, 'optimizer': 'adam',
                                 'optimizer_options': {}} | changes)  # fmt: skip


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
  """(records, folder) of four epochs in one go, with final parameters and no checkpoints."""
  folder = tmp_path_factory.mktemp('undisturbed')
  frame, failed, _ = small.run(config(epochs=4, checkpoint=0.0, keep='final'), folder)
  assert not failed and not checkpoints.folder(folder).exists()
  return frame, folder


def same(frame, other):
  order = ['trial', 'epoch']
  ours, theirs = (f.sort_values(order, ignore_index=True) for f in (frame, other))
  pd.testing.assert_frame_equal(ours, theirs)


def there(folder):
  """(epoch, trials) of each checkpoint."""
  return [(entry.epoch, len(entry.trials)) for entry in checkpoints.entries(folder)]


def stopped_after(epochs, monkeypatch, made, folder):
  """Runs a config until it has trained so many epochs; of the last one nothing is saved."""
  train = execution.train

  def ends(*args):
    for stand in train(*args):
      if int(stand.curves['step'].max()) >= 5 * epochs:
        raise execution.Stopped
      yield stand

  with monkeypatch.context() as patched:
    patched.setattr(execution, 'train', ends)
    small.run(made, folder)
  assert not records.files(folder)


@pytest.mark.parametrize('chunk', [1, 2])
def test_more_epochs_cost_the_new_ones_only(chunk, undisturbed, tmp_path, monkeypatch):
  """And are those of one go, to the bit in exact mode; parameters, too."""
  made = config(epochs=2, chunk=chunk)
  small.run(made, tmp_path)
  assert there(tmp_path) == [(2, 4)]
  longer = study.from_config(config(epochs=4, chunk=chunk, keep='final'))
  groups = sweep.pending(longer, tmp_path)
  plan = planned.describe(longer, groups, tmp_path)
  assert '4 of these go on from epoch 2, by a checkpoint' in plan and 'anew' not in plan
  assert [group.start for group in groups] == [2]
  trained = []
  failed = sweep.run(longer, groups, tmp_path, tick=lambda _, done, __: trained.append(done))
  assert not failed and sum(trained) == 4 * 2 * 5  # trials, epochs, steps
  frame = sweep.results(longer, tmp_path)
  if chunk == 1:
    same(frame, undisturbed[0])
    for trial in longer.trials:
      ours, theirs = (norms.lab.load_params(f, trial) for f in (tmp_path, undisturbed[1]))
      np.testing.assert_array_equal(*(p['params']['layer_0']['kernel'] for p in (ours, theirs)))
  else:
    np.testing.assert_allclose(frame['test_loss'], undisturbed[0]['test_loss'], rtol=1e-3)
  assert sorted(there(tmp_path)) == [(2, 4), (4, 4)]


@pytest.mark.parametrize('length', ['decay_epochs', 'decay_steps'])
def test_a_schedule_of_a_fixed_length_goes_on(length, tmp_path):
  """To the bit, where the rates of the first epochs are the same."""
  fixed = {'schedule': 'cosine_decay', 'schedule_options': {length: 3}, 'seed': 0}
  small.run(config(epochs=1, **fixed), tmp_path / 'cut')
  cut, failed, (group,) = small.run(config(epochs=2, **fixed), tmp_path / 'cut')
  whole, _, _ = small.run(config(epochs=2, **fixed, checkpoint=0.0), tmp_path / 'whole')
  assert not failed and group.start == 1
  same(cut, whole)


def test_what_was_stopped_goes_on_from_its_last_checkpoint(undisturbed, tmp_path, monkeypatch):
  made = config(epochs=4, keep='epochs')
  stopped_after(3, monkeypatch, made, tmp_path)
  assert there(tmp_path) == [(2, 4)]  # the third was reached, and not yet saved
  frame, failed, (group,) = small.run(made, tmp_path)
  assert not failed and group.start == 2 and ', from epoch 2' in group.label
  same(frame, undisturbed[0])
  assert there(tmp_path) == [(4, 4)]  # what was saved half-way is gone
  trial = study.from_config(made).trials[2]
  assert all(kept.load_params(tmp_path, trial, epoch) for epoch in range(5))


def test_trials_go_on_from_checkpoints_of_other_tiles(undisturbed, tmp_path):
  """A seed more has none, and begins."""
  small.run(config(epochs=2, seed=(1,)), tmp_path)
  small.run(config(epochs=2, seed=(0,), init_scale=(1.0, 3.0)), tmp_path)
  made = study.from_config(config(epochs=4))
  groups = sweep.pending(made, tmp_path)
  assert sorted((group.start, len(group.trials)) for group in groups) == [(0, 1), (2, 3)]
  assert sweep.run(made, groups, tmp_path, tick=lambda *_: None) == []
  same(sweep.results(made, tmp_path), undisturbed[0])


def test_without_the_key_nothing_goes_on_and_what_is_later_is_of_no_use(tmp_path):
  small.run(config(epochs=2), tmp_path)
  for made in (config(epochs=4, checkpoint=0.0), config(epochs=1)):
    asked = study.from_config(made)
    assert {group.start for group in sweep.pending(asked, tmp_path)} == {0}
  assert '4 of these are trained anew' in planned.describe(
    asked, sweep.pending(asked, tmp_path), tmp_path
  )


@pytest.mark.parametrize(
  ('first', 'then', 'says'),
  [
    ({}, {'keep': 'best'}, "config.keep='best' asks for parameters of all epochs"),
    ({'keep': 'best'}, {'keep': 'best'}, "config.keep='best' asks"),
    (
      {'schedule': 'cosine_decay'},
      {'schedule': 'cosine_decay'},
      'depends on the number of epochs',
    ),
    (
      {'optimizer': 'users_optimizers:chained'},
      {'optimizer': 'users_optimizers:chained'},
      'depends on the number',
    ),
    (
      {'replay': 'numpy_legacy', 'init_scale': 1.0},
      {'replay': 'numpy_legacy', 'init_scale': 1.0},
      'depends on the number of epochs',
    ),
  ],
)
def test_what_cannot_go_on_is_trained_anew_and_the_plan_says_why(first, then, says, tmp_path):
  shorter = study.from_config(config(epochs=1, **first))
  checkpoints.save(tmp_path, shorter.trials, 1, shorter.keep, {'nothing': np.zeros(1)})
  longer = study.from_config(config(epochs=2, **then))
  groups = sweep.pending(longer, tmp_path)
  plan = planned.describe(longer, groups, tmp_path)
  assert {group.start for group in groups} == {0} and says in plan and 'go on' not in plan


def test_what_is_best_so_far_must_be_there_to_go_on(tmp_path):
  """Somebody may have deleted the parameters of a study that kept them."""
  made = study.from_config(config(epochs=2, keep='best'))
  checkpoints.save(tmp_path, made.trials, 1, 'best', {'nothing': np.zeros(1)})
  starts = {group.start for group in sweep.pending(made, tmp_path)}
  for trial in made.trials:
    kept.staging(tmp_path, trial).mkdir(parents=True)
  assert starts == {0} and {group.start for group in sweep.pending(made, tmp_path)} == {1}
  more = dataclasses.replace(made, keep='epochs')
  assert {group.start for group in sweep.pending(more, tmp_path)} == {0}


def test_a_group_that_is_asked_for_again_goes_on_from_its_newest_checkpoint(
  undisturbed, tmp_path, monkeypatch, capsys
):
  """As where a worker is killed that was further than the plan knows; of progress all is told."""
  made = config(epochs=4)
  asked = study.from_config(made)
  groups = sweep.pending(asked, tmp_path)
  stopped_after(3, monkeypatch, made, tmp_path)
  assert groups[0].start == 0 and there(tmp_path) == [(2, 4)]
  told, trained = [], []
  train = execution.train

  def seen(*args):
    for stand in train(*args):
      trained.append(int(stand.curves['step'].max()) // 5)
      yield stand

  monkeypatch.setattr(execution, 'train', seen)
  assert not sweep.run(asked, groups, tmp_path, tick=lambda _, done, __: told.append(done))
  assert trained == [2, 3, 4] and sum(told) == 4 * 4 * 5
  same(sweep.results(asked, tmp_path), undisturbed[0])
  assert not capsys.readouterr().err and there(tmp_path) == [(4, 4)]


def test_a_checkpoint_that_is_gone_since_the_plan_is_said(
  undisturbed, tmp_path, monkeypatch, capsys
):
  made = config(epochs=4)
  stopped_after(2, monkeypatch, made, tmp_path)
  asked = study.from_config(made)
  groups = sweep.pending(asked, tmp_path)
  (entry,) = checkpoints.entries(tmp_path)
  shutil.rmtree(entry.place)
  assert not sweep.run(asked, groups, tmp_path, tick=lambda *_: None)
  assert groups[0].start == 1
  same(sweep.results(asked, tmp_path), undisturbed[0])
  assert capsys.readouterr().err.splitlines() == [
    'checkpoint of an earlier start cannot be read (that of 4 trials after 1 epochs is there no '
    'more): its trials are trained anew'
  ]


SAVES_AND_DIES = """
import os, pathlib, sys
from norms.lab.workdir import checkpoints, kept
import test_checkpoints
made = test_checkpoints.study.from_config(test_checkpoints.config(epochs=4))
moment = sys.argv[2]
if moment == 'before the index':
  kept.save = lambda *_: os._exit(9)
else:
  kept.save = lambda path, _: path.mkdir()
  pathlib.Path.rename = lambda *_: os._exit(9)
checkpoints.save(sys.argv[1], made.trials, 3, '', {'nothing': 1})
"""


@pytest.mark.parametrize('moment', ['before the index', 'after it'])
def test_what_is_killed_while_it_saves_leaves_the_older_one_and_no_litter(
  moment, undisturbed, tmp_path, monkeypatch
):
  made = config(epochs=4)
  stopped_after(2, monkeypatch, made, tmp_path)
  paths = os.pathsep.join(map(str, (ROOT, ROOT / 'tests' / 'lab')))
  ended = subprocess.run([sys.executable, '-c', SAVES_AND_DIES, tmp_path, moment],
                         env=os.environ | {'PYTHONPATH': paths})  # fmt: skip
  assert ended.returncode == 9 and there(tmp_path) == [(1, 4)]
  asked = study.from_config(made)
  groups = sweep.pending(asked, tmp_path)
  assert [group.start for group in groups] == [1]
  hidden = checkpoints.folder(tmp_path).glob('.*')
  assert len(list(hidden)) == 1
  sweep.run(asked, groups, tmp_path, tick=lambda *_: None)
  assert not list(checkpoints.folder(tmp_path).glob('.*'))
  same(sweep.results(asked, tmp_path), undisturbed[0])


def test_a_checkpoint_of_more_trials_stays_until_all_are_on_record(tmp_path, monkeypatch):
  """As where memory did not suffice for a tile, whose halves are recorded one after the other."""
  made = config(epochs=4)
  stopped_after(3, monkeypatch, made, tmp_path)
  asked = study.from_config(made)
  halves = [tuple(t for t in asked.trials if t.seed == seed) for seed in (0, 1)]
  left = []
  for half in halves:
    part = dataclasses.replace(asked, trials=half)
    assert not sweep.run(part, sweep.pending(part, tmp_path), tmp_path, tick=lambda *_: None)
    left.append(sorted(there(tmp_path)))
  assert left == [[(2, 4), (4, 2)], [(4, 2), (4, 2)]]


@pytest.mark.parametrize('damage', ['torn', 'other', 'no index'])
def test_a_torn_checkpoint_is_said_and_its_trials_are_trained_anew(
  damage, undisturbed, tmp_path, monkeypatch, capsys
):
  made = config(epochs=4)
  stopped_after(2, monkeypatch, made, tmp_path)
  (entry,) = checkpoints.entries(tmp_path)
  if damage == 'torn':
    for file in (entry.place / checkpoints.STATE).rglob('*'):
      if file.is_file() and file.parent.name == 'd':
        file.write_bytes(file.read_bytes()[:20])
  elif damage == 'other':
    tree = kept.restore(entry.place / checkpoints.STATE)
    tree['states']['leaf_1'] = tree['states']['leaf_1'][..., :1]
    checkpoints.save(tmp_path, study.from_config(made).trials, entry.epoch, '', tree)
  else:
    (entry.place / checkpoints.INDEX).unlink()
  frame, failed, (group,) = small.run(made, tmp_path)
  assert not failed and group.start == (0 if damage == 'no index' else 1)
  same(frame, undisturbed[0])
  said = capsys.readouterr().err
  assert said.count('cannot be read') == (damage != 'no index')
  assert damage == 'no index' or f'checkpoint {entry.place}' in said
  assert there(tmp_path) == [(4, 4)]


def test_a_checkpoint_is_as_old_as_the_minutes_say(monkeypatch, tmp_path):
  made = study.from_config(config(epochs=9))
  (group,) = sweep.grouping.groups(made.trials)
  now, saved = [0.0], []
  monkeypatch.setattr(resuming.time, 'monotonic', lambda: now[0])
  monkeypatch.setattr(resuming, 'packed', lambda *_: {})
  monkeypatch.setattr(checkpoints, 'save', lambda _, trials, epoch, *__: saved.append(epoch))
  saving = resuming.Checkpoints(tmp_path, group.tiles[0], 2.0, '')
  for epoch in range(10):
    now[0] = 50.0 * epoch
    saving([], [], [{}] * (epoch + 1))
  assert saved == [3, 6, 9]


def test_checkpoint_is_no_part_of_a_trial_and_is_checked():
  assert study.from_config(config()).trials == study.from_config(config(checkpoint=0.0)).trials
  with pytest.raises(ValueError, match='config.checkpoint=-1.0: use a finite number from 0 on'):
    study.from_config(config(checkpoint=-1.0))


def test_no_lineage_is_shared_but_by_the_number_of_epochs():
  trials = [
    study.from_config(config(**changes)).trials[0]
    for changes in ({}, {'learning_rate': 0.3}, {'seed': 5}, {'norm': 'layer'}, {'epochs': 7})
  ]
  assert len({checkpoints.lineage(trial) for trial in trials}) == 4
  assert checkpoints.lineage(trials[0]) == checkpoints.lineage(trials[4])


@pytest.mark.slow
def test_kill_9_in_a_long_group_loses_only_what_came_after_the_last_checkpoint(tmp_path):
  """And what goes on in another process is the undisturbed group, to the bit."""
  command = [
    sys.executable, 'train.py', '--config=configs/sweep.py:smoke', '--config.chunk=1',
    '--config.sweep.norm=batch', '--config.sweep.batch_size=64', '--config.sweep.seed=0,1',
    '--config.epochs=60',
  ]  # fmt: skip
  environment = os.environ | {'PYTHONPATH': str(ROOT)}
  killed, whole = tmp_path / 'killed', tmp_path / 'whole'
  often = [*command, f'--workdir={killed}', f'--config.checkpoint={OFTEN}']
  process = subprocess.Popen(often, cwd=ROOT, env=environment)
  while process.poll() is None and max((e for e, _ in there(killed)), default=0) < 5:
    time.sleep(0.02)
  process.send_signal(signal.SIGKILL)
  process.wait()
  assert not records.files(killed)
  time.sleep(1)  # its worker ends by itself
  (epoch, _), *_ = there(killed)
  done = subprocess.run([*often, '--dry_run'], cwd=ROOT, env=environment, capture_output=True,
                        text=True, check=True)  # fmt: skip
  assert 5 <= epoch < 60 and f'go on from epoch {epoch}, by a checkpoint' in done.stdout
  subprocess.run(often, cwd=ROOT, env=environment, check=True)
  subprocess.run([*command, f'--workdir={whole}'], cwd=ROOT, env=environment, check=True)
  same(records.load(killed), records.load(whole))
  assert {epoch for epoch, _ in there(killed)} == {60}
