"""Promises of the update rule: schedules, clipping and decay are optax's; lanes share programs."""

import functools
import inspect

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import small
from test_messages import planned, refused
from test_own_probes import PROBES
import test_training

from norms.lab import grouping, records, statistics, study, updates
from norms.lab.data import Split
from norms.lab.engine import chunks, optimizer, program, schedules, training

PEAK, EPOCHS, PER_EPOCH = 0.3, 8, 5
STEPS = EPOCHS * PER_EPOCH
# By name: the options of a config, and the same of optax's function.
SCHEDULES = {
  'cosine_decay': (
    {'decay_epochs': 5, 'alpha': 0.1},
    lambda: optax.cosine_decay_schedule(PEAK, 25, alpha=0.1),
  ),
  'cosine_onecycle': (
    {'div_factor': 10},
    lambda: optax.cosine_onecycle_schedule(STEPS, PEAK, div_factor=10.0),
  ),
  'exponential_decay': (
    {'transition_epochs': 1, 'decay_rate': 0.5, 'staircase': True, 'transition_begin': 3},
    lambda: optax.exponential_decay(PEAK, 5, 0.5, transition_begin=3, staircase=True),
  ),
  'linear': (
    {'transition_begin_epochs': 2},
    lambda: optax.linear_schedule(PEAK, 0.0, STEPS - 10, transition_begin=10),
  ),
  'linear_onecycle': (
    {'transition_steps': 30},
    lambda: optax.linear_onecycle_schedule(30, PEAK),
  ),
  'piecewise_constant': (
    {'boundary_epochs': (2, 4.6), 'scales': (0.1, 0.5)},
    lambda: optax.piecewise_constant_schedule(PEAK, {10: 0.1, 23: 0.5}),
  ),
  'piecewise_interpolate': (
    {'interpolate_type': 'linear', 'boundary_steps': (10, 20), 'scales': (0.1, 0.5)},
    lambda: optax.piecewise_interpolate_schedule('linear', PEAK, {10: 0.1, 20: 0.5}),
  ),
  'polynomial': (
    {'power': 2, 'end_value': 0.01},
    lambda: optax.polynomial_schedule(PEAK, 0.01, 2, STEPS),
  ),
  'warmup_constant': (
    {'warmup_epochs': 1.2, 'init_value': 0.1},
    lambda: optax.warmup_constant_schedule(0.1, PEAK, 6),
  ),
  'warmup_cosine_decay': (
    {'warmup_epochs': 2},
    lambda: optax.warmup_cosine_decay_schedule(0.0, PEAK, 10, STEPS),
  ),
  'warmup_exponential_decay': (
    {'warmup_steps': 4, 'decay_rate': 0.1, 'end_value': 0.05},
    lambda: optax.warmup_exponential_decay_schedule(0.0, PEAK, 4, STEPS - 4, 0.1, end_value=0.05),
  ),
}


def trials(**changes):
  return study.from_config(small.config(**changes)).trials


def rates(name, options):
  """The table that the trial's program is given: 5 steps an epoch."""
  (made,) = trials(schedule=name, schedule_options=options, learning_rate=PEAK, epochs=EPOCHS)
  return schedules.table(made)['rates']


def test_the_schedules_and_their_options_are_optaxs():
  assert set(SCHEDULES) == set(updates.SCHEDULES) - {'constant'}
  for name, options in updates.SCHEDULES.items():
    factory = getattr(optax, f'{name}_schedule', None) or getattr(optax, name)
    found = list(inspect.signature(factory).parameters)
    peak = next(each for each in ('peak_value', 'init_value', 'value') if each in found)
    renamed = {'boundaries_and_scales': ['boundary_steps', 'scales']}
    wanted = [each for key in found if key != peak for each in renamed.get(key, [key])]
    assert set(options) == set(wanted), name


@pytest.mark.parametrize('name', SCHEDULES)
def test_a_schedules_values_equal_optaxs_at_every_step(name):
  options, made = SCHEDULES[name]
  found, wanted = rates(name, options), jax.jit(made())
  assert found.shape == (STEPS,) and found.dtype == np.float32
  # A cosine of many numbers at once may differ from that of one in the last bit of 1.
  tolerance = 2**-23 * PEAK
  np.testing.assert_allclose(found, [wanted(step) for step in range(STEPS)], 1e-6, tolerance)


@pytest.mark.parametrize('name', SCHEDULES)
def test_a_schedule_goes_by_optaxs_whole_name_too(name):
  options = SCHEDULES[name][0]
  (first,), (same,) = (trials(schedule=each, schedule_options=options)
                       for each in (name, f'{name}_schedule'))  # fmt: skip
  assert first.hash == same.hash != trials()[0].hash


