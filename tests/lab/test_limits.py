"""Groups that take too long, or more memory than there is, cost what they ran and no other."""

import itertools
import math
import multiprocessing

import pytest
import small

from norms.lab import records, session, study, sweep
from norms.lab.runner import limits, workers


@pytest.mark.faults
@pytest.mark.usefixtures('forked')
def test_a_group_that_hangs_is_ended_and_the_others_train(tmp_path):
  made = small.config(norm=('users_own:HangsTraced', 'users_own:HangsRunning', 'none'), epochs=1)
  frame, failed, _ = small.run(made, tmp_path, spawn=True, time_limit=5)
  assert set(frame['norm']) == {'none'}
  hangs = [line.partition(': ran')[::2] for line in sorted(failed)]
  assert [group.split(',')[0] for group, _ in hangs] == list(made.sweep.norm)[1::-1]
  assert {said for _, said in hangs} == {
    ' longer than time_limit=5 s, compiling included: give it more, or find what hangs, and run '
    'the same command again'
  }
  errors = [path.read_text() for path in records.folder(tmp_path).glob('*.error.txt')]
  assert len(errors) == 2 and all('time_limit=5 s' in text for text in errors)
  assert not multiprocessing.active_children()


@pytest.mark.faults
@pytest.mark.usefixtures('forked')
def test_without_enough_memory_less_is_computed_at_once(tmp_path, capfd):
  """XLA has no more to give, or the kernel kills who takes it: four trials need less in turns."""
  made = small.config(norm=('users_own:Large', 'users_own:Killed'), epochs=1, chunk=4)
  made.norm_options['users_own:Killed'] = {'seen': str(tmp_path / 'seen'), 'times': 1}
  made.batch_size, made.sweep.learning_rate = 1024, (0.1, 0.2, 0.3, 0.4)
  frame, failed, _ = small.run(made, tmp_path, spawn=True)
  assert not failed and frame.groupby('norm')['trial'].nunique().tolist() == [4, 4]
  said = [line for line in capfd.readouterr().err.splitlines() if '; again with ' in line]
  large, killed = (
    [line.partition(': ')[2] for line in said if name in line] for name in ('Large', 'Killed')
  )
  assert killed == [
    'its process ended with exit code -9 (out of memory?); again with chunk 2, not 4'
  ]
  assert large[0].startswith('JaxRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating ')
  chunks = {each['group'].split(',')[0]: each['chunk'] for each in records.provenance(tmp_path)}
  least = {1: 'chunk 1, not 2', 2: 'chunk 2, not 4'}[chunks.pop('users_own:Large')]
  assert large[-1].endswith(f'; again with {least}')
  assert chunks == {'users_own:Killed': 2}
  assert not list(records.folder(tmp_path).glob('*.error.txt'))


class Clock:
  """A second passes each time that it is looked at."""

  def __init__(self):
    self.monotonic = itertools.count().__next__


def test_in_a_thread_a_group_is_ended_at_its_next_epoch(tmp_path, monkeypatch):
  monkeypatch.setattr(limits, 'time', Clock())
  made = small.config(norm='none', epochs=5)
  frame, (line,), _ = small.run(made, tmp_path, time_limit=4)
  assert frame.empty and ': TooLong: ran longer than time_limit=4 s' in line
  (error,) = records.folder(tmp_path).glob('*.error.txt')
  assert 'time_limit=4 s' in error.read_text()
  frame, failed, _ = small.run(made, tmp_path, time_limit=9)
  assert not failed and frame['epoch'].max() == 5


def test_who_hears_of_progress_hears_of_the_epoch_that_was_too_long(monkeypatch):
  monkeypatch.setattr(limits, 'time', Clock())
  told = []
  tick = limits.at_each_epoch(2, lambda *said: told.append(said))
  tick('group', 5, 0)
  with pytest.raises(limits.TooLong):
    tick('group', 6, 1)
  assert told == [('group', 5, 0), ('group', 6, 1)]


def test_without_a_limit_there_is_always_time_left(monkeypatch):
  """As much as a system can wait for at once."""
  monkeypatch.setattr(limits, 'time', Clock())
  for limit in (limits.Limit(0), limits.Limit(1e300)):
    assert {limit.left() for _ in range(5)} == {limits.FOREVER}
  assert limits.Limit(5).left() == 4


def test_with_a_limit_one_group_has_a_process_too(monkeypatch, tmp_path):
  """Since a thread cannot be ended; and one core is no reason against it."""
  monkeypatch.setattr(workers, 'Process', lambda *job: job)
  monkeypatch.setattr(sweep, 'cores', lambda: 1)
  asked = study.from_config(small.config(norm='none', chunk=1))
  assert sweep._team(asked, tmp_path, 1, True, 5.0) == [(asked, tmp_path, 1, 5.0)]
  for spawn, seconds in ((True, 0), (False, 5.0)):
    (thread,) = sweep._team(asked, tmp_path, 1, spawn, seconds)
    assert isinstance(thread, workers.Thread)


@pytest.mark.parametrize('seconds', [-1, math.nan, math.inf])
def test_a_limit_that_is_none_is_refused(seconds, tmp_path):
  asked = study.from_config(small.config())
  with pytest.raises(ValueError, match=f'time_limit={seconds}: use a positive number of seconds'):
    session.run(asked, tmp_path, time_limit=seconds)
  assert not list(tmp_path.iterdir())
