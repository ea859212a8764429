"""One trial: pure functions to start it and to take a step.

Nothing here knows of lanes or groups; under an axis `devices.AXIS` (jax.pmap, jax.shard_map) a step
is one of several devices', each with its share of the batch.
"""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any, NamedTuple

import flax.linen as nn
import jax
from jax import Array
import jax.numpy as jnp
from jax.typing import ArrayLike
import optax

from norms import catalogue
from norms.lab import models, tasks, trial
from norms.lab.data import Split, augment
from norms.lab.engine import devices
from norms.lab.engine import optimizer as optimizers
from norms.lab.xla_cpu import gathering
from norms.lab.xla_cpu.compact import compact

Variables = Mapping[str, Any]  # Any: collections are as deep as the model's modules
Named = Mapping[str, ArrayLike]  # what is traced of a trial, or measured of a step
SEEN = ('minibatch_loss', 'grad_norm')  # of a step
PURPOSES = ('init', 'order', 'augment', 'dropout')  # in keys by index: a new one goes last


class State(NamedTuple):
  """What training carries: a plain pytree, so a checkpoint is just this."""

  variables: Variables  # params, and what else the model keeps (batch_stats)
  opt_state: optax.OptState
  step: jax.Array
  diverged_at: jax.Array  # the first step whose loss was not finite, else -1


@dataclasses.dataclass(frozen=True)
class TrainSetup:
  """What is static about training: the model in its three roles, the optimizer and the task."""

  train: nn.Module
  running: nn.Module  # normalises by running statistics
  exact: nn.Module  # training mode, momentum 0: leaves its batch's own statistics behind
  optimizer: optimizers.Update
  state: bool  # whether the norm has running statistics
  exact_stats: bool  # whether it is judged by exact ones
  task: tasks.Task
  metrics: Mapping[str, tasks.Metric]  # of each split, beside the loss
  absolute: bool  # whether `scale` is a standard deviation and not a multiple of the usual
  own: bool  # whether the model is the lab's, whose kernels the lab draws
  drops: bool = False  # whether a step needs a key, for dropout
  eval_examples: int = 0  # of the training split; 0: all
  probe: int = 0  # of the training split, for norms.lab.engine.probes; 0: no probe
  normalizer: type | None = None  # the class of the norm, where that acts on activations
  augment: tuple[str, ...] = ()
  probes: Mapping[str, Callable] = dataclasses.field(default_factory=dict)
  from_zeros: bool = False  # whether running means and variances start at 0
  devices: int = 1  # that share each batch

  @classmethod
  def of(cls, static: trial.Trial, classes: int) -> 'TrainSetup':
    """The setup that a trial's static part asks for; classes: the size of the last layer."""
    row = catalogue.find(static.norm)
    make = models.factory(static.model, dict(static.model_options))
    norm = models.Norm(row, static.norm_options)
    synchronised = static.devices > 1 and static.sync_batch_stats
    over = dataclasses.replace(norm, axis_name=devices.AXIS) if synchronised else norm
    return cls(
      train=make(over, classes),
      running=make(dataclasses.replace(norm, training=False), classes),
      exact=make(dataclasses.replace(norm, momentum=0.0), classes),
      optimizer=optimizers.Update.of(static),
      state=row.state,
      exact_stats=row.state and static.eval_stats == 'exact',
      task=tasks.of(static),
      metrics=tasks.all_metrics(static),
      absolute=static.weight_scale is not None,
      own=':' not in static.model,
      drops=':' in static.model or bool(dict(static.model_options).get('dropout')),
      eval_examples=static.eval_examples,
      probe=static.probe,
      normalizer=norm.module if row.kind == 'activation' else None,
      augment=static.augment,
      probes={name: catalogue.load(name, 'probe') for name in static.probes},
      from_zeros=static.replay.endswith('_zeros'),
      devices=static.devices,
    )


def key(seed: ArrayLike, purpose: str) -> jax.Array:
  """The key of a seed for a purpose; of nothing else, so trials of one seed share their draws."""
  return jax.random.fold_in(jax.random.key(seed), PURPOSES.index(purpose))


def augmented(setup: TrainSetup, batch: Split, seed: ArrayLike, step: ArrayLike) -> Split:
  """The batch as the step sees it, of the seed and the step alone: lanes of one seed share it."""
  if not setup.augment:
    return batch
  random = jax.random.fold_in(key(seed, 'augment'), step)
  return Split(augment.augment(setup.augment, random, batch.x), batch.y)


def step(
  setup: TrainSetup, state: State, batch: Split, hyper: Named
) -> tuple[State, dict[str, jax.Array]]:
  """One step on one batch: the new state, the loss and the norm of the gradient.

  With several devices it is that of each, with its share of the batch, under `devices.AXIS`.
  """
  several = setup.devices > 1
  rest = {k: v for k, v in state.variables.items() if k != 'params'}
  rngs = None
  if setup.drops:
    rngs = {'dropout': jax.random.fold_in(key(hyper['seed'], 'dropout'), state.step)}
    if several:  # each device drops others
      rngs = {k: jax.random.fold_in(v, jax.lax.axis_index(devices.AXIS)) for k, v in rngs.items()}

  def objective(params):
    variables = {'params': params, **rest}
    outputs, new = setup.train.apply(variables, batch.x, train=True, mutable=[*rest], rngs=rngs)
    loss = setup.task.objective(outputs, batch.y)
    return (jax.lax.pmean(loss, devices.AXIS) if several else loss), new

  params = state.variables['params']
  (loss, new), grads = jax.value_and_grad(objective, has_aux=True)(params)
  if several:
    # The loss is a mean over devices already; without that shard_map's gradient is a sum.
    grads, new = jax.lax.pmean((grads, new), devices.AXIS)
  updates, opt_state = setup.optimizer(hyper, state.step).update(grads, state.opt_state, params)
  variables = {**rest, **new, 'params': gathering.applied(params, updates)}
  squares = gathering.squares(grads)
  grad_norm, *counts = _observed(loss, squares, state.step, state.diverged_at)
  state = State(variables, opt_state, *counts)
  return state, dict(zip(SEEN, (loss, grad_norm), strict=True))


@compact
def _observed(loss: Array, squares: Array, step: Array, diverged_at: Array) -> tuple[Array, ...]:
  """The norm of the gradient, the next step, and the first one whose loss was not finite."""
  first = (diverged_at < 0) & ~jnp.isfinite(loss)
  return jnp.sqrt(jnp.sum(squares)), step + 1, jnp.where(first, step, diverged_at)


@compact
def tally(mean: Named, first: Array, seen: Named, at: tuple[Array, ...]) -> tuple[Named, Array]:
  """A step's part of an epoch's means, and the first loss; at: (step, first step, steps)."""
  step, begun, steps = at
  first = jnp.where(step == begun, seen['minibatch_loss'], first)
  return jax.tree.map(lambda a, b: a + b / steps, mean, seen), first
