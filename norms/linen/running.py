"""Running statistics in the collection `batch_stats`."""

from collections.abc import Sequence

from flax import linen as nn
from flax.typing import Dtype
import jax
import jax.numpy as jnp

from norms.running import BatchStats

Running = dict[str, nn.Variable[jax.Array]]


# Functions, since Flax's tables list a module's methods as calls of their own.
def variables(
  module: nn.Module,
  names: Sequence[str],
  shape: Sequence[int],
  dtype: Dtype = jnp.float32,
  *,
  is_complex: bool,
) -> Running:
  """The module's variables of these names; `dtype` is the variance's."""
  # The mean of complex entries is complex from the start, so that it never changes dtype.
  mean_dtype = jnp.promote_types(dtype, jnp.complex64) if is_complex else dtype
  start = {
    'mean': (jnp.zeros, shape, mean_dtype),
    'var': (jnp.ones, shape, dtype),
    'count': (jnp.zeros, shape, jnp.float32),
  }
  return {name: module.variable('batch_stats', name, *start[name]) for name in names}


def held(running: Running, shape: Sequence[int], *, is_complex: bool) -> BatchStats:
  """Their values, and those a norm starts from for a mean or variance that is not kept.

  A mean that started real takes complex entries too, and is complex from then on.
  """
  values = {name: variable.value for name, variable in running.items()}
  if is_complex and 'mean' in values:
    values['mean'] = values['mean'].astype(jnp.promote_types(values['mean'].dtype, jnp.complex64))
  dtype = next(iter(values.values())).dtype
  unused = {'mean': jnp.zeros, 'var': jnp.ones}
  made = {name: full(shape, dtype) for name, full in unused.items() if name not in values}
  return BatchStats(**made, **values)


def store(module: nn.Module, running: Running, new: BatchStats | None) -> None:
  """Keeps the new statistics; they are left alone while initialising."""
  if new is not None and not module.is_initializing():
    for name, variable in running.items():
      variable.value = jax.lax.stop_gradient(getattr(new, name))
