"""What the command line changes: keys by their types, axes of a sweep and of get_hyper."""

import collections

import invented
import pytest
import small

from norms.lab import grid, numerics, overrides, parity, study


def given(*arguments, config=None):
  """What the arguments change of a config, the small one if none is given."""
  rest, pairs = overrides.taken(arguments)
  assert not rest
  return overrides.typed(small.config() if config is None else config, pairs)


def plan(name, *arguments, arg=None):
  """The trials of configs/<name>.py with these arguments."""
  config, get_hyper, _ = invented.config(name, arg)
  changed = given(*arguments, config=config)
  return study.from_config(config, get_hyper=get_hyper, overridden=changed).trials


def designed(get_hyper, *arguments):
  return study.from_config(small.config(), get_hyper=get_hyper, overridden=given(*arguments)).trials


def refused(function, *arguments):
  """The line that it raises."""
  with pytest.raises(ValueError, match='.') as error:
    function(*arguments)
  assert '\n' not in str(error.value)
  return str(error.value)


def test_flags_of_the_config_are_taken_and_others_left():
  rest, pairs = overrides.taken(
    ['--dry_run', '--config=a.py', '--config.seed', '3', '-config.norm=none', '--x', '--',
     '--config.seed=4']
  )  # fmt: skip
  assert rest == ['--dry_run', '--config=a.py', '--x', '--', '--config.seed=4']
  assert pairs == [('seed', '3'), ('norm', 'none')]
  assert 'write --config.seed=VALUE' in refused(overrides.taken, ['--config.seed'])
  assert 'write --config.seed=VALUE' in refused(overrides.taken, ['--config.seed', '--dry_run'])
  assert 'write --config.KEY=VALUE' in refused(overrides.taken, ['--noconfig.seed'])


@pytest.mark.parametrize(
  ('argument', 'key', 'value'),
  [
    ('learning_rate=1', 'learning_rate', 1.0),
    ('init_scale=2', 'init_scale', 2.0),
    ('init_scale=None', 'init_scale', None),
    ('seed=9', 'seed', 9),
    ('norm=5', 'norm', '5'),
    ('augment=pad_crop,flip', 'augment', ('pad_crop', 'flip')),
    ("augment=('flip',)", 'augment', ('flip',)),
    ("model_options={'features': (9,)}", 'model_options', {'features': (9,)}),
    ('model_options.features=9', 'model_options.features', (9,)),
    ('model_options.width=4', 'model_options.width', 4),
    ('optimizer_options.momentum=1', 'optimizer_options.momentum', 1.0),
    ('norm_options.group.num_groups=auto', 'norm_options.group.num_groups', 'auto'),
    ('norm_options.mine.own:Norm.epsilon=0.1', 'norm_options.mine.own:Norm.epsilon', 0.1),
    ('data.train=100', 'data.train', 100),
    ('sweep.norm=batch,layer', 'sweep.norm', ('batch', 'layer')),
    ('sweep.model_options.depth=1,4', 'sweep.model_options.depth', (1, 4)),
    ('sweep.learning_rate=log(0.01,1,3)', 'sweep.learning_rate', (0.01, 0.1, 1.0)),
    ("sweep={'seed': (1, 2)}", 'sweep.seed', (1, 2)),
    ("claims=(('beats', {'norm': 'a'}),)", 'claims', (('beats', {'norm': 'a'}),)),
  ],
)
def test_a_value_has_the_type_of_its_key(argument, key, value):
  found = given(f'--config.{argument}')
  assert found == {key: value} and type(found[key]) is type(value)


def test_of_two_flags_the_last_counts_and_tuples_are_joined():
  assert given('--config.seed=1', '--config.seed=2') == {'seed': 2}
  assert given('--config.sweep.seed=1', '--config.sweep.seed=2') == {'sweep.seed': (1, 2)}


def test_keys_with_dots_reach_inside_and_leave_the_config_as_it_was():
  config = small.config()
  changed = given('--config.model_options.width=4', '--config.norm_options.a.b:C.d=1')
  found = overrides.applied(config.to_dict(), changed)
  assert found['model_options'] == {'features': (8,), 'width': 4}
  assert found['norm_options'] == {'group': {'num_groups': 2}, 'a.b:C': {'d': 1}}
  assert config.model_options.to_dict() == {'features': (8,)}


# Of the last trial of each, as version 0.1.0 had them before any key could be swept.
HASHES = {
  'sweep': '318150166ccf6d28',
  'cifar_few_features': 'aebe70815147a96d',
  'mnist_mlp': '6a3e53d696d8a3c8',
  'cifar_depth': 'a272851073bf60d7',
}


