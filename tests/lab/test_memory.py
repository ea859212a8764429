"""Promises of memory that does not suffice: less at once, and what is recorded says so."""

import errno

import jax
import numpy as np
import pytest
import small

from norms.lab import grouping, records, study, sweep
from norms.lab.runner import execution, memory, once, progress, sparing
from norms.lab.workdir import failures

EXHAUSTED = jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.')
RATES = (0.01, 0.02, 0.04, 0.08)
MEASURED = ['trial', 'epoch', 'step', 'train_loss', 'test_loss', 'grad_norm']


def config(**changes):
  return small.config(norm='none', learning_rate=RATES, epochs=1, **changes)


@pytest.fixture
def short(monkeypatch):
  """Memory suffices for so many trials in a tile, and for so many of them at once."""
  train = execution.train

  def set_to(*, tile=100, chunk=100, after=0):
    ran = []

    def trains(group, trials, compiled, *rest):
      if len(ran) >= after and (len(trials.trials) > tile or compiled.chunk > chunk):
        raise EXHAUSTED
      ran.append(trials)
      return train(group, trials, compiled, *rest)

    monkeypatch.setattr(execution, 'train', trains)
    return ran

  return set_to


def recorded(made, workdir, **options):
  frame, failed, groups = small.run(made, workdir, **options)
  assert not failed and len(records.load(workdir)) == len(frame)
  return frame.sort_values(['trial', 'epoch'], ignore_index=True)[MEASURED], groups


def test_a_chunk_is_halved_until_memory_suffices_and_a_record_says_which_it_was(
  short, tmp_path, capsys
):
  short(chunk=1)
  found, _ = recorded(config(chunk=4), tmp_path / 'short')
  said = [line.rpartition('; ')[2] for line in capsys.readouterr().err.splitlines()]
  assert said == ['again with chunk 2, not 4', 'again with chunk 1, not 2']
  assert [each['chunk'] for each in records.provenance(tmp_path / 'short')] == [1]
  short()
  alone, _ = recorded(config(chunk=1), tmp_path / 'alone')
  assert found.equals(alone)  # and to the bit those of that chunk


def test_then_tiles_are_halved_and_exact_figures_stay_equal_to_the_bit(short, tmp_path, capsys):
  made = config(chunk=1, seed=(0, 1))
  short()
  whole, _ = recorded(made, tmp_path / 'whole')
  ran = short(tile=2)
  found, _ = recorded(made, tmp_path / 'short')
  said = [line.rpartition('; ')[2] for line in capsys.readouterr().err.splitlines()]
  assert said == ['again with tiles of 4, not 8', 'again with tiles of 2, not 4']
  assert [len(tile.trials) for tile in ran] == [2, 2, 2, 2]
  assert found.equals(whole) and not failures.trials(tmp_path / 'short')


def test_what_was_recorded_before_memory_ran_out_is_not_run_again(short, tmp_path, monkeypatch):
  monkeypatch.setattr(sweep.checks, 'MOST_LANES', 4)
  ran, told = short(tile=2, after=1), []
  asked = study.from_config(config(chunk=1, seed=(0, 1)))
  groups = sweep.pending(asked, tmp_path)
  assert not sweep.run(asked, groups, tmp_path, tick=lambda *said: told.append(said))
  assert [len(tile.trials) for tile in ran] == [4, 2, 2]
  assert len({trial for tile in ran for trial in tile.trials}) == 8
  assert sum(done for _, done, _ in told) == sum(progress.steps(groups[0]))


def test_one_trial_that_needs_too_much_fails_its_group_and_no_other(short, tmp_path):
  train = short(chunk=0)
  made = small.config(norm='none', seed=(0, 1), epochs=1)
  frame, (line,), _ = small.run(made, tmp_path)
  assert frame.empty and not train
  assert line.endswith(
    'RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes., with one trial at a time: use a '
    'smaller batch_size or model, or run the same command again where more memory is free'
  )
  (error,) = records.folder(tmp_path).glob('*.error.txt')
  assert 'Traceback' in error.read_text()


def test_a_group_that_was_recorded_before_its_process_was_killed_is_done(tmp_path, capsys):
  made = study.from_config(config())
  (group,) = grouping.groups(made.trials)

  def killed(group, tick):
    small.run(made, tmp_path)
    failures.write(tmp_path, group.trials, group.label, 'killed')
    return memory.OutOfMemory('killed')

  assert sparing.run(killed, group, lambda *_: None, made, tmp_path) == ''
  assert not failures.trials(tmp_path) and not capsys.readouterr().err


def test_what_is_told_of_progress_never_goes_back_and_ends_with_all(tmp_path):
  made = study.from_config(config())
  (group,) = grouping.groups(made.trials)
  (steps,) = progress.steps(group)
  told, tries = [], []

  def worker(part, tick):
    tries.append(part)
    if len(tries) == 1:
      tick(part, steps - 1, 1)
      return memory.OutOfMemory('short')
    tick(part, steps - 2, 0)
    tick(part, 2, 0)
    return ''

  assert sparing.run(worker, group, lambda *said: told.append(said), made, tmp_path) == ''
  assert told == [(group, steps - 1, 1), (group, 0, 0), (group, 1, 0)]


@pytest.mark.parametrize(
  ('chunk', 'width', 'seeds', 'less'),
  [
    (0, 4, 2, ['tiles of 4, not 8', 'tiles of 2, not 4', 'tiles of 1, not 2']),
    (6, 6, 1, ['chunk 3, not 6', 'chunk 1, not 3', 'tiles of 3, not 6', 'tiles of 1, not 3']),
    (2, 1, 3, ['tiles of 1, not 3']),
    (1, 1, 1, []),
  ],
)
def test_less_is_less_down_to_one_trial_at_a_time(chunk, width, seeds, less):
  rates = tuple(0.1 * (1 + np.arange(width)))
  made = study.from_config(
    small.config(norm='none', learning_rate=rates, seed=tuple(range(seeds)), batch_size=(64, 128))
  )
  group = grouping.share_programs(grouping.groups(made.trials), workers=1)[0]
  assert len(group.sizes) == 2
  how = []
  while found := sparing.smaller(group, chunk):
    assert sorted(t.hash for t in found.group.trials) == sorted(t.hash for t in group.trials)
    assert found.group.family != group.family or len(found.group.tiles) > len(group.tiles)
    group = found.group
    assert group.sizes == (group.static.batch_size,)
    how.append(found.how)
  assert how == less


@pytest.mark.parametrize(
  ('error', 'failed'),
  [
    (EXHAUSTED, True),
    (MemoryError(), True),
    (OSError(errno.ENOMEM, 'Cannot allocate memory'), True),
    (OSError(errno.ENOSPC, 'No space left on device'), False),
    (jax.errors.JaxRuntimeError('INTERNAL: not RESOURCE_EXHAUSTED'), False),
    (ValueError('RESOURCE_EXHAUSTED'), False),
  ],
)
def test_which_errors_are_of_too_little_memory(error, failed):
  assert memory.failed(error) is failed


def test_what_memory_did_not_suffice_for_is_made_when_there_is_more():
  makes, errors = once.Once(), [EXHAUSTED, None, ValueError('no'), None]

  def make():
    if error := errors.pop(0):
      raise error
    return 'made'

  with pytest.raises(jax.errors.JaxRuntimeError):
    makes('large', make)
  assert makes('large', make) == 'made'
  for _ in range(2):  # what is wrong stays wrong
    with pytest.raises(ValueError, match='no'):
      makes('wrong', make)
  assert len(errors) == 1
