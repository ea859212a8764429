"""Running statistics in BatchStat variables."""

from collections.abc import Sequence

from flax import nnx
from flax.nnx.module import first_from
from flax.typing import Dtype
import jax
import jax.numpy as jnp

from norms.nnx.parameters import Norm, shaped
from norms.running import BatchStats


class Averaging(Norm):
  """A norm with running statistics, kept flat: the BatchStats `mean`, `var` and `count` it has."""

  def _start(self, names: Sequence[str], size: int, *dtypes: Dtype | None) -> None:
    """Zeros, and a variance of ones; a complex one of `dtypes` makes the mean complex."""
    is_complex = any(jnp.issubdtype(d, jnp.complexfloating) for d in dtypes if d)
    for name in names:
      full = jnp.ones if name == 'var' else jnp.zeros
      dtype = jnp.complex64 if name == 'mean' and is_complex else jnp.float32
      setattr(self, name, nnx.BatchStat(full((size,), dtype)))

  def _held(self, names: Sequence[str], shape: Sequence[int], x: jax.Array) -> BatchStats:
    """Their values, and those a norm starts from for a mean or variance that is not kept.

    A mean that started real takes complex entries x too, and is complex from then on.
    """
    values = {name: shaped(getattr(self, name)[...], shape) for name in names}
    if jnp.iscomplexobj(x) and 'mean' in names:
      values['mean'] = values['mean'].astype(jnp.promote_types(values['mean'].dtype, jnp.complex64))
    unused = {'mean': jnp.zeros, 'var': jnp.ones}
    made = {name: full(shape) for name, full in unused.items() if name not in values}
    return BatchStats(**made, **values)

  def _keep(self, names: Sequence[str], new: BatchStats | None) -> None:
    if new is not None:
      for name in names:
        variable, value = getattr(self, name), getattr(new, name)
        # Not to its entries, which would drop what is imaginary, and lay it out as it was.
        variable.set_value(jax.lax.stop_gradient(shaped(value, variable.shape)))

  def _evaluates(self, use_running_average: bool | None) -> bool:
    evaluates: bool = first_from(
      use_running_average,
      self.use_running_average,
      error_msg=f'{type(self).__name__}: use_running_average is None: give it here or to the '
      'constructor',
    )
    return evaluates

  set_view = nnx.BatchNorm.set_view  # for nnx.view: a view may have a mode of its own
