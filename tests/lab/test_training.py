"""Promises of one trial and of its group: keys, reproducibility, devices."""

import dataclasses
import functools

import chex
from flax import traverse_util
import jax
import numpy as np
import optax
import pytest
import small

from norms.lab import data as data_sets
from norms.lab import grouping, study
from norms.lab.data import Split
from norms.lab.engine import chunks, program, replay, starting, training

DATA = data_sets.load({'name': 'digits'})


def begun(made):
  """(setup, group, parts, state, block) of the first chunk of a config with one group."""
  (group,) = grouping.groups(study.from_config(made).trials)
  tile = group.tiles[0]
  setup = training.TrainSetup.of(group.static, 10)
  parts = program.shared(setup, tile, DATA, chunk=made.chunk)
  block = chunks.blocks(tile, chunks.size(made.chunk, tile.width))[0]
  drawn = replay.Keyed().draws(tile, parts.kernel_size)
  return setup, group, parts, program.begin(parts, tile, [block], drawn)[0], block


def compiled(setup, group, parts, chunk, sizes=None):
  """Batch size -> segment, all in one program; the group's own without `sizes`."""
  sizes = sizes or (group.static.batch_size,)
  return program.compiled(setup, sizes, group.tiles[0], DATA, parts, chunk=chunk)


def epoch(made, family=None):
  """(state, curves) of the first chunk after one epoch, compiled alone or in a family."""
  setup, group, parts, state, block = begun(made)
  segment = (family or compiled(setup, group, parts, made.chunk))[made.batch_size]
  (order,) = np.asarray(program.order(chunks.seeds(group.tiles[0])[:1], 1, len(DATA.train.y)))
  return segment(state, DATA, order, block.hyper)


def first_lane(made):
  """The first lane's variables and curves after one epoch."""
  state, curves = epoch(made)
  lane = (lambda a: a) if state.step.ndim == 0 else (lambda a: a[0])
  return jax.tree.map(lambda a: np.asarray(lane(a)), (state.variables, curves))


def kernels(variables):
  flat = traverse_util.flatten_dict(variables['params'])
  return {path: np.asarray(flat[path]) for path in starting.kernel_paths(flat)}


def test_an_epochs_curves_are_the_first_loss_and_the_means_of_its_steps():
  """Also in a second epoch, which does not begin at step 0."""
  made = small.config(chunk=1, batch_size=256)
  setup, group, parts, state, block = begun(made)
  segment = compiled(setup, group, parts, 1)[256]
  step = jax.jit(functools.partial(training.step, setup))
  for index in (1, 2):
    (order,) = np.asarray(program.order(chunks.seeds(group.tiles[0]), index, len(DATA.train.y)))
    alone, seen = state, []
    for at in order[: 5 * 256].reshape(5, 256):
      alone, each = step(alone, Split(DATA.train.x[at], DATA.train.y[at]), block.hyper)
      seen.append({name: float(value) for name, value in each.items()})
    state, curves = segment(jax.tree.map(jax.numpy.copy, state), DATA, order, block.hyper)
    # Roundings of five steps, compiled in a loop and alone.
    expected = {name: np.mean([each[name] for each in seen]) for name in training.SEEN}
    expected['first_loss'] = seen[0]['minibatch_loss']
    chex.assert_trees_all_close({name: curves[name] for name in expected}, expected, rtol=1e-5)


def test_one_seeds_kernels_are_equal_to_the_bit_across_norms_and_scales():
  drawn = {}
  for norm in ('none', 'batch', 'layer', 'group', 'rms', 'weight'):
    for scale in (0.25, 1.0):
      *_, state, _ = begun(small.config(norm=norm, init_scale=scale, seed=3))
      drawn[norm, scale] = kernels(state.variables)
  first = drawn['none', 1.0]
  for (_, scale), found in drawn.items():
    expected = {path: scale * kernel for path, kernel in first.items()}  # 0.25 scales exactly
    chex.assert_trees_all_equal(found, expected)


def test_the_order_is_of_the_seed_alone_and_a_fresh_permutation_each_epoch():
  one = np.asarray(program.order(np.array([7], np.uint32), 1, 100))
  among = np.asarray(program.order(np.array([3, 7], np.uint32), 1, 100))
  chex.assert_trees_all_equal(one[0], among[1])
  assert sorted(one[0]) == list(range(100))
  assert (np.asarray(program.order(np.array([7], np.uint32), 2, 100)) != one).any()


def test_init_scale_is_times_the_usual_deviation_and_weight_scale_absolute():
  usual = {'features': (256, 128)}
  *_, state, _ = begun(small.config(init_scale=0.5, model_options=usual))
  kernel = np.asarray(state.variables['params']['layer_1']['kernel'])
  # 32768 draws: the standard error of a deviation is 0.4 %.
  assert kernel.std() == pytest.approx(0.5 * np.sqrt(2 / 256), rel=0.02)
  *_, state, _ = begun(small.config(weight_scale=0.01, model_options=usual))
  assert np.std(state.variables['params']['layer_1']['kernel']) == pytest.approx(0.01, rel=0.02)


def test_the_last_kernel_may_have_a_scale_of_its_own():
  *_, state, _ = begun(small.config(init_scale=0.5))
  *_, other, _ = begun(small.config(init_scale=0.5, head_scale=2.0))
  (*first, last), (*same, head) = (
    [s.variables['params'][f'layer_{i}']['kernel'] for i in range(len(s.variables['params']))]
    for s in (state, other)
  )
  chex.assert_trees_all_equal((same, head), (first, 4 * last))


