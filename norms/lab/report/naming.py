"""What a study calls its norms, and which of its trials replay a reference's draws."""

from __future__ import annotations

from collections.abc import Mapping
import json
from typing import Any

import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import EPOCH, NORM, REPLAY

Claim = tuple[str, Mapping[str, Any]]
WHO = ('norm', 'than', 'best')  # the options of a claim that name norms


def labels(study: Any) -> dict[str, str]:
  """{norm: what the report calls it}, of the norms that have another name there."""
  return dict(getattr(study, 'labels', None) or {})


def renamed(value: Any, names: Mapping[str, str]) -> Any:
  """A norm, or several, by the study's name for it."""
  if isinstance(value, (list, tuple)):
    return tuple(renamed(each, names) for each in value)
  return names.get(value, value)


def named(frame: pd.DataFrame, study: Any) -> pd.DataFrame:
  """The records, norms by the study's names for them."""
  names = labels(study)
  frame = frame.assign(**{NORM: frame[NORM].map(lambda norm: names.get(norm, norm))})
  widths = {column: _widths(frame[column]) for column in schema.settings(frame)}
  return frame.assign(**{column: found for column, found in widths.items() if found is not None})


def _widths(column: pd.Series) -> pd.Series | None:
  """Layers that are all of one width, and always as many, are an axis: '[8, 8]' is 8."""
  if not column.map(lambda value: isinstance(value, str) and value.startswith('[')).all():
    return None
  layers = {text: json.loads(text) for text in column.unique()}
  alike = all(len(set(found)) == 1 for found in layers.values())
  if not alike or len({len(found) for found in layers.values()}) != 1 or len(layers) == 1:
    return None
  return column.map({text: found[0] for text, found in layers.items()})


def claims(study: Any) -> list[Claim]:
  """The study's claims, norms by its names for them."""
  names = labels(study)
  return [(claim, _options(options, names)) for claim, options in getattr(study, 'claims', ())]


def said(study: Any) -> list[str]:
  """What the reference concluded in words."""
  return [entry['says'] for entry in getattr(study, 'references', None) or () if 'says' in entry]


def references(study: Any) -> list[dict[str, Any]]:
  """The reference's figures, norms by the study's names for them."""
  names = labels(study)
  entries = [each for each in getattr(study, 'references', None) or () if 'values' in each]
  return [{**entry, 'at': _options(entry.get('at', {}), names)} for entry in entries]


def timed(timing: Mapping[str, Any], study: Any) -> dict[str, Any]:
  """What was timed, norms by the study's names for them."""
  names = labels(study)
  rows = [{**row, NORM: names.get(row[NORM], row[NORM])} for row in timing.get('rows', ())]
  compiled = {names.get(k, k): v for k, v in timing.get('compile_seconds', {}).items()}
  return {**timing, 'rows': rows, 'compile_seconds': compiled} if timing else {}


def split_replays(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
  """The study's own trials, and those that replay a reference's draws.

  A replay is a single run of other draws, so no seed among the seeds; a study of nothing else
  is what it is.
  """
  replay = frame[REPLAY].fillna('').astype(bool) if REPLAY in frame else frame[EPOCH] < 0
  if replay.all():
    return frame, frame
  return frame[~replay], frame[replay]


def _options(options: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
  # Of a claim across an axis, `value` and `than` are values of it: norms only if it is the norm.
  across = 'axis' in options and 'value' in options
  who = WHO if not across else ('value', 'than') if options['axis'] == NORM else ()
  found = {key: renamed(value, names) if key in who else value for key, value in options.items()}
  if isinstance(found.get('at'), Mapping):
    found['at'] = _options(found['at'], names)
  return found
