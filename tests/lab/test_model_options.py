"""Promises of models' options: dtype, dropout, activation, width and depth, in every model."""

import functools

import chex
from flax import linen as nn
from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small

import norms
from norms.lab import models
from norms.lab.data import Split
from norms.lab.engine import starting, training
from norms.lab.models import activations

SMALL = {
  'mlp': {'width': 8, 'depth': 2},
  'cnn': {'width': 4, 'depth': 2, 'dense': (8,)},
  'resnet': {'blocks': (1, 1), 'width': 4},
  'vit': {'width': 8, 'depth': 1, 'heads': 2},
  'decoder': {'width': 8, 'depth': 1, 'heads': 2},
}
X = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype(np.float32)
TOKENS = np.random.default_rng(0).integers(0, 10, (6, 5))
LABELS = np.arange(6)
every_model = pytest.mark.parametrize('model', SMALL)
# Where models are run and not only traced, which takes seconds for convolutions.
each_run = pytest.mark.parametrize(
  'model',
  [m if m in ('mlp', 'decoder') else pytest.param(m, marks=pytest.mark.slow) for m in SMALL],
)


def inputs(model):
  """Images, or tokens."""
  return TOKENS if model == 'decoder' else X


def made(model, norm='batch', **options):
  """A small module."""
  return models.factory(model, SMALL[model] | options)(models.Norm(norms.NORMS[norm]), 10)


@functools.cache
def drawn(model):
  """Variables of a small module with batch norm, kernels of the usual size."""
  variables = made(model).init(jax.random.key(0), inputs(model), train=True)
  flat = traverse_util.flatten_dict(variables['params'])
  keys = jax.random.split(jax.random.key(1), len(flat))
  for path, key in zip(starting.kernel_paths(flat), keys, strict=False):
    usual = np.sqrt(2 / np.prod(flat[path].shape[:-1]))
    flat[path] = usual * jax.random.normal(key, flat[path].shape)
  return {**variables, 'params': traverse_util.unflatten_dict(flat)}


def outputs(model, seed=0, *, train=True, **options):
  """What a small module says, with dropout's key of that seed."""
  rngs = {'dropout': jax.random.key(seed)}
  module, x = made(model, **options), inputs(model)
  return np.asarray(module.apply(drawn(model), x, train, mutable=['batch_stats'], rngs=rngs)[0])


@every_model
def test_bfloat16_is_of_the_layers_and_of_nothing_else(model):
  """Parameters, statistics and logits are float32; what layers pass to each other is not."""
  module, x, seen, given = made(model, dtype='bfloat16'), inputs(model), {}, {}

  def watch(call, args, kwargs, context):
    z = call(*args, **kwargs)
    if context.method_name == '__call__':
      seen[context.module.name or 'model'] = z.dtype
      given[context.module.name] = args[0].dtype
    return z

  with nn.intercept_methods(watch):
    variables = jax.eval_shape(functools.partial(module.init, train=True), jax.random.key(0), x)
  assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype('float32')}
  *hidden, last = sorted((n for n in seen if n.startswith('layer')), key=lambda n: int(n[6:]))
  assert {seen[name] for name in hidden} == {jnp.dtype('bfloat16')} and len(hidden) >= 2
  assert seen[last] == seen['model'] == jnp.float32
  first, *others = [*hidden, last]
  assert {given[name] for name in others} == {jnp.dtype('bfloat16')} and first == 'layer_0'


@each_run
def test_bfloat16_gives_the_same_to_its_rounding(model):
  """Eight bits of a number are kept, so a few layers are off by a few hundredths."""
  exact, rounded = outputs(model), outputs(model, dtype='bfloat16')
  off = np.linalg.norm(exact - rounded) / np.linalg.norm(exact)
  assert 1e-4 < off < 0.05


@each_run
def test_dropout_is_of_its_key_and_of_training_only(model):
  again, other = (outputs(model, seed, dropout=0.5) for seed in (0, 1))
  chex.assert_trees_all_equal(outputs(model, 0, dropout=0.5), again)
  assert np.abs(again - other).max() > 1e-3
  assert np.abs(again - outputs(model)).max() > 1e-3
  asleep = outputs(model, train=False, dropout=0.5)
  chex.assert_trees_all_equal(asleep, outputs(model, train=False))


