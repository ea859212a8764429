"""What a driver does where workers are lost: it counts, and no task is tried for ever."""

import contextlib
import pickle

import pytest
import small

from norms.lab import grouping, records, study
from norms.lab.cluster import seats
from norms.lab.runner import memory, once, tiles
from norms.lab.workdir import failures

pytest.importorskip('distributed', reason='the extra `cluster` is not installed')
from dask.utils import key_split  # noqa: E402
from distributed import comm  # noqa: E402

from norms.lab.cluster import driving, member  # noqa: E402


class Future:
  """What a client gives: it ends when it is told to."""

  def __init__(self):
    self._callbacks, self._outcome = [], None

  def add_done_callback(self, callback):
    self._callbacks.append(callback)

  def end(self, outcome):
    self._outcome = outcome
    for callback in self._callbacks:
      callback(self)

  def cancel(self):
    self.end(RuntimeError('cancelled'))

  def result(self):
    if isinstance(self._outcome, Exception):
      raise self._outcome
    return self._outcome


class Client:
  """A scheduler whose workers do with each task what `play` says of it: it gives the outcome."""

  def __init__(self, play):
    self._play, self.tasks, self._asked = play, [], 0
    self.workers, self.options = {}, []  # what they announce; how each task is asked for
    self.found = {}  # what each worker has

  @property
  def status(self):
    """A driver that waits for what never comes finds the scheduler gone, and ends."""
    self._asked += 1
    return 'running' if self._asked < 6 else 'closed'

  @property
  def scheduler(self):
    return self

  address = 'tcp://here:1'

  def scheduler_info(self):
    return {'workers': self.workers}

  def subscribe_topic(self, topic, handler):
    self._handler = handler

  def tell(self, task, worker, done=0):
    said = {'part': task.part, 'group': 0, 'done': done, 'diverged': 0, 'worker': worker}
    self._handler((0.0, said))

  def run(self, *args, **options):
    return self.found

  def cancel(self, futures):
    assert not futures

  def submit(self, function, packed, task=None, **options):
    future = Future()
    if function is member.run:
      self.tasks.append(task)
      self.options.append(options)
      add = future.add_done_callback

      def added(callback):  # from here on it may end
        add(callback)
        if (outcome := self._play(self, task)) is not None:
          future.end(outcome)

      future.add_done_callback = added
    return future


def drive(tmp_path, play, told=None, **changes):
  asked = study.from_config(small.config(epochs=1, **changes))
  groups, client = grouping.groups(asked.trials), Client(play)
  records.prepare(tmp_path)
  tick = (lambda *_: None) if told is None else (lambda *said: told.append(said))
  all_of_them = {trial.hash for trial in asked.trials}
  run = driving.Run(client, asked, groups, all_of_them, tmp_path, tick, folder='', facts={})
  return run.all(fail_fast=False), client.tasks, groups, asked


def trained(asked, folder, task):
  """What a worker gives back of its groups."""
  ended = []
  for group in map(pickle.loads, task.groups):
    line = tiles.guarded(group, asked, folder, once.Once(), None, lambda *_: None)
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*.parquet')}
    ended.append(member.Ended(line, 0, files))
  return ended


def test_a_task_whose_workers_are_lost_is_given_up_after_three(tmp_path):
  """Whether the scheduler tries again by itself, or says that it does not."""

  def by_scheduler(client, task):
    for worker in ('a', 'a', 'b', 'c', 'd'):  # the fourth to begin has lost three
      client.tell(task, worker)

  def by_driver(client, task):
    client.tell(task, 'a')
    return seats.Gone('its process ended')

  for play, times in ((by_scheduler, 1), (by_driver, 3)):
    folder = tmp_path / play.__name__
    (line,), tasks, (group,), _ = drive(folder, play)
    assert len(tasks) == times and 'workers were lost with it' in line
    assert failures.there_is(folder, group.trials)


def test_a_lost_task_is_tried_again_and_its_progress_never_goes_back(tmp_path):
  told = []

  def play(client, task):
    client.tell(task, 'a', 3)
    if len(client.tasks) == 1:
      return seats.Gone('its process ended')
    client.tell(task, 'a', 2)
    return trained(study.from_config(small.config(epochs=1)), tmp_path / 'there', task)

  failed, tasks, (group,), asked = drive(tmp_path, play, told)
  assert not failed and len(tasks) == 2
  assert records.done(tmp_path) == {trial.hash for trial in asked.trials}
  steps = [done for _, done, _ in told]
  assert min(steps) == 0 and sum(steps) == 5 and {g for g, *_ in told} == {group}


