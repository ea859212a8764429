"""Classes of modules, made from rows of the catalogue in the style of Flax's own.

A function's learnt arguments become Params, its options become attributes.
"""

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

from norms.nnx._src import running, wrapping
from norms.nnx._src.parameters import Norm
from norms.row import Row


class Activation(Norm):
  """A norm of activations. The arguments of its subclasses are `num_features` and, by keyword, the
  options of their row's function, those that Flax's modules share (`dtype`, `param_dtype`,
  `promote_dtype`, `rngs`), and use_<name>, <name>_init and <name>_metadata of each parameter.
  """

  row: ClassVar[Any]  # set by make_class

  def _construct(self, given: Mapping[str, Any]) -> None:
    shapes = {n: p.shape for n, p in self.row.parameters.items() if p.shape is not None}
    self._set_fields(given, tuple(self.row.parameters), shapes)

  def __call__(
    self,
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    **options: Any,  # of the function, each of a type of its own
  ) -> Any:  # z, or (z, mean, std) where return_moments is set
    """The normalised x; `options` take the place of attributes in this call."""
    options = self._options(mask, options)
    x, learnt, dtype = self._used_parameters(jnp.asarray(x), options)
    result = self.row.function(x, **learnt, **options)
    if not self.row.moments:
      return result.astype(dtype)
    z, *moments = result
    return (z.astype(dtype), *moments) if self.return_moments else z.astype(dtype)

  def _options(self, mask: ArrayLike | None, options: dict[str, Any]) -> dict[str, Any]:
    own = {name: getattr(self, name) for name in self.row.settings}
    given = {} if mask is None else {'mask': jnp.asarray(mask, bool)}
    return own | given | options

  def _used_parameters(
    self, x: jax.Array, options: dict[str, Any], *statistics: jax.Array
  ) -> tuple[jax.Array, dict[str, jax.Array], jnp.dtype]:
    """x, the parameters that are used, and the result's dtype."""
    shape = [x.shape[a] for a in self.row.feature_axes(x.ndim, options)]
    shapes = {n: shape if p.shape is None else p.shape for n, p in self.row.parameters.items()}
    x, learnt, dtype = self._promote(x, shapes, *statistics)
    return x, {name: p for name, p in learnt.items() if p is not None}, dtype


class StatefulActivation(Activation, running.StatefulNorm):
  """A norm of activations with running statistics in BatchStats.

  The arguments are those of `Activation` and `use_running_average`, which `train` and `eval` set.
  """

  def _construct(self, given: Mapping[str, Any]) -> None:
    super()._construct(given)
    self._init_stats(self.row.keeps, given['num_features'], given['dtype'], given['param_dtype'])

  def __call__(
    self,
    x: ArrayLike,
    use_running_average: bool | None = None,
    *,
    mask: ArrayLike | None = None,
    **options: Any,  # as in Activation
  ) -> jax.Array:
    """The normalised x; `options` take the place of attributes in this call."""
    evaluate, x = self._in_evaluation(use_running_average), jnp.asarray(x)
    options = self._options(mask, options)
    shape = [x.shape[a] for a in self.row.feature_axes(x.ndim, options)]
    old = self._read_stats(self.row.keeps, shape, x)
    statistics = [getattr(old, name) for name in self.row.keeps]
    x, learnt, dtype = self._used_parameters(x, options, *statistics)
    z, new = self.row.function(x, **learnt, batch_stats=old, training=not evaluate, **options)
    if not evaluate:
      self._write_stats(self.row.keeps, new)
    result: jax.Array = z.astype(dtype)
    return result


class Kernel(wrapping.Wrapper):
  """A layer whose kernels are normalised; the layer keeps its own as they are.

  The arguments are `layer_instance`, those of `Activation` but for `num_features`, and
  `variable_filter`, which says which Params are normalised. The attribute <name> of a parameter has
  its Params by the paths of their kernels.
  """

  row: ClassVar[Any]  # set by make_class

  def _construct(self, given: Mapping[str, Any]) -> None:
    for name in ('layer_instance', 'dtype', 'param_dtype', *self.row.settings):
      setattr(self, name, given[name])
    self.variable_filter = nnx.filterlib.to_predicate(given['variable_filter'])
    for name in self.row.parameters:
      used = given[f'use_{name}']
      params = self._draw(given[f'{name}_init'], given['rngs']) if used else None
      setattr(self, name, nnx.data(params))

  def _features(self, w: jax.Array | nnx.Param[jax.Array]) -> tuple[int, ...]:
    axes: tuple[int, ...] = self.row.feature_axes(w.ndim, {'axis': self.axis})
    return axes

  def __call__(self, x: object, *args: object, **kwargs: object) -> Any:  # as the layer's call
    """The layer's output."""
    # The axis is that of each kernel, since negative ones depend on its rank.
    options = {name: getattr(self, name) for name in self.row.settings if name != 'axis'}
    learnt = {name: getattr(self, name) for name in self.row.parameters}
    function = functools.partial(self.row.function, **options)
    return self._with_kernels(function, learnt, x, *args, **kwargs)


def _signature(row: Row) -> inspect.Signature:
  """The signature of the class's constructor; all arguments but the first are keywords."""
  first = 'layer_instance' if row.kind == 'kernel' else 'num_features'
  defaults: dict[str, Any] = {'use_running_average': False} if row.state else {}
  defaults |= {**row.settings, 'dtype': None, 'param_dtype': jnp.float32}
  defaults |= {'return_moments': False} if row.moments else {}
  for name, parameter in row.parameters.items():
    defaults |= {f'use_{name}': parameter.used, f'{name}_init': parameter.init()}
  if row.kind == 'kernel':
    defaults['variable_filter'] = wrapping.KERNELS
  else:
    defaults['promote_dtype'] = dtypes.promote_dtype
    defaults |= {f'{name}_metadata': MappingProxyType({}) for name in row.parameters}
  # Asked for only where something is drawn.
  defaults['rngs'] = inspect.Parameter.empty if row.parameters else None
  kind = inspect.Parameter
  return inspect.Signature([
    kind('self', kind.POSITIONAL_OR_KEYWORD), kind(first, kind.POSITIONAL_OR_KEYWORD),
    *(kind(name, kind.KEYWORD_ONLY, default=default) for name, default in defaults.items()),
  ])  # fmt: skip


@functools.cache
def make_class(row: Row) -> type[nnx.Module]:
  """The class of a row, made from its function and parameters."""
  activation = StatefulActivation if row.state else Activation
  base: type = {'activation': activation, 'kernel': Kernel}[row.kind]
  signature = _signature(row)

  def __init__(self: Activation | Kernel, *args: object, **kwargs: object) -> None:
    try:
      bound = signature.bind(self, *args, **kwargs)
    except TypeError as error:  # Python's message names no class
      raise TypeError(f'{row.class_name}: {error}') from None
    bound.apply_defaults()
    given = dict(bound.arguments)
    # An initial value that depends on the number of features is not known before.
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
