"""The words and numbers in which sentences, tables and figures speak of columns and norms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np

from norms.lab.columns import EVAL_STATS
from norms.lab.columns import label as label
from norms.lab.values import Settings

Scalar: TypeAlias = str | bool | float | None
# What a claim's `at` says of an axis: a value, several, or a range of them.
Condition: TypeAlias = Scalar | list[Scalar] | tuple[Scalar, ...] | Mapping[str, float]

# Axes that are counts: 'at 8 hidden features', where others are 'at batch size 8'.
COUNTED = ('epochs', 'hidden features', 'eval examples', 'devices')
NO_NORM = 'no norm'  # what tables and figures call the norm 'none'


def norm_name(norm: str) -> str:
  """'layer' is 'layer norm', 'none' is 'the net with no norm'; a dotted name stays as it is.

  A label may go on in brackets: 'layer (H,W,C)' is 'layer norm (H,W,C)'. A value of an axis, such
  as 'placement=pre', stays as it is, too.
  """
  # 'No norm reaches 0.97' would say that none of them does.
  if norm in ('none', NO_NORM):
    return 'the net with no norm'
  # A dot or a colon is in a user's own name, an equals sign in a value of an axis.
  if any(mark in norm for mark in '.:=') or norm.endswith('norm'):
    return norm
  name, bracket, rest = norm.replace('_', ' ').partition(' (')
  return f'{name} norm{bracket}{rest}'


def layer_name(layer: str) -> str:
  """'block_1/layer_0' is 'block 1, layer 0'."""
  return layer.replace('/', ', ').replace('_', ' ')


def sentence(text: str) -> str:
  """The text with a capital at its beginning, and else as it is."""
  return text[:1].upper() + text[1:]


def number(value: Scalar) -> str:
  """A value of an axis: whole numbers in full, others to three digits, text as it is."""
  if isinstance(value, (bool, np.bool_, str)) or value is None:
    return str(value)
  # From a million on, digits in full are harder to read than an exponent.
  if np.isfinite(value) and float(value).is_integer() and abs(value) < 1e6:
    return str(int(value))
  rounded = f'{value:.3g}'
  return f'{float(rounded):.0f}' if 1e3 <= abs(value) < 1e6 else rounded


def score(value: float) -> str:
  """A measured value: four decimals, or more where those would say little."""
  if not np.isfinite(value):
    return 'not finite'
  if 1e-5 <= abs(value) < 1e-3:
    return np.format_float_positional(value, 3, unique=False, fractional=False, trim='-')
  return f'{value:.4f}' if 1e-3 <= abs(value) < 1e3 or value == 0 else f'{value:.3e}'


def signed(value: float) -> str:
  """A difference, with its sign."""
  return f'{"+" if value > 0 else ""}{score(value)}'


def p_value(p: float) -> str:
  """'p = 0.012', or 'p < 0.0001'."""
  # No smaller p is told from 0 by the resamples of a bootstrap: see means.SMALLEST_P.
  return 'p < 0.0001' if p < 1e-4 else f'p = {p:.2g}'


def count(n: int, thing: str) -> str:
  """'1 seed', '3 seeds'."""
  return f'{n} {thing}{"" if n == 1 else "s"}'


def listed(words: Iterable[str], by: str = 'and') -> str:
  """'a', 'a and b', 'a, b and c'."""
  *first, last = list(words) or ['']
  return f'{", ".join(first)} {by} {last}' if first else last


def place(at: Settings) -> str:
  """Where in the sweep: 'batch size 64 and initial scale 1'."""
  return listed(_setting(axis, value) for axis, value in at.items())


def spread_name(kind: str, level: float = 0.95) -> str:
  """'range' stays 'range'; an interval is named with its level, as in '95% interval'."""
  return kind if kind == 'range' else f'{100 * level:.4g}% interval'


def _setting(axis: str, value: Condition) -> str:
  if axis == EVAL_STATS:  # 'evaluation statistics running' is no English
    return f'evaluation by {_values(value)} statistics'
  if label(axis) in COUNTED and isinstance(value, (int, float, np.number)):
    return f'{number(value)} {label(axis)}'.removesuffix('s' if value == 1 else '')
  return f'{label(axis)} {_values(value)}'


def _values(value: Condition) -> str:
  if isinstance(value, Mapping):
    low, high = (number(value[side]) if side in value else '' for side in ('from', 'to'))
    return f'{low} to {high}' if low and high else f'{low} and above' if low else f'up to {high}'
  if isinstance(value, (list, tuple)):
    return listed(number(each) for each in value)
  return number(value)
