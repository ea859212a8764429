"""The state of one trial before its first step: what was drawn, at the scale that is asked for."""

from collections.abc import Mapping
import math

from flax import traverse_util
import jax
import jax.numpy as jnp

from norms.lab.engine.training import Named, State, TrainSetup, Variables
from norms.lab.models import repeated


def initial(setup: TrainSetup, variables: Variables, draws: jax.Array, hyper: Named) -> State:
  """The state before the first step: kernels of the wanted scale, all else as the model has it.

  `draws` are standard normal, one flat array that the kernels share out by layer index.
  """
  params = traverse_util.flatten_dict(variables['params'])
  paths = kernel_paths(params)
  drawn = repeated.shared_out(draws, {path: params[path].shape for path in paths})
  for path in paths:
    kernel = params[path]
    usual = math.sqrt(2 / max(1, math.prod(kernel.shape[repeated.stacked(path) : -1])))
    if setup.own or setup.absolute:
      kernel = drawn[path].astype(kernel.dtype)
      kernel = kernel if setup.absolute else kernel * usual
    params[path] = kernel * hyper['head' if path == paths[-1] else 'scale']
  params = traverse_util.unflatten_dict(_with_lengths(params))
  opt_state = setup.optimizer(hyper).init(params)
  rest = statistics_at_zero(variables) if setup.from_zeros else variables
  return State({**rest, 'params': params}, opt_state, jnp.int32(0), jnp.int32(-1))


def statistics_at_zero(variables: Variables) -> Variables:
  """The variables, running means and variances 0: the first steps' accuracies by them are others,
  though nothing else of training is."""
  flat = traverse_util.flatten_dict(dict(variables))
  for path in flat:
    if path[0] == 'batch_stats' and path[-1] in ('mean', 'var'):
      flat[path] = jnp.zeros_like(flat[path])
  return traverse_util.unflatten_dict(flat)


def kernel_paths(params: Mapping[tuple, object]) -> list[tuple]:
  """The paths of the kernels, layer_2 before layer_10."""
  return sorted((path for path in params if path[-1] == 'kernel'), key=repeated.order)


def kernel_size(params: Variables) -> int:
  """How many numbers all kernels take."""
  flat = traverse_util.flatten_dict(params)
  return sum(flat[path].size for path in kernel_paths(flat))


def _with_lengths(params: dict[tuple, jax.Array]) -> dict[tuple, jax.Array]:
  """Weight norm starts as the net without it: g is the length of the kernel drawn."""
  for path in params:
    layer, _, last = path[-1].rpartition('/kernel/')
    kernel = params.get((*path[:-2], *layer.split('/'), 'kernel'))
    if last == 'scale' and kernel is not None:
      lengths = jnp.sqrt(
        jnp.sum(jnp.square(kernel), range(repeated.stacked(path), kernel.ndim - 1))
      )
      params[path] = lengths if lengths.shape == params[path].shape else params[path]
  return params
