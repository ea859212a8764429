"""One trial as it stands: its task's measures of each split, by exact or by running statistics."""

from collections.abc import Callable, Mapping
import functools
from typing import Any

from flax import traverse_util
import jax
from jax import lax
import jax.numpy as jnp

from norms.lab.data import Data, Split
from norms.lab.engine import training
from norms.lab.engine.training import State, TrainSetup

# Examples at once: a layer's outputs for the whole of a large split would take gigabytes.
MOST = 2000


def eval_inputs(setup: TrainSetup, data: Data) -> tuple[jax.Array, ...]:
  """The inputs as `evaluate` takes them, put together once and not at each evaluation: all of them,
  or where a norm's statistics are of the training examples, those and the rest."""
  train, rest = first(data.train, setup.eval_examples).x, [s.x for s in held(data).values()]
  together = [[train], rest] if setup.state else [[train, *rest]]
  return tuple(jnp.concatenate(parts) for parts in together)


def evaluate(setup: TrainSetup, state: State, data: Data, x: tuple) -> dict[str, Any]:
  """Loss and metrics of every split; a norm with running statistics is judged as asked.

  Exact statistics are those of the training examples, of one pass over them in training mode, in
  batches of at most MOST: their means and variances are pooled by counts.
  """
  variables, train = state.variables, first(data.train, setup.eval_examples)
  running: Callable[..., Any] = functools.partial(setup.running.apply, train=False)
  rest = {k: v for k, v in variables.items() if k != 'params'}
  if not setup.state:
    both = outputs(lambda x: running(variables, x), x[0])
    on_train, on_held = jnp.split(both, [len(train.y)])
  elif setup.exact_stats:
    on_train, stats = _exact(setup, variables, x[0])
    each = jax.tree.map(lambda *a: jnp.stack(a), stats, rest)
    params = {'params': variables['params']}
    on_held, by_running = jax.vmap(
      lambda rest: outputs(lambda x: running({**params, **rest}, x), x[1])
    )(each)
  else:
    on_train, on_held = (outputs(lambda x: running(variables, x), part) for part in x)
    by_running = on_held
  scores: dict[str, Any] = _scores(setup, 'train', on_train, train.y)
  start = 0
  for name, split in held(data).items():
    scores |= _scores(setup, name, on_held[start : start + len(split.y)], split.y)
    start += len(split.y)
  on_test = on_held[: len(data.test.y)]
  scores |= setup.task.evidence(on_test, data.test.y, data.train.y)
  if metric := setup.metrics.get(setup.task.primary):
    seen = metric(by_running[: len(data.test.y)], data.test.y) if setup.state else jnp.nan
    scores[f'test_{setup.task.primary}_running'] = seen
  return scores


def held(data: Data) -> dict[str, Split]:
  """The splits that nothing is trained on."""
  return {'test': data.test} | ({} if data.validation is None else {'validation': data.validation})


def first(split: Split, examples: int) -> Split:
  """The first examples of a split; 0: all."""
  return Split(split.x[:examples], split.y[:examples]) if examples else split


def at_once(examples: int) -> int:
  """How many of so many examples make a batch: a divisor, where there is a large one."""
  divisors = [d for d in range(1, min(examples, MOST) + 1) if examples % d == 0]
  return divisors[-1] if divisors[-1] * 4 > min(examples, MOST) else MOST


def in_batches(f: Callable, x) -> list:
  """f on batches of x: its outputs with an axis of batches in front, once per size of batch."""
  size = at_once(len(x))
  whole = len(x) // size

  def alone(x):
    return jax.tree.map(lambda a: a[None], f(x))

  full = x[: whole * size]
  made = [alone(full) if whole == 1 else lax.map(f, full.reshape(whole, size, *x.shape[1:]))]
  return [*made, alone(x[whole * size :])] if len(x) % size else made


def outputs(f: Callable, x) -> jax.Array:
  """f on all of x, batch by batch."""
  return _joined(in_batches(f, x))


def _joined(batches: list) -> jax.Array:
  """(batches, examples of one, ...), once per size of batch, as (examples, ...)."""
  return jnp.concatenate([a.reshape(-1, *a.shape[2:]) for a in batches])


def _exact(setup: TrainSetup, variables: training.Variables, x):
  """(outputs, statistics) of a pass in training mode."""
  rest = [k for k in variables if k != 'params']
  # train=False: the norm takes its batch's statistics all the same, and dropout rests.
  seen = in_batches(lambda x: setup.exact.apply(variables, x, train=False, mutable=rest), x)
  made = [a for a, _ in seen]
  weights = jnp.concatenate([jnp.full(len(a), a.shape[1] / len(x)) for a in made])
  stats = jax.tree.map(lambda *a: jnp.concatenate(a), *(stats for _, stats in seen))
  return _joined(made), pooled(stats, weights)


def pooled(stats: Mapping[str, Any], weights) -> dict[str, Any]:
  """Statistics of batches, an axis of them in front, as those of all their examples together."""
  flat = traverse_util.flatten_dict(stats)
  if len(weights) == 1:
    return jax.tree.map(lambda a: a[0], dict(stats))

  def average(a):
    return jnp.tensordot(weights, a, 1)

  whole = {path: average(a) for path, a in flat.items()}
  for path in whole:
    mean = (*path[:-1], 'mean')
    if path[-1] == 'var' and mean in flat:
      whole[path] += average(jnp.square(flat[mean] - whole[mean]))
  return traverse_util.unflatten_dict(whole)


def _scores(setup: TrainSetup, split: str, outputs, targets) -> dict[str, jax.Array]:
  """The loss, the task's metrics and those of SCORES, by column."""
  found = {'loss': setup.task.mean_loss(outputs, targets)}
  functions: dict[str, Any] = {**setup.metrics, **SCORES}
  for name, function in functions.items():
    found[name] = function(outputs, targets)
  return {f'{split}_{name}': value for name, value in found.items()}


# What each split is judged by beside its task's metrics, whatever the task: the end of a column's
# name, and a function of outputs and targets.
SCORES: dict[str, Callable] = {}