def test_each_step_of_a_training_is_taken_at_its_own_rate():
  made = small.config(
    schedule='warmup_cosine_decay', schedule_options={'warmup_steps': 2}, optimizer_options={}
  )
  setup, *_, state, block = test_training.begun(made)
  step = jax.jit(functools.partial(training.step, setup))
  batch = Split(test_training.DATA.train.x[:64], test_training.DATA.train.y[:64])
  wanted = optax.warmup_cosine_decay_schedule(0.0, 0.05, 2, 10)
  for i in range(10):
    new, seen = step(state, batch, block.hyper)
    moved = jax.tree.map(jnp.subtract, new.variables['params'], state.variables['params'])
    rate = optax.tree.norm(moved) / seen['grad_norm']
    # A parameter of size 1 is rounded by 6e-8, a step by the rate is 1e-3 and more.
    np.testing.assert_allclose(rate, wanted(i), rtol=1e-3, atol=1e-7)
    state = new


PARAMS = {
  'layer_0': {'kernel': jnp.linspace(-1, 1, 12).reshape(3, 4), 'bias': jnp.arange(1.0, 5)},
  'norm_0': {'scale': jnp.ones((2, 4)), 'layer_0/kernel/scale': jnp.ones(4)},
  'embed': {'embedding': jnp.ones((3, 2))},
}
GRADS = jax.tree.map(jnp.sin, PARAMS)
DECAYING = [name for name in optimizer.names() if optimizer._decay_arguments(name)]


def by_hand(params):
  """Which parameters decay."""
  none = jax.tree.map(lambda _: False, params)
  return none | {'layer_0': {'kernel': True, 'bias': False}}


def taken(rule, hyper, grads=GRADS, steps=3):
  """The parameters after some steps of the same gradient."""
  params, state = PARAMS, None
  for step in range(steps):
    made = rule(hyper, step)
    state = made.init(params) if state is None else state
    moves, state = made.update(grads, state, params)
    params = optax.apply_updates(params, moves)
  return params


@pytest.mark.parametrize('mask', updates.MASKS)
@pytest.mark.parametrize('name', ['sgd', 'adam', 'adamw', 'lars', 'adafactor', 'adadelta'])
def test_weight_decay_touches_kernels_only(name, mask):
  """Without a gradient nothing else moves."""
  rule = optimizer.Update(name, decays=True, mask=mask)
  still = jax.tree.map(jnp.zeros_like, GRADS)
  found = taken(rule, {'learning_rate': 0.1, 'weight_decay': 0.1}, still)
  moved = jax.tree.map(lambda a, b: bool((a != b).any()), found, PARAMS)
  assert moved == (by_hand(PARAMS) if mask == 'kernels' else jax.tree.map(lambda _: True, PARAMS))


@pytest.mark.parametrize('clip', [0.1, 1e3])
@pytest.mark.parametrize('name', ['sgd', 'adam'])
def test_clipping_and_decay_are_optaxs_and_come_before_the_optimizer(name, clip):
  rule = optimizer.Update(name, clips=True, decays=True)
  hyper = {'learning_rate': 0.1, 'weight_decay': 0.3, 'clip_norm': clip}
  chain = optax.chain(
    optax.clip_by_global_norm(clip),
    optax.add_decayed_weights(0.3, by_hand),
    getattr(optax, name)(0.1),
  )
  chex.assert_trees_all_close(taken(rule, hyper), taken(lambda *_: chain, hyper), rtol=1e-6)


@pytest.mark.parametrize('name', DECAYING)
def test_an_optimizer_with_a_decay_of_its_own_is_given_it_with_the_mask(name):
  factory = getattr(optax, name)
  decay, mask = optimizer._decay_arguments(name)
  wanted = factory(learning_rate=0.1, **{decay: 0.3, mask: by_hand})
  hyper = {'learning_rate': 0.1, 'weight_decay': 0.3}
  found = taken(optimizer.Update(name, decays=True), hyper)
  chex.assert_trees_all_equal(found, taken(lambda *_: wanted, hyper))


def test_the_optimizers_with_a_decay_of_their_own_are_these():
  assert {'adamw', 'nadamw', 'lion', 'lamb', 'lars', 'adafactor'} <= set(DECAYING)
  assert not {'sgd', 'adam', 'novograd'} & set(DECAYING)


def test_an_option_that_is_traced_comes_before_the_static_one():
  rule = optimizer.Update('sgd', (('momentum', None), ('nesterov', True)))
  hyper = {'learning_rate': 0.1, 'optimizer_options.momentum': 0.7, 'momentum': 0.1}
  wanted = optax.sgd(0.1, 0.7, nesterov=True)
  chex.assert_trees_all_close(taken(rule, hyper), taken(lambda *_: wanted, hyper), rtol=1e-6)


