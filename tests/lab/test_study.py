"""Promises of study, trial, grid and plan: plain data, validated, hashed by what matters."""

import dataclasses

from ml_collections import config_dict
import pytest
import small

from norms.lab import grid, grouping, study


def trials(**changes):
  return study.from_config(small.config(**changes)).trials


def test_defaults_are_fresh():
  """A placeholder shared between configs would carry one's scale into the next."""
  first = study.defaults()
  first.init_scale = 3.0
  assert study.defaults().init_scale is None


def test_product_of_the_swept_axes():
  made = study.from_config(small.config(norm=('none', 'batch'), seed=(0, 1, 2)))
  assert len(made.trials) == 6
  assert made.axes == {'norm': ('none', 'batch'), 'seed': (0, 1, 2)}


def test_the_hash_is_of_what_can_change_the_result():
  (base,) = trials()
  changed = [
    trials(norm='batch'), trials(seed=1), trials(init_scale=2.0), trials(learning_rate=0.1),
    trials(batch_size=64), trials(epochs=3), trials(eval_stats='running'),
    trials(model_options={'features': (9,)}), trials(optimizer_options={'momentum': 0.5}),
    trials(weight_scale=0.01), trials(head_scale=2.0),
  ]  # fmt: skip
  assert len({base.hash, *(t.hash for (t,) in changed)}) == len(changed) + 1


@pytest.mark.parametrize('change', [{'question': 'other'}, {'chunk': 1}, {'claims': ()}])
def test_the_hash_ignores_what_cannot(change):
  assert trials(**change)[0].hash == trials()[0].hash


def test_options_of_other_norms_do_not_matter():
  changed = trials(norm_options={'group': {'num_groups': 4}})
  assert changed[0].hash == trials()[0].hash
  assert trials(norm='group')[0].hash != trials(norm='group', norm_options={})[0].hash


def test_the_users_source_is_part_of_a_trial(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(tmp_path)
  hashes = []
  for text in ('a = 1', 'a = 2'):
    (tmp_path / 'someones_norm.py').write_text(text)
    hashes.append(trials(norm='someones_norm:a')[0].hash)
  assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
  ('changes', 'says'),
  [
    ({'batch_size': 0}, 'batch_size=0: use a whole number from 1 on'),
    ({'batch_size': (4, 4.5)}, 'batch_size=4.5'),
    ({'learning_rate': -1.0}, 'learning_rate=-1.0'),
    ({'init_scale': (1.0, float('nan'))}, 'init_scale=nan'),
    ({'init_scale': 1.0, 'weight_scale': 0.1}, 'give exactly one'),
    ({'head_scale': 0.0}, 'head_scale=0.0'),
    ({'head_scale': 2.0, 'model': 'own:Net'}, 'head_scale=2.0 is for the own models'),
    ({'eval_stats': 'exakt'}, "did you mean 'exact'"),
    ({'name': 'a/b'}, "config.name='a/b'"),
    ({'chunk': -1}, 'config.chunk=-1'),
    ({'norm': ''}, "norm=''"),
  ],
)
def test_a_wrong_value_gets_one_line(changes, says):
  with pytest.raises(ValueError, match='.') as error:
    trials(**changes)
  assert says in str(error.value)
  assert '\n' not in str(error.value)


def test_one_string_of_a_flag_is_split_on_commas():
  assert [t.norm for t in trials(norm=('none, batch',))] == ['none', 'batch']


def test_get_hyper_takes_the_place_of_the_sweep():
  def get_hyper(hyper):
    cells = hyper.zipit([
      hyper.sweep('config.batch_size', [4, 16]),
      hyper.sweep('config.optimizer_options.momentum', [0.5, 0.9]),
    ])  # fmt: skip
    return hyper.product(
      [cells, hyper.chainit([hyper.fixed('norm', 'batch'), hyper.fixed('norm', 'none')])]
    )

  made = study.from_config(small.config(), get_hyper=get_hyper)
  found = [(t.batch_size, dict(t.optimizer_options)['momentum'], t.norm) for t in made.trials]
  assert found == [(4, 0.5, 'batch'), (4, 0.5, 'none'), (16, 0.9, 'batch'), (16, 0.9, 'none')]


