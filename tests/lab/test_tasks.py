"""Promises of tasks: their formulas, when a trial counts as trained, and what they refuse."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small

from norms.lab import data as data_sets
from norms.lab import measured, numerics, statistics, study, tasks, trial
from norms.lab.columns import HIGHER
from norms.lab.data import Data, Split
from norms.lab.engine import starting, training
from norms.lab.tasks import metrics, standard

RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.normal(size=(12, 5)), RNG.integers(0, 5, 12)
OUTPUTS, TARGETS = RNG.normal(size=(12, 3)), RNG.normal(2, 3, (12, 3))
TOKENS = RNG.integers(0, 5, (12, 7))
TOKEN_LOGITS = RNG.normal(size=(12, 6, 5))


def softmax(z):
  e = np.exp(z - z.max(-1, keepdims=True))
  return e / e.sum(-1, keepdims=True)


def picked(z, y):
  """-log softmax of the labels, one by one."""
  shares = softmax(z).reshape(-1, z.shape[-1])
  return np.array([-np.log(p[c]) for p, c in zip(shares, y.ravel(), strict=True)]).reshape(y.shape)


def static(**changes):
  """The static part of a small trial."""
  return study.from_config(small.config(**changes)).trials[0].static


def test_a_classifier_is_judged_by_its_last_epoch_and_the_test_examples():
  """Not by its best epoch, nor by the share of the largest class of the training examples."""
  task = standard.Classification()
  even, odd = np.tile([0, 1], 500).astype('int32'), np.repeat([0, 1], [800, 200]).astype('int32')
  better = {'train_loss': [0.3], 'test_gained': [450], 'test_lost': [50]}

  def trained(accuracy, train, test):
    data = Data(Split(None, train), Split(None, test))
    return task.trained({**better, 'test_accuracy': np.array(accuracy)}, data)

  assert trained([0.5, 0.9, 0.9], even, even)
  assert not trained([0.5, 0.9, 0.5], even, even)  # its best epoch was better
  assert trained([0.5, 0.7, 0.7], odd, even)
  assert not trained([0.5, 0.7, 0.7], even, odd)  # to guess the largest class is right more often


@pytest.mark.usefixtures('x64')
class TestFormulas:
  """In float64 against NumPy; 1e-12 is a few roundings."""

  def test_label_smoothing_is_the_cross_entropy_against_its_target(self):
    task, s = tasks.Classification(smoothing=0.1), 0.1
    q = (1 - s) * np.eye(5)[LABELS] + s / 5
    loss, slope = jax.value_and_grad(task.objective)(jnp.array(LOGITS), jnp.array(LABELS))
    expected = -(q * np.log(softmax(LOGITS))).sum(-1).mean()
    chex.assert_trees_all_close(float(loss), expected, rtol=1e-12)
    chex.assert_trees_all_close(slope, (softmax(LOGITS) - q) / 12, rtol=0, atol=1e-12)

  def test_what_is_recorded_with_smoothing_is_the_loss_without_it(self):
    task, plain = tasks.Classification(smoothing=0.3), tasks.Classification()
    for each in (task, plain):
      found = each.mean_loss(jnp.array(LOGITS), jnp.array(LABELS))
      chex.assert_trees_all_close(float(found), picked(LOGITS, LABELS).mean(), rtol=1e-12)
      chex.assert_trees_all_close(each.loss(LOGITS, LABELS), picked(LOGITS, LABELS), rtol=1e-12)
    assert plain.objective(LOGITS, LABELS) == plain.mean_loss(LOGITS, LABELS)
    assert abs(task.objective(LOGITS, LABELS) - plain.objective(LOGITS, LABELS)) > 0.01

  def test_regression_is_the_squared_error_and_r2(self):
    task = tasks.Regression()
    squares = (OUTPUTS - TARGETS) ** 2
    chex.assert_trees_all_close(task.loss(OUTPUTS, TARGETS), squares.mean(-1), rtol=1e-12)
    r2 = np.mean(1 - squares.sum(0) / ((TARGETS - TARGETS.mean(0)) ** 2).sum(0))
    chex.assert_trees_all_close(float(task.metrics['r2'](OUTPUTS, TARGETS)), r2, rtol=1e-12)
    mean = np.broadcast_to(task.trivial(TARGETS, 3), TARGETS.shape)
    chex.assert_trees_all_close(mean[0], TARGETS.mean(0), rtol=1e-12)
    chex.assert_trees_all_close(float(task.metrics['r2'](mean, TARGETS)), 0.0, atol=1e-12)
    assert float(task.metrics['r2'](TARGETS, TARGETS)) == 1
    one = task.loss(OUTPUTS[:, :1], TARGETS[:, 0])  # targets without an axis of their own
    chex.assert_trees_all_close(one, squares[:, 0], rtol=1e-12)

  def test_next_token_is_the_loss_of_each_token_from_those_before(self):
    task = tasks.NextToken()
    split = task.examples(Split(TOKENS, TOKENS))
    np.testing.assert_array_equal(split.x[3], TOKENS[3, :6])
    np.testing.assert_array_equal(split.y[3], TOKENS[3, 1:])
    each = picked(TOKEN_LOGITS, split.y)
    chex.assert_trees_all_close(task.loss(TOKEN_LOGITS, split.y), each.mean(-1), rtol=1e-12)
    chex.assert_trees_all_close(
      float(task.metrics['perplexity'](TOKEN_LOGITS, split.y)), np.exp(each.mean()), rtol=1e-12
    )
    counts = np.array([np.sum(split.y == token) + 1 for token in range(6)])
    chex.assert_trees_all_close(task.trivial(split.y, 6), np.log(counts / (72 + 6)), rtol=1e-12)

  def test_other_metrics(self):
    wide = RNG.normal(size=(40, 9))
    labels = RNG.integers(0, 9, 40)
    place = [list(np.argsort(-z)).index(c) for z, c in zip(wide, labels, strict=True)]
    # Means of booleans are of float32.
    top5, top1 = (np.float32(np.mean(np.array(place) < n)) for n in (5, 1))
    assert metrics.top5_accuracy(wide, labels) == top5
    assert metrics.accuracy(wide, labels) == top1
    apart = OUTPUTS - TARGETS
    chex.assert_trees_all_close(float(metrics.mae(OUTPUTS, TARGETS)), np.abs(apart).mean())
    chex.assert_trees_all_close(float(metrics.rmse(OUTPUTS, TARGETS)), np.sqrt((apart**2).mean()))

  def test_evidence_is_the_gain_on_each_test_example(self):
    found = tasks.Regression().evidence(OUTPUTS, TARGETS, TARGETS + 1)
    trivial = ((TARGETS.mean(0) + 1 - TARGETS) ** 2).mean(-1)
    gain = trivial - ((OUTPUTS - TARGETS) ** 2).mean(-1)
    expected = {
      'trivial_loss': trivial.mean(), 'gain': gain.mean(), 'gain_deviation': gain.std(ddof=1),
    }  # fmt: skip
    chex.assert_trees_all_close({k: float(v) for k, v in found.items()}, expected, rtol=1e-12)


def test_a_metric_of_each_example_is_recorded_as_its_mean():
  each = tasks.Metric(lambda z, y: jnp.abs(z[:, 0] - y), HIGHER)
  whole = tasks.Metric(lambda z, y: jnp.max(jnp.abs(z[:, 0] - y)), HIGHER)
  z, y = jnp.array([[1.0], [5.0]]), jnp.array([0.0, 2.0])
  assert float(each(z, y)) == 2 and float(whole(z, y)) == 3


# t of 10 values is 3.2 for a mean of 1 and a deviation of 1, and P(T >= 4.297) = 0.001.
@pytest.mark.parametrize(
  ('mean', 'deviation', 'n', 'holds'),
  [(4.31 / 10**0.5, 1.0, 10, True), (4.28 / 10**0.5, 1.0, 10, False), (-9.0, 1.0, 10, False),
   (0.0, 0.0, 10, False), (1e-6, 0.0, 10, True), (np.nan, 1.0, 10, False), (1.0, np.nan, 10, False),
   (9.0, 1.0, 1, False), (3.4 / 1000**0.5, 1.0, 1000, True), (np.inf, np.nan, 10, False)],
)  # fmt: skip
def test_above_zero_is_a_one_sided_t_test(mean, deviation, n, holds):
  assert statistics.above_zero(mean, deviation, n) is holds


def trained(task, outputs, targets, train_targets=None, train_loss=1.0):
  """Whether a trial whose outputs on the test examples are these counts as trained."""
  outputs, targets = jnp.asarray(outputs, jnp.float32), jnp.asarray(targets)
  seen = task.evidence(outputs, targets, targets if train_targets is None else train_targets)
  rows = {k: np.array([np.nan, float(v)]) for k, v in seen.items()}
  rows['train_loss'] = np.array([1.0, train_loss])
  return task.trained(rows, Data(Split(outputs, targets), Split(outputs, targets)))


def test_a_regression_trained_if_it_is_better_than_the_mean():
  y = RNG.normal(5, 2, (200, 1)).astype(np.float32)
  noise = RNG.normal(0, 1, (200, 1))
  task = tasks.Regression()
  assert trained(task, y + 0.5 * noise, y)
  assert not trained(task, np.full_like(y, y.mean()), y)  # the trivial predictor itself
  assert not trained(task, y + 3 * noise, y)  # worse
  assert not trained(task, y.mean() + 0.02 * (y - y.mean()) + 0.4 * noise, y)  # by chance
  assert not trained(task, y + 0.5 * noise, y, train_loss=np.inf)
  assert not trained(task, np.full_like(y, np.nan), y)


def test_a_next_token_model_trained_if_it_is_better_than_frequencies():
  y = (np.arange(20)[:, None] + np.arange(8)) % 5
  task, known = tasks.NextToken(), np.eye(5)[y]
  assert trained(task, 2 * known, y)
  assert not trained(task, np.zeros((20, 8, 5)), y)
  common = np.minimum(RNG.integers(0, 9, (50, 8)), 4)  # token 4 as often as not
  frequencies = np.log(np.bincount(common.ravel()) / common.size)
  assert not trained(task, np.broadcast_to(frequencies, (50, 8, 5)), common)
  assert not trained(task, np.zeros((50, 8, 5)), common)


def test_classification_is_judged_by_its_last_epoch():
  task = tasks.Classification()
  y = np.arange(100) % 10
  data = Data(Split(y, y), Split(y, y))
  rows = {
    'train_loss': np.array([2.3, 2.6]), 'test_accuracy': np.array([0.1, 0.5]),
    'test_gained': np.array([0, 42]), 'test_lost': np.array([0, 2]),
  }  # fmt: skip
  assert task.trained(rows, data)
  assert not task.trained({**rows, 'train_loss': np.array([2.3, np.inf])}, data)
  assert not task.trained({**rows, 'test_accuracy': np.array([0.5, 0.15])}, data)
  assert not task.trained({**rows, 'test_gained': np.array([42, 2])}, data)
  found = task.evidence(LOGITS, LABELS, LABELS)
  assert found.keys() == {tasks.RIGHT}
  np.testing.assert_array_equal(found[tasks.RIGHT], np.argmax(LOGITS, -1) == LABELS)


def test_the_step_minimises_the_objective():
  """And a plain classification by the loss that has its own derivative."""
  data = data_sets.load({'name': 'digits'})
  batch = Split(data.train.x[:64], data.train.y[:64])
  for options in ({}, {'smoothing': 0.2}):
    each = static(task_options=options)
    setup = training.TrainSetup.of(each, 10)
    x = np.zeros((1, 64), np.float32)
    variables = setup.train.init(jax.random.key(0), x, train=True)
    hyper = {'scale': 1.0, 'head': 1.0, 'learning_rate': 0.1, 'momentum': 0.9, 'seed': 0}
    size = starting.kernel_size(variables['params'])
    state = starting.initial(setup, variables, jax.random.normal(jax.random.key(1), (size,)), hyper)
    _, seen = training.step(setup, state, batch, hyper)
    logits = setup.train.apply(state.variables, batch.x, train=True)
    q = np.eye(10)[batch.y] * (1 - options.get('smoothing', 0)) + options.get('smoothing', 0) / 10
    expected = -(q * np.log(softmax(np.asarray(logits, np.float64)))).sum(-1).mean()
    assert float(seen['minibatch_loss']) == pytest.approx(expected, rel=1e-5)
  text = str(jax.make_jaxpr(tasks.Classification().objective)(LOGITS, LABELS))
  assert 'custom_jvp' in text and 'optimization_barrier' in text


# Of a config's first trial on the branch before there were tasks.
OLD_HASH = '2d7fad4538114971'


def test_old_trials_keep_their_hashes_and_columns(monkeypatch):
  monkeypatch.setattr(numerics, 'NUMERICS', 2)
  (made,) = study.from_config(small.config()).trials
  assert made.hash == OLD_HASH
  assert not {'task', 'metrics'} & set(made.columns())
  changes = ({'task': 'regression'}, {'task_options': {'smoothing': 0.1}},
             {'metrics': ('top5_accuracy',)}, {'task': 'users_tasks:Hinge'})  # fmt: skip
  others = [study.from_config(small.config(**change)).trials[0] for change in changes]
  assert len({made.hash, *(each.hash for each in others)}) == 5
  assert others[1].columns()['task_options.smoothing'] == 0.1
  assert others[2].columns()['metrics'] == 'top5_accuracy'
  assert others[3].code  # its source is part of what it is


@pytest.mark.parametrize(
  ('changes', 'says'),
  [
    ({'task': 'regresion'}, "task='regresion' is not known: did you mean 'regression'?"),
    ({'task': 'users_tasks:Hing'}, "no 'Hing' in users_tasks: did you mean 'Hinge'?"),
    ({'task': 'users_tasks:hits'}, 'is no task: derive a class from norms.lab.tasks.Task'),
    ({'task_options': {'smooth': 0.1}}, "did you mean 'smoothing'?"),
    ({'task_options': {'smoothing': 1.0}}, 'task_options.smoothing=1.0: use a number from 0'),
    ({'metrics': ('top_accuracy',)}, "did you mean 'top5_accuracy'?"),
    ({'metrics': ('accuracy',)}, 'there is a column test_accuracy already'),
    ({'metrics': ('users_tasks:LEVELS',)}, 'is no function of (outputs, targets)'),
    ({'task': 'next_token'}, 'task=next_token needs tokens as inputs'),
    ({'task': 'regression'}, 'task=regression needs targets that are floats'),
    ({'task': 'users_tasks:Scalar'}, 'the loss of task Scalar has the shape () for 1 examples'),
    ({'sweep': {'task': ('regression',)}}, "swept key='task' is not known"),
  ],
)
def test_a_mistake_is_one_line(changes, says, tmp_path):
  with pytest.raises(ValueError) as error:
    small.run(small.config(**changes), tmp_path)
  assert says in str(error.value) and '\n' not in str(error.value)


def test_what_a_file_says_of_its_task_comes_back():
  made = measured.Measured('test_hits', tuple(tasks.rows(static(task='users_tasks:Hinge'))))
  # As texts: a NaN is not equal to itself.
  assert repr(measured.from_json(made.to_json())) == repr(made)
  assert measured.from_json(None) == measured.Measured('test_accuracy', ())
  assert measured.Measured(tasks.score(static()), tuple(tasks.rows(static()))) == (
    measured.Measured()
  )
  rows = {row.name: row for row in made.rows}
  assert rows['test_hits'].label == 'test share of hits' and rows['test_hits'].shown == 'table'
  assert rows['train_hits'].better == HIGHER and 'trivial_loss' in rows
  assert measured.scores([made, measured.Measured()]) == {}


def test_trial_names_the_lab_s_tasks():
  assert tuple(tasks.TASKS) == trial.TASKS
  assert standard.Classification is tasks.of(static()).__class__
