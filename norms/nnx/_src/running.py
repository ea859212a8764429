"""Running statistics in BatchStat variables."""

from collections.abc import Sequence

from flax import nnx
from flax.nnx.module import first_from
from flax.typing import Dtype
import jax
import jax.numpy as jnp

from norms._src.running import BatchStats
from norms.nnx._src.parameters import Norm, shaped


class StatefulNorm(Norm):
  """A norm with running statistics, which it stores flat in nnx.BatchStat attributes."""

  def _init_stats(self, names: Sequence[str], size: int, *dtypes: Dtype | None) -> None:
    """Sets means and counts of 0 and variances of 1; a complex dtype makes the mean complex."""
    is_complex = any(jnp.issubdtype(d, jnp.complexfloating) for d in dtypes if d)
    for name in names:
      full = jnp.ones if name == 'var' else jnp.zeros
      dtype = jnp.complex64 if name == 'mean' and is_complex else jnp.float32
      setattr(self, name, nnx.BatchStat(full((size,), dtype)))

  def _read_stats(self, names: Sequence[str], shape: Sequence[int], x: jax.Array) -> BatchStats:
    """The statistics of these names; a mean of 0 or variance of 1 for those that are not stored.

    A real mean is made complex for a complex x, whose dtype the constructor does not know.
    """
    values = {name: shaped(getattr(self, name)[...], shape) for name in names}
    if jnp.iscomplexobj(x) and 'mean' in names:
      values['mean'] = values['mean'].astype(jnp.promote_types(values['mean'].dtype, jnp.complex64))
    defaults = {'mean': jnp.zeros, 'var': jnp.ones}
    missing = {name: full(shape) for name, full in defaults.items() if name not in values}
    return BatchStats(**missing, **values)

  def _write_stats(self, names: Sequence[str], new: BatchStats | None) -> None:
    if new is not None:
      for name in names:
        variable, value = getattr(self, name), getattr(new, name)
        # The value as a whole: an assignment to its entries would keep the old dtype and sharding,
        # and drop the imaginary part. Without the gradient, which would go back through all steps.
        variable.set_value(jax.lax.stop_gradient(shaped(value, variable.shape)))

  def _in_evaluation(self, use_running_average: bool | None) -> bool:
    """Whether to normalise by the running statistics, by the call or else by the module."""
    evaluates: bool = first_from(
      use_running_average,
      self.use_running_average,
      error_msg=f'{type(self).__name__}: use_running_average is None: give it here or to the '
      'constructor',
    )
    return evaluates

  set_view = nnx.BatchNorm.set_view  # so that nnx.view can give a view another mode