def test_dropout_drops_its_share_and_scales_up_the_rest():
  x = jnp.ones((100, 200))
  kept = _Drops(0.25).apply({}, x, rngs={'dropout': jax.random.key(0)})
  values, counts = np.unique(np.asarray(kept), return_counts=True)
  np.testing.assert_allclose(values, [0, 1 / 0.75], rtol=1e-6)
  assert counts[0] / x.size == pytest.approx(0.25, abs=0.02)  # six standard errors of 20000 draws


class _Drops(nn.Module):
  share: float

  @nn.compact
  def __call__(self, x):
    return models.layers.Layers(models.Norm(norms.NORMS['none']), 'relu', dropout=self.share).drop(
      x
    )


def stepped(step=0, seed=0, **options):
  """The parameters of a small perceptron after one step of a trial."""
  (trial,) = small.study.from_config(
    small.config(model='mlp', norm='batch', model_options=SMALL['mlp'] | options, seed=seed)
  ).trials
  setup = training.TrainSetup.of(trial.static, 10)
  variables = drawn('mlp')
  state = training.State(
    variables,
    setup.optimizer(trial.hyper).init(variables['params']),
    jnp.int32(step),
    jnp.int32(-1),
  )
  batch, hyper = Split(X, LABELS), trial.hyper | {'seed': np.uint32(seed)}
  return training.step(setup, state, batch, hyper)[0].variables['params']


def test_a_step_drops_by_the_trials_seed_and_the_step():
  """Whether it is taken again, in another process or beside others: of nothing else."""
  first = stepped(dropout=0.5)
  chex.assert_trees_all_equal(first, stepped(dropout=0.5))
  for other in (stepped(step=1, dropout=0.5), stepped(seed=1, dropout=0.5), stepped()):
    moved = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), first, other)
    assert moved['layer_1']['kernel'] > 1e-4


@pytest.mark.parametrize(('chunk', 'tolerance'), [(1, 0.0), (2, 1e-5)])
def test_dropout_is_the_same_alone_and_beside_others(chunk, tolerance, tmp_path):
  """To the bit in exact mode, else to rounding."""
  frames = []
  for name, rates in (('alone', 0.02), ('among', (0.02, 0.05))):
    config = small.config(
      model_options=SMALL['mlp'] | {'dropout': 0.5}, norm='batch', chunk=chunk, epochs=1,
      learning_rate=rates,
    )  # fmt: skip
    frame, failed, _ = small.run(config, tmp_path / name)
    assert not failed
    frame = frame[(frame['learning_rate'] == 0.02) & (frame['epoch'] == 1)]
    frames.append(frame[['minibatch_loss', 'train_loss', 'test_loss']].to_numpy())
  np.testing.assert_allclose(*frames, rtol=tolerance)


def elementwise():
  """The names of jax.nn that are functions of each number by itself."""
  x, found = jnp.array([[0.5, 1.0, -2.0]]), {}
  for name, function in vars(jax.nn).items():
    try:
      kept = jax.eval_shape(function, x).shape == x.shape
    except Exception:  # no function, or one of other arguments
      continue
    found |= {name: function} if kept else {}
  values = jax.jit(lambda x: {name: function(x) for name, function in found.items()})
  whole, alone = values(x), values(x[:, :1])
  return {name for name in found if (whole[name][:, :1] == alone[name]).all()}


def test_activations_are_those_of_jax():
  """All of them, and no other name but linear."""
  missing = {'log1mexp'}  # of positive numbers only
  assert set(models.ACTIVATIONS) - {'linear'} == elementwise() - missing
  x = jnp.array([-1.0, 2.0])
  chex.assert_trees_all_equal(activations.find('mish')(x), jax.nn.mish(x))
  chex.assert_trees_all_equal(activations.find('linear')(x), x)