def test_zipit_of_unequal_lengths_is_an_error():
  with pytest.raises(ValueError, match=r'lengths \[2, 3\]'):
    grid.zipit([grid.sweep('a', [1, 2]), grid.sweep('b', [1, 2, 3])])


def test_an_unknown_swept_key_names_the_nearest():
  with pytest.raises(ValueError, match="did you mean 'batch_size'"):
    study.from_config(small.config(), get_hyper=lambda h: h.sweep('config.batchsize', [4]))


def test_groups_hold_what_is_traced():
  made = trials(
    norm=('none', 'batch'), init_scale=(0.1, 1.0), learning_rate=(0.1, 0.2), seed=(0, 1)
  )
  groups = grouping.groups(made)
  assert [len(g.trials) for g in groups] == [8, 8]
  assert {t for g in groups for t in g.trials} == set(made)
  assert all(len(g.tiles) == 1 and len(g.tiles[0].rows) == 2 for g in groups)


def test_the_longest_groups_come_first():
  """By steps: epochs and trials over batch size."""
  made = [
    *trials(batch_size=(256, 16, 64), seed=(0, 1)),
    *trials(batch_size=(64, 16), norm='batch', seed=(0, 1, 2)),
    *trials(batch_size=8, norm='layer', epochs=1),
  ]
  found = [(g.static.norm, g.static.batch_size) for g in grouping.groups(made)]
  assert found == [('batch', 16), ('none', 16), ('layer', 8), ('batch', 64), ('none', 64),
                   ('none', 256)]  # fmt: skip


def test_groups_of_a_family_are_compiled_together_if_every_worker_has_a_family():
  """Else some would wait for the others' programs."""
  made = [
    *trials(norm=('none', 'batch'), batch_size=(64, 128)),
    *trials(norm='batch', batch_size=256, seed=(0, 1), model_options={'features': (16,)}),
  ]
  groups = grouping.groups(made)

  def sizes(groups):
    return sorted((g.static.batch_size, sorted(g.sizes)) for g in groups)

  apart = [(64, [64])] * 2 + [(128, [128])] * 2 + [(256, [256])]
  assert sizes(groups) == apart == sizes(grouping.share_programs(groups, workers=4))
  found = grouping.share_programs(groups, workers=3)
  assert sizes(found) == [(64, [64, 128])] * 2 + [(128, [64, 128])] * 2 + [(256, [256])]
  (third,) = [group for group in groups if group.static.batch_size == 256]
  (fourth, *_) = [group for group in groups if group.static.batch_size == 128]
  some = grouping.share_programs(groups, workers=2, apart=[third, fourth])
  assert sizes(some) == [(64, [64]), (64, [64, 128]), (128, [64, 128]), (128, [128]), (256, [256])]
  assert found == groups  # how they are compiled is not what they are


def test_a_group_says_how_it_is_judged_where_that_is_not_as_usual():
  labels = [g.label for g in grouping.groups(trials(norm='batch', eval_stats=('exact', 'running')))]
  assert [label.endswith('by running statistics') for label in labels] == [False, True]


@pytest.mark.parametrize('seeds', [2, 5])
@pytest.mark.parametrize('lanes', [1, 2, 3, 4, 9, 100])
def test_tiles_lose_no_trial_and_have_one_shape(lanes, seeds):
  made = trials(init_scale=(0.1, 1.0, 10.0), seed=tuple(range(seeds)))
  tiles = grouping.tiles(made, lanes)
  assert sorted(t.hash for tile in tiles for t in tile.trials) == sorted(t.hash for t in made)
  assert len({(len(tile.rows), tile.width) for tile in tiles}) == 1
  assert all(len(tile.rows) * tile.width <= max(lanes, 1) for tile in tiles)
  assert all(len({t.seed for t in row if t}) <= 1 for tile in tiles for row in tile.rows)


def test_a_study_is_frozen():
  made = study.from_config(config_dict.ConfigDict(small.config()))
  with pytest.raises(dataclasses.FrozenInstanceError):
    made.name = 'other'
