"""Promises of blocks under one nn.scan: the model without it, to rounding, in a smaller program."""

import functools

import chex
from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small

import norms
from norms import catalogue
from norms.lab import data as data_sets
from norms.lab import study
from norms.lab.data import Split
from norms.lab.engine import evaluation, probes, program, starting, training
from norms.lab.models import repeated

SMALL = {
  'resnet': {'blocks': (2, 3), 'width': 4},
  'vit': {'patch': 4, 'width': 8, 'depth': 2, 'heads': 2},
  'decoder': {'width': 8, 'depth': 2, 'heads': 2},
}
LAYERS = {'resnet': 13, 'vit': 14, 'decoder': 14}
DATA = data_sets.load({'name': 'digits', 'layout': 'image'})
BATCH = Split(DATA.train.x[:32], DATA.train.y[:32])
TOKENS = Split(*np.random.default_rng(0).integers(0, 16, (2, 32, 5)))


def trial(model, norm='batch', options=None, **changes):
  """A trial of a small model."""
  given = small.config(
    model=model, norm=norm, model_options=SMALL[model] | (options or {}), **changes
  )
  given.data.layout = 'image'
  given.norm_options = dict.fromkeys(('group', 'evonorm_s0'), {'num_groups': 'auto'})
  return study.from_config(given).trials[0]


def begun(of, batch):
  """(setup, state before the first step, hyper) of a trial."""
  setup = training.TrainSetup.of(of.static, 16)
  hyper = of.hyper | {'seed': np.uint32(0)}
  shapes = jax.eval_shape(program.init(setup), 0, batch.x)
  draws = program.draws(np.zeros(1, np.uint32), starting.kernel_size(shapes['params']))[0]

  @jax.jit
  def start(x):
    return starting.initial(setup, program.init(setup)(0, x), draws, hyper)

  return setup, start(batch.x), hyper


def by_layer(tree):
  """The kernels of a tree of parameters, by the names of their layers."""
  flat = traverse_util.flatten_dict(tree)
  return repeated.by_layer({path: flat[path] for path in starting.kernel_paths(flat)})


@pytest.mark.parametrize('model', SMALL)
def test_layers_have_the_names_and_shapes_that_they_have_without_scan(model):
  x = TOKENS.x if model == 'decoder' else BATCH.x
  kernels = []
  for scan in (False, True):
    setup = training.TrainSetup.of(trial(model, options={'scan': scan}).static, 16)
    params = jax.eval_shape(program.init(setup), 0, x)['params']
    assert any(name.startswith('repeated_') for name in params) == scan
    kernels.append(by_layer(params) if not scan else by_layer(zeros(params)))
  without, scanned = ({k: v.shape for k, v in found.items()} for found in kernels)
  assert list(scanned) == list(without) == [f'layer_{i}' for i in range(LAYERS[model])]
  assert scanned == without


def zeros(tree):
  """Arrays of these shapes."""
  return jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), tree)


@functools.cache
def both(model, norm, **options):
  """(setup, state, hyper) without and with scan."""
  batch = TOKENS if model == 'decoder' else BATCH
  changes = {'task': 'next_token'} if model == 'decoder' else {}
  asked = [trial(model, norm, options | {'scan': scan}, **changes) for scan in (False, True)]
  return [begun(each, batch) for each in asked], batch


def test_it_says_the_same_before_the_first_step():
  """Weight norm's lengths are those of each block's kernels, which are equal to the bit."""
  pair, batch = both('decoder', 'weight')
  starts = [by_layer(state.variables['params']) for _, state, _ in pair]
  chex.assert_trees_all_equal(*starts)
  outputs = [
    jax.jit(functools.partial(setup.running.apply, train=False))(state.variables, batch.x)
    for setup, state, _ in pair
  ]
  chex.assert_trees_all_close(*outputs, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
  ('model', 'norm'),
  [('decoder', 'weight'), ('vit', 'layer'),
   *(('resnet', norm) for norm in ('batch', 'weight', 'spectral', 'group'))],
)  # fmt: skip
def test_a_step_is_that_without_scan(model, norm):
  """Its first kernels to the bit; then to rounding: in another order sums differ by 1e-6."""
  pair, batch = both(model, norm)
  starts = [by_layer(state.variables['params']) for _, state, _ in pair]
  chex.assert_trees_all_equal(*starts)
  ends, losses = [], []
  for setup, state, hyper in pair:
    step = jax.jit(functools.partial(training.step, setup))
    new, seen = step(state, batch, hyper)
    again, later = step(new, batch, hyper)
    losses.append([seen['minibatch_loss'], seen['grad_norm'], later['minibatch_loss']])
    ends.append(by_layer(again.variables['params']))
  np.testing.assert_allclose(*losses, rtol=1e-4)
  chex.assert_trees_all_close(*ends, rtol=1e-3, atol=1e-4)
  moved = max(float(np.abs(ends[1][name] - starts[1][name]).max()) for name in starts[1])
  assert moved > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize('model', ['decoder', 'resnet'])
