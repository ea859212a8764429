"""How a plan is cut into the tasks of a cluster, and what travels there and back."""

import pickle

import numpy as np
import pytest
import small

from norms.lab import grouping, records, source, study
from norms.lab.cluster import parcel, parts, received
from norms.lab.data import own
from norms.lab.store import checked
from norms.lab.workdir import claims, kept


@pytest.fixture(scope='module')
def groups():
  """Two families of three batch sizes and 4 tiles each: epochs of 22, 11 and 5 steps."""
  made = small.config(norm=('none', 'batch'), batch_size=(64, 128, 256), seed=tuple(range(8)))
  return grouping.groups(study.from_config(made).trials, lanes=2)


def origin(group, compiling, running):
  """What a file says of a tile of two lanes."""
  return {
    'program': group.static.hash, 'compile_seconds': compiling, 'run_seconds': running, 'trials': 2
  }  # fmt: skip


def trials(some):
  return sorted(trial.hash for part in some for group in part.groups for trial in group.trials)


def sizes(part):
  return [group.static.batch_size for group in part.groups]


def test_a_family_that_never_ran_begins_with_one_tile(groups):
  waiting = parts.Waiting(groups, [], together=True)
  first = waiting.ready()
  assert [(len(part.groups[0].tiles), sizes(part)) for part in first] == [(1, [64]), (1, [64])]
  assert not waiting.ready()
  waiting.learn(first[0].groups[0], origin(groups[0], 1, 1e6))
  rest = waiting.ready(first[0])
  assert {part.family for part in rest} == {first[0].family}
  waiting.learn(first[1].groups[0], origin(groups[0], 1, 1e6))
  rest += waiting.ready(first[1])
  assert trials([*first, *rest]) == sorted(t.hash for g in groups for t in g.trials)


def test_compiling_is_a_tenth_of_a_task_at_most_where_there_is_so_much_to_run(groups):
  """A tile of batch 64 has 88 steps: 2 lanes, 2 epochs, 22 each."""
  (group,) = (g for g in groups if (g.static.norm, g.static.batch_size) == ('none', 64))
  family = [g for g in groups if g.family == group.family]
  for running, expected in ((9.0, 6), (4.6, 3), (0.1, 1)):
    waiting = parts.Waiting(family, [origin(group, 1.0, running)], together=True)
    cut = waiting.ready()
    assert trials(cut) == sorted(t.hash for g in family for t in g.trials)
    assert len(cut) == expected
    speed = parts.Speed(1.0, running / 88)
    for part in cut[:-1]:  # to the last is added what is left
      units = [(g, tile) for g in part.groups for tile in g.tiles]
      assert parts.share_of_compiling(units, speed) <= 0.1
      assert not units[1:] or parts.share_of_compiling(units[:-1], speed) > 0.1  # no larger


def test_batch_sizes_of_a_task_are_one_program_where_that_saves_time(groups):
  for together in (True, False):
    origins = [origin(group, 1.0, 0.1) for group in groups]
    cut = parts.Waiting(groups, origins, together=together).ready()
    assert [sizes(part) for part in cut] == [[64, 128, 256]] * 2
    for part in cut:
      for group in part.groups:
        assert group.sizes == ((64, 128, 256) if together else (group.static.batch_size,))


def test_where_a_first_tile_failed_the_others_are_tasks_by_themselves(groups):
  waiting = parts.Waiting(groups, [], together=True)
  first, _ = waiting.ready()
  rest = waiting.ready(first)
  assert len(rest) == 11 and all(len(part.groups) == 1 for part in rest)


@pytest.fixture
def file(tmp_path):
  """A trial's file of records, and its group."""
  asked = study.from_config(small.config(epochs=1, keep='final'))
  _, failed, groups = small.run(asked, tmp_path / 'there')
  assert not failed
  folder = tmp_path / 'there'
  files = {
    p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob('*') if p.is_file()
  }
  return groups[0], files, tmp_path / 'here'


