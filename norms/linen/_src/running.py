"""Running statistics in the collection `batch_stats`."""

from collections.abc import Sequence

from flax import linen as nn
from flax.typing import Dtype
import jax
import jax.numpy as jnp

from norms._src.running import BatchStats

Running = dict[str, nn.Variable[jax.Array]]


# Functions rather than methods, since Flax's tabulate lists each method of a module as a call.
def stat_variables(
  module: nn.Module,
  names: Sequence[str],
  shape: Sequence[int],
  dtype: Dtype = jnp.float32,
  *,
  is_complex: bool,
) -> Running:
  """The module's variables of these names; `dtype` is the variance's."""
  # The mean of complex entries starts complex, so that its dtype never changes.
  mean_dtype = jnp.promote_types(dtype, jnp.complex64) if is_complex else dtype
  initial = {
    'mean': (jnp.zeros, shape, mean_dtype),
    'var': (jnp.ones, shape, dtype),
    'count': (jnp.zeros, shape, jnp.float32),
  }
  return {name: module.variable('batch_stats', name, *initial[name]) for name in names}


def read_stats(running: Running, shape: Sequence[int], *, is_complex: bool) -> BatchStats:
  """The variables' values; a mean of 0 or variance of 1 where the module has no variable for it.

  A real mean is made complex for complex entries: a module may have been initialised on real ones.
  """
  values = {name: variable.value for name, variable in running.items()}
  if is_complex and 'mean' in values:
    values['mean'] = values['mean'].astype(jnp.promote_types(values['mean'].dtype, jnp.complex64))
  dtype = next(iter(values.values())).dtype
  defaults = {'mean': jnp.zeros, 'var': jnp.ones}
  missing = {name: full(shape, dtype) for name, full in defaults.items() if name not in values}
  return BatchStats(**missing, **values)


def write_stats(module: nn.Module, running: Running, new: BatchStats | None) -> None:
  """Writes the new statistics to the variables, but for the initial ones during init."""
  if new is not None and not module.is_initializing():
    for name, variable in running.items():
      # A gradient through them would go back through the steps before this one.
      variable.value = jax.lax.stop_gradient(getattr(new, name))