@pytest.mark.parametrize('name', HASHES)
def test_new_keys_and_axes_leave_hashes_as_they_were(name, monkeypatch):
  monkeypatch.setattr(numerics, 'NUMERICS', 2)
  assert plan(name)[-1].hash == HASHES[name]


# ---- axes of config.sweep


def test_one_value_of_a_swept_key_is_run_alone():
  trials = plan('sweep', '--config.batch_size=32', '--config.seed=7')
  assert {(t.batch_size, t.seed) for t in trials} == {(32, 7)} and len(trials) == 450 / 15


def test_an_axis_from_the_command_line_is_as_one_of_the_file():
  config = small.config(norm=('none', 'batch'), learning_rate=(0.1, 0.2))
  other = small.config(norm=('none', 'batch'), learning_rate=(0.3,))
  made = study.from_config(config, overridden=given('--config.sweep.learning_rate=0.3'))
  assert made.trials == study.from_config(other).trials


@pytest.mark.parametrize(
  ('argument', 'field', 'values'),
  [
    ('data.train=200,300', 'data', [(('name', 'digits'), ('train', n)) for n in (200, 300)]),
    ('model_options.activation=tanh,relu', 'model_options',
     [(('activation', a), ('features', (8,))) for a in ('tanh', 'relu')]),
    ('optimizer_options.momentum=0,0.5', 'optimizer_options',
     [(('momentum', m),) for m in (0, 0.5)]),
    ('augment=none,flip,pad_crop+flip', 'augment', [(), ('flip',), ('pad_crop', 'flip')]),
    ('head_scale=None,2', 'head_scale', [None, 2.0]),
    ('probe=0,5', 'probe', [0, 5]),
  ],
)  # fmt: skip
def test_every_key_is_an_axis(argument, field, values):
  made = study.from_config(small.config(), overridden=given(f'--config.sweep.{argument}'))
  assert [getattr(trial, field) for trial in made.trials] == values
  assert list(made.axes) == [argument.partition('=')[0]]


def test_options_of_a_norm_are_an_axis_in_a_config():
  config = small.config(norm='group')
  config.sweep.norm_options = {'group': {'num_groups': (2, 4)}}
  made = study.from_config(config)
  assert [dict(t.norm_options)['num_groups'] for t in made.trials] == [2, 4]


def test_keys_that_belong_to_a_study_are_no_axes():
  line = refused(study.from_config, config_with(chunk=(0, 1)))
  assert line.startswith("swept key='chunk' is not known")


def config_with(**axes):
  plain = small.config().to_dict()
  return {**plain, 'sweep': plain['sweep'] | axes}


# ---- get_hyper


def test_the_seed_of_a_config_with_get_hyper_is_replaced():
  for argument in ('--config.sweep.seed=9', '--config.seed=9'):
    trials = plan('cifar_batch_size', argument)
    assert {t.seed for t in trials} == {9} and len(trials) == 72 / 6
  assert len(plan('cifar_batch_size', '--config.sweep.seed=0,1')) == 72 / 3
  assert {t.seed for t in plan('cifar_depth', '--config.seed=9')} == {9}  # where it is fixed, too


def test_an_axis_of_a_product_is_replaced():
  trials = plan('cifar_batch_size', '--config.sweep.batch_size=8,16')
  assert collections.Counter(t.batch_size for t in trials) == {8: 24, 16: 24}
  assert {t.batch_size for t in plan('cifar_batch_size', '--config.batch_size=8')} == {8}
  (wide,) = {
    dict(t.model_options)['features']
    for t in plan('cifar_few_features', '--config.sweep.model_options.features=(3,3),')
  }
  assert wide == (3, 3)


def test_among_paired_values_the_command_line_chooses():
  trials = plan('cifar_batch_size', '--config.sweep.norm=batch')
  assert {(t.norm, t.eval_stats) for t in trials} == {('batch', 'running'), ('batch', 'exact')}
  assert {t.norm for t in plan('cifar_batch_size', '--config.norm=layer')} == {'layer'}
  trials = plan('mnist_mlp', '--config.sweep.init_scale=0.2')
  assert {(t.init_scale, t.head_scale) for t in trials} == {(0.2, 0.2), (0.2, 4.0)}
  line = refused(plan, 'mnist_mlp', '--config.sweep.init_scale=0.5')
  assert line == (
    'config.sweep.init_scale=0.5: get_hyper of this config pairs the values of init_scale, and 0.5 '
    'is not among them: use some of 1.0, 0.2, or change it there'
  )


