"""Promises of the lab's own models: every norm fits, kernels come in order, lanes equal trials."""

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
from norms.lab import data as data_sets
from norms.lab import models
from norms.lab.engine import starting, training
from norms.lab.models import transformer, vit

IMAGES = {'name': 'digits', 'layout': 'image'}
SMALL = {
  'mlp': {'features': (8, 8)},
  'cnn': {'channels': (4, 8), 'dense': (8,)},
  'resnet': {'blocks': (1, 1), 'width': 4},
  'vit': {'patch': 4, 'width': 8, 'depth': 1, 'heads': 2},
  'decoder': {'width': 8, 'depth': 1, 'heads': 2, 'mlp_ratio': 2},
}
AUTO = {name: (('num_groups', 'auto'),) for name, row in norms.NORMS.items() if row.groups}
X = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype(np.float32)
TOKENS = np.random.default_rng(0).integers(0, 10, (6, 5))


def inputs(model):
  """Images, or tokens."""
  return TOKENS if model == 'decoder' else X


def built(model, norm='none', x=None, options=None, **roles):
  """(module, variables) of a small model on x."""
  made = models.factory(model, SMALL[model] if options is None else options)
  module = made(models.Norm(norms.NORMS[norm], AUTO.get(norm, ()), **roles), 10)
  x = inputs(model) if x is None else x
  return module, jax.eval_shape(functools.partial(module.init, train=True), jax.random.key(0), x)


@pytest.mark.parametrize('model', models.MODELS)
@pytest.mark.parametrize('norm', norms.NORMS)
def test_every_norm_fits_every_model(model, norm):
  """In training and in evaluation, and leaves the shapes of its own variables as they were."""
  module, variables = built(model, norm)
  rest = [name for name in variables if name != 'params']
  apply = functools.partial(module.apply, train=True, mutable=rest)
  x, shape = inputs(model), (6, 5, 10) if model == 'decoder' else (6, 10)
  logits, new = jax.eval_shape(apply, variables, x)
  chex.assert_shape(logits, shape)
  chex.assert_type(logits, jnp.float32)
  chex.assert_trees_all_equal_shapes_and_dtypes(dict(new), {name: variables[name] for name in new})
  running, _ = built(model, norm, training=False)
  seen = jax.eval_shape(functools.partial(running.apply, train=False), variables, x)
  chex.assert_shape(seen, shape)


@pytest.mark.parametrize('model', models.MODELS)
@pytest.mark.parametrize('norm', ['none', 'weight'])
def test_kernels_are_numbered_in_the_order_of_the_layers(model, norm):
  """Also beyond ten, where the order of letters is another."""
  options = SMALL[model] | {
    'resnet': {'blocks': (2, 2, 2)},
    'vit': {'depth': 2},
    'decoder': {'depth': 2},
  }.get(model, {})
  _, variables = built(model, norm, options=options)
  paths = starting.kernel_paths(traverse_util.flatten_dict(variables['params']))
  assert [path[-2] for path in paths] == [f'layer_{i}' for i in range(len(paths))]
  assert len(paths) > 10 or model in ('mlp', 'cnn')


@pytest.mark.parametrize('model', models.MODELS)
def test_models_draw_nothing(model):
  """One template serves every seed: kernels are zero, for the lab draws them."""
  made = models.factory(model, SMALL[model])(models.Norm(norms.NORMS['batch']), 10)
  start = [jax.jit(made.init, static_argnames='train')(jax.random.key(s), inputs(model), train=True)
           for s in (0, 1)]  # fmt: skip
  chex.assert_trees_all_equal(*start)
  flat = traverse_util.flatten_dict(start[0]['params'])
  assert not any(np.any(flat[path]) for path in starting.kernel_paths(flat))


@pytest.mark.parametrize(
  ('model', 'norm', 'rate'),
  [('mlp', 'batch', 0.05), ('cnn', 'batch', 0.05), ('cnn', 'weight', 0.05),
   ('resnet', 'group', 0.05), ('vit', 'layer', 0.05)],
)  # fmt: skip
def test_two_epochs_reduce_the_loss(model, norm, rate, tmp_path):
  made = small.config(
    model=model, norm=norm, model_options=SMALL[model], data=IMAGES, learning_rate=rate,
    norm_options={'group': {'num_groups': 'auto'}}, batch_size=64,
  )  # fmt: skip
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed
  losses = frame.set_index('epoch')['train_loss']
  assert losses[2] < 0.9 * losses[0]


