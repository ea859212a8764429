"""The row of a norm in the table of promises."""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

import oracles

SHAPE = (
  4,
  6,
  8,
)  # examples, positions, features; the same for all rows, so that they share compilations


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
  """One line of the table.

  Attributes:
    id: its name in the test's name.
    norm: the name of its row in the catalogue.
    function: the pure function, called as function(x, **params, **options).
    oracle: the formula from the paper: oracle(x, **params, epsilon=, mask=, xp=) -> z.
    epsilon: the function's default; None: it has none.
    params: for each parameter the axes of x whose lengths are its shape; or its length, if fixed.
    options: of the function.
    drawn: further options, of the function and of the oracle, from the shape of x.
    gradients: hand-derived formulas: gradient(x, ct, **params, epsilon=) -> {'x': ..., param: ...}.
    scale_free: axes along which x may be multiplied by factors of their own, with the same z.
    shift_free: axes along which x may be shifted by amounts of their own, with the same z.
    masked: whether it takes a mask.
    state: the running statistics that it takes and returns.
    evaluation: the oracle in evaluation: evaluation(x, mean, var, **params, epsilon=, mask=, xp=)
      -> z, mean and var with an axis of size 1 for each that they have not; None: standardised by
      them.
    parts: how many parts of a batch update the running statistics, one after the other.
    stops: whether parts of it are constants for the gradient, as they are not for differences.
    split: the axis of x that devices share under `axis_name`; None: it takes no axis_name.
    fixed: axes of x that must stay first (0) or last (2); no option says where they are.
    kept: the share of x's bytes that may be kept for the backward pass; None: no promise.
    complex: whether it takes complex input.
    variant: whether another row tests this norm in full, and this one only what options can break.
    skip: the named inputs for which this norm promises something else (see its own tests).
  """

  id: str
  norm: str
  function: Callable[..., Any]
  oracle: Callable[..., Any]
  epsilon: float | None
  params: Mapping[str, tuple[int, ...] | int]
  options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  drawn: Callable[[tuple[int, ...]], Mapping[str, Any]] = lambda shape: {}
  gradients: tuple[Callable[..., Any], ...] = ()
  scale_free: tuple[int, ...] | None = None
  shift_free: tuple[int, ...] | None = None
  masked: bool = True
  state: tuple[str, ...] = ()
  evaluation: Callable[..., Any] | None = None
  parts: int = 1
  stops: bool = False
  split: int | None = None
  fixed: tuple[int, ...] = ()
  kept: float | None = 1.05
  complex: bool = True
  variant: bool = False
  skip: tuple[str, ...] = ()

  @property
  def features(self) -> tuple[int, ...]:
    """The axes of running statistics, which are those of the bias."""
    axes = self.params['bias']
    assert isinstance(axes, tuple)
    return tuple(sorted(a % len(SHAPE) for a in axes))

  def call(self, x, params, **more):
    """z alone, in training."""
    found = self.function(x, **params, **{**self.options, **self.drawn(x.shape), **more})
    return found[0] if isinstance(found, tuple) else found

  def plain(self, x, params, *, epsilon=None, **more):
    """The oracle's z."""
    epsilon = self.epsilon if epsilon is None else epsilon
    return self.oracle(x, **params, epsilon=epsilon, **{**self.drawn(x.shape), **more})

  def plain_by(self, x, params, mean, var, **more):
    """The oracle's z in evaluation."""
    known = functools.partial(oracles.standardise_by, features=self.features)
    shape = [n if a in self.features else 1 for a, n in enumerate(x.shape)]
    mean, var = mean.reshape(shape), var.reshape(shape)
    return (self.evaluation or known)(x, mean, var, **params, epsilon=self.epsilon, **more)