@each_run
def test_an_activation_may_be_ones_own(model):
  own = outputs(model, activation='users_own:doubled_relu')
  assert np.abs(own - outputs(model, activation='relu')).max() > 1e-3
  again = outputs(model, activation='users_own:relu_again')
  chex.assert_trees_all_equal(again, outputs(model, activation='relu'))


def test_the_source_of_ones_own_activation_is_part_of_a_trial(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(str(tmp_path))
  hashes = set()
  for body in ('x', '2 * x'):
    (tmp_path / 'own_activation.py').write_text(f'def act(x):\n  return {body}\n')
    options = {'activation': 'own_activation:act'}
    (trial,) = small.study.from_config(small.config(model_options=options)).trials
    hashes.add(trial.hash)
  assert len(hashes) == 2


def shapes(model, **options):
  """Of the kernels, in their order."""
  module = models.factory(model, options)(models.Norm(norms.NORMS['none']), 10)
  start = functools.partial(module.init, train=True)
  flat = traverse_util.flatten_dict(jax.eval_shape(start, jax.random.key(0), X)['params'])
  return [flat[path].shape for path in starting.kernel_paths(flat)]


def test_width_and_depth_are_short_for_lists_of_widths():
  assert shapes('mlp', width=5, depth=3) == shapes('mlp', features=(5, 5, 5))
  assert shapes('mlp', depth=1) == shapes('mlp', features=(128,))
  assert shapes('mlp') == shapes('mlp', features=(128, 128))
  assert shapes('cnn', width=4, depth=2) == shapes('cnn', channels=(4, 8))
  assert shapes('cnn') == shapes('cnn', channels=(16, 32, 32))
  assert shapes('resnet') == shapes('resnet', depth=8) == shapes('resnet', blocks=(1, 1, 1))


def test_depth_is_swept_by_its_dotted_key():
  config = small.config(model_options={'width': 8})
  swept = small.study.from_config(config, overridden={'sweep.model_options.depth': (1, 4)})
  depths = [dict(trial.model_options)['depth'] for trial in swept.trials]
  assert depths == [1, 4] and len({trial.static for trial in swept.trials}) == 2


@pytest.mark.parametrize(
  ('model', 'options', 'says'),
  [
    ('mlp', {'features': (8,), 'depth': 2}, 'features=(8,) and depth=2: give the one'),
    ('cnn', {'channels': (8,), 'width': 2}, 'channels=(8,) and width=2: give the one'),
    ('resnet', {'depth': 20, 'blocks': (3, 3, 3)}, 'blocks=(3, 3, 3) and depth=20: give the one'),
    ('resnet', {'depth': 21}, 'model_options.depth=21 is not 6 n + 2: did you mean 20?'),
    ('resnet', {'depth': 2}, 'model_options.depth=2 is not 6 n + 2: did you mean 8?'),
    ('resnet', {'scan': 'yes'}, "model_options.scan='yes'"),
    ('mlp', {'depth': 0}, 'model_options.depth=0: use a whole number from 1 on'),
    ('vit', {'dtype': 'float16'}, 'use one of float32, bfloat16'),
    ('mlp', {'dropout': 1}, 'model_options.dropout=1: use a number from 0 to below 1'),
    ('decoder', {'dropout': True}, 'model_options.dropout=True'),
    ('mlp', {'activation': 'softmax'}, 'use one of relu'),
    ('mlp', {'activation': 3}, 'model_options.activation=3'),
    ('mlp', {'activation': 'users_own:doubled'}, "did you mean 'doubled_relu'?"),
    ('mlp', {'activation': 'users_own:summed'}, 'keeps shape and dtype'),
    ('mlp', {'activation': 'users_own:widened'}, 'keeps shape and dtype'),
    ('mlp', {'activation': 'users_own:Block'}, 'fails on an array of (2, 3) float32'),
  ],
)  # fmt: skip
def test_a_bad_option_is_said_in_one_line(model, options, says):
  with pytest.raises(ValueError, match='.') as error:
    models.factory(model, options)(models.Norm(norms.NORMS['none']), 10)
  assert says in str(error.value) and '\n' not in str(error.value)