VARIED = {
  'schedule': ('cosine_decay', 'warmup_cosine_decay'),
  'schedule_options': {'warmup_epochs': (0.4, 1)},
  'learning_rate': (0.05, 0.1), 'weight_decay': (0.0, 1e-4), 'clip_norm': (0.5, 2.0),
}  # fmt: skip


def swept():
  made = small.config(**{k: v for k, v in VARIED.items() if k != 'schedule_options'})
  made.sweep.schedule_options = VARIED['schedule_options']
  return study.from_config(made).trials


def test_lanes_of_other_rates_decays_and_clips_share_one_program():
  (group,) = grouping.groups(swept())
  setup = training.TrainSetup.of(group.static, 10)
  cut = [block for tile in group.tiles for block in chunks.blocks(tile, 1)]
  parts = program.shared(setup, group.tiles[0], test_training.DATA, chunk=1)
  zeros = np.zeros(parts.kernel_size, np.float32)

  @jax.jit
  @chex.assert_max_traces(n=1)
  def step(state, batch, hyper):
    return training.step(setup, state, batch, hyper)

  batch = Split(test_training.DATA.train.x[:64], test_training.DATA.train.y[:64])
  for block in cut:
    step(parts.start(parts.template(0), zeros, block.hyper), batch, block.hyper)
  # A length of warm-up is no setting of a schedule without one.
  assert len(cut) == len(group.trials) == (2 + 1) * 2 * 2 * 2


def test_whether_there_is_a_schedule_clipping_or_decay_is_another_program():
  made = [trials(), trials(weight_decay=0.0), trials(clip_norm=1.0), trials(schedule='linear')]
  found = grouping.groups(trial for (trial,) in made)
  ends = [group.label.rpartition(', ')[2] for group in found]
  assert sorted(ends) == ['clipped', 'decayed', 'features (8,)', 'scheduled']


@pytest.mark.parametrize('chunk', [1, 2])
def test_alone_equals_in_its_group(chunk):
  """To the bit in exact mode; else within 1e-5: other kernels are chosen for other widths."""
  given = {'weight_decay': 0.01, 'clip_norm': 0.5, 'schedule': 'linear', 'chunk': chunk}
  alone = test_training.first_lane(small.config(**given))
  among = small.config(**given | {'schedule': ('linear', 'cosine_decay'), 'clip_norm': (0.5, 2.0)})
  tolerance = 0.0 if chunk == 1 else 1e-5
  chex.assert_trees_all_close(
    alone, test_training.first_lane(among), rtol=tolerance, atol=tolerance
  )


def test_a_program_is_never_without_the_rates_of_its_schedule():
  """Else it would train at the peak, and nothing would say so."""
  (made,) = trials(schedule='linear')
  with pytest.raises(KeyError, match='rates'):
    optimizer.Update.of(made.static)(made.hyper)


def test_probes_of_ones_own_are_checked_with_a_schedule_too(tmp_path):
  assert planned({'schedule': 'linear', 'probes': PROBES}, tmp_path)


def test_groups_that_count_steps_are_no_family():
  """A program of several batch sizes has one table of rates, and tells one number of steps."""
  for changes in ({'schedule': 'linear'}, {'optimizer': 'users_optimizers:chained'}):
    groups = grouping.groups(trials(batch_size=(64, 128), **changes))
    assert len({group.family for group in groups}) == 2
  assert len({group.family for group in grouping.groups(trials(batch_size=(64, 128)))}) == 1


def test_trials_without_are_known_as_before_and_each_setting_makes_another():
  (base,) = trials()
  new = ('schedule', 'schedule_options', 'clip_norm', 'weight_decay', 'decay_mask')
  usual = study.defaults()
  assert not {key.partition('.')[0] for key in base.columns()} & set(new)
  assert all(getattr(base, key) == (usual[key] or None) for key in new if key[-1] != 's')
  changed = [
    {'schedule': 'linear'}, {'schedule': 'linear', 'schedule_options': {'end_value': 0.01}},
    {'clip_norm': 1.0}, {'weight_decay': 0.0}, {'weight_decay': 0.1},
    {'weight_decay': 0.1, 'decay_mask': 'all'}, {'optimizer': 'users_optimizers:chained'},
  ]  # fmt: skip
  hashes = {trials(**each)[0].hash for each in changed}
  assert len(hashes | {base.hash}) == len(changed) + 1


def test_a_sweep_over_schedules_keeps_for_each_the_options_that_it_takes():
  made = trials(
    schedule=('constant', 'cosine_decay', 'warmup_cosine_decay'),
    schedule_options={'warmup_epochs': 1, 'alpha': 0.1},
  )
  assert [dict(t.schedule_options) for t in made] == [{}, {'alpha': 0.1}, {'warmup_epochs': 1.0}]


