"""What linen's activation norms share: their parameters, and Flax's meaning of `dtype`."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from flax.linen import dtypes
from flax.typing import Dtype, Initializer
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms import core

# A module with the fields of Flax's norms, of which nn.Module declares none.
NormModule: TypeAlias = Any


class Inputs(NamedTuple):
  """What a pure function takes, and the dtype in which a module returns its result."""

  x: jax.Array
  scale: jax.Array | None
  bias: jax.Array | None
  dtype: jnp.dtype


def inputs(module: NormModule, x: jax.Array, features: core.Axes) -> Inputs:
  """x, the module's scale and bias along the axes `features`, and the dtype of its result."""
  shape = [x.shape[a] for a in core.canonical_axes(x.ndim, features, 'feature_axes')]
  # In this order, since each draws a key: Flax draws that of scale first.
  scale, bias = (parameter(module, name, shape) for name in ('scale', 'bias'))
  x, dtype = promote(module, x, scale, bias)
  if module.zero_centered_scale and scale is not None:
    scale = 1 + scale.astype(core.compute_dtype(scale))
  return Inputs(x, scale, bias, dtype)


def parameter(
  module: NormModule, name: str, shape: Sequence[int], init: Initializer | None = None
) -> jax.Array | None:
  """The module's parameter of that name; None where use_<name> is False or no such field exists.

  init: the initialiser where the module's field <name>_init is None.
  """
  if not getattr(module, f'use_{name}', False):
    return None
  init = getattr(module, f'{name}_init') or init
  assert init is not None
  if name == 'scale' and getattr(module, 'zero_centered_scale', False):
    init = offset_from_one(init)
  value: jax.Array = module.param(name, init, shape, module.param_dtype)
  return value


def offset_from_one(init: Initializer) -> Initializer:
  """An initialiser of scale - 1, for an initialiser of scale."""
  # By tree_map, since `init` may return a box with metadata, such as nn.Partitioned.
  return lambda *args: jax.tree.map(lambda scale: scale - 1, init(*args))


def promote(
  module: NormModule, x: jax.Array, *parameters: jax.Array | None
) -> tuple[jax.Array, jnp.dtype]:
  """x as the pure function takes it, and the dtype of the module's result."""
  used, original = [p for p in parameters if p is not None], x
  x = core.inexact(x)
  if module.dtype is None and all(p.dtype == x.dtype for p in used):
    return x, x.dtype  # the common case, without Flax's rules, which take longer to trace
  # As Flax promotes: x before it became a float, and the parameters, unless the module has a dtype.
  dtype = jnp.dtype(dtypes.canonicalize_dtype(original, *used, dtype=module.dtype))
  return (x if module.dtype is None else widen(x, dtype, *used)), dtype


def widen(x: jax.Array, dtype: Dtype, *parameters: jax.Array) -> jax.Array:
  """x itself if its statistics and the result are as precise as dtype, else x in dtype."""
  # jax_numpy_dtype_promotion='strict' is there to find promotions that nobody asked for. A user who
  # gave the module a dtype did ask.
  with jax.numpy_dtype_promotion('standard'):
    precisions = (core.compute_dtype(x), jnp.result_type(x, *parameters))
    if all(jnp.promote_types(d, dtype) == d for d in precisions):
      return x
    return x.astype(jnp.promote_types(x.dtype, dtype))


def shared_options(module: NormModule, mask: ArrayLike | None) -> dict[str, Any]:
  """The options that all activation norms share."""
  # Modules are usually initialised outside of pmap and shard_map, where no named axis exists.
  return dict(
    epsilon=module.epsilon,
    mask=None if mask is None else jnp.asarray(mask, bool),
    axis_name=None if module.is_initializing() else module.axis_name,
    axis_index_groups=None if module.is_initializing() else module.axis_index_groups,
  )
