"""The design of a study in words: what varied, what was fixed, and what was tuned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import NORM, SEED
from norms.lab.report import naming
from norms.lab.report.view import View
from norms.lab.statistics import tuned, words

MOST = 8  # values that are listed; of more the ends are


def facts(view: View) -> list[tuple[str, str]]:
  """(name, text) of each, for the page and for Markdown."""
  settings = [name for name in schema.settings(view.rows) if name not in view.axes]
  together = [name for name in settings if view.rows[name].nunique() > 1]
  varied = [f'{name}: {_values(view, name)}' for name in (NORM, *view.axes, SEED)]
  varied = [f'{words.label(line.split(":")[0])}:{line.partition(":")[2]}' for line in varied]
  varied += [f'{words.label(name)}, together with another setting' for name in together]
  fixed = [
    words.place({name: view.rows[name].iloc[0]}) for name in settings if _is_fixed(view, name)
  ]
  return [
    ('Varied', '; '.join(varied)),
    ('Fixed', '; '.join(fixed) or 'nothing that is recorded'),
    ('Tuned', _tuned(view)),
  ]


def _is_fixed(view: View, name: str) -> bool:
  values = view.rows[name]
  # What is 0 or empty, as the number of examples to evaluate on, is left as it is by default.
  return bool(values.nunique() == 1 and values.notna().all() and values.iloc[0] not in ('', 0))


def _values(view: View, name: str) -> str:
  """'4, 16 and 64', or '15 values, 0.001 to 10'."""
  values: Sequence[Any] = list(pd.unique(view.rows[name].dropna()))  # all of one type
  if name == NORM:
    return words.listed(view.norms)
  if name in view.numeric or name == SEED:
    values = sorted(values)
  if len(values) <= MOST:
    return words.listed(map(words.number, values))
  ends = (
    f', {words.number(values[0])} to {words.number(values[-1])}' if name in view.numeric else ''
  )
  return f'{len(values)} values{ends}'


def _tuned(view: View) -> str:
  """What a claim tunes for each norm; without one all norms have the same settings."""
  named = [options['tuned'] for _, options in naming.claims(view.study) if 'tuned' in options]
  axes = dict.fromkeys(axis for each in named for axis in tuned.axes(each))
  if not axes:
    return 'nothing: every norm has the same settings'
  return (
    f'{words.listed(map(words.label, axes))}: each norm at its own best, chosen with one half of '
    'the seeds and judged with the other'
  )
