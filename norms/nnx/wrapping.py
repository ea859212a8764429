"""Calls of a layer with other kernels than its own, which themselves stay as they are."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flax import nnx
from flax.nnx.nn import dtypes
from flax.typing import Initializer
import jax

from norms import core

KERNELS = nnx.PathContains('kernel')

Path = tuple[Any, ...]  # of a Param in a layer
Params = dict[Path, nnx.Param[jax.Array]]


class Wrapper(nnx.Module):
  """A layer whose kernels are normalised, with parameters for each index of `feature_axes`."""

  if TYPE_CHECKING:

    def __getattr__(self, name: str) -> Any: ...  # what a constructor sets

  def _drawn(self, init: Initializer, rngs: nnx.Rngs) -> Params:
    """A Param for each kernel, by its path."""
    # Flax draws no key here: one beside the stream leaves all later draws as they are there.
    stream = rngs['params']
    key = jax.random.fold_in(stream.key[...], stream.count[...])
    found = {}
    for i, (path, w) in enumerate(chosen(self.layer_instance, self.variable_filter)):
      shape = tuple(w.shape[a] for a in self._features(w))
      found[path] = nnx.Param(init(jax.random.fold_in(key, i), shape, self.param_dtype))
    return found

  def _features(self, w: jax.Array | nnx.Param[jax.Array]) -> tuple[int, ...]:
    return core.canonical_axes(w.ndim, self.feature_axes, 'feature_axes')

  def _with_kernels(
    self,
    function: Callable[..., jax.Array],
    learnt: Mapping[str, Params | None],
    x: Any,  # what the layer takes, as the others are
    *args: Any,
    **kwargs: Any,
  ) -> Any:
    """The layer's output with function(w, **parameters, axis=) for each kernel w."""

    def normalize(path: Path, w: jax.Array) -> jax.Array:
      given = {}
      for name, values in learnt.items():
        if values is not None:
          if path not in values:
            cls = type(self).__name__
            raise RuntimeError(f'{cls}: no {name} for {path}: the layer has a Param it had not')
          given[name] = values[path][...]
      dtype = dtypes.canonicalize_dtype(w, *given.values(), dtype=self.dtype)
      return function(w, **given, axis=self._features(w)).astype(dtype)

    found = chosen(self.layer_instance, self.variable_filter)
    new = {path: normalize(path, w[...]) for path, w in found}
    return call_with(self.layer_instance, new, x, *args, **kwargs)


def chosen(
  layer: nnx.Module, predicate: Callable[[Path, Any], bool]
) -> list[tuple[Path, nnx.Param[jax.Array]]]:
  """(path, Param) of those for which predicate(path, Param)."""
  params = nnx.to_flat_state(nnx.state(layer, nnx.Param))
  return [(path, param) for path, param in params if predicate(path, param)]


def call_with(layer: Any, values: Mapping[Path, jax.Array], *args: Any, **kwargs: Any) -> Any:
  """layer(*args, **kwargs) with other values for the Params of these paths.

  The call sees Params of its own there, and the layer's own variables elsewhere: those may be
  updated, and what the call adds (sown intermediates) is added to the layer.
  """
  graph, state = nnx.split(layer)
  held = dict(nnx.to_flat_state(state))
  changed = {path: held[path].copy(value) for path, value in values.items()}
  twin = nnx.merge(graph, nnx.from_flat_state({**held, **changed}))
  result = twin(*args, **kwargs)
  added = {p: v for p, v in nnx.to_flat_state(nnx.state(twin)) if p not in held}
  if added:
    nnx.update(layer, nnx.from_flat_state(added))
  return result
