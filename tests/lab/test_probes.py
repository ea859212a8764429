"""Promises of the probe: its numbers by hand, in every model, in a group; off, it is not there."""

import functools

from flax import traverse_util
import jax
import numpy as np
import pandas as pd
import pytest
import small

from norms.lab import data as data_sets
from norms.lab import grouping, numerics, statistics, study
from norms.lab.columns import PROBED
from norms.lab.data import Split
from norms.lab.engine import probes, program, starting, training
from norms.lab.runner import execution, rows
from norms.lab.runner.once import Once
from norms.lab.xla_cpu.loss import cross_entropy

DATA = data_sets.load({'name': 'digits'})
N = 40
BATCH = Split(DATA.train.x[:N], DATA.train.y[:N])
SMALL = {
  'mlp': {'features': (8, 6)}, 'cnn': {'channels': (4, 4), 'dense': (6,), 'pool': 'inner'},
  'resnet': {'blocks': (1, 1), 'width': 4}, 'vit': {'patch': 4, 'width': 8, 'depth': 1, 'heads': 2},
  'users_own:Residual': {'dropout': 0.1},
}  # fmt: skip


@functools.cache
def begun(model='mlp', norm='none'):
  """(setup, state, training examples) of a small net before its first step."""
  made = small.config(model=model, norm=norm, probe=N, model_options=SMALL[model])
  made.norm_options = {'batch': {'epsilon': 1e-5}}
  made.data.layout = 'flat' if model in ('mlp', 'users_own:Residual') else 'image'
  (trial,) = study.from_config(made).trials
  setup, train = training.TrainSetup.of(trial.static, 10), data_sets.load(trial.data).train
  variables = jax.jit(program.init(setup))(np.uint32(0), train.x[:1])
  drawn = program.draws(np.zeros(1, np.uint32), starting.kernel_size(variables['params']))[0]
  return setup, starting.initial(setup, variables, drawn, trial.hyper), train


@functools.cache
def seen(model='mlp', norm='none'):
  """What the probe finds there."""
  setup, state, train = begun(model, norm)
  found = jax.jit(functools.partial(probes.probe, setup))(state, train)
  return {name: float(value) for name, value in found.items()}


# The numbers.


def by_hand(params, *, normed):
  """In float64: (what each dense layer passes on, the mean loss) of a net of three of them."""
  h, passed = np.asarray(BATCH.x, np.float64), []
  for i in range(3):
    layer = params[f'layer_{i}']
    h = h @ layer['kernel'] + layer['bias']
    if normed and i < 2:
      norm = params[f'norm_{i}']
      h = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5) * norm['scale'] + norm['bias']
    passed.append(h)
    h = np.maximum(h, 0)
  logits = passed[-1] - passed[-1].max(-1, keepdims=True)
  at_label = logits[np.arange(N), np.asarray(BATCH.y)]
  return passed, np.mean(np.log(np.exp(logits).sum(-1)) - at_label)


def by_differences(loss, kernel, h=1e-6):
  """The gradient of loss() in the array `kernel`, entry by entry."""
  gradient = np.zeros_like(kernel)
  for entry in np.ndindex(kernel.shape):
    kept, either = kernel[entry], []
    for kernel[entry] in (kept + h, kept - h):
      either.append(loss())
    kernel[entry] = kept
    gradient[entry] = (either[0] - either[1]) / (2 * h)
  return gradient


