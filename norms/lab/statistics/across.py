"""Claims across any axis: two of its values are compared as otherwise two norms are.

Every rule that takes `norm` and `than` takes `axis`, `value` and `than` in their place, as in
{'axis': 'model_options.placement', 'value': 'pre', 'than': 'post'}. A rule that has an axis of its
own, such as the batch size over which `depends_less` looks, takes that as `over`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import AXES, NORM
from norms.lab.statistics import cells, design, words
from norms.lab.values import Given, Settings

AXIS, VALUE, THAN, OVER = 'axis', 'value', 'than', 'over'
WITHIN = 'compared.norm'  # the column in which the norm is kept while two values take its place


def compares_values(options: Settings) -> bool:
  """Whether a claim compares two values of an axis. (`reaches` has a value, too, but no axis.)"""
  return AXIS in options and VALUE in options


def is_across_axis(options: Settings, parameters: Iterable[str]) -> bool:
  """Whether a claim by a rule with these parameters compares two values, even if it lacks one."""
  names = list(parameters)
  markers = [AXIS] * (AXIS not in names) + [VALUE, OVER]
  return bool(options_of(names)) and any(option in options for option in markers)


def options_of(parameters: Iterable[str]) -> list[str]:
  """The options with which a rule compares two values; none for a rule about a single norm."""
  names = list(parameters)
  if not {NORM, THAN} <= set(names):
    return []
  return [AXIS, VALUE, *[OVER] * (AXIS in names)]


def as_norms(options: Settings) -> dict[str, Any]:
  """The options with the two values as names of norms, such as 'placement=pre'."""
  axis = options[AXIS]
  renamed = {key: value for key, value in options.items() if key not in (AXIS, VALUE, OVER)}
  renamed |= {NORM: name(axis, options[VALUE]), THAN: name(axis, options[THAN])}
  return renamed | ({AXIS: options[OVER]} if OVER in options else {})


def name(axis: str, value: words.Scalar) -> str:
  """What a value is called where a norm would be; a norm itself keeps its name."""
  return str(value) if axis == NORM else f'{words.label(axis)}={words.number(value)}'


def relabel(rows: pd.DataFrame, options: Settings) -> pd.DataFrame:
  """The rows of the two values, which take the norm's place; the norm becomes an axis.

  So two trials are paired if they differ in that axis alone.

  Raises:
    SelectionError: where the records have no such axis, or no trial at one of the values.
  """
  axis = options[AXIS]
  if axis == NORM:
    return rows
  others = [other for other in design.axes(rows) if other != axis]
  # With one value a norm, the rules for norms apply as they stand.
  parts = []
  for value in (options[VALUE], options[THAN]):
    part = cells.select(rows, {axis: value})
    parts.append(part.assign(**{WITHIN: part[NORM], NORM: name(axis, value)}))
  relabelled_rows = pd.concat(parts)
  relabelled_rows.attrs[AXES] = [*others, WITHIN]
  return relabelled_rows


def check_axis(axis: Given) -> None:
  """Raises a ValueError of one line where no study can have an axis of that name."""
  if not isinstance(axis, str) or not (schema.selectable(axis) and schema.has_row(axis)):
    rows = [row.name for row in schema.COLUMNS if row.kind == schema.SETTING]
    raise cells.SelectionError(cells.unknown('axis', axis, rows))
