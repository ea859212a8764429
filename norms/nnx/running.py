"""Running statistics in BatchStat variables."""

from collections.abc import Sequence

from flax import nnx
from flax.nnx.module import first_from
import jax
import jax.numpy as jnp

from norms.nnx.parameters import Norm
from norms.running import BatchStats


class Averaging(Norm):
  """A norm with running statistics, kept flat: the BatchStats `mean`, `var` and `count` it has."""

  def _start(self, names: Sequence[str], size: int, *dtypes) -> None:
    """Zeros, and a variance of ones; a complex one of `dtypes` makes the mean complex."""
    is_complex = any(jnp.issubdtype(d, jnp.complexfloating) for d in dtypes if d)
    for name in names:
      full = jnp.ones if name == 'var' else jnp.zeros
      dtype = jnp.complex64 if name == 'mean' and is_complex else jnp.float32
      setattr(self, name, nnx.BatchStat(full((size,), dtype)))

  def _held(self, names: Sequence[str], shape) -> BatchStats:
    """Their values, and those a norm starts from for a mean or variance that is not kept."""
    values = {name: getattr(self, name)[...].reshape(shape) for name in names}
    unused = {'mean': jnp.zeros, 'var': jnp.ones}
    made = {name: full(shape) for name, full in unused.items() if name not in values}
    return BatchStats(**made, **values)

  def _keep(self, names: Sequence[str], new: BatchStats | None) -> None:
    if new is not None:
      for name in names:
        value = getattr(new, name).reshape(-1)
        getattr(self, name)[...] = jax.lax.stop_gradient(value)

  def _evaluates(self, use_running_average: bool | None) -> bool:
    return first_from(
      use_running_average,
      self.use_running_average,
      error_msg=f'{type(self).__name__}: use_running_average is None: give it here or to the '
      'constructor',
    )

  def set_view(self, use_running_average: bool | None = None):
    """For nnx.view: a view may have a value of its own.

    Args:
      use_running_average: normalise by the running statistics.
    """
    if use_running_average is not None:
      self.use_running_average = use_running_average
