"""Our modules in networks that users build with Flax and JAX."""

import chex
from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
from modules import close, draw
import numpy as np
import optax
import orbax.checkpoint
from promises import measure
import pytest

import norms.linen
import norms.nnx

KEY = jax.random.key(0)


def test_query_and_key_norm_of_flaxs_linen_attention(monkeypatch):
  """With our LayerNorm attention has the same variables, and outputs and gradients to rounding."""
  x = draw(shape=(2, 5, 16))
  module = nn.MultiHeadDotProductAttention(num_heads=2, qkv_features=16, normalize_qk=True)
  variables = module.init(KEY, x)
  loss = jax.value_and_grad(lambda v: jnp.sum(jnp.sin(module.apply(v, x))))
  expected, made = loss(variables), []

  class Ours(norms.linen.LayerNorm):
    def __post_init__(self):
      made.append(self.name)
      super().__post_init__()

  monkeypatch.setattr(nn.attention, 'LayerNorm', Ours)
  measure.assert_same(module.init(KEY, x), variables)
  close(loss(variables), expected, 1e-5)  # sums over attention amplify an ulp
  assert {'query_ln', 'key_ln'} <= set(made)


def test_query_and_key_norm_of_flaxs_nnx_attention(monkeypatch):
  x = draw(shape=(2, 5, 16))

  def build():
    return nnx.MultiHeadAttention(2, 16, normalize_qk=True, decode=False, rngs=nnx.Rngs(0))

  expected = build()(x)
  monkeypatch.setattr(nnx.nn.attention, 'LayerNorm', norms.nnx.LayerNorm)
  module = build()
  assert isinstance(module.query_ln, norms.nnx.LayerNorm)
  close(module(x), expected, 1e-5)


class Block(nn.Module):
  """A residual block, as a scan's body: the carry is the activations."""

  @nn.compact
  def __call__(self, x, _):
    y = x
    for _ in range(2):
      y = nn.Conv(4, (3, 3), use_bias=False)(y)
      y = nn.relu(norms.linen.BatchNorm(use_running_average=False, momentum=0.5)(y))
    return x + y, None


class ResNet(nn.Module):
  """Three blocks, unrolled or scanned, rematerialised or not."""

  scan: bool = False
  remat: bool = False

  @nn.compact
  def __call__(self, x):
    block = nn.remat(Block, prevent_cse=not self.scan) if self.remat else Block
    if self.scan:
      axes = {'params': 0, 'batch_stats': 0}
      block = nn.scan(block, variable_axes=axes, split_rngs={'params': True}, length=3)
      return block(name='blocks')(x, None)[0]
    for i in range(3):
      x, _ = block(name=f'block{i}')(x, None)
    return x


def _loss_of(model, x):
  def loss(params, stats):
    y, new = model.apply({'params': params, 'batch_stats': stats}, x, mutable=['batch_stats'])
    return jnp.mean(jnp.sin(y)), new['batch_stats']

  return jax.jit(jax.value_and_grad(loss, has_aux=True))


@pytest.mark.parametrize('remat', (False, True))
def test_a_resnet_block_under_scan_and_remat(remat):
  """Scanned and unrolled blocks have the same loss, gradients and running statistics."""
  x = draw(shape=(4, 6, 6, 4))
  scanned = ResNet(scan=True, remat=remat)
  variables = jax.jit(scanned.init)(KEY, x)
  (loss, stats), gradients = _loss_of(scanned, x)(*map(variables.get, ('params', 'batch_stats')))

  def unroll(tree):
    return {f'block{i}': jax.tree.map(lambda a, i=i: a[i], tree['blocks']) for i in range(3)}

  plain = _loss_of(ResNet(), x)(unroll(variables['params']), unroll(variables['batch_stats']))
  close(
    ((loss, unroll(stats)), unroll(gradients)), plain, 1e-5
  )  # errors of three norms, one after another
  moved = stats['blocks']['BatchNorm_0']['mean']
  chex.assert_shape(moved, (3, 4))
  assert np.all(np.any(moved != 0, axis=1))


class Net(nnx.Module):
  """An nnx model with every kind of norm in it."""

  def __init__(self, rngs: nnx.Rngs):
    self.first = norms.nnx.WeightNorm(nnx.Linear(6, 8, rngs=rngs), rngs=rngs)
    self.batch = norms.nnx.BatchNorm(8, momentum=0.9, rngs=rngs)
    self.second = norms.nnx.SpectralNorm(nnx.Linear(8, 8, rngs=rngs), rngs=rngs)
    self.group = norms.nnx.GroupNorm(8, 2, rngs=rngs)
    self.last = nnx.Linear(8, 1, rngs=rngs)

  def __call__(self, x):
    x = nnx.relu(self.batch(self.first(x)))
    return self.last(nnx.relu(self.group(self.second(x))))


def test_an_nnx_model_under_jit_and_grad():
  """Compiled and eager steps give the same parameters and statistics, and the loss falls."""
  x = draw(shape=(32, 6))
  target = jnp.tanh(x[:, :1])

  def step(model, optimizer):
    loss, gradients = nnx.value_and_grad(lambda m: jnp.mean(jnp.square(m(x) - target)))(model)
    optimizer.update(model, gradients)
    return loss

  def run(step, steps):
    model = Net(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
    return [step(model, optimizer) for _ in range(steps)], nnx.to_pure_dict(nnx.state(model))

  compiled = nnx.jit(step)
  close(run(compiled, 2), run(step, 2), 1e-5)  # ulps, amplified by four norms, forward and backward
  losses, _ = run(compiled, 100)
  assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize('options', ({}, {'momentum': None}))
def test_batch_stats_pass_through_orbax_and_back(tmp_path, options):
  """A restored model evaluates to the same bits, and training continues."""
  x = draw(shape=(8, 5))
  train, evaluate = (norms.linen.BatchNorm(use_running_average=e, **options) for e in (False, True))
  variables = train.init(KEY, x)
  _, new = train.apply(variables, x, mutable=['batch_stats'])
  variables = {**variables, **new}
  with orbax.checkpoint.StandardCheckpointer() as checkpointer:
    checkpointer.save(tmp_path / 'checkpoint', variables)
    checkpointer.wait_until_finished()
    blank = jax.tree.map(jnp.zeros_like, variables)
    restored = checkpointer.restore(tmp_path / 'checkpoint', blank)
  measure.assert_same(evaluate.apply(restored, x), evaluate.apply(variables, x))
  again, still = (train.apply(v, 2 * x, mutable=['batch_stats'])[1] for v in (restored, variables))
  measure.assert_same(again, still)