def test_what_comes_back_is_checked_and_takes_its_place(file):
  group, files, here = file
  (name,) = (name for name in files if name.endswith('.parquet'))
  torn = bytearray(files[name])
  torn[len(torn) // 3] ^= 1
  with pytest.raises(checked.Damaged, match='cannot be read'):
    received.store(here, group, files | {name: bytes(torn)})
  (other,) = grouping.groups(study.from_config(small.config(epochs=1, seed=1)).trials)
  wrong = f'records/{records.tile_hash(other.trials)}.parquet'
  with pytest.raises(checked.Damaged, match='holds other trials'):
    received.store(here, other, {wrong: files[name]})
  assert not records.files(here)
  for _ in range(2):  # a task that ran twice
    (said,) = received.store(here, group, files)
  assert said['trials'] == 1 and records.done(here) == {group.trials[0].hash}
  assert 'params' in kept.load_params(here, group.trials[0])
  assert {path.name for path in here.rglob('.*')} <= {claims.FILE}  # nothing half written


def test_what_workers_should_have_written_here_is_missed(file, monkeypatch):
  group, files, here = file
  monkeypatch.setattr(received, 'LATE', 0.2)
  assert received.written(here, group, whole=False) == []
  with pytest.raises(ValueError, match='a worker wrote records of none, .* not in .*=driver'):
    received.written(here, group, whole=True)
  received.store(here, group, files)
  assert received.written(here, group, whole=True)[0]['trials'] == 1


def test_a_parcel_has_the_users_modules_in_their_packages(tmp_path, monkeypatch):
  for name, text in {
    'a/__init__': '',
    'a/b': 'import c_mine\ndef f(x): return x\n',
    'c_mine': '',
  }.items():
    path = tmp_path / 'mine' / f'{name}.py'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
  monkeypatch.syspath_prepend(tmp_path / 'mine')
  assert sorted(source.modules('a.b:f')) == ['a', 'a.b', 'c_mine']
  asked = study.from_config(small.config(model_options={'features': (8,), 'activation': 'a.b:f'}))
  packed = parcel.pack(asked)
  monkeypatch.undo()
  monkeypatch.syspath_prepend(tmp_path)  # which takes away what is added below
  _, there = parcel.unpack(packed, tmp_path / 'there')
  assert there == asked and source.digest('a.b:f') == asked.trials[0].code
  found = {p.relative_to(tmp_path / 'there').as_posix() for p in (tmp_path / 'there').rglob('*.py')}
  assert found == {'a/__init__.py', 'a/b.py', 'c_mine.py'}


def test_a_users_own_data_go_along_as_arrays(tmp_path, monkeypatch):
  monkeypatch.setattr(own, 'GIVEN', {})
  x, y = np.random.default_rng(0).normal(size=(8, 4)), np.arange(8) % 2
  np.savez(tmp_path / 'mine.npz', x_train=x, y_train=y, x_test=x, y_test=y)
  made = small.config(batch_size=4)
  made.data.name = str(tmp_path / 'mine.npz')
  asked = study.from_config(made)
  parcel_, _ = parcel.unpack(parcel.pack(asked), tmp_path / 'there')
  (tmp_path / 'mine.npz').unlink()
  options = dict(asked.trials[0].data)
  assert own.read(own.complete(options)).sha256 == options['sha256'] == [*parcel_.data][0]
  with pytest.raises(FileNotFoundError):
    own.read(own.complete({**options, 'sha256': ''}))


def test_what_only_this_process_has_does_not_travel(monkeypatch):
  asked = study.from_config(small.config())
  monkeypatch.setattr(type(asked.trials[0]), 'objects', ('__main__:Mine',))
  with pytest.raises(ValueError, match="'__main__:Mine' is of this process alone: put it into a"):
    parcel.pack(asked)


def test_versions_that_differ_are_named():
  here = parcel.facts()
  assert not parcel.differences(here, pickle.loads(pickle.dumps(here)))
  assert parcel.differences({'jax': '2', 'norms': '1'}, {'jax': '1', 'norms': '1', 'more': 0}) == (
    'jax 1 (here 2)'
  )