@pytest.mark.parametrize('norm', ['none', 'batch'])
def test_signal_and_gradient_are_those_by_hand(norm):
  """In NumPy, gradients by centred differences: 1e-5 is float32, 1e-4 the ReLUs' kinks within h."""
  _, state, _ = begun(norm=norm)
  found, normed = seen(norm=norm), norm == 'batch'
  params = jax.tree.map(lambda a: np.array(a, np.float64), dict(state.variables['params']))
  for i, z in enumerate(by_hand(params, normed=normed)[0]):
    assert found[f'activation.layer_{i}'] == pytest.approx(np.sqrt(np.mean(z**2)), rel=1e-5)
    kernel = params[f'layer_{i}']['kernel']
    gradient = np.linalg.norm(by_differences(lambda: by_hand(params, normed=normed)[1], kernel))
    assert found[f'gradient.layer_{i}'] == pytest.approx(gradient, rel=1e-4)
    relative = gradient / np.linalg.norm(kernel)
    assert found[f'relative_gradient.layer_{i}'] == pytest.approx(relative, rel=1e-4)
  assert len(found) == 9


@pytest.mark.parametrize(
  ('model', 'norm'),
  [*((model, 'batch') for model in SMALL), ('mlp', 'weight'), ('mlp', 'spectral')],
)
def test_every_layer_of_every_model_is_seen(model, norm):
  """And its gradient is that of the same loss without the probe's interceptor."""
  setup, state, train = begun(model, norm)
  found = seen(model, norm)
  rest = {k: v for k, v in state.variables.items() if k != 'params'}
  rngs = {'dropout': jax.random.fold_in(training.key(0, 'dropout'), state.step)}

  def loss(params):
    variables = {'params': params, **rest}
    options = {'train': True, 'mutable': [*rest], 'rngs': rngs}
    return cross_entropy(setup.train.apply(variables, train.x[:N], **options)[0], train.y[:N])

  grads = traverse_util.flatten_dict(jax.jit(jax.grad(loss))(state.variables['params']))
  kernels = starting.kernel_paths(grads)
  assert len(found) == 3 * len(kernels) and np.isfinite(list(found.values())).all()
  for path in kernels:
    length = float(np.linalg.norm(np.asarray(grads[path], np.float64)))
    assert found[f'gradient.{"/".join(path[:-1])}'] == pytest.approx(length, rel=1e-4, abs=1e-7)


# What a layer passes on.


@pytest.mark.parametrize(
  ('model', 'normed'),
  [('mlp', (0, 1)), ('cnn', (0, 1)), ('resnet', (0, 1, 2, 3, 4, 5)), ('vit', ())],
)
def test_the_signal_is_taken_behind_the_norm_that_takes_a_layers_output(model, normed):
  """Behind a batch norm it is 1; in a vit norms stand before layers, and take sums."""
  found = seen(model, 'batch')
  signals = [value for name, value in found.items() if name.startswith('activation.')]
  ones = [i for i, value in enumerate(signals) if abs(value - 1) < 1e-3]
  assert tuple(ones) == normed


def test_a_norm_behind_the_activation_is_not_the_layers():
  changes = {**SMALL['mlp'], 'placement': 'after'}
  made = small.config(probe=N, norm='batch', model_options=changes)
  frame = probed(made)
  *_, state, _ = begun(norm='none')
  z = np.asarray(BATCH.x) @ np.asarray(state.variables['params']['layer_0']['kernel'])
  assert frame['activation.layer_0'][0] == pytest.approx(np.sqrt(np.mean(z**2)), rel=1e-5)


def test_lifted_layers_are_seen_where_they_can_be():
  """Under nn.remat the signal is there; under nn.scan it is NaN, the gradient is there."""
  frame = probed(small.config(model='users_own:Lifted', model_options={}, probe=N))
  first = frame.iloc[0]
  assert np.isfinite([first['activation.Dense_0'], first['activation.head']]).all()
  found = {name.partition('.')[2]: first[name] for name in frame if name.startswith('activation.')}
  assert sorted(found) == ['Dense_0', 'again/Dense_0', 'blocks/Dense_0', 'head']
  assert np.isfinite(found['again/Dense_0']) and np.isnan(found['blocks/Dense_0'])
  assert first['gradient.blocks/Dense_0'] > 0


