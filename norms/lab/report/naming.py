"""What a study calls its norms, and which of its trials replay a reference's draws."""

from __future__ import annotations

from collections.abc import Mapping
import json
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from norms.lab import columns as schema
from norms.lab.columns import EPOCH, NORM, REPLAY
from norms.lab.statistics.claims import NORM_OPTIONS
from norms.lab.statistics.words import NO_NORM
from norms.lab.values import Recorded, Settings

if TYPE_CHECKING:
  from norms.lab.study import Study

Claim = tuple[str, Settings]


class AnyStudy(Protocol):
  """What every report reads of its study, be that a sweep or a comparison with other libraries."""

  @property
  def name(self) -> str: ...
  @property
  def question(self) -> str: ...
  @property
  def expectation(self) -> str: ...
  @property
  def doc(self) -> str: ...
  @property
  def command(self) -> str: ...


class AnyVerdict(Protocol):
  """What every report reads of a verdict, be that over seeds or of a single comparison."""

  @property
  def claim(self) -> str: ...
  @property
  def outcome(self) -> str: ...
  @property
  def sentence(self) -> str: ...
  @property
  def asks(self) -> str: ...


def labels(study: Study) -> dict[str, str]:
  """{norm: what the report calls it}, of the norms that have another name there."""
  return {'none': NO_NORM, **own_labels(study)}


def own_labels(study: Study) -> dict[str, str]:
  """Those that the study itself gives."""
  return dict(getattr(study, 'labels', None) or {})


def as_configured(frame: pd.DataFrame) -> pd.DataFrame:
  """The records or a table, with 'none' for no norm, as a config and a rule of a user name it."""
  return frame.assign(**{NORM: frame[NORM].map(configured)})


def configured(norm: str) -> str:
  """The same of one norm."""
  return 'none' if norm == NO_NORM else norm


def rename(value: Any, names: Mapping[str, str]) -> Any:  # an option of any type as it is
  """A norm, or several, by the study's name for it."""
  if isinstance(value, (list, tuple)):
    return tuple(rename(each, names) for each in value)
  return names.get(value, value)


def rename_norms(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
  """The records, norms by the study's names for them."""
  names = labels(study)
  frame = frame.assign(**{NORM: frame[NORM].map(lambda norm: names.get(norm, norm))})
  widths = {column: _widths(frame[column]) for column in schema.settings(frame)}
  return frame.assign(**{column: values for column, values in widths.items() if values is not None})


def _widths(column: pd.Series) -> pd.Series | None:
  """Layers that are all of one width, and always as many, are an axis: '[8, 8]' is 8."""
  # A column of other values is a plain axis already.
  if not column.map(lambda value: isinstance(value, str) and value.startswith('[')).all():
    return None
  parsed = {text: json.loads(text) for text in column.unique()}
  alike = all(len(set(widths)) == 1 for widths in parsed.values())
  if not alike or len({len(widths) for widths in parsed.values()}) != 1 or len(parsed) == 1:
    return None
  return column.map({text: widths[0] for text, widths in parsed.items()})


def claims(study: Study) -> list[Claim]:
  """The study's claims, norms by its own names for them: to be judged on `as_configured`."""
  names = own_labels(study)
  return [(claim, _options(options, names)) for claim, options in getattr(study, 'claims', ())]


def reference_statements(study: Study) -> list[str]:
  """What the reference concluded in words."""
  return [entry['says'] for entry in getattr(study, 'references', None) or () if 'says' in entry]


def references(study: Study) -> list[dict[str, Any]]:
  """The reference's figures, norms by the study's names for them."""
  names = labels(study)
  entries = [entry for entry in getattr(study, 'references', None) or () if 'values' in entry]
  return [{**entry, 'at': _options(entry.get('at', {}), names)} for entry in entries]


def rename_timing(timing: Recorded, study: Study) -> dict[str, Any]:
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


def _options(options: Settings, names: Mapping[str, str]) -> dict[str, Any]:
  # A claim across an axis compares two of its values, which are norms only if the axis is the norm.
  across = 'axis' in options and 'value' in options
  who = NORM_OPTIONS if not across else ('value', 'than') if options['axis'] == NORM else ()
  renamed_options = {
    key: rename(value, names) if key in who else value for key, value in options.items()
  }
  if isinstance(renamed_options.get('at'), Mapping):
    renamed_options['at'] = _options(renamed_options['at'], names)
  return renamed_options
