"""Classes of modules, made from rows of the catalogue in the style of Flax's own.

A function's learnt arguments become parameters, its options become fields.
"""

from collections.abc import Iterable
import dataclasses
import functools
import math
import types
from typing import Any, ClassVar

from flax import linen as nn
from flax.linen.module import merge_param
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from norms.linen._src import kernels, parameters, running
from norms.row import Row


class Activation(nn.Module):
  """A norm of activations. The fields of its subclasses are the options of their row's function,
  Flax's `dtype` and `param_dtype`, and use_<name> and <name>_init of each parameter.
  """

  row: ClassVar[Any]  # set by make_class

  @nn.compact
  def __call__(
    self,
    x: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    **options: Any,  # of the function, each of a type of its own
  ) -> Any:  # z, or (z, mean, std) where return_moments is set
    """The normalised x; `options` take the place of fields in this call."""
    x, learnt, options, dtype = _arguments(self, x, mask, options)
    result = self.row.function(x, **learnt, **options)
    if not self.row.moments:
      return result.astype(dtype)
    z, *moments = result
    return (z.astype(dtype), *moments) if self.return_moments else z.astype(dtype)


class StatefulActivation(nn.Module):
  """A norm with running statistics in `batch_stats`; the other fields as in `Activation`."""

  use_running_average: bool | None = None
  row: ClassVar[Any]  # set by make_class

  @nn.compact
  def __call__(
    self,
    x: ArrayLike,
    use_running_average: bool | None = None,
    *,
    mask: ArrayLike | None = None,
    **options: Any,  # as in Activation
  ) -> jax.Array:
    """The normalised x; `options` take the place of fields in this call."""
    evaluate = merge_param('use_running_average', self.use_running_average, use_running_average)
    x, learnt, options, dtype = _arguments(self, x, mask, options)
    shape = [x.shape[a] for a in self.row.feature_axes(x.ndim, options)]
    is_complex = jnp.iscomplexobj(x)
    variables = running.stat_variables(self, self.row.keeps, shape, is_complex=is_complex)
    stats = running.read_stats(variables, shape, is_complex=is_complex)
    z, new = self.row.function(x, **learnt, batch_stats=stats, training=not evaluate, **options)
    if not evaluate:
      running.write_stats(self, variables, new)
    result: jax.Array = z.astype(dtype)
    return result


class Kernel(nn.Module):
  """A layer whose kernels are normalised; parameters are `<path of the kernel>/<name>`.

  The other fields as in `Activation`, and
    layer_instance: the layer.
    variable_filter: parts of paths: parameters whose path holds one of them are normalised; None
      or empty: all parameters.
  """

  layer_instance: nn.Module
  variable_filter: Iterable[str] | None = dataclasses.field(default_factory=lambda: {'kernel'})
  row: ClassVar[Any]  # set by make_class

  @nn.compact
  def __call__(self, *args: object, **kwargs: object) -> Any:  # as the layer's call
    """The layer's output."""
    options = _options(self)
    # Of each kernel its own, since negative axes depend on its rank.
    axis = options.pop('axis')
    function = functools.partial(self.row.function, **options)
    return kernels.with_kernels(self, function, axis, self.row.parameters, *args, **kwargs)


# Functions rather than methods, since Flax's tabulate lists each method of a module as a call.
def _options(module: parameters.NormModule) -> dict[str, Any]:
  """The options of the function, from the module's fields."""
  options = {name: getattr(module, name) for name in module.row.settings}
  # Modules are usually initialised outside of pmap and shard_map, where no named axis exists.
  cleared = ('axis_name', 'axis_index_groups') if module.is_initializing() else ()
  return options | dict.fromkeys(set(cleared) & set(options))


def _arguments(
  module: parameters.NormModule, x: ArrayLike, mask: ArrayLike | None, options: dict[str, Any]
) -> tuple[jax.Array, dict[str, jax.Array], dict[str, Any], jnp.dtype]:
  """x, the parameters, the options of the function, and the result's dtype."""
  row, x = module.row, jnp.asarray(x)
  options = _options(module) | options
  if mask is not None:
    options['mask'] = jnp.asarray(mask, bool)
  learnt: dict[str, jax.Array] = {}
  for name, parameter in row.parameters.items():
    features = math.prod(x.shape[a] for a in row.normalized_axes(x.ndim, options))
    axes = row.feature_axes(x.ndim, options) if parameter.shape is None else ()
    shape = parameter.shape or [x.shape[a] for a in axes]
    value = parameters.parameter(module, name, shape, parameter.init(features))
    learnt |= {} if value is None else {name: value}
  x, dtype = parameters.promote(module, x, *learnt.values())
  return x, learnt, options, dtype


@functools.cache
def make_class(row: Row) -> type[nn.Module]:
  """The class of a row, made from its function and parameters."""
  base = {'activation': StatefulActivation if row.state else Activation, 'kernel': Kernel}[row.kind]
  fields = {**row.settings, 'dtype': None, 'param_dtype': jnp.float32}
  fields |= {'return_moments': False} if row.moments else {}
  for name, parameter in row.parameters.items():
    fields |= {f'use_{name}': parameter.used, f'{name}_init': parameter.init()}
  body = {
    **fields,
    # A dataclass makes fields only of what is annotated; the types are those of the stubs.
    '__annotations__': dict.fromkeys(fields, Any),
    '__doc__': row.describe('parameters'),
    '__module__': 'norms.linen',
    'row': row,
  }
  # By new_class, since flax.linen makes a dataclass of each subclass, with these keywords.
  fill = functools.partial(_update, body)
  return types.new_class(row.class_name, (base,), {'kw_only': True}, fill)


def _update(body: dict[str, Any], namespace: dict[str, Any]) -> None:
  namespace.update(body)
