"""A row of the catalogue: what a norm is, where it comes from, what it needs."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import inspect
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
from jax.nn import initializers

from norms import reduction

Kind = Literal['none', 'activation', 'kernel']
Options: TypeAlias = Mapping[str, Any]  # of a function, each of a type of its own

__all__ = 'FEATURE_AXES', 'Constant', 'Parameter', 'Row'

# Arguments of a function that a module takes in its call, rather than in its constructor.
_CALL_ARGUMENTS = ('mask', 'training')

# Modules look up the axes of the features under the first names; the others name axes, too.
FEATURE_AXES = ('axis', 'feature_axes')
_OTHER_AXES = ('reduction_axes', 'axis_name', 'axis_index_groups')


@dataclasses.dataclass(frozen=True)
class Constant:
  """jax.nn.initializers.constant(value), but comparable and picklable, as a closure is not."""

  value: float

  def __call__(self, *args: Any, **kwargs: Any) -> jax.Array:  # Any: of whichever version of JAX
    """An array of the value; takes what an initialiser of JAX takes."""
    return initializers.constant(self.value)(*args, **kwargs)


class Parameter(NamedTuple):
  """A learnt argument of a norm's function.

  initial: its value at the start, or a function that computes it from the number of features.
  shape: its shape; None: an entry for each feature.
  used: the default of a module's option use_<name>.
  """

  initial: float | Callable[[int], float]
  shape: tuple[int, ...] | None = None
  used: bool = True

  def init(self, features: int | None = None) -> initializers.Initializer | None:
    """Its initialiser; None where the initial value depends on `features`, and these are None."""
    if callable(self.initial):
      return None if features is None else Constant(self.initial(features))
    # The same objects as the defaults of Flax's modules, to which they compare equal.
    named: dict[float, initializers.Initializer] = {0: initializers.zeros, 1: initializers.ones}
    return named.get(self.initial, Constant(self.initial))


# Equal to itself alone: caches of classes need a hash, and its dicts have none.
@dataclasses.dataclass(frozen=True, eq=False)
class Row:
  """A norm, as configs, models, tests and reports know it; its linen and nnx modules follow.

  Attributes:
    name: the key in NORMS; what a config says.
    kind: acts on activations, wraps a layer for its kernel, or does nothing.
    function: the pure function: what it takes by position after x are its parameters (and
      `batch_stats`), what it takes by keyword its options, which are a module's fields too.
    module: the name of its class in norms.linen and norms.nnx (None: after the function); or a
      linen class of the user's.
    paper: the source.
    options: values that studies use in place of the defaults of the module's options.
    parameters: the learnt arguments of the function, in the order in which modules draw them.
    state: whether modules keep running statistics (and so take `use_running_average` and
      `momentum`).
    keeps: the names of the statistics that modules keep.
    exact: options that a study adds to momentum=0, so that one call in training normalises by the
      exact statistics of its input, and keeps them. Empty where momentum=0 alone does this.
    moments: whether the function returns (z, mean, std). A module then returns z alone, but for
      return_moments=True.
    groups: whether a number of groups must divide the channels.
    key: whether a call draws random numbers.
  """

  name: str
  kind: Kind
  function: Callable[..., Any] | None = None  # Any: z, or a tuple that begins with it
  module: str | type | None = None
  paper: str = ''
  options: Options = dataclasses.field(default_factory=dict)
  parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
  state: bool = False
  keeps: tuple[str, ...] = ('mean', 'var')
  exact: Options = dataclasses.field(default_factory=dict)
  moments: bool = False
  groups: bool = False
  key: bool = False

  def __post_init__(self) -> None:
    """Raises ValueError if the row does not describe its function: its modules would be wrong."""
    unknown = set(self.parameters) - set(self._arguments)
    if unknown:
      raise ValueError(
        f'norm {self.name!r}: parameters {sorted(unknown)} are no arguments of its function, which '
        f'takes {", ".join(self._arguments)}: name them alike'
      )
    if self.function is not None and self.state != ('batch_stats' in self._arguments):
      raise ValueError(
        f'norm {self.name!r}: state={self.state}, but its function takes '
        f'{", ".join(self._arguments)}: state=True and an argument batch_stats go together'
      )
    per_feature = any(p.shape is None for p in self.parameters.values())
    if per_feature or self.state or self.kind == 'kernel':
      self._check_axes(('axis',) if self.kind == 'kernel' else FEATURE_AXES)

  def _check_axes(self, allowed: tuple[str, ...]) -> None:
    """Raises ValueError if an option that names axes has another name than the allowed ones.

    Modules look the axes of their parameters and statistics up by these names.
    """
    others = {*allowed, *_OTHER_AXES, *self.parameters}
    for name, argument in self._arguments.items():
      if name not in others and _is_axes_option(argument):
        raise ValueError(
          f'norm {self.name!r}: option {name!r} of its function names axes, but modules know those '
          f'of the features as {" or ".join(map(repr, allowed))} only: rename it'
        )

  @functools.cached_property
  def _arguments(self) -> Mapping[str, inspect.Parameter]:
    return {} if self.function is None else inspect.signature(self.function).parameters

  @functools.cached_property
  def settings(self) -> Options:
    """The function's options and their defaults, but for those that each call gives."""
    by_keyword = (a for a in self._arguments.values() if a.kind is a.KEYWORD_ONLY)
    return {a.name: a.default for a in by_keyword if a.name not in _CALL_ARGUMENTS}

  @property
  def class_name(self) -> str:
    """The name of its class in norms.linen and norms.nnx."""
    if isinstance(self.module, str):
      return self.module
    name = self.name if self.function is None else self.function.__name__
    return ''.join(word.capitalize() for word in name.split('_'))

  def feature_axes(self, ndim: int, settings: Options) -> tuple[int, ...]:
    """The axes along which parameters and running statistics have an entry for each index."""
    name = 'axis' if 'axis' in settings else 'feature_axes'
    axes = settings.get(name, -1)
    return reduction.canonical_axes(ndim, () if axes is None else axes, name)

  def normalized_axes(self, ndim: int, settings: Options) -> tuple[int, ...]:
    """The axes over which it normalises, where it has `reduction_axes`; else the feature axes.

    An initial value may depend on their size.
    """
    name = 'reduction_axes'
    if settings.get(name) is None:
      return self.feature_axes(ndim, settings)
    return reduction.canonical_axes(ndim, settings[name], name)

  def describe(self, parameters: str) -> str:
    """The docstring of its modules; `parameters` is the library's word for parameters."""
    starts = ', '.join(
      f'`{name}` from {_format_initial(p.initial)}{"" if p.used else f" (with use_{name}=True)"}'
      for name, p in self.parameters.items()
    )
    function = self.function
    text = inspect.getdoc(function) or f'{self.class_name}.'
    first, _, rest = text.partition('\n')
    return (
      f'{first}\n\nThe module of `{getattr(function, "__name__", self.name)}`, with its options by '
      f'keyword; {parameters}: {starts or "none"}.\n\nThe function:{rest or " " + first}\n'
    )


def _format_initial(initial: float | Callable[[int], float]) -> str:
  return f'{initial.__name__}(features)' if callable(initial) else f'{initial:g}'


def _is_axes_option(argument: inspect.Parameter) -> bool:
  annotation = argument.annotation
  if isinstance(annotation, str):  # under `from __future__ import annotations`
    annotated = 'Axes' in annotation
  else:
    annotated = annotation in (reduction.Axes, reduction.Axes | None)
  return annotated or not {'axis', 'axes', 'dim', 'dims'}.isdisjoint(argument.name.split('_'))
