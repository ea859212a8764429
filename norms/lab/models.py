"""Networks whose norm is an argument: a factory(norm, classes, **options) gives a linen module."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import inspect
from typing import Any

import flax.linen as nn

from norms import catalogue, linen
from norms.lab import trial


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
  momentum: float | None = None
  axis_name: str | None = None

  def activation(self, name: str | None = None) -> Callable:
    """A fresh module for activations."""
    if self.row.kind != 'activation':
      return _identity
    options = dict(self.row.options) | dict(self.options)
    if self.row.state:
      options |= {'use_running_average': not self.training}
      options |= {} if self.momentum is None else {'momentum': self.momentum}
    if self.axis_name is not None and self.row.state:
      options |= {'axis_name': self.axis_name}
    if self.row.groups and options.get('num_groups') == 'auto':
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
  def module(self) -> Any:
    """The row's linen class."""
    module: Any = self.row.module
    if module is None:
      raise ValueError(
        f'norm {self.row.name!r} has no Flax module yet: use its function, or another'
      )
    return getattr(linen, module) if isinstance(module, str) else module


def _groups(channels: int) -> int:
  """The most groups, up to the usual 32, that divide the channels."""
  return max(n for n in range(1, 33) if channels % n == 0)


def _identity(x):
  return x


class MLP(nn.Module):
  """Dense layers with the norm before (or after) each activation, and a linear one at the end.

  Kernels are zero here: the lab draws them, by layer index (norms.lab.training.initial).
  """

  norm: Norm
  classes: int
  features: tuple[int, ...] = (128, 128)
  activation: str = 'relu'
  placement: str = 'before'

  @nn.compact
  def __call__(self, x, train: bool):
    del train  # the norm knows
    act = ACTIVATIONS[self.activation]
    for i, width in enumerate(self.features):
      x = self.norm.layer(_dense(width, i))(x)
      norm = self.norm.activation(name=f'norm_{i}')
      x = act(norm(x)) if self.placement == 'before' else norm(act(x))
    return self.norm.layer(_dense(self.classes, len(self.features)))(x)


def _dense(width: int, index: int) -> nn.Dense:
  return nn.Dense(width, kernel_init=nn.initializers.zeros, name=f'layer_{index}')


def mlp(norm: Norm, classes: int, features=(128, 128), activation='relu', placement='before'):
  """A multilayer perceptron."""
  if not features or any(not isinstance(f, int) or f < 1 for f in features):
    raise ValueError(f'model_options.features={features}: give the width of each hidden layer')
  trial.one_of('model_options.activation', activation, ACTIVATIONS)
  trial.one_of('model_options.placement', placement, ('before', 'after'))
  return MLP(norm, classes, tuple(features), activation, placement)


ACTIVATIONS: Mapping[str, Callable] = {
  'relu': nn.relu, 'tanh': nn.tanh, 'gelu': nn.gelu, 'silu': nn.silu, 'linear': _identity,
}  # fmt: skip
MODELS: Mapping[str, Callable] = {'mlp': mlp}


def factory(name: str, options: Mapping[str, Any]) -> Callable[[Norm, int], nn.Module]:
  """(norm, classes) -> module, for a name of MODELS or a user's package.module:factory.

  A user's factory takes norm= and classes= (a linen class with these fields does), and the
  config's model_options; its module is called as module(x, train).
  """
  make = (
    catalogue.load(name, 'model') if ':' in name else MODELS[trial.one_of('model', name, MODELS)]
  )
  parameters = inspect.signature(make).parameters
  if not any(p.kind == p.VAR_KEYWORD for p in parameters.values()):
    for given in ('norm', 'classes', *options):
      trial.one_of(f'argument of model {name}', given, list(parameters))
  return lambda norm, classes: make(norm=norm, classes=classes, **options)
