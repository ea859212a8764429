"""One network trained with one library's norm: its accuracy by epoch, gamma and beta by step."""

import functools
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any, NamedTuple

from flax import traverse_util
import jax
import jax.numpy as jnp
import numpy as np

from norms.lab import data as data_sets
from norms.lab.data import Data
from norms.lab.engine import evaluation, program, starting, training
from norms.lab.engine.training import State, TrainSetup
from norms.lab.trial import Trial


class Curves(NamedTuple):
  """What a training leaves behind."""

  test_accuracy: np.ndarray  # by epoch, from epoch 0 on
  loss: np.ndarray  # of each step's batch, before the step
  watched: np.ndarray  # (steps + 1, entries): the watched parameters, from step 0 on


def watched_parameters(trial: Trial) -> dict[str, int]:
  """The names of gamma and beta, or of weight norm's length and the bias beside it, with widths.

  They are those of our own module, whatever the trial's norm is.
  """
  params = traverse_util.flatten_dict(_variable_shapes(trial)['params'], sep='/')
  if trial.norm == 'weight':
    names = [n for n in params if n.endswith('kernel/scale') or n.endswith('/bias')]
  else:
    names = [n for n in params if n.startswith('norm_')]
  return {name: params[name].size for name in sorted(names)}


def train_with_lab(trial: Trial, data: Data, names: dict[str, int]) -> Curves:
  """Trains by the lab's own program."""
  state, hyper = _begin(trial, data), _hyper(trial)
  segment, judge = _compiled(trial.static, tuple(names.items()), data.classes)
  x = evaluation.eval_inputs(_setup(trial.static, data.classes), data)
  scores, losses, trajectory = [judge(state, data, x)], [], [_values(state, names)[None]]
  for epoch in range(1, trial.epochs + 1):
    rows = _order(trial, data, epoch)
    state, (loss, values) = segment(state, data, rows, hyper)
    scores.append(judge(state, data, x))
    losses.append(loss)
    trajectory.append(values)
  return Curves(
    *(np.asarray(a) for a in (scores, np.concatenate(losses), np.concatenate(trajectory)))
  )


def train_with_tensorflow(
  trial: Trial, data: Data, names: dict[str, int], family: str, options
) -> Curves:
  """Trains in a TensorFlow process, from the same initial values and on the same batches."""
  params = _begin(trial, data).variables['params']
  inputs: dict[str, Any] = {
    f'initial/{name}': a for name, a in traverse_util.flatten_dict(params, sep='/').items()
  }
  inputs['order'] = np.stack([_order(trial, data, e + 1) for e in range(trial.epochs)])
  inputs |= {'x': data.train.x, 'y': data.train.y, 'test_x': data.test.x, 'test_y': data.test.y}
  inputs |= {'family': family, 'watched': list(names), 'learning_rate': trial.learning_rate}
  inputs |= {'momentum': dict(trial.optimizer_options)['momentum'], **options}
  with tempfile.TemporaryDirectory() as folder:
    in_file, out_file = (pathlib.Path(folder) / f'{name}.npz' for name in ('given', 'found'))
    np.savez(in_file, **inputs)
    # A process of its own: Keras has one backend per process, and here it is JAX already.
    command = [sys.executable, '-m', 'norms.lab.peers.tensorflow_loop', str(in_file), str(out_file)]
    process = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    if process.returncode:
      # Its last line is the error; TensorFlow warns of much before it.
      raise RuntimeError(process.stderr.strip().splitlines()[-1])
    with np.load(out_file) as arrays:
      return Curves(**dict(arrays))


def _order(trial: Trial, data: Data, epoch: int) -> np.ndarray:
  """The examples of each step: (steps, batch_size)."""
  # The same draw as in the lab's own program, so that every library sees the same batches.
  (permutation,) = np.asarray(program.order(_seeds(trial), epoch, len(data.train.y)))
  steps = len(permutation) // trial.batch_size
  return permutation[: steps * trial.batch_size].reshape(steps, -1)


def _seeds(trial: Trial) -> np.ndarray:
  return np.array([trial.seed], np.uint32)


def _hyper(trial: Trial) -> dict[str, Any]:
  return {k: np.float32(v) for k, v in trial.hyper.items()} | {'seed': _seeds(trial)[0]}


def _begin(trial: Trial, data: Data) -> State:
  setup = _setup(trial.static, data.classes)
  variables = program.init(setup)(trial.seed, data.train.x[:1])
  size = starting.kernel_size(variables['params'])
  draws = program.draws(_seeds(trial), size)[0]
  return starting.initial(setup, variables, draws, _hyper(trial))


def _variable_shapes(trial: Trial):
  sizes = data_sets.sizes(trial.data)
  x = jax.ShapeDtypeStruct((1, *sizes.shape), np.float32)
  return jax.eval_shape(program.init(_setup(trial.static, sizes.classes)), 0, x)


@functools.cache
def _setup(static: Trial, classes: int) -> TrainSetup:
  return TrainSetup.of(static, classes)


@functools.cache  # for all seeds: a trial's static part has none
def _compiled(static: Trial, names: tuple[tuple[str, int], ...], classes: int):
  """(an epoch with what is watched after each step, test accuracy by running statistics)."""
  # The watched values are taken inside the scan: to stop at each step would be another program.
  setup = _setup(static, classes)

  def segment(state, data, order, hyper):
    def body(state, rows):
      batch = jax.tree.map(lambda a: a[rows], data.train)
      state, observed = training.step(setup, state, batch, hyper)
      return state, (observed['minibatch_loss'], _values(state, dict(names)))

    return jax.lax.scan(body, state, order)

  def judge(state, data, x):
    return evaluation.evaluate(setup, state, data, x)['test_accuracy']

  return jax.jit(segment), jax.jit(judge)


def _values(state: State, names: dict[str, int]):
  """The watched parameters in a row; one that the network does not have is what it begins with."""
  params = traverse_util.flatten_dict(state.variables['params'], sep='/')
  # An untrained gamma stays 1 and beta 0: that is the fault which the study shows.
  missing = {name: jnp.full(n, float(name.endswith('scale'))) for name, n in names.items()}
  return jnp.concatenate([params.get(name, missing[name]) for name in names])
