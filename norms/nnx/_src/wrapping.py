"""Calls of a layer with normalised kernels in place of its own, which stay as they are."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flax import nnx
from flax.nnx.nn import dtypes
from flax.typing import Initializer, PathParts
import jax

from norms import core

KERNELS = nnx.PathContains('kernel')

Params = dict[PathParts, nnx.Param[jax.Array]]


class Wrapper(nnx.Module):
  """A layer with normalised kernels; parameters have an entry per index of feature axes."""

  if TYPE_CHECKING:

    def __getattr__(self, name: str) -> Any: ...  # what a constructor sets

  def _draw(self, init: Initializer, rngs: nnx.Rngs) -> Params:
    """A Param for each kernel, by its path."""
    # Flax draws no key here, and to draw one would change all that is drawn after it. This key is
    # derived from the stream without advancing it.
    stream = rngs['params']
    key = jax.random.fold_in(stream.key[...], stream.count[...])
    params = {}
    for i, (path, w) in enumerate(select_params(self.layer_instance, self.variable_filter)):
      shape = tuple(w.shape[a] for a in self._features(w))
      params[path] = nnx.Param(init(jax.random.fold_in(key, i), shape, self.param_dtype))
    return params

  def _features(self, w: jax.Array | nnx.Param[jax.Array]) -> tuple[int, ...]:
    return core.canonical_axes(w.ndim, self.feature_axes, 'feature_axes')

  def _with_kernels(
    self,
    function: Callable[..., jax.Array],
    learnt: Mapping[str, Params | None],
    *args: object,
    **kwargs: object,
  ) -> Any:  # as the layer's call
    """The layer's output with function(w, **parameters, axis=) for each kernel w."""

    def normalize(path: PathParts, w: jax.Array) -> jax.Array:
      parameters = {}
      for name, values in learnt.items():
        if values is not None:
          if path not in values:
            cls = type(self).__name__
            raise RuntimeError(f'{cls}: no {name} for {path}: the layer has a Param it had not')
          parameters[name] = values[path][...]
      dtype = dtypes.canonicalize_dtype(w, *parameters.values(), dtype=self.dtype)
      return function(w, **parameters, axis=self._features(w)).astype(dtype)

    kernels = select_params(self.layer_instance, self.variable_filter)
    new = {path: normalize(path, w[...]) for path, w in kernels}
    return call_with_params(self.layer_instance, new, *args, **kwargs)


def select_params(
  layer: nnx.Module, predicate: Callable[[PathParts, nnx.Param[jax.Array]], bool]
) -> list[tuple[PathParts, nnx.Param[jax.Array]]]:
  """The (path, Param) of a layer for which predicate(path, Param) is True."""
  params = nnx.to_flat_state(nnx.state(layer, nnx.Param))
  return [(path, param) for path, param in params if predicate(path, param)]


def call_with_params(
  layer: Any,  # a module of any class that can be called
  values: Mapping[PathParts, jax.Array],
  *args: object,
  **kwargs: object,
) -> Any:  # as the layer's call
  """layer(*args, **kwargs) with other values for the Params of these paths.

  It calls a copy of the layer. At these paths the copy has Params of its own; elsewhere it shares
  the layer's variables, so that the call may update them. Variables that the call adds, such as
  sown intermediates, are added to the layer.
  """
  graph, state = nnx.split(layer)
  own = dict(nnx.to_flat_state(state))
  changed = {path: own[path].copy(value) for path, value in values.items()}
  copy = nnx.merge(graph, nnx.from_flat_state({**own, **changed}))
  result = copy(*args, **kwargs)
  added = {p: v for p, v in nnx.to_flat_state(nnx.state(copy)) if p not in own}
  if added:
    nnx.update(layer, nnx.from_flat_state(added))
  return result