@pytest.mark.parametrize(
  'model', ['cnn', *(pytest.param(m, marks=pytest.mark.slow) for m in ('resnet', 'vit'))]
)
def test_lanes_together_equal_each_alone(model, tmp_path):
  """Within 1e-5 over the first steps: a convolution of several kernels at once is the same one."""
  rates = (0.01, 0.02)
  losses = []
  for chunk in (1, 2):
    made = small.config(
      model=model, norm='batch', model_options=SMALL[model], data=IMAGES, learning_rate=rates,
      epochs=1, chunk=chunk,
    )  # fmt: skip
    frame, failed, _ = small.run(made, tmp_path / str(chunk))
    assert not failed
    frame = frame.query('epoch == 1').sort_values('learning_rate')
    losses.append(frame[['minibatch_loss', 'train_loss']].to_numpy())
  chex.assert_trees_all_close(*losses, rtol=1e-5)


@pytest.mark.parametrize('model', ['mlp', 'cnn'])
@pytest.mark.parametrize('placement', ['before', 'after'])
def test_the_norm_stands_before_or_after_the_activation(model, placement):
  """What a ReLU gives is never negative, and what it is given is."""
  options = SMALL[model] | {'placement': placement}
  made = models.factory(model, options)(models.Norm(norms.NORMS['layer']), 10)
  drawn = _drawn(made)
  seen = []

  def record(call, args, kwargs, context):
    seen.extend([args[0]] if context.module.name in ('norm_0', 'norm_1') else [])
    return call(*args, **kwargs)

  with nn.intercept_methods(record):
    made.apply(drawn, X, train=True)
  assert len(seen) == 2
  assert [bool((x < 0).any()) for x in seen] == [placement == 'before'] * 2


def _drawn(module):
  """Its variables, all kernels standard normal."""
  variables = module.init(jax.random.key(0), X, train=True)
  flat = traverse_util.flatten_dict(variables['params'])
  keys = jax.random.split(jax.random.key(1), len(flat))
  for path, key in zip(starting.kernel_paths(flat), keys, strict=False):
    flat[path] = jax.random.normal(key, flat[path].shape)
  return {**variables, 'params': traverse_util.unflatten_dict(flat)}


@pytest.mark.parametrize('placement', ['pre', 'post'])
@pytest.mark.parametrize('model', ['resnet', 'vit'])
def test_residual_models_normalise_where_they_say(model, placement):
  """Of the post kind every sum is normalised; of the pre kind only what enters a branch is."""
  options = SMALL[model] | {'placement': placement}
  made = models.factory(model, options)(models.Norm(norms.NORMS['layer']), 10)
  count = len([k for k in made.init(jax.random.key(0), X, train=True)['params'] if 'norm' in k])
  # resnet, 2 blocks, one of them with a shortcut: 1 + 2 + 3, or 2 + 2 + 1 at the end; vit: 2 parts.
  assert count == {('resnet', 'post'): 6, ('resnet', 'pre'): 5}.get((model, placement), 2 + (
    placement == 'pre'))  # fmt: skip


def test_the_options_of_the_cnn_change_its_layers():
  def shapes(**o):
    return [p['kernel'].shape for p in built('cnn', options=SMALL['cnn'] | o)[1]['params'].values()]

  assert shapes() == [(3, 3, 1, 4), (3, 3, 4, 8), (2 * 2 * 8, 8), (8, 10)]
  assert shapes(pool='inner')[2] == (4 * 4 * 8, 8)
  assert shapes(pool='none', dense=()) == [(3, 3, 1, 4), (3, 3, 4, 8), (8 * 8 * 8, 10)]
  assert shapes(kernel_size=5)[0] == (5, 5, 1, 4)


def test_patches_are_those_of_a_convolution():
  """With strides of its size: each patch a row, in the order that nn.Conv's kernel has."""
  conv = nn.Conv(5, (4, 4), (4, 4), padding='VALID', use_bias=False)
  x = np.random.default_rng(1).normal(size=(3, 8, 12, 2)).astype(np.float32)
  variables = conv.init(jax.random.key(0), x)
  kernel = variables['params']['kernel'].reshape(-1, 5)
  found = vit.patches(x, 4) @ kernel
  expected = conv.apply(variables, x).reshape(3, -1, 5)
  chex.assert_trees_all_close(found, expected, rtol=1e-5, atol=1e-5)  # other orders of 32 terms


