"""Norms of a wrapped layer's kernels."""

from collections.abc import Callable, Iterable
from typing import Any

from flax import linen as nn
from flax.linen import dtypes
from flax.typing import Axes, VariableDict
import jax
import jax.numpy as jnp

from norms import core, kernels


class WeightNorm(nn.WeightNorm):
  """A layer whose kernels are `norms.weight_norm` of its own; stands in for flax.linen.WeightNorm.

  The lengths are parameters `<path of the kernel>/scale`. A kernel of length 0 stays 0, with
  gradient 0.

  Attributes:
    layer_instance: the layer.
    epsilon: added to the squared length.
    dtype: of the normalised kernels; None: promoted from kernel and length.
    param_dtype: of the lengths.
    use_scale: learn the lengths (else they are 1).
    scale_init: initialises the lengths.
    feature_axes: the axes that keep lengths of their own; None: one length for a whole kernel.
    variable_filter: parts of paths: parameters whose path holds one of them are normalised; None
      or empty: all parameters.
  """

  @nn.compact
  def __call__(self, *args: object, **kwargs: object) -> Any:  # as the layer's call
    """The layer's output."""

    def normalize(
      v: jax.Array, scale: jax.Array | None = None, *, axis: tuple[int, ...]
    ) -> jax.Array:
      return kernels.weight_norm(v, scale, axis=axis, epsilon=self.epsilon)

    return with_kernels(self, normalize, self.feature_axes, ('scale',), *args, **kwargs)


def with_kernels(
  module: Any,  # WeightNorm, or a class of a row
  function: Callable[..., jax.Array],
  features: Axes | None,
  names: Iterable[str],
  *args: object,
  **kwargs: object,
) -> Any:  # as the layer's call
  """module.layer_instance(*args, **kwargs) with function(w, **parameters, axis=) for each kernel w.

  features: the axes of w along which the parameters have an entry for each index.
  names: the names of the parameters.
  """

  def change(path: str, w: jax.Array) -> jax.Array:
    if module.variable_filter and not any(part in path for part in module.variable_filter):
      return w
    axis = core.canonical_axes(w.ndim, () if features is None else features, 'feature_axes')
    shape = [w.shape[a] for a in axis]
    learnt = {
      name: module.param(f'{path}/{name}', getattr(module, f'{name}_init'), shape,
                         module.param_dtype)
      for name in names if getattr(module, f'use_{name}')
    }  # fmt: skip
    dtype = dtypes.canonicalize_dtype(w, *learnt.values(), dtype=module.dtype)
    return function(w, **learnt, axis=axis).astype(dtype)

  return with_parameters(module, change, *args, **kwargs)


class SpectralNorm(nn.SpectralNorm):
  """A layer with kernels of spectral norm 1, `norms.spectral_norm`; for flax.linen.SpectralNorm.

  For each parameter of two or more axes the module keeps u and sigma, as `<path>/u` and
  `<path>/sigma`. It normalises the collection `params` only.

  Attributes:
    layer_instance: the layer.
    n_steps: steps of power iteration in each call; below 1 nothing is normalised.
    epsilon: added to squared lengths.
    dtype: of the normalised kernels; None: promoted from kernel and u.
    param_dtype: of u and sigma.
    error_on_non_matrix: raise ValueError for more than two axes (else all but the last are one).
    collection_name: the collection of u and sigma.
  """

  @nn.compact
  def __call__(self, *args: object, update_stats: bool, **kwargs: object) -> Any:  # as above
    """The layer's output; with `update_stats`, u and sigma are kept for the next call."""

    def normalize(path: str, w: jax.Array) -> jax.Array:
      if w.ndim <= 1 or self.n_steps < 1:
        return w
      u, sigma = _spectral_variables(self, path, w)
      w_bar, *new = kernels.spectral_norm(w, u.value[0], n_steps=self.n_steps, epsilon=self.epsilon)
      dtype = dtypes.canonicalize_dtype(w, u.value, dtype=self.dtype)
      if update_stats:
        u.value = new[0][None]
        # No gradient may go back from a later call to this one. spectral_norm sees to that for u.
        sigma.value = jax.lax.stop_gradient(new[1]).astype(sigma.value.dtype)
      return w_bar.astype(dtype)

    return with_parameters(self, normalize, *args, **kwargs)


# A function rather than a method, since Flax's tabulate lists each method of a module as a call.
def _spectral_variables(
  module: SpectralNorm, path: str, w: jax.Array
) -> tuple[nn.Variable[jax.Array], nn.Variable[jax.Array]]:
  """The variables u and sigma of the parameter w at that path; made if there are none."""
  if w.ndim > 2 and module.error_on_non_matrix:
    raise ValueError(f'{path}: Input is {w.ndim}D but error_on_non_matrix is True: set it False')
  name, exists = f'{path}/u', module.has_variable(module.collection_name, f'{path}/u')
  key = None if exists else module.make_rng('params')
  # Of shape (1, features), as Flax keeps u, so that its checkpoints can be read.
  shape, dtype = (1, w.shape[-1]), module.param_dtype
  dtype_of_u = kernels.dtype_of_u(w, dtype)
  u = module.variable(module.collection_name, name, jax.random.normal, key, shape, dtype_of_u)
  return u, module.variable(module.collection_name, f'{path}/sigma', jnp.ones, (), dtype)


def with_parameters(
  module: Any,  # one with a field layer_instance
  change: Callable[[str, jax.Array], jax.Array],
  *args: object,
  **kwargs: object,
) -> Any:  # as the layer's call
  """module.layer_instance(*args, **kwargs) with each parameter p replaced by change(path, p)."""

  def change_all(variables: VariableDict) -> VariableDict:
    changed: VariableDict = jax.tree.map_with_path(
      lambda path, p: change(f'{module.layer_instance.name}/{key_path(path)}', jnp.asarray(p)),
      variables,
    )
    return changed

  return nn.map_variables(
    lambda layer: layer(*args, **kwargs),
    'params',
    trans_in_fn=change_all,
    init=module.is_initializing(),
  )(module.layer_instance)


def key_path(path: tuple[Any, ...]) -> str:
  """The path of a parameter below its collection, with slashes."""
  return jax.tree_util.keystr(path[1:], simple=True, separator='/')
