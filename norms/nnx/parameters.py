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
  """A module whose constructor's arguments are its attributes, as Flax's are."""

  if TYPE_CHECKING:

    def __getattr__(self, name: str) -> Any: ...  # what `_declare` sets

  def _declare(
    self,
    given: Mapping[str, Any],
    names: Sequence[str] = ('scale', 'bias'),
    shapes: Mapping[str, tuple[int, ...]] | None = None,
  ) -> None:
    """Draws the parameters of these names in order, and keeps a constructor's other arguments.

    `shapes` has those of parameters without an entry for each feature.
    """
    for name in names:
      if f'use_{name}' in given:
        shape = (shapes or {}).get(name, (given['num_features'],))
        setattr(self, name, _parameter(name, given, shape))
    drawn = {f'{name}_{what}' for name in names for what in ('init', 'metadata')}
    for name, value in given.items():
      if name not in ('self', 'rngs', *drawn):
        setattr(self, name, value)

  def _inputs(self, x: jax.Array, features: core.Axes, *statistics: jax.Array) -> Inputs:
    """x with scale and bias over the axes `features`; see `_promoted`."""
    shape = [x.shape[a] for a in core.canonical_axes(x.ndim, features, 'feature_axes')]
    x, learnt, dtype = self._promoted(x, {'scale': shape, 'bias': shape}, *statistics)
    scale = learnt.get('scale')
    if self.zero_centered_scale and scale is not None:
      scale = 1 + scale.astype(core.compute_dtype(scale))
    return Inputs(x, scale, learnt.get('bias'), dtype)

  def _promoted(
    self, x: jax.Array, shapes: Mapping[str, Sequence[int]], *statistics: jax.Array
  ) -> tuple[jax.Array, dict[str, jax.Array | None], jnp.dtype]:
    """x, the parameters of these shapes, and the result's dtype.

    Flax promotes them together with `statistics`, which themselves are not to be rounded.
    """
    held = {name: getattr(self, name) for name in shapes if hasattr(self, name)}
    x, *promoted = self.promote_dtype(
      (x, *statistics, *(p if p is None else shaped(p[...], shapes[n]) for n, p in held.items())),
      dtype=self.dtype,
    )
    learnt = dict(zip(held, promoted[len(statistics) :], strict=True))
    came, x = x, core.inexact(x)
    if self.dtype is None and all(p is None or p.dtype == x.dtype for p in learnt.values()):
      return x, learnt, x.dtype
    dtype = jnp.dtype(dtypes.canonicalize_dtype(came, *learnt.values(), dtype=self.dtype))
    return x, learnt, dtype

  def _shared(self, mask: ArrayLike | None) -> dict[str, Any]:
    """The options that all of them have."""
    return dict(
      epsilon=self.epsilon,
      mask=None if mask is None else jnp.asarray(mask, bool),
      axis_name=self.axis_name,
      axis_index_groups=self.axis_index_groups,
    )


def _parameter(name: str, given: Mapping[str, Any], shape: tuple[int, ...]) -> Any:
  if not given[f'use_{name}']:
    return nnx.data(None)
  value = given[f'{name}_init'](given['rngs'].params(), shape, given['param_dtype'])
  if name == 'scale' and given.get('zero_centered_scale'):
    value = value - 1
  return nnx.Param(value, **given[f'{name}_metadata'])


def shaped(values: jax.Array, shape: Sequence[int]) -> jax.Array:
  """Parameters or statistics, kept flat, in the shape of the feature axes."""
  if values.shape == tuple(shape):
    return values
  # TypeError, as Flax (which leaves the message to a reshape).
  if values.size != math.prod(shape):
    raise TypeError(
      f'num_features={values.size}, but the feature axes of this input have shape {shape}: '
      f'construct the module with num_features={math.prod(shape)}'
    )
  return values.reshape(shape)