def test_a_probe_sees_each_block(model):
  """By the names of layers without scan, and to rounding the same."""
  pair, batch = both(model, 'batch' if model == 'resnet' else 'weight')
  found = []
  for setup, state, _ in pair:
    watching = training.dataclasses.replace(setup, probe=32)
    found.append(jax.jit(functools.partial(probes.probe, watching))(state, batch))
  without, scanned = ({k: float(v) for k, v in each.items()} for each in found)
  assert list(scanned) == list(without) and len(scanned) == 3 * LAYERS[model]
  np.testing.assert_allclose(list(scanned.values()), list(without.values()), rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_exact_statistics_of_each_block_are_those_without_scan():
  pair, _ = both('resnet', 'batch')
  found = []
  for setup, state, _ in pair:
    inputs = evaluation.eval_inputs(setup, DATA)
    judge = jax.jit(functools.partial(evaluation.evaluate, setup))
    found.append(judge(state, DATA, inputs))
  chex.assert_trees_all_close(*found, rtol=1e-3)


@pytest.mark.slow
def test_lanes_under_vmap_are_each_alone():
  """Lanes of a chunk have a step each; a scan within it is one of all of them."""
  (_, (setup, state, hyper)), batch = both('decoder', 'layer')
  step = functools.partial(training.step, setup)
  two = {name: jnp.stack([value, 2 * value]) for name, value in hyper.items()}
  stacked = jax.tree.map(lambda a: jnp.stack([a, a]), state)
  _, among = jax.jit(jax.vmap(step, (0, None, 0)))(stacked, batch, two)
  _, alone = jax.jit(step)(state, batch, hyper)
  for name, value in alone.items():
    np.testing.assert_allclose(among[name], [value, value], rtol=1e-5)


def test_draws_are_shared_out_block_by_block():
  """Block 0 has the numbers that its layers have without scan, then block 1."""
  a, b, head = ('repeated_1', 'layer_1', 'kernel'), ('repeated_1', 'layer_2', 'kernel'), (
    'layer_5', 'kernel')  # fmt: skip
  found = repeated.shared_out(jnp.arange(14), {a: (2, 2, 1), b: (2, 1, 3), head: (4,)})
  expected = {a: [[[0], [1]], [[5], [6]]], b: [[[2, 3, 4]], [[7, 8, 9]]], head: [10, 11, 12, 13]}
  chex.assert_trees_all_equal(found, {path: jnp.array(value) for path, value in expected.items()})
  names = repeated.by_layer(found)
  assert list(names) == [f'layer_{i}' for i in range(1, 6)]
  assert names['layer_4'].tolist() == [[7, 8, 9]]


def size(model, norm, options):
  """How many lines of StableHLO the start of a trial and a step are: what XLA has to compile."""
  batch = TOKENS if model == 'decoder' else BATCH
  asked = trial(model, norm, options)
  setup, hyper = training.TrainSetup.of(asked.static, 16), asked.hyper | {'seed': np.uint32(0)}

  def step(x, y):
    variables = program.init(setup)(0, x)
    state = starting.initial(setup, variables, jnp.zeros(2 * 10**6), hyper)
    return training.step(setup, state, Split(x, y), hyper)

  with norms.plain_formulas():  # others pad arrays of some sizes and not of others
    return len(jax.jit(step).lower(*batch).as_text().splitlines())


@pytest.mark.parametrize(('model', 'key'), [('vit', 'depth'), ('resnet', 'blocks')])
def test_a_program_is_no_larger_with_more_blocks(model, key):
  few, many = (3, 5) if key == 'depth' else ((2,), (4,))
  of = lambda value, scan: size(model, 'none', {key: value, 'scan': scan})  # noqa: E731
  assert of(few, True) == of(many, True)
  assert of(few, False) < of(many, False)


@pytest.mark.slow
@pytest.mark.parametrize('norm', ['batch', 'group', 'weight'])
def test_deep_resnets_are_programs_of_one_size(norm):
  """What is compiled for 20, 32 and 44 layers differs in the length of its loops."""
  lines = {n: size('resnet', norm, {'blocks': None, 'depth': n}) for n in (20, 32, 44)}
  print(norm, 'lines of StableHLO by depth:', lines)
  assert len(set(lines.values())) == 1


@pytest.mark.slow
@pytest.mark.parametrize('model', SMALL)
@pytest.mark.parametrize('norm', catalogue.NORMS)
def test_every_norm_fits_into_scanned_blocks(model, norm):
  """In training and in evaluation, and leaves the shapes of its own variables as they were."""
  asked, x = trial(model, norm, {'scan': True}), TOKENS.x if model == 'decoder' else BATCH.x
  setup = training.TrainSetup.of(asked.static, 16)
  variables = jax.eval_shape(program.init(setup), 0, x)
  rest = [name for name in variables if name != 'params']
  apply = functools.partial(setup.exact.apply, train=True, mutable=rest)
  _, new = jax.eval_shape(apply, variables, x)
  chex.assert_trees_all_equal_shapes_and_dtypes(dict(new), {name: variables[name] for name in new})
  seen = jax.eval_shape(functools.partial(setup.running.apply, train=False), variables, x)
  assert seen.dtype == np.float32


@pytest.mark.slow
def test_a_scanned_resnet_trains_by_the_lab(tmp_path):
  """With lanes beside each other, a probe, dropout and bfloat16; the records name each layer."""
  options = SMALL['resnet'] | {'scan': True, 'dropout': 0.1, 'dtype': 'bfloat16'}
  config = small.config(
    model='resnet', norm='batch', model_options=options, probe=20, learning_rate=(0.02, 0.05),
    chunk=2, data={'name': 'digits', 'layout': 'image'},
  )  # fmt: skip
  frame, failed, _ = small.run(config, tmp_path)
  assert not failed
  layers = [name for name in frame if name.startswith('activation.')]
  assert set(layers) == {f'activation.layer_{i}' for i in range(LAYERS['resnet'])}
  assert frame[layers].notna().all().all()
  losses = frame.pivot_table(index='epoch', columns='learning_rate', values='train_loss')
  assert (losses.loc[2] < 0.9 * losses.loc[0]).all()
