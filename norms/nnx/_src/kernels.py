"""Norms of a wrapped layer's kernels, which themselves stay as they are."""

from typing import Any

from flax import nnx
from flax.nnx.module import first_from
from flax.nnx.nn import dtypes, initializers
from flax.typing import Axes, Dtype, Initializer, PathParts, PromoteDtypeFn
import jax
import jax.numpy as jnp

from norms import kernels
from norms.nnx._src import wrapping


class WeightNorm(wrapping.Wrapper, nnx.WeightNorm):
  """A layer whose kernels are `norms.weight_norm` of its own; stands in for flax.nnx.WeightNorm.

  The layer keeps its kernels as they are, and the lengths are Params, so both train: Flax
  overwrites the kernels, and its lengths are arrays. A kernel of length 0 stays 0, with gradient 0.

  Args:
    layer_instance: the layer.
    feature_axes: the axes that keep lengths of their own; None: one length for a whole kernel.
    use_scale: learn the lengths, `scales[path of the kernel]` (else they are 1).
    scale_init: initialises the lengths.
    epsilon: added to the squared length.
    dtype: of the normalised kernels; None: promoted from kernel and length.
    param_dtype: of the lengths.
    variable_filter: says which Params are normalised.
    promote_dtype: accepted; Flax does not use it either.
    rngs: for the lengths; its streams are not advanced.
  """

  def __init__(
    self,
    layer_instance: nnx.Module,
    *,
    feature_axes: Axes | None = -1,
    use_scale: bool = True,
    scale_init: Initializer = initializers.ones,
    epsilon: float = 1e-12,
    dtype: Dtype | None = None,
    param_dtype: Dtype = jnp.float32,
    variable_filter: nnx.filterlib.Filter = wrapping.KERNELS,
    promote_dtype: PromoteDtypeFn = dtypes.promote_dtype,
    rngs: nnx.Rngs,
  ) -> None:
    self.layer_instance = layer_instance
    self.feature_axes = () if feature_axes is None else feature_axes
    self.use_scale = use_scale
    self.scale_init = scale_init
    self.epsilon = epsilon
    self.dtype = dtype
    self.param_dtype = param_dtype
    self.variable_filter = nnx.filterlib.to_predicate(variable_filter)
    self.promote_dtype = promote_dtype
    self.scales = nnx.data(self._draw(scale_init, rngs) if use_scale else None)

  def __call__(self, x: object, *args: object, **kwargs: object) -> Any:  # as the layer's call
    def normalize(
      v: jax.Array, scale: jax.Array | None = None, *, axis: tuple[int, ...]
    ) -> jax.Array:
      return kernels.weight_norm(v, scale, axis=axis, epsilon=self.epsilon)

    return self._with_kernels(normalize, {'scale': self.scales}, x, *args, **kwargs)


class SpectralNorm(nnx.SpectralNorm):
  """A layer with kernels of spectral norm 1, `norms.spectral_norm`; for flax.nnx.SpectralNorm.

  The layer keeps its kernels as they are, whereas Flax overwrites them. For every Param of two or
  more axes, `batch_stats` keeps u and sigma under its path.

  Args:
    layer_instance: the layer.
    n_steps: steps of power iteration in each call; below 1 nothing is normalised.
    epsilon: added to squared lengths.
    dtype: of the normalised kernels; None: promoted from kernel and u.
    param_dtype: of u and sigma.
    error_on_non_matrix: raise ValueError for more than two axes (else all but the last are one).
    update_stats: keep u and sigma for the next call; `train` and `eval` set it.
    rngs: draws u.
  """

  def __init__(
    self,
    layer_instance: nnx.Module,
    *,
    n_steps: int = 1,
    epsilon: float = 1e-12,
    dtype: Dtype | None = None,
    param_dtype: Dtype = jnp.float32,
    error_on_non_matrix: bool = False,
    update_stats: bool = True,
    rngs: nnx.Rngs,
  ) -> None:
    self.layer_instance = layer_instance
    self.n_steps = n_steps
    self.epsilon = epsilon
    self.dtype = dtype
    self.param_dtype = param_dtype
    self.error_on_non_matrix = error_on_non_matrix
    # `train` and `eval` set this attribute, so it stands for `update_stats`, as in Flax.
    self.use_running_average = not update_stats
    # Drawn now, while there are rngs: a call of an nnx module draws nothing.
    stats = {}
    for path, w in wrapping.select_params(layer_instance, self._is_matrix):
      dtype_of_u = kernels.dtype_of_u(w[...], param_dtype)
      # Of shape (1, features), as Flax keeps u.
      u = initializers.normal()(rngs.params(), (1, w.shape[-1]), dtype_of_u)
      stats[(*path, 'u')] = nnx.BatchStat(u)
      stats[(*path, 'sigma')] = nnx.BatchStat(jnp.ones((), param_dtype))
    self.batch_stats = nnx.data(stats)

  def _is_matrix(self, path: PathParts, w: nnx.Param[jax.Array]) -> bool:
    if w.ndim <= 1 or self.n_steps < 1:
      return False
    if w.ndim > 2 and self.error_on_non_matrix:
      raise ValueError(
        f'Layer instance parameter is {w.ndim}D but error_on_non_matrix is True: {path}'
      )
    return True

  def _normalize(self, path: PathParts, w: jax.Array, update_stats: bool) -> jax.Array:
    if (*path, 'u') not in self.batch_stats:
      raise RuntimeError(f'SpectralNorm: no u for {path}: the layer has a Param it had not')
    u, sigma = (self.batch_stats[(*path, name)] for name in ('u', 'sigma'))
    dtype = dtypes.canonicalize_dtype(w, u[...], dtype=self.dtype)
    w_bar, new_u, new_sigma = kernels.spectral_norm(
      w, u[...][0], n_steps=self.n_steps, epsilon=self.epsilon
    )
    if update_stats:
      # No gradient may go back from a later call to this one. spectral_norm sees to that for u.
      u[...] = new_u[None]
      sigma[...] = jax.lax.stop_gradient(new_sigma).astype(sigma[...].dtype)
    return w_bar.astype(dtype)

  def __call__(self, x: object, update_stats: bool | None = None) -> Any:  # as above
    update = first_from(update_stats, not self.use_running_average, error_msg='update_stats')
    new = {
      path: self._normalize(path, w[...], update)
      for path, w in wrapping.select_params(self.layer_instance, self._is_matrix)
    }
    return wrapping.call_with_params(self.layer_instance, new, x)
