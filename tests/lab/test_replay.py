"""Promises of a replay: NumPy's legacy draws in the reference's order, and study D4's figures."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
import small

from norms.lab import grouping, study
from norms.lab.engine import replay, starting, training

ROOT = pathlib.Path(__file__).parents[2]


def replayed(**changes):
  made = small.config(norm=('batch', 'none'), replay='numpy_legacy', batch_size=100, **changes)
  return study.from_config(made)


def test_kernels_of_all_trials_are_drawn_first_then_the_batches_of_one_after_the_other():
  asked = replayed(seed=231)
  generator = np.random.RandomState(231)
  kernels = [[generator.randn(64, 8), generator.randn(8, 10)] for _ in asked.trials]
  batches = [[generator.choice(1442, 100) for _ in range(2 * 14)] for _ in asked.trials]
  for trial, kernel, batch in zip(asked.trials, kernels, batches, strict=True):
    (group,) = grouping.groups([trial])
    source, tile = replay.source(asked.trials, group), group.tiles[0]
    (drawn,) = source.draws(tile, 64 * 8 + 80)
    np.testing.assert_array_equal(
      drawn, np.concatenate([k.ravel() for k in kernel]).astype(np.float32)
    )
    for epoch in (1, 2):
      (order,) = source.order(tile, epoch, 1442)
      assert order.shape == (1442,)
      np.testing.assert_array_equal(order[:1400], np.ravel(batch[(epoch - 1) * 14 : epoch * 14]))


def test_a_replayed_trials_place_in_line_is_part_of_what_it_is():
  one, two = replayed(seed=231).trials
  assert one.hash != two.hash and one.turn != two.turn
  alone = study.from_config(
    small.config(norm='none', replay='numpy_legacy', batch_size=100, seed=231)
  )
  assert alone.trials[0].hash != two.hash  # it draws first there, and second here
  assert dataclasses.replace(alone.trials[0], turn='') == dataclasses.replace(two, turn='')


def test_replayed_lanes_of_one_group_keep_their_own_batches(tmp_path):
  """Two learning rates share a program, not their draws: each run equals itself in a study of
  other lanes' chunks."""
  made = {'learning_rate': (0.01, 0.05), 'seed': 231, 'epochs': 1}
  frames = [small.run(replayed(**made, chunk=c), tmp_path / str(c))[0] for c in (1, 2)]
  one, two = (f.sort_values(['trial', 'epoch'])['train_loss'].to_numpy() for f in frames)
  assert len(one) == 8 and len(set(one)) > 6
  np.testing.assert_allclose(one, two, rtol=1e-5)


def test_running_statistics_start_at_zero_where_the_replay_asks_and_training_is_the_same(tmp_path):
  """The usual mean is 0 and the usual variance 1; the judge sees where they start, no step does."""
  frames = {}
  for name in ('numpy_legacy', 'numpy_legacy_zeros'):
    made = small.config(norm='batch', replay=name, batch_size=100, seed=231, epochs=2,
                        eval_stats='running')  # fmt: skip
    asked = study.from_config(made)
    (tile,) = grouping.groups(asked.trials)[0].tiles
    setup = training.TrainSetup.of(tile.trials[0].static, 10)
    stats = {'layer': {'mean': np.float32([3]), 'var': np.float32([1]), 'u': np.float32([5])}}
    variables = {'params': {'kernel': np.ones((1, 1), np.float32)}, 'batch_stats': stats}
    hyper = {**tile.trials[0].hyper, 'seed': 231}
    begun = starting.initial(setup, variables, np.ones(1, np.float32), hyper).variables
    start = jax.tree.map(float, jax.tree.map(np.squeeze, begun['batch_stats']['layer']))
    zero = name.endswith('zeros')
    assert start == {'mean': 0 if zero else 3, 'var': 0 if zero else 1, 'u': 5}
    frames[name] = small.run(asked, tmp_path / name)[0].sort_values('epoch')
  usual, zeros = frames.values()
  np.testing.assert_array_equal(usual['minibatch_loss'], zeros['minibatch_loss'])
  np.testing.assert_array_equal(usual['grad_norm'], zeros['grad_norm'])
  assert (usual['train_loss'].to_numpy() != zeros['train_loss'].to_numpy()).all()
  assert set(usual['trial']).isdisjoint(zeros['trial'])


def test_an_unknown_replay_names_the_known():
  with pytest.raises(
    ValueError, match="replay='numpy_legcy' is not known: did you mean 'numpy_leg"
  ):
    study.from_config(small.config(replay='numpy_legcy'))
  with pytest.raises(ValueError, match='own models'):
    study.from_config(small.config(replay='numpy_legacy', model='users_own:Net'))


@pytest.mark.slow
def test_study_d4_replayed_prints_the_references_losses(tmp_path):
  """The plain net within 2e-6 at all ten iterations; batch norm within 1e-5 at the first three and
  0.03 at the rest, where float32 chaos has set in; final accuracies within 0.02, and the training
  accuracy of batch norm within 0.03 at every epoch."""
  data = pathlib.Path(os.environ.get('NORMS_DATA', ROOT.parent / 'shared/data'))
  if not (data / 'make_cifar10.py').exists():
    pytest.skip(f'no CIFAR-10 at {data}: set NORMS_DATA to the folder that has make_cifar10.py')
  subprocess.run([sys.executable, data / 'make_cifar10.py', tmp_path], check=True)
  from configs import cifar_depth

  made = cifar_depth.get_config()
  made.data.manual_dir = str(tmp_path)
  asked = study.from_config(made, get_hyper=cifar_depth.get_hyper)
  two = [t for t in asked.trials if t.replay]
  asked = dataclasses.replace(asked, trials=tuple(two))
  frame, failed, _ = small.run(asked, tmp_path / 'run')
  assert not failed
  for norm, losses in cifar_depth.LOSSES.items():
    rows = frame[frame['norm'] == norm].sort_values('epoch')
    apart = np.abs(rows['first_loss'].to_numpy()[1:] - losses)
    assert (apart[:3] <= (2e-6 if norm == 'none' else 1e-5)).all(), apart
    assert (apart <= (2e-6 if norm == 'none' else 0.03)).all(), apart
    final = rows[['train_accuracy', 'validation_accuracy']].to_numpy()[-1]
    assert (np.abs(final - cifar_depth.ACCURACIES[norm]) <= 0.02).all(), final
    if norm in cifar_depth.BY_EPOCH:
      curve = rows['train_accuracy'].to_numpy()[1:]
      assert (np.abs(curve - cifar_depth.BY_EPOCH[norm]) <= 0.03).all(), curve