@pytest.mark.parametrize('size', [1e-37, 1e-25, 1.0, 1e30])
def test_squares_that_leave_float32_do_no_harm(size):
  x = np.random.default_rng(0).normal(size=(30, 7))
  found = probes.rms((size * x).astype(np.float32))
  assert float(found) == pytest.approx(size * np.sqrt(np.mean(x**2)), rel=1e-6)
  assert float(probes.rms(0 * x)) == 0 and np.isnan(float(probes.rms(np.nan * x)))


# In the lab.


def probed(made):
  """The rows of the only trial of a config, epoch by epoch."""
  asked = study.from_config(made)
  (group,) = grouping.groups(asked.trials)
  ready = execution.compile_group(group, asked, Once(), jax.devices()[0])
  stands = execution.train(group, group.tiles[0], ready, lambda *_: None)
  curves = [stand.curves for stand in stands]
  return rows.frame(group.tiles[0], curves, ready.host)


def test_without_a_probe_nothing_is_another(monkeypatch):
  """Not a trial's hash (this one was computed before there were probes), nor its columns."""
  monkeypatch.setattr(numerics, 'NUMERICS', numerics.BEFORE)
  (trial,) = study.from_config(small.config()).trials
  assert trial.hash == '15be5e1ce90efb36'
  assert 'probe' not in trial.columns()
  (other,) = study.from_config(small.config(probe=N)).trials
  assert other.hash != trial.hash and other.columns()['probe'] == N
  assert other.static != trial.static


@pytest.mark.parametrize('norm', ['none', 'batch'])
def test_a_probe_changes_no_other_result(norm):
  """To the bit; and it looks at every epoch, from epoch 0 on."""
  without, frame = (probed(small.config(norm=norm, probe=n)) for n in (0, N))
  added = [name for name in frame if name not in without]
  assert {name.partition('.')[0] for name in added} == {*PROBED, 'probe'}
  assert len(added) == 3 * 2 + 1 and frame[added].notna().all().all()
  both = [name for name in without if name != 'trial']
  pd.testing.assert_frame_equal(frame[both], without[both])
  assert frame['gradient.layer_0'].nunique() == 3


def test_alone_equals_in_its_group():
  """To the bit in exact mode; else to rounding, of which ten steps have made 1e-4 at most."""
  for chunk, tolerance in ((1, 0.0), (3, 1e-4)):
    alone = probed(small.config(norm='batch', probe=N, init_scale=0.5, chunk=chunk))
    several = {'init_scale': (0.5, 1.0, 2.0), 'seed': (0, 4)}
    among = probed(small.config(norm='batch', probe=N, chunk=chunk, **several))
    among = among[(among['init_scale'] == 0.5) & (among['seed'] == 0)]
    columns = [name for name in alone if name.partition('.')[0] in PROBED]
    assert len(columns) == 6 and len(alone) == 3
    np.testing.assert_allclose(among[columns], alone[columns], rtol=tolerance)


def test_probes_are_results_and_never_axes():
  """Not even where they stay the same throughout a trial, as behind a layer norm of one feature."""
  rows = [
    {'trial': f'{norm}{seed}', 'norm': norm, 'seed': seed, 'epoch': epoch, 'probe': 9 + seed,
     **{f'{quantity}.layer_0': float(seed) for quantity in PROBED}}
    for norm in ('none', 'layer') for seed in (0, 1) for epoch in (0, 1)
  ]  # fmt: skip
  assert statistics.axes(pd.DataFrame(rows)) == []
  with pytest.raises(ValueError, match="unknown column 'gradient.layer_0'"):
    statistics.select(pd.DataFrame(rows), {'gradient.layer_0': 0.0})


@pytest.mark.parametrize(('value', 'message'), [(-1, 'probe=-1'), (2.5, 'probe=2.5')])
def test_a_number_of_examples_is_whole(value, message):
  made = small.config().to_dict() | {'probe': value}
  with pytest.raises(ValueError, match=message):
    study.from_config(made)