def test_a_fixed_key_is_refused():
  line = refused(plan, 'cifar_batch_size', '--config.eval_stats=exact')
  assert line == (
    'config.eval_stats=exact: get_hyper of this config fixes eval_stats to running, exact: change '
    'it there'
  )

  def fixed(hyper):
    return hyper.fixed('norm', 'batch')

  assert 'fixes norm to batch' in refused(designed, fixed, '--config.norm=layer')
  assert 'fixes the values of norm' in refused(designed, fixed, '--config.sweep.norm=layer')
  assert [t.norm for t in designed(fixed, '--config.norm=batch')] == ['batch']


def test_a_pair_alone_is_a_pair():
  """Though its values could stand in a product, of one combination."""

  def pair(hyper):
    return hyper.zipit([hyper.sweep('norm', ['batch']), hyper.sweep('epochs', [3])])

  assert 'pairs the values of norm' in refused(designed, pair, '--config.sweep.norm=layer')

  def one(hyper):
    return hyper.product([hyper.sweep('norm', ['batch']), hyper.sweep('epochs', [3])])

  assert [t.norm for t in designed(one, '--config.sweep.norm=layer')] == ['layer']


def test_drawn_values_are_chosen_among():
  def drawn(hyper):
    return hyper.random([hyper.uniform('learning_rate', 0.1, 0.2)], 3)

  rates = [t.learning_rate for t in designed(drawn)]
  (chosen,) = designed(drawn, f'--config.learning_rate={rates[1]}')
  assert chosen.learning_rate == rates[1]
  assert 'draws the values' in refused(designed, drawn, '--config.sweep.learning_rate=0.5')


def test_what_get_hyper_does_not_set_is_an_axis_or_a_value():
  def seeds(hyper):
    return hyper.sweep('seed', (0, 1))

  assert len(designed(seeds, '--config.sweep.norm=none,batch,layer')) == 6
  assert {t.norm for t in designed(seeds, '--config.norm=layer')} == {'layer'}


def test_points_made_by_hand_are_looked_at():
  points = [{'norm': n, 'epochs': e} for n in ('none', 'batch') for e in (1, 2)]
  made = designed(lambda hyper: points, '--config.sweep.norm=layer,rms')
  assert [(t.norm, t.epochs) for t in made] == [('layer', 1), ('rms', 1), ('layer', 2), ('rms', 2)]
  line = refused(designed, lambda hyper: points[:3], '--config.sweep.norm=layer')
  assert 'pairs the values of norm' in line
  assert len(designed(lambda hyper: points[:3], '--config.sweep.norm=none')) == 2


@pytest.mark.parametrize(
  ('arguments', 'says'),
  [
    (['--config.seed=1', '--config.sweep.seed=1,2'], 'config.seed and config.sweep.seed are both'),
    (['--config.sweep.seed='], 'config.sweep.seed has no values'),
    (['--config.sweep.model_options.features.x=1'], 'sets model_options.features: override that'),
  ],
)
def test_what_cannot_be_meant_is_refused(arguments, says):
  def design(hyper):
    return hyper.sweep('model_options.features', [(8,), (9,)])

  assert says in refused(designed, design, *arguments)


@pytest.mark.parametrize('points', [None, [], [3], 'ab'])
def test_what_is_no_design_gets_one_line(points):
  line = refused(designed, lambda hyper: points)
  assert line == f'get_hyper gives {points!r}: return a list of points, as hyper.product does'


def test_comparisons_of_libraries_take_overrides():
  config, _, _ = invented.config('parity')
  plain = overrides.applied(config.to_dict(), given('--config.norms=batch', config=config))
  made = parity.from_config(type(config)(plain))
  assert {unit.label.split()[-1] for unit in made.units}
  assert plain['norms'] == ('batch',) and config.norms != ('batch',)
  assert "did you mean 'steps'" in refused(lambda: given('--config.step=1', config=config))
  assert "config key='sweep'" in refused(lambda: given('--config.sweep.seed=1', config=config))


def test_hyper_fixes_and_pairs_through_products():
  pair = grid.zipit([grid.sweep('b', [1]), grid.sweep('c', [2])])
  points = grid.product([grid.fixed('a', 1), pair])
  assert points == [{'a': 1, 'b': 1, 'c': 2}]
  assert points[0].bound == {'a': 'fixes', 'b': 'pairs', 'c': 'pairs'}


def test_train_plans_fewer_trials(tmp_path, command):
  done = command(
    '--config=configs/cifar_batch_size.py', '--config.sweep.seed=0,1', '--dry_run',
    f'--workdir={tmp_path}',
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert 'cifar_batch_size: 24 trials' in done.stdout
