"""A train step on two devices, batch norm synchronised, is one on the whole batch."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec
from modules import close, draw
import numpy as np
import optax
import pytest

import norms.linen

KEY = jax.random.key(0)
AXIS = 'devices'


class Classifier(nn.Module):
  """A small network whose batch norm is synchronised over `axis_name`."""

  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, mask=None):
    x = nn.Dense(8)(x)
    norm = norms.linen.BatchNorm(use_running_average=False, axis_name=self.axis_name, momentum=0.8)
    return nn.Dense(3)(nn.relu(norm(x, mask=mask)))


def _train_step(axis_name):
  """(variables, x, label) -> (new variables, loss): one step of SGD on the mean over devices."""
  model = Classifier(axis_name)
  mean = (lambda a: a) if axis_name is None else lambda a: jax.lax.pmean(a, axis_name)

  def step(variables, x, label):
    def loss_of(params):
      logits, new = model.apply({**variables, 'params': params}, x, mutable=['batch_stats'])
      losses = optax.softmax_cross_entropy_with_integer_labels(logits, label)
      return mean(jnp.mean(losses)), new

    (loss, new), gradients = jax.value_and_grad(loss_of, has_aux=True)(variables['params'])
    params = jax.tree.map(lambda p, g: p - 0.5 * g, variables['params'], mean(gradients))
    return {'params': params, **new}, loss

  return step


def _pmapped(variables, x, label):
  def split(a):
    return a.reshape(2, -1, *a.shape[1:])

  step = jax.pmap(_train_step(AXIS), AXIS, in_axes=(None, 0, 0))
  return jax.tree.map(lambda a: a[1], step(variables, split(x), split(label)))


def _sharded(check_vma):
  def run(variables, x, label):
    mesh = jax.make_mesh((2,), (AXIS,), axis_types=(jax.sharding.AxisType.Auto,))
    over, whole = PartitionSpec(AXIS), PartitionSpec()
    step = jax.shard_map(
      _train_step(AXIS), mesh=mesh, in_specs=(whole, over, over), out_specs=whole,
      check_vma=check_vma,
    )  # fmt: skip
    return jax.jit(step)(variables, x, label)

  return run


DEVICES = {'pmap': _pmapped, 'shard_map': _sharded(True), 'shard_map-unchecked': _sharded(False)}


@pytest.mark.parametrize('over', DEVICES)
def test_a_train_step_on_two_devices_is_one_on_the_whole_batch(over):
  """Within 1e-6, running statistics included, after two steps."""
  x, label = draw(shape=(16, 5)), jnp.arange(16) % 3
  start = Classifier().init(KEY, x)
  found, expected = start, start
  for _ in range(2):
    found, loss = DEVICES[over](found, x, label)
    found = jax.tree.map(np.asarray, found)  # off the two devices
    expected, whole_loss = jax.jit(_train_step(None))(expected, x, label)
    close((found, loss), (expected, whole_loss), 1e-6)
  assert np.any(found['batch_stats']['BatchNorm_0']['mean'] != 0)