def test_weight_norm_starts_as_the_net_without_it():
  logits = []
  for norm in ('none', 'weight'):
    setup, *_, state, _ = begun(small.config(norm=norm, init_scale=3.0))
    logits.append(setup.running.apply(state.variables, DATA.test.x, train=False))
  chex.assert_trees_all_close(*logits, rtol=1e-5, atol=1e-5)  # ||v|| and 1/||v|| round


@pytest.mark.parametrize('norm', ['batch', 'weight', 'group'])
def test_alone_equals_in_its_group(norm):
  """To the bit in exact mode; else within 1e-5: other kernels are chosen for other widths."""
  scales = (0.5, 1.0, 2.0)
  for chunk, tolerance in ((1, 0.0), (3, 1e-5)):
    alone = first_lane(small.config(norm=norm, init_scale=0.5, chunk=chunk))
    among = first_lane(small.config(norm=norm, init_scale=scales, seed=(0, 4), chunk=chunk))
    chex.assert_trees_all_close(alone, among, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('chunk', [1, 2])
@pytest.mark.parametrize('norm', ['none', 'batch', 'layer', 'weight'])
def test_compiled_with_other_batch_sizes_equals_compiled_alone(norm, chunk):
  """To the bit: a trial's figures do not depend on which others were asked for with it."""
  made = small.config(norm=norm, batch_size=64, init_scale=(0.5, 1.0), chunk=chunk)
  setup, group, parts, *_ = begun(made)
  family = compiled(setup, group, parts, chunk, (256, 128, 64))
  for made.batch_size in (64, 256):
    state, curves = epoch(made)
    assert (state.step == 1442 // made.batch_size).all()
    chex.assert_trees_all_equal((state, curves), epoch(made, family))


def test_chunks_that_do_not_divide_the_lanes_are_cut_to_ones_that_do():
  assert [chunks.size(c, 6) for c in (1, 2, 4, 6, 9)] == [1, 2, 3, 6, 6]
  assert chunks.size(0, 6) == (1 if jax.default_backend() == 'cpu' else 6)


def step_inputs(norm):
  setup, *_, state, block = begun(small.config(norm=norm))
  return setup, state, block.hyper


@pytest.mark.parametrize('norm', ['batch', 'layer'])
def test_pmap_of_the_step_equals_one_device_on_the_whole_batch(norm):
  setup, state, hyper = step_inputs(norm)
  batch = Split(DATA.train.x[:64], DATA.train.y[:64])
  whole, seen = jax.jit(functools.partial(training.step, setup))(state, batch, hyper)
  (trial,) = study.from_config(small.config(norm=norm)).trials
  static = dataclasses.replace(trial.static, devices=2)
  step = functools.partial(training.step, training.TrainSetup.of(static, 10))
  parts = jax.tree.map(lambda a: a.reshape(2, 32, *a.shape[1:]), batch)
  both, seen_by_both = jax.pmap(step, 'devices', in_axes=(None, 0, None))(state, parts, hyper)
  for device in range(2):
    mine = jax.tree.map(lambda a, device=device: a[device], (both, seen_by_both))
    chex.assert_trees_all_close(mine, (whole, seen), rtol=1e-6, atol=1e-6)


def test_the_norm_of_the_gradient_is_that_of_all_parameters_as_one_vector():
  setup, state, hyper = step_inputs('layer')
  batch = Split(DATA.train.x[:64], DATA.train.y[:64])

  def loss(params):
    logits = setup.train.apply({'params': params}, batch.x, train=True)
    return optax.softmax_cross_entropy_with_integer_labels(logits, batch.y).mean()

  _, seen = training.step(setup, state, batch, hyper)
  wanted = optax.tree.norm(jax.grad(loss)(state.variables['params']))
  chex.assert_trees_all_close(seen['grad_norm'], wanted, rtol=1e-5)  # two orders of summation


def test_pmap_without_synchronisation_differs():
  """Else the test above would pass with statistics that are each device's own."""
  setup, state, hyper = step_inputs('batch')
  batch = Split(DATA.train.x[:64], DATA.train.y[:64])
  whole, _ = training.step(setup, state, batch, hyper)
  parts = jax.tree.map(lambda a: a.reshape(2, 32, *a.shape[1:]), batch)
  step = functools.partial(training.step, dataclasses.replace(setup, devices=2))
  both, _ = jax.pmap(step, 'devices', in_axes=(None, 0, None))(state, parts, hyper)

  def kernel(state):
    return state.variables['params']['layer_0']['kernel']

  assert np.abs(kernel(both)[0] - kernel(whole)).max() > 1e-4
  # Each device's own running mean is of its share; what is kept is their mean, the whole batch's.
  kept, wanted = (s.variables['batch_stats']['norm_0']['mean'] for s in (both, whole))
  for of_device in kept:
    chex.assert_trees_all_close(of_device, wanted, rtol=1e-6, atol=1e-7)


def test_a_diverged_lane_is_found_and_leaves_its_neighbour_alone():
  made = small.config(norm='none', learning_rate=(0.05, 1e30), chunk=2)
  state, curves = epoch(made)
  # The first update leaves no finite number behind, so that the second step's loss is the first
  # that is none; the three steps after it are not counted.
  assert state.diverged_at.tolist() == [-1, 1]
  assert np.isfinite(curves['minibatch_loss']).tolist() == [True, False]
