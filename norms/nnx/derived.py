"""Modules made from rows of the catalogue: a function's parameters and options, as Flax's are."""

from collections.abc import Mapping
import functools
import inspect
from types import MappingProxyType
from typing import Any, ClassVar

from flax import nnx
from flax.nnx.nn import dtypes
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms.nnx import running, wrapping
from norms.nnx.parameters import Norm
from norms.row import Row


class Activation(Norm):
  """A norm of activations. The arguments of its subclasses are `num_features` and, by keyword, the
  options of their row's function, those that Flax's modules share (`dtype`, `param_dtype`,
  `promote_dtype`, `rngs`), and use_<name>, <name>_init and <name>_metadata of each parameter.
  """

  row: ClassVar[Any]  # of `of`

  def _construct(self, given: Mapping[str, Any]) -> None:
    shapes = {n: p.shape for n, p in self.row.parameters.items() if p.shape is not None}
    self._declare(given, tuple(self.row.parameters), shapes)

  def __call__(self, x: ArrayLike, *, mask: ArrayLike | None = None, **options: Any) -> Any:
    """The normalised x; `options` of the function come before the attributes, in this call."""
    options = self._options(mask, options)
    x, learnt, dtype = self._learnt(jnp.asarray(x), options)
    found = self.row.function(x, **learnt, **options)
    if not self.row.moments:
      return found.astype(dtype)
    z, *moments = found
    return (z.astype(dtype), *moments) if self.return_moments else z.astype(dtype)

  def _options(self, mask: ArrayLike | None, options: dict[str, Any]) -> dict[str, Any]:
    own = {name: getattr(self, name) for name in self.row.settings}
    given = {} if mask is None else {'mask': jnp.asarray(mask, bool)}
    return own | given | options

  def _learnt(
    self, x: jax.Array, options: dict[str, Any], *statistics: jax.Array
  ) -> tuple[jax.Array, dict[str, jax.Array], jnp.dtype]:
    """x, the parameters that are used, and the result's dtype."""
    shape = [x.shape[a] for a in self.row.features(x.ndim, options)]
    shapes = {n: shape if p.shape is None else p.shape for n, p in self.row.parameters.items()}
    x, learnt, dtype = self._promoted(x, shapes, *statistics)
    return x, {name: p for name, p in learnt.items() if p is not None}, dtype


class Averaging(Activation, running.Averaging):
  """A norm with running statistics in BatchStats; the arguments as in `Activation`, and
  `use_running_average`, which `train` and `eval` set.
  """

  def _construct(self, given: Mapping[str, Any]) -> None:
    super()._construct(given)
    self._start(self.row.keeps, given['num_features'], given['dtype'], given['param_dtype'])

  def __call__(
    self,
    x: ArrayLike,
    use_running_average: bool | None = None,
    *,
    mask: ArrayLike | None = None,
    **options: Any,
  ) -> jax.Array:
    """The normalised x; `options` of the function come before the attributes, in this call."""
    evaluate, x = self._evaluates(use_running_average), jnp.asarray(x)
    options = self._options(mask, options)
    shape = [x.shape[a] for a in self.row.features(x.ndim, options)]
    old = self._held(self.row.keeps, shape, x)
    held = [getattr(old, name) for name in self.row.keeps]
    x, learnt, dtype = self._learnt(x, options, *held)
    z, new = self.row.function(x, **learnt, batch_stats=old, training=not evaluate, **options)
    if not evaluate:
      self._keep(self.row.keeps, new)
    result: jax.Array = z.astype(dtype)
    return result


class Kernel(wrapping.Wrapper):
  """A layer whose kernels are normalised; the layer keeps its own as they are.

  The arguments are `layer_instance`, the others as in `Activation` and `variable_filter`, which
  says which Params are normalised. The attribute <name> has a parameter's Params by path.
  """

  row: ClassVar[Any]  # of `of`

  def _construct(self, given: Mapping[str, Any]) -> None:
    for name in ('layer_instance', 'dtype', 'param_dtype', *self.row.settings):
      setattr(self, name, given[name])
    self.variable_filter = nnx.filterlib.to_predicate(given['variable_filter'])
    for name in self.row.parameters:
      used = given[f'use_{name}']
      drawn = self._drawn(given[f'{name}_init'], given['rngs']) if used else None
      setattr(self, name, nnx.data(drawn))

  def _features(self, w: jax.Array | nnx.Param[jax.Array]) -> tuple[int, ...]:
    axes: tuple[int, ...] = self.row.features(w.ndim, {'axis': self.axis})
    return axes

  def __call__(self, x: Any, *args: Any, **kwargs: Any) -> Any:
    """The layer's output."""
    options = {name: getattr(self, name) for name in self.row.settings if name != 'axis'}
    learnt = {name: getattr(self, name) for name in self.row.parameters}
    function = functools.partial(self.row.function, **options)
    return self._with_kernels(function, learnt, x, *args, **kwargs)


def _signature(row: Row) -> inspect.Signature:
  """The constructor's: all arguments but the first by keyword."""
  first = 'layer_instance' if row.kind == 'kernel' else 'num_features'
  named: dict[str, Any] = {'use_running_average': False} if row.state else {}
  named |= {**row.settings, 'dtype': None, 'param_dtype': jnp.float32}
  named |= {'return_moments': False} if row.moments else {}
  for name, parameter in row.parameters.items():
    named |= {f'use_{name}': parameter.used, f'{name}_init': parameter.init()}
  if row.kind == 'kernel':
    named['variable_filter'] = wrapping.KERNELS
  else:
    named['promote_dtype'] = dtypes.promote_dtype
    named |= {f'{name}_metadata': MappingProxyType({}) for name in row.parameters}
  named['rngs'] = inspect.Parameter.empty if row.parameters else None
  kind = inspect.Parameter
  return inspect.Signature([
    kind('self', kind.POSITIONAL_OR_KEYWORD), kind(first, kind.POSITIONAL_OR_KEYWORD),
    *(kind(name, kind.KEYWORD_ONLY, default=default) for name, default in named.items()),
  ])  # fmt: skip


@functools.cache
def of(row: Row) -> type[nnx.Module]:
  """The class of a row, made from its function and parameters."""
  base: type = {'activation': Averaging if row.state else Activation, 'kernel': Kernel}[row.kind]
  signature = _signature(row)

  def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
    try:
      bound = signature.bind(self, *args, **kwargs)
    except TypeError as error:
      raise TypeError(f'{row.class_name}: {error}') from None
    bound.apply_defaults()
    given = dict(bound.arguments)
    for name, parameter in row.parameters.items():
      if given[f'{name}_init'] is None:
        given[f'{name}_init'] = parameter.init(given['num_features'])
    self._construct(given)

  __init__.__signature__ = signature  # type: ignore[attr-defined]
  body = {
    '__init__': __init__,
    '__doc__': row.describe('Params'),
    '__module__': 'norms.nnx',
    'row': row,
  }
  return type(base)(row.class_name, (base,), body)