def test_a_decoder_sees_no_later_token():
  """A changed token changes the logits of its own place and of later ones, and no others."""
  made = models.factory('decoder', SMALL['decoder'])(models.Norm(norms.NORMS['layer']), 10)
  flat = traverse_util.flatten_dict(made.init(jax.random.key(0), TOKENS, train=True)['params'])
  keys = jax.random.split(jax.random.key(1), len(flat))
  for path, key in zip(starting.kernel_paths(flat), keys, strict=False):
    flat[path] = jax.random.normal(key, flat[path].shape)
  variables = {'params': traverse_util.unflatten_dict(flat)}
  other = TOKENS.copy()
  other[:, 2] = (other[:, 2] + 1) % 10
  one, two = (np.asarray(made.apply(variables, x, train=True)) for x in (TOKENS, other))
  moved = np.abs(one - two).max((0, 2))
  assert (moved[:2] == 0).all() and (moved[2:] > 1e-3).all()


def test_a_decoder_says_that_it_needs_tokens():
  with pytest.raises(ValueError, match='is no sequence of tokens'):
    built('decoder', x=X)


def test_positions_are_told_apart():
  """Without them the mean over patches could not see where a patch is."""
  position = np.asarray(transformer.sinusoids(49, 10))
  chex.assert_shape(position, (49, 10))
  assert np.abs(position).max() <= 1
  apart = np.linalg.norm(position[:, None] - position[None], axis=-1) + 9 * np.eye(49)
  assert apart.min() > 0.1


def test_one_seeds_kernels_are_equal_to_the_bit_across_norms():
  found = []
  for norm in ('none', 'batch', 'weight'):
    made = small.config(model='cnn', norm=norm, model_options=SMALL['cnn'], data=IMAGES)
    (trial,) = small.study.from_config(made).trials
    setup = training.TrainSetup.of(trial.static, 10)
    x = data_sets.load(trial.data).train.x[:1]
    variables = setup.train.init(jax.random.key(0), x, train=True)
    draws = np.arange(starting.kernel_size(variables['params']), dtype=np.float32)
    state = starting.initial(setup, variables, draws, trial.hyper)
    flat = traverse_util.flatten_dict(state.variables['params'])
    found.append([flat[path] for path in starting.kernel_paths(flat)])
  chex.assert_trees_all_equal(*found)


@pytest.mark.parametrize(
  ('model', 'options', 'says'),
  [
    ('cnn', {'chanels': (4,)}, "did you mean 'channels'"),
    ('cnn', {'channels': 4}, 'model_options.channels=4: give the channels of each convolution'),
    ('cnn', {'channels': ()}, 'model_options.channels=()'),
    ('cnn', {'dense': (0,)}, 'model_options.dense=(0,)'),
    ('cnn', {'kernel_size': 1.5}, 'model_options.kernel_size=1.5: use a whole number'),
    ('cnn', {'pool': 'evry'}, "did you mean 'every'"),
    ('cnn', {'placement': 'befor'}, "did you mean 'before'"),
    ('cnn', {'channels': (4,) * 4}, '4 poolings leave nothing of 8x8 images: use at most 3'),
    ('mlp', {'features': (8, True)}, 'model_options.features=(8, True)'),
    ('resnet', {'blocks': 'one'}, "model_options.blocks='one'"),
    ('resnet', {'placement': 'before'}, "use one of pre, post"),
    ('vit', {'heads': 3, 'width': 8}, 'heads=3 does not divide width=8: did you mean 2?'),
    ('vit', {'patch': 3}, 'model_options.patch=3 does not cut an example of shape (8, 8, 1)'),
    ('decoder', {'heads': 3}, 'heads=3 does not divide width=64'),
    ('vit', {'activation': 'gleu'}, "did you mean 'gelu'"),
  ],
)  # fmt: skip
def test_a_bad_option_is_said_in_one_line(model, options, says):
  with pytest.raises(ValueError, match='.') as error:
    built(model, options=options)
  assert says in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('model', ['cnn', 'resnet', 'vit'])
def test_images_are_asked_for(model):
  with pytest.raises(ValueError, match=r'\(64,\).*height, width'):
    built(model, x=X.reshape(6, 64))
