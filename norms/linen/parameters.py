"""What linen's activation norms share: their parameters, and Flax's meaning of `dtype`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flax.linen import dtypes
from flax.typing import Dtype, Initializer
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


def inputs(module: Any, x: jax.Array, features: core.Axes) -> Inputs:
  """x with the module's scale and bias over the axes `features`; scale is drawn first."""
  shape = [x.shape[a] for a in core.canonical_axes(x.ndim, features, 'feature_axes')]
  scale, bias = (parameter(module, name, shape) for name in ('scale', 'bias'))
  x, dtype = promoted(module, x, scale, bias)
  if module.zero_centered_scale and scale is not None:
    scale = 1 + scale.astype(core.compute_dtype(scale))
  return Inputs(x, scale, bias, dtype)


def parameter(
  module: Any, name: str, shape: Sequence[int], init: Initializer | None = None
) -> jax.Array | None:
  """The module's parameter of that name; None where it says use_<name>=False, or has none.

  `init` is for a module that leaves <name>_init open.
  """
  if not getattr(module, f'use_{name}', False):
    return None
  init = getattr(module, f'{name}_init') or init
  assert init is not None
  if name == 'scale' and getattr(module, 'zero_centered_scale', False):
    init = distance_from_one(init)
  value: jax.Array = module.param(name, init, shape, module.param_dtype)
  return value


def distance_from_one(init: Initializer) -> Initializer:
  """An initialiser of scale - 1, boxed (partitioned, say) as the one of scale is."""
  return lambda *args: jax.tree.map(lambda scale: scale - 1, init(*args))


def promoted(
  module: Any, x: jax.Array, *parameters: jax.Array | None
) -> tuple[jax.Array, jnp.dtype]:
  """x as a function is to take it, and the dtype of the result."""
  given, came = [p for p in parameters if p is not None], x
  x = core.inexact(x)
  if module.dtype is None and all(p.dtype == x.dtype for p in given):
    return x, x.dtype
  # Flax's: the promoted dtype of x as it came and the parameters, unless the module says another.
  dtype = jnp.dtype(dtypes.canonicalize_dtype(came, *given, dtype=module.dtype))
  return (x if module.dtype is None else widen(x, dtype, *given)), dtype


def widen(x: jax.Array, dtype: Dtype, *parameters: jax.Array) -> jax.Array:
  """x itself where its statistics and result have the precision of dtype; else x in it."""
  # The module says its dtype, so strict promotion, which is for what nobody said, is not asked.
  with jax.numpy_dtype_promotion('standard'):
    reached = (core.compute_dtype(x), jnp.result_type(x, *parameters))
    if all(jnp.promote_types(d, dtype) == d for d in reached):
      return x
    return x.astype(jnp.promote_types(x.dtype, dtype))


def shared(module: Any, mask: ArrayLike | None) -> dict[str, Any]:
  """The options that all activation norms share; no named axis exists while initialising."""
  return dict(
    epsilon=module.epsilon,
    mask=None if mask is None else jnp.asarray(mask, bool),
    axis_name=None if module.is_initializing() else module.axis_name,
    axis_index_groups=None if module.is_initializing() else module.axis_index_groups,
  )