def test_records_say_what_trials_without_have(tmp_path):
  """So that a claim can ask for schedule='constant'; no decay of ours may be one of optax's."""
  made = small.config(schedule=('constant', 'linear'), weight_decay=(None, 0.1), epochs=1, chunk=1)
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed
  assert set(frame['schedule']) == {'constant', 'linear'}
  assert set(records.load(tmp_path)['schedule']) == {'constant', 'linear'}
  assert set(frame['weight_decay'].dropna()) == {0.1} and frame['weight_decay'].isna().any()
  assert statistics.axes(frame) == ['schedule', 'weight_decay'] and 'clip_norm' not in frame
  cells = statistics.finals(frame).set_index(['schedule', 'weight_decay'])
  assert cells['minibatch_loss'].nunique() == 4


@pytest.mark.parametrize(
  ('changes', 'says'),
  [
    ({'schedule': 'cosine'}, "schedule='cosine' is not known: did you mean 'cosine_"),
    ({'schedule': 5}, 'schedule=5 is not a name'),
    ({'schedule': 'linear', 'schedule_options': {'end_vlue': 0.1}}, "did you mean 'end_value'"),
    ({'schedule_options': {'warmup_steps': 5}}, 'is for another schedule than constant'),
    ({'schedule': 'linear', 'schedule_options': {'warmup_steps': 5}}, 'another schedule than line'),
    ({'schedule': 'warmup_constant'}, 'warmup_constant needs warmup_steps or warmup_epochs'),
    ({'schedule': 'polynomial'}, 'schedule polynomial needs power: set it'),
    ({'schedule': 'linear', 'schedule_options': 5}, 'config.schedule_options=5: give a dict'),
    (
      {'schedule': 'linear', 'schedule_options': {'transition_steps': 2.5}},
      'schedule_options.transition_steps=2.5: use a whole number',
    ),
    (
      {'schedule': 'linear', 'schedule_options': {'transition_steps': 5, 'transition_epochs': 1}},
      'has transition_steps and transition_epochs: drop one of them',
    ),
    (
      {'schedule': 'linear', 'schedule_options': {'end_value': 'x'}},
      "schedule_options.end_value='x': use a finite number from 0 on",
    ),
    (
      {'schedule': 'piecewise_constant', 'schedule_options': {'boundary_epochs': 5, 'scales': 1}},
      'schedule_options.boundary_epochs=5: give a tuple, as in (5,)',
    ),
    (
      {
        'schedule': 'piecewise_constant',
        'schedule_options': {'boundary_epochs': (1, 2), 'scales': (0.1,)},
      },
      'give one of scales for each boundary',
    ),
    (
      {'schedule': 'warmup_cosine_decay', 'schedule_options': {'warmup_steps': 10}},
      'schedule warmup_cosine_decay of 10 steps with warmup_steps=10 has no rates (The cosine',
    ),
    (
      {'schedule': 'linear_onecycle', 'schedule_options': {'div_factor': 0}},
      'schedule linear_onecycle of 10 steps with div_factor=0.0 has no rates',
    ),
    ({'clip_norm': 0.0}, 'clip_norm=0.0: use a positive, finite number'),
    ({'weight_decay': -0.1}, 'weight_decay=-0.1: use a finite number from 0 on'),
    ({'decay_mask': 'kernel', 'weight_decay': 0.1}, "did you mean 'kernels'"),
    ({'decay_mask': 'all'}, "decay_mask='all': nothing decays: set config.weight_decay"),
    (
      {'optimizer': 'adamw', 'optimizer_options': {'weight_decay': 0.1}, 'weight_decay': 0.2},
      'weight_decay=0.2 and optimizer_options.weight_decay=0.1: give one of them',
    ),
    (
      {'optimizer': 'users_optimizers:chaned'},
      "no 'chaned' in users_optimizers: did you mean 'chained'",
    ),
    (
      {'optimizer': 'users_optimizers:chained', 'optimizer_options': {'momentun': 0.9}},
      'cannot be called as (learning_rate, steps, momentun=0.9) (got an unexpected keyword',
    ),
    ({'optimizer': 'users_optimizers:NUMBER', 'optimizer_options': {}}, 'is not a callable object'),
    ({'optimizer': 'users_optimizers:counts', 'optimizer_options': {}}, 'return an optax.Gradient'),
    (
      {'optimizer': 'users_optimizers:branches', 'optimizer_options': {}},
      'needs the value of a traced number (Attempted boolean conversion',
    ),
  ],
)
def test_an_update_that_cannot_be_gets_one_line(changes, says, tmp_path):
  assert says in refused(planned, changes, tmp_path)


def test_what_ends_a_users_own_optimizer_is_shown_whole(tmp_path):
  with pytest.raises(RuntimeError):
    planned({'optimizer': 'users_optimizers:breaks', 'optimizer_options': {}}, tmp_path)
