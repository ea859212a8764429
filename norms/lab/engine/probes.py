"""Diagnostics of one trial: how large the signal is that each layer passes on, and its gradient.

For a layer with kernel W, in training mode, on the first n training examples as one batch (on all,
where there are fewer):

    activation           sqrt(mean(z^2)) over examples, places and units, where z is the layer's
                         output as it goes on: through its norm, if that takes it directly
    gradient             ||dL/dW||, L what training minimises, of these examples
    relative_gradient    ||dL/dW|| / ||W||: that times the learning rate is the share of its length
                         by which plain gradient descent would change W

A layer is a module with a parameter `kernel`, named by its path. Where its output is not seen
(under an nn.scan that is not the lab's, or made by another method than __call__) `activation` is
NaN.
"""

from collections.abc import Callable

from flax import traverse_util
import flax.linen as nn
import jax
import jax.numpy as jnp

from norms.lab.columns import PROBED
from norms.lab.data import Split
from norms.lab.engine import starting, training
from norms.lab.engine.training import State, TrainSetup
from norms.lab.models import repeated

SOWN = 'probes'  # the collection in which an apply leaves what it sees


def probe(setup: TrainSetup, state: State, train: Split) -> dict[str, jax.Array]:
  """`<quantity>.<layer>` for each quantity of PROBED and each layer; nothing is changed."""
  batch = Split(train.x[: setup.probe], train.y[: setup.probe])
  params = traverse_util.flatten_dict(state.variables['params'])
  paths = starting.kernel_paths(params)
  passed, grads = signals_and_gradients(setup, state, batch, [path[:-1] for path in paths])
  # By the names of layers, of which those of one nn.scan of the lab's have their kernels stacked.
  signals = repeated.by_layer({path: passed.get(path[:-1], jnp.nan) for path in paths})
  kernels, slopes = (repeated.by_layer({p: of[p] for p in paths}) for of in (params, grads))
  found: dict[str, jax.Array] = {}
  for layer, signal in signals.items():
    gradient, kernel = length(slopes[layer]), length(kernels[layer])
    each = (signal, gradient, gradient / kernel)
    found |= {f'{q}.{layer}': value for q, value in zip(PROBED, each, strict=True)}
  return found


def signals_and_gradients(setup: TrainSetup, state: State, batch: Split, layers: list[tuple]):
  """({layer: root mean square of what it passes on}, {path: gradient}) of one batch."""
  rest = {k: v for k, v in state.variables.items() if k != 'params'}
  # Dropout by the step alone: of all trials the same units.
  rngs = {'dropout': jax.random.fold_in(training.key(0, 'dropout'), state.step)}
  norm_of: dict[tuple, tuple] = {}

  def objective(params):
    variables = {'params': params, **rest}
    options = {'mutable': [*rest, SOWN], 'rngs': rngs}
    with nn.intercept_methods(_watch(setup, layers, norm_of)):
      outputs, new = setup.train.apply(variables, batch.x, train=True, **options)
    return setup.task.objective(outputs, batch.y), new.get(SOWN, {})

  grads, sown = jax.grad(objective, has_aux=True)(state.variables['params'])
  seen = {path[:-1]: value for path, value in traverse_util.flatten_dict(sown).items()}
  after = {layer: norm_of.get(layer, layer) for layer in layers}
  passed = {layer: seen[path] for layer, path in after.items() if path in seen}
  return passed, traverse_util.flatten_dict(grads)


def _watch(setup: TrainSetup, layers: list[tuple], norm_of: dict[tuple, tuple]) -> Callable:
  """An interceptor that sows the root mean square of what layers, and norms of them, return."""
  # Sown and not kept here: what a module under nn.remat returns must not leave it by another way.
  outputs: list[tuple[tuple, jax.Array]] = []

  def watch(call, args, kwargs, context):
    z, module = call(*args, **kwargs), context.module
    if context.method_name != '__call__' or not isinstance(z, jax.Array):
      return z
    if module.path in layers:
      outputs.append((module.path, z))
      sow(module, z)
    elif setup.normalizer and isinstance(module, setup.normalizer):
      # By identity: a norm of something that was made of z is not the norm of that layer.
      for path in [path for path, output in outputs if args and args[0] is output]:
        norm_of[path] = module.path
        sow(module, z)
    return z

  return watch


def sow(module: nn.Module, z: jax.Array) -> None:
  """Leaves the root mean square of z with the module; of several calls the last one's stays."""
  module.sow(SOWN, 'rms', rms(z), init_fn=lambda: None, reduce_fn=lambda _, new: new)


def rms(x: jax.Array) -> jax.Array:
  """sqrt(mean(|x|^2)) in float32, also where the squares would leave its range."""
  x = jnp.abs(x).astype(jnp.float32)
  largest = jnp.max(x)
  # Not a unit of 0 or infinity, by which all would become NaN.
  unit = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
  return unit * jnp.sqrt(jnp.mean(jnp.square(x / unit)))


def length(x: jax.Array) -> jax.Array:
  """The Euclidean length of all of x."""
  return rms(x) * x.size**0.5
