"""The norm that a model is given: it need not know which one, nor in which role it is run."""

from collections.abc import Callable
import dataclasses
import functools
import inspect
from typing import Any

import flax.linen as nn
import jax

from norms import catalogue, linen


@dataclasses.dataclass(frozen=True)
class Norm:
  """The norm that a model is given.

  `norm.activation()` is a module for activations (identity unless the norm is of that kind);
  `norm.layer(nn.Dense(10))` wraps a layer for its kernel (identity unless the norm is of that
  kind). Whether running statistics are used or updated is settled here: models need not know.
  """

  row: catalogue.Row
  options: tuple = ()
  training: bool = True
  momentum: float | None = None  # 0: leave the exact statistics of what passes behind
  axis_name: str | None = None

  def activation(self, name: str | None = None) -> Callable:
    """A fresh module for activations."""
    if self.row.kind != 'activation':
      return _identity
    options = dict(self.row.options) | dict(self.options)
    if self.row.state:
      options |= {'use_running_average': not self.training}
      options |= {} if self.momentum is None else {'momentum': self.momentum}
      options |= self.row.exact if self.momentum == 0 else {}
    if self.axis_name is not None and self.row.state and 'axis_name' in self.row.settings:
      # Only examples are split over devices: statistics within one of them need no others.
      options |= {'axis_name': self.axis_name}
    if self.row.groups and options.get('num_groups') == 'auto':
      # How many channels there are is not known before the call.
      return lambda x: self.module(**options | {'num_groups': _groups(x.shape[-1])}, name=name)(x)
    return self.module(**options, name=name)

  def layer(self, layer: nn.Module) -> Callable:
    """The layer, its kernel normalised."""
    if self.row.kind != 'kernel':
      return layer
    wrapped = self.module(layer, **dict(self.row.options) | dict(self.options))
    if 'update_stats' in inspect.signature(self.module.__call__).parameters:  # spectral norm
      return functools.partial(wrapped, update_stats=self.training)
    return wrapped

  @property
  def module(self) -> Any:  # a class, whose fields a checker does not know
    """The row's linen class."""
    return linen.module(self.row)


def _groups(channels: int) -> int:
  """The most groups, up to the usual 32, that divide the channels."""
  return max(n for n in range(1, 33) if channels % n == 0)


def _identity(x: jax.Array) -> jax.Array:
  return x
