"""What nnx's activation norms share: their parameters, and Flax's meaning of `dtype`."""

from collections.abc import Mapping, Sequence
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from flax import nnx
from flax.nnx.nn import dtypes
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core


class Inputs(NamedTuple):
  """What a pure function takes, and the dtype in which a module returns its result."""

  x: jax.Array
  scale: jax.Array | None
  bias: jax.Array | None
  dtype: jnp.dtype


class Norm(nnx.Module):
  """A module with an attribute for each argument of its constructor, as Flax's modules have."""

  if TYPE_CHECKING:

    def __getattr__(self, name: str) -> Any: ...  # what `_set_fields` sets

  def _set_fields(
    self,
    given: Mapping[str, Any],
    names: Sequence[str] = ('scale', 'bias'),
    shapes: Mapping[str, tuple[int, ...]] | None = None,
  ) -> None:
    """Sets an attribute for each parameter and for each other argument of a constructor.

    given: the constructor's arguments by name, as `locals()` has them.
    names: the parameters, in the order in which they are drawn.
    shapes: the shapes of those parameters that have no entry for each feature.
    """
    for name in names:
      if f'use_{name}' in given:
        shape = (shapes or {}).get(name, (given['num_features'],))
        setattr(self, name, _draw_parameter(name, given, shape))
    # Flax's modules do not keep what was used to draw the parameters.
    used_up = {f'{name}_{what}' for name in names for what in ('init', 'metadata')}
    for name, value in given.items():
      if name not in ('self', 'rngs', *used_up):
        setattr(self, name, value)

  def _inputs(self, x: jax.Array, features: core.Axes, *statistics: jax.Array) -> Inputs:
    """x, scale and bias along the axes `features`, and the result's dtype; see `_promote`."""
    shape = [x.shape[a] for a in core.canonical_axes(x.ndim, features, 'feature_axes')]
    x, learnt, dtype = self._promote(x, {'scale': shape, 'bias': shape}, *statistics)
    scale = learnt.get('scale')
    if self.zero_centered_scale and scale is not None:
      scale = 1 + scale.astype(core.compute_dtype(scale))
    return Inputs(x, scale, learnt.get('bias'), dtype)

  def _promote(
    self, x: jax.Array, shapes: Mapping[str, Sequence[int]], *statistics: jax.Array
  ) -> tuple[jax.Array, dict[str, jax.Array | None], jnp.dtype]:
    """x, the parameters, reshaped to `shapes`, and the result's dtype.

    As in Flax, `statistics` take part in the promotion, but they keep their own dtype: rounded to
    16 bits, they would shift the result.
    """
    # RMS norm has no bias.
    values = {name: getattr(self, name) for name in shapes if hasattr(self, name)}
    x, *promoted = self.promote_dtype(
      (x, *statistics, *(p if p is None else shaped(p[...], shapes[n]) for n, p in values.items())),
      dtype=self.dtype,
    )
    learnt = dict(zip(values, promoted[len(statistics) :], strict=True))
    original, x = x, core.inexact(x)
    if self.dtype is None and all(p is None or p.dtype == x.dtype for p in learnt.values()):
      return x, learnt, x.dtype
    dtype = jnp.dtype(dtypes.canonicalize_dtype(original, *learnt.values(), dtype=self.dtype))
    return x, learnt, dtype

  def _shared_options(self, mask: ArrayLike | None) -> dict[str, Any]:
    """The options that all activation norms share."""
    return dict(
      epsilon=self.epsilon,
      mask=None if mask is None else jnp.asarray(mask, bool),
      axis_name=self.axis_name,
      axis_index_groups=self.axis_index_groups,
    )


def _draw_parameter(
  name: str, given: Mapping[str, Any], shape: tuple[int, ...]
) -> nnx.Param[jax.Array] | None:
  """The Param of that name from a constructor's arguments; None where use_<name> is False."""
  if not given[f'use_{name}']:
    return nnx.data(None)
  value = given[f'{name}_init'](given['rngs'].params(), shape, given['param_dtype'])
  if name == 'scale' and given.get('zero_centered_scale'):
    value = value - 1
  return nnx.Param(value, **given[f'{name}_metadata'])


def shaped(values: jax.Array, shape: Sequence[int]) -> jax.Array:
  """Parameters or statistics, which modules store flat, in the shape of the feature axes."""
  if values.shape == tuple(shape):
    return values
  # TypeError, as Flax raises it, where a reshape fails.
  if values.size != math.prod(shape):
    raise TypeError(
      f'num_features={values.size}, but the feature axes of this input have shape {shape}: '
      f'construct the module with num_features={math.prod(shape)}'
    )
  return values.reshape(shape)
