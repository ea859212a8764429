"""A row of the catalogue: what a norm is, where it comes from, what it needs."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
import inspect
from typing import Any, Literal, NamedTuple

from jax.nn import initializers

from norms import reduction

Kind = Literal['none', 'activation', 'kernel']

# Arguments of a function that a module's call settles, and not its constructor.
_OF_A_CALL = ('mask', 'training')

# The names by which modules know the axes of features, and other options named after axes.
FEATURE_AXES = ('axis', 'feature_axes')
_OTHER_AXES = ('reduction_axes', 'axis_name', 'axis_index_groups')


@dataclasses.dataclass(frozen=True)
class Constant:
  """JAX's initialiser of that name, as a value: it can be compared, and pickled."""

  value: float

  def __call__(self, *args: Any, **kwargs: Any) -> Any:
    """An array of it."""
    return initializers.constant(self.value)(*args, **kwargs)


class Parameter(NamedTuple):
  """A learnt argument of a norm's function.

  initial: where it starts; a callable is given the number of features.
  shape: None: an entry for each feature.
  used: whether a module has it unless told use_<name>.
  """

  initial: float | Callable[[int], float]
  shape: tuple[int, ...] | None = None
  used: bool = True

  def init(self, features: int | None = None) -> initializers.Initializer | None:
    """Its initialiser; None where that depends on the number of features, and none is given."""
    if callable(self.initial):
      return None if features is None else Constant(self.initial(features))
    known: dict[float, initializers.Initializer] = {0: initializers.zeros, 1: initializers.ones}
    return known.get(self.initial, Constant(self.initial))


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
    options: defaults of the module's options that a study uses.
    parameters: what the function learns, in the order in which it is drawn.
    state: keeps running statistics (and so takes `use_running_average` and `momentum`).
    keeps: which of them a module keeps.
    exact: options with which a pass in training and with momentum=0 normalises by the exact
      statistics of what it is given, and keeps them, where momentum=0 alone does not.
    moments: the function returns (z, mean, std): a module returns z unless told return_moments.
    groups: needs a number of groups that divides the channels.
    key: draws random numbers when it is called.
  """

  name: str
  kind: Kind
  function: Callable[..., Any] | None = None
  module: str | type | None = None
  paper: str = ''
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
  state: bool = False
  keeps: tuple[str, ...] = ('mean', 'var')
  exact: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  moments: bool = False
  groups: bool = False
  key: bool = False

  def __post_init__(self) -> None:
    """Raises ValueError where the modules of this row would not be what its function says."""
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
    """A module looks for the axes of its parameters and statistics by name."""
    others = {*allowed, *_OTHER_AXES, *self.parameters}
    for name, argument in self._arguments.items():
      if name not in others and _means_axes(argument):
        raise ValueError(
          f'norm {self.name!r}: option {name!r} of its function names axes, but modules know those '
          f'of the features as {" or ".join(map(repr, allowed))} only: rename it'
        )

  @functools.cached_property
  def _arguments(self) -> Mapping[str, inspect.Parameter]:
    return {} if self.function is None else inspect.signature(self.function).parameters

  @functools.cached_property
  def settings(self) -> dict[str, Any]:
    """The function's options and their defaults, less what each call gives."""
    by_keyword = (a for a in self._arguments.values() if a.kind is a.KEYWORD_ONLY)
    return {a.name: a.default for a in by_keyword if a.name not in _OF_A_CALL}

  @property
  def class_name(self) -> str:
    """The name of its class in norms.linen and norms.nnx."""
    if isinstance(self.module, str):
      return self.module
    name = self.name if self.function is None else self.function.__name__
    return ''.join(word.capitalize() for word in name.split('_'))

  def features(self, ndim: int, settings: Mapping[str, Any]) -> tuple[int, ...]:
    """The axes along which parameters have entries, and running statistics."""
    name = 'axis' if 'axis' in settings else 'feature_axes'
    axes = settings.get(name, -1)
    return reduction.canonical_axes(ndim, () if axes is None else axes, name)

  def vector(self, ndim: int, settings: Mapping[str, Any]) -> tuple[int, ...]:
    """The axes that hold the features, also of a norm without entries for each."""
    name = 'reduction_axes'
    if settings.get(name) is None:
      return self.features(ndim, settings)
    return reduction.canonical_axes(ndim, settings[name], name)

  def describe(self, parameters: str) -> str:
    """The docstring of its modules; `parameters` is what they call them."""
    starts = ', '.join(
      f'`{name}` from {_said(p.initial)}{"" if p.used else f" (with use_{name}=True)"}'
      for name, p in self.parameters.items()
    )
    function = self.function
    text = inspect.getdoc(function) or f'{self.class_name}.'
    first, _, rest = text.partition('\n')
    return (
      f'{first}\n\nThe module of `{getattr(function, "__name__", self.name)}`, with its options by '
      f'keyword; {parameters}: {starts or "none"}.\n\nThe function:{rest or " " + first}\n'
    )


def _said(initial: float | Callable[[int], float]) -> str:
  return f'{initial.__name__}(features)' if callable(initial) else f'{initial:g}'


def _means_axes(argument: inspect.Parameter) -> bool:
  annotation = argument.annotation
  if isinstance(annotation, str):  # under `from __future__ import annotations`
    annotated = 'Axes' in annotation
  else:
    annotated = annotation in (reduction.Axes, reduction.Axes | None)
  return annotated or not {'axis', 'axes', 'dim', 'dims'}.isdisjoint(argument.name.split('_'))