def test_a_group_without_enough_memory_is_asked_for_again_with_less_at_once(tmp_path, capsys):
  """What came back by then is not asked for again."""
  rates, told, short = (0.1, 0.2, 0.4, 0.8), [], memory.OutOfMemory('short')
  made = study.from_config(small.config(norm='none', learning_rate=rates, epochs=1))

  def play(client, task):
    client.tell(task, 'a', 3)
    (ended,) = trained(made, tmp_path / f'there{len(client.tasks)}', task)
    some = dict(sorted(ended.files.items())[: len(client.tasks) - 1])  # of two tiles one ended
    return [ended if len(client.tasks) == 3 else member.Ended(short, 0, some)]

  failed, tasks, *_ = drive(tmp_path, play, told, norm='none', learning_rate=rates)
  assert not failed and records.done(tmp_path) == {trial.hash for trial in made.trials}
  tiles_of = [pickle.loads(task.groups[0]).tiles for task in tasks]
  assert [[len(tile.trials) for tile in each] for each in tiles_of] == [[4], [2, 2], [1, 1]]
  assert [done for *_, done, _ in told] == [3, 0, 10, 7]  # of 20 steps
  assert capsys.readouterr().err.count('short; again with tiles of ') == 2


def test_the_groups_of_a_lost_task_are_tried_apart(tmp_path):
  """So that the one that ends its process takes no other with it."""
  begun = []

  def play(client, task):
    groups = [pickle.loads(group) for group in task.groups]
    sizes = [group.static.batch_size for group in groups]
    begun.append(sizes)
    client.tell(task, 'a')
    if 128 in sizes:
      return seats.Gone('its process ended')
    made = study.from_config(small.config(epochs=1, batch_size=(64, 128, 256)))
    ended = trained(made, tmp_path / f'there{len(begun)}', task)
    return ended

  failed, *_ = drive(tmp_path, play, batch_size=(64, 128, 256))
  assert len(failed) == 1 and 'batch 128' in failed[0]
  assert {64, 256} == set(records.load(tmp_path)['batch_size'])
  assert begun[0] == [64] and sum(128 in sizes for sizes in begun) <= 3


@pytest.mark.parametrize('announced', [{}, {'GPU': 1.0}])
def test_a_dashboard_names_groups_and_each_takes_a_device_where_there_are_any(announced, tmp_path):
  asked = study.from_config(small.config(norm='none', epochs=1))
  groups, client = grouping.groups(asked.trials), Client(lambda client, task: KeyError('lost'))
  client.workers = {'tcp://there:1': {'resources': announced}}
  records.prepare(tmp_path)
  hashes = {trial.hash for trial in asked.trials}
  run = driving.Run(client, asked, groups, hashes, tmp_path, print, folder='', facts={})
  assert len(run.all(fail_fast=False)) == 1
  assert all(options['resources'] == {name: 1 for name in announced} for options in client.options)
  named = {key_split(options['key']) for options in client.options}
  assert named == {group.label for group in groups}


@pytest.mark.parametrize(
  ('there', 'says'),
  [
    (comm.CommClosedError('Stream is closed'), ''),  # killed while it is asked
    (ModuleNotFoundError("No module named 'norms'"), "No module named 'norms': install there"),
    ({'jax': '0.0.1'}, 'jax 0.0.1'),
  ],
)
def test_a_worker_is_refused_by_what_it_has_and_not_since_it_is_gone(there, says, tmp_path):
  asked = study.from_config(small.config(norm='none', epochs=1))
  groups, client = grouping.groups(asked.trials), Client(lambda client, task: KeyError('lost'))
  client.found = {'tcp://there:1': there}
  records.prepare(tmp_path)
  hashes, facts = {trial.hash for trial in asked.trials}, {'jax': '0.10.2'}
  run = driving.Run(client, asked, groups, hashes, tmp_path, print, folder='', facts=facts)
  with pytest.raises(ValueError, match=says) if says else contextlib.nullcontext():
    assert len(run.all(fail_fast=False)) == 1
