"""Which claims a study's own trials cannot judge, whatever comes out: known before any runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import NORM
from norms.lab.statistics import across, cells, claims, words
from norms.lab.trial import COLUMN_DEFAULTS


def not_judged(
  stated: Iterable[tuple[str, Mapping[str, Any]]], trials: Iterable[Mapping[str, Any]]
) -> list[str]:
  """A line for each claim whose filter no trial matches, or of whose norms there is no trial.

  Not an error: the command line may choose a part of a study, and what it leaves out is undecided.

  Args:
    stated: the claims of the study.
    trials: `Trial.columns()` of each, the settings alone.
  """
  frame = pd.DataFrame(trials).fillna(COLUMN_DEFAULTS)
  found = ((claim, _why(frame, dict(options))) for claim, options in stated)
  return [f'claim {claim!r} cannot be judged: {why}' for claim, why in found if why]


def _why(frame: pd.DataFrame, options: dict[str, Any]) -> str:
  at = dict(options.pop('at', None) or {})
  measured = [key for key in at if key not in frame and schema.has_row(key)]
  try:
    rows = cells.select(frame, {key: at[key] for key in at if key not in measured})
    if across.compares_values(options):
      rows, options = across.relabel(rows, options), across.as_norms(options)
  except cells.SelectionError as error:
    return str(error)
  absent = [norm for norm in claims.norms(options) if norm not in set(rows[NORM])]
  return f'no trial is of {words.listed(absent)}' if absent else ''
