"""Groups spread over the devices of a machine: none idles, and nothing is lost or other."""

import commands
import jax
import pandas as pd
import pytest
import small

from norms.lab import grouping, records, spreading, study, sweep
from norms.lab.runner import execution

SIXTEEN = {'seed': tuple(range(4)), 'init_scale': (0.1, 1.0, 3.0, 10.0)}


def groups(**changes):
  return grouping.groups(study.from_config(small.config(**changes)).trials)


def shapes(some):
  return sorted((len(g.trials), len(g.tiles[0].rows), g.tiles[0].width) for g in some)


@pytest.mark.parametrize('devices', range(1, 20))
@pytest.mark.parametrize('changes', [{}, {'norm': ('batch', 'layer')}, {'batch_size': (16, 256)}])
def test_no_trial_is_lost_and_no_device_idles(changes, devices):
  whole = groups(**SIXTEEN, **changes)
  found = spreading.spread(whole, devices, lanes=64)
  assert sorted(t.hash for g in found for t in g.trials) == sorted(
    t.hash for g in whole for t in g.trials
  )
  assert len(found) >= min(devices, 4)
  assert [g.work for g in found] == sorted((g.work for g in found), reverse=True)
  assert all(g.static in {w.static for w in whole} for g in found)


@pytest.mark.parametrize(
  ('devices', 'wanted'),
  [
    (1, [(16, 4, 4)]),
    (2, [(8, 2, 4)] * 2),
    (3, [(4, 1, 4)] * 2 + [(8, 2, 4)]),
    (4, [(4, 1, 4)] * 4),
    (9, [(4, 1, 4)] * 4),
  ],
)
def test_seeds_are_shared_out_since_lanes_of_one_have_their_batches_in_common(devices, wanted):
  assert shapes(spreading.spread(groups(**SIXTEEN), devices, lanes=64)) == wanted


def test_where_seeds_are_few_lanes_are_shared_out():
  whole = groups(seed=(0, 1), init_scale=(0.1, 1.0, 3.0, 10.0, 30.0))
  assert shapes(spreading.spread(whole, 4, lanes=64)) == [(2, 2, 1)] * 3 + [(4, 2, 2)]


def test_the_longest_group_is_cut_most():
  """Batches of 16 take sixteen times the steps of batches of 256."""
  found = spreading.spread(groups(seed=tuple(range(8)), batch_size=(16, 256)), 4, lanes=64)
  by_size = [sorted(len(g.trials) for g in found if g.static.batch_size == n) for n in (16, 256)]
  assert by_size == [[2, 2, 2, 2], [8]]


def test_groups_of_one_length_are_cut_alike():
  whole = groups(seed=tuple(range(8)), norm=('batch', 'layer'))
  assert shapes(spreading.spread(whole, 4, lanes=64)) == [(4, 4, 1)] * 4


def test_groups_that_are_enough_stay_as_they_are():
  whole = groups(**SIXTEEN, norm=('batch', 'layer'))
  assert spreading.spread(whole, 2, lanes=64) == whole


def test_tiles_stay_within_the_lanes_that_memory_holds():
  found = spreading.spread(groups(**SIXTEEN), 2, lanes=3)
  assert all(len(tile.rows) * tile.width <= 3 for g in found for tile in g.tiles)


def test_each_device_trains_a_part_in_exact_mode_to_the_bit_as_one_does(tmp_path, monkeypatch):
  """In threads, as those of accelerators are."""
  made, found, used = small.config(norm='batch', chunk=1, epochs=1, seed=(0, 1)), [], []
  compile_group = execution.compile_group

  def seen(group, asked, once, device):
    used.append(device)
    return compile_group(group, asked, once, device)

  monkeypatch.setattr(execution, 'compile_group', seen)
  for count in (1, 2):
    some = jax.local_devices()[:count]
    monkeypatch.setattr(sweep, 'devices', lambda some=some: some)
    frame, failed, ran = small.run(made, tmp_path / str(count))
    assert not failed and len(ran) == count
    found.append(frame.sort_values(['trial', 'epoch'], ignore_index=True))
  assert {*used[1:]} == {*jax.local_devices()[:2]} and len(used) == 3
  pd.testing.assert_frame_equal(*found, check_exact=True)


@pytest.mark.slow
def test_four_devices_find_to_the_bit_what_one_finds(tmp_path):
  """One group, of which each device trains a seed; in exact mode."""
  flags = (
    '--config=configs/sweep.py:smoke', '--config.sweep.norm=batch', '--config.sweep.batch_size=64',
    '--config.sweep.seed=0,1,2,3', '--config.sweep.init_scale=1', '--config.chunk=1',
    '--config.epochs=1', '--config.claims=()',
  )  # fmt: skip
  four = {'XLA_FLAGS': '--xla_force_host_platform_device_count=4'}
  said = [
    commands.train(*flags, f'--workdir={tmp_path / name}', **environment)
    for name, environment in (('one', {}), ('four', four))
  ]
  assert [each.returncode for each in said] == [0, 0], said
  assert 'group 1/1: ' in said[0].stdout and 'group 4/4: ' in said[1].stdout
  one, others = (
    records.load(tmp_path / name).sort_values(['trial', 'epoch'], ignore_index=True)
    for name in ('one', 'four')
  )
  assert set(one['seed']) == {0, 1, 2, 3} and len(one) > 4
  pd.testing.assert_frame_equal(others, one, check_exact=True)
