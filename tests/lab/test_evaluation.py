"""Promises of evaluation: exact statistics, batches, subsets and the validation split."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small

import norms.lab
from norms.lab import data as data_sets
from norms.lab import grouping, study
from norms.lab.data import Data, Split
from norms.lab.engine import chunks, evaluation, program, replay, training
from norms.lab.tasks import metrics

DATA = data_sets.load({'name': 'digits'})


@functools.cache
def trained(norm, **changes):
  """(setup, state) after one step."""
  (group,) = grouping.groups(study.from_config(small.config(norm=norm, **changes)).trials)
  setup, tile = training.TrainSetup.of(group.static, 10), group.tiles[0]
  parts = program.shared(setup, tile, DATA, chunk=1)
  (block,) = chunks.blocks(tile, 1)
  drawn = replay.Keyed().draws(tile, parts.kernel_size)
  (state,) = program.begin(parts, tile, [block], drawn)
  batch = Split(DATA.train.x[:256], DATA.train.y[:256])
  return setup, training.step(setup, state, batch, block.hyper)[0]


def evaluate(setup, state, data):
  return evaluation.evaluate(setup, state, data, evaluation.eval_inputs(setup, data))


def test_exact_statistics_are_those_of_the_whole_training_split():
  setup, state = trained('batch')
  seen = evaluate(setup, state, DATA)
  x = DATA.train.x @ state.variables['params']['layer_0']['kernel']
  stats = {'norm_0': {'mean': jnp.mean(x, 0), 'var': jnp.var(x, 0)}}
  exact = {'params': state.variables['params'], 'batch_stats': stats}
  logits = setup.running.apply(exact, DATA.test.x, train=False)
  assert float(metrics.accuracy(logits, DATA.test.y)) == pytest.approx(float(seen['test_accuracy']))
  assert seen['test_accuracy_running'] != seen['test_accuracy']


# 1442 examples: whole; in 7 batches of 206; in 14 of 100 and a rest of 42.
@pytest.mark.parametrize('most', [300, 100])
@pytest.mark.parametrize('norm', ['none', 'batch'])
def test_batches_change_rounding_only(norm, most, monkeypatch):
  setup, state = trained(norm)
  whole = evaluate(setup, state, DATA)
  monkeypatch.setattr(evaluation, 'MOST', most)
  assert evaluation.at_once(1442) == {300: 206, 100: 100}[most]
  seen = evaluate(setup, state, DATA)
  for name in ('test_loss', 'test_accuracy', 'test_accuracy_running'):
    chex.assert_trees_all_close(seen[name], whole[name], rtol=1e-5)  # the statistics' last bits
  # In training mode a batch's own statistics count: those of 100 examples stray by a tenth.
  chex.assert_trees_all_close(seen['train_loss'], whole['train_loss'], rtol=0.05)


def test_pooled_statistics_are_those_of_all_examples():
  x = np.random.default_rng(0).normal(3, 2, (90, 5)).astype(np.float32)
  parts = [x[:40], x[40:80], x[80:]]
  stats = {'norm': {'mean': np.stack([p.mean(0) for p in parts]),
                    'var': np.stack([p.var(0) for p in parts])}}  # fmt: skip
  seen = evaluation.pooled(stats, jnp.array([40 / 90, 40 / 90, 10 / 90]))
  expected = {'norm': {'mean': x.mean(0), 'var': x.var(0)}}
  chex.assert_trees_all_close(seen, expected, rtol=1e-5)


def test_a_subset_for_evaluation_and_a_validation_split():
  setup, state = trained('none', eval_examples=100)
  validation = Split(DATA.train.x[200:300], DATA.train.y[200:300])
  seen = evaluate(setup, state, Data(DATA.train, DATA.test, validation))
  plain, _ = trained('none')

  def one(split):
    return evaluate(plain, state, Data(split, DATA.test))

  first = one(Split(DATA.train.x[:100], DATA.train.y[:100]))
  chex.assert_trees_all_close(seen['train_loss'], first['train_loss'], rtol=1e-6)
  chex.assert_trees_all_close(seen['test_loss'], first['test_loss'], rtol=1e-6)
  held = one(validation)
  chex.assert_trees_all_close(seen['validation_loss'], held['train_loss'], rtol=1e-6)
  assert 'validation_loss' not in jax.eval_shape(functools.partial(evaluate, plain), state, DATA)


def test_test_examples_that_changed_sides_are_counted_from_before_training():
  """In every epoch, against the outputs of the states themselves."""
  (trial,) = study.from_config(small.config(norm='none', epochs=4)).trials
  network, right = norms.lab.network(trial), []
  for _, state, found in norms.lab.train(trial):
    logits = network.apply(state.variables, DATA.test.x, train=False)
    right.append(np.argmax(logits, -1) == DATA.test.y)
    gained, lost = (right[-1] & ~right[0]).sum(), (right[0] & ~right[-1]).sum()
    assert (found['test_gained'], found['test_lost']) == (gained, lost)
  assert gained > lost > 0


@pytest.mark.parametrize('chunk', [1, 2])
def test_counts_are_of_each_lane(chunk, tmp_path):
  made = small.config(norm='batch', init_scale=(0.1, 1.0), seed=(0, 1), chunk=chunk)
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed
  net = (frame['test_gained'] - frame['test_lost']).groupby(frame['trial'])
  risen = frame.groupby('trial')['test_accuracy'].transform(lambda of: of - of.iloc[0])
  np.testing.assert_allclose(frame['test_gained'] - frame['test_lost'], risen * 355, atol=1e-3)
  assert (net.first() == 0).all() and net.last().nunique() > 1
