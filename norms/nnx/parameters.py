"""What nnx's activation norms share: their parameters, and Flax's meaning of `dtype`."""

from collections.abc import Mapping
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from flax import nnx
from flax.nnx.nn import dtypes
import jax
import jax.numpy as jnp

from norms import core

_NOT_KEPT = ('self', 'rngs', 'scale_init', 'bias_init', 'scale_metadata', 'bias_metadata')


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

  def _declare(self, given: Mapping[str, Any]) -> None:
    """Draws scale, then bias, and keeps a constructor's other arguments."""
    for name in ('scale', 'bias'):
      if f'use_{name}' in given:
        setattr(self, name, _parameter(name, given))
    for name, value in given.items():
      if name not in _NOT_KEPT:
        setattr(self, name, value)

  def _inputs(self, x, features: core.Axes, *statistics) -> Inputs:
    """x with scale and bias over the axes `features`.

    Flax promotes them together with `statistics`, which themselves are not to be rounded.
    """
    shape = [x.shape[a] for a in core.canonical_axes(x.ndim, features, 'feature_axes')]
    held = [getattr(self, name) for name in ('scale', 'bias') if hasattr(self, name)]
    x, *promoted = self.promote_dtype(
      (x, *statistics, *(None if p is None else _shaped(p[...], shape) for p in held)),
      dtype=self.dtype,
    )
    scale, bias = (*promoted[len(statistics) :], None)[:2]
    dtype = jnp.dtype(dtypes.canonicalize_dtype(x, scale, bias, dtype=self.dtype))
    if self.zero_centered_scale and scale is not None:
      scale = 1 + scale.astype(core.compute_dtype(scale))
    return Inputs(core.inexact(x), scale, bias, dtype)

  def _shared(self, mask) -> dict[str, Any]:
    """The options that all of them have."""
    return dict(
      epsilon=self.epsilon,
      mask=None if mask is None else jnp.asarray(mask, bool),
      axis_name=self.axis_name,
      axis_index_groups=self.axis_index_groups,
    )


def _parameter(name: str, given: Mapping[str, Any]):
  if not given[f'use_{name}']:
    return nnx.data(None)
  shape, dtype = (given['num_features'],), given['param_dtype']
  value = given[f'{name}_init'](given['rngs'].params(), shape, dtype)
  if name == 'scale' and given['zero_centered_scale']:
    value = value - 1
  return nnx.Param(value, **given[f'{name}_metadata'])


def _shaped(parameter, shape: list[int]):
  # TypeError, as Flax (which leaves the message to a reshape).
  if parameter.size != math.prod(shape):
    raise TypeError(
      f'num_features={parameter.size}, but the feature axes of this input have shape {shape}: '
      f'construct the module with num_features={math.prod(shape)}'
    )
  return parameter.reshape(shape)
