"""What is committed of a study beside its report: its records, as two small files.

trials.csv has a row per trial, for readers and for other programs; records.parquet holds every row,
with where it came from, so that the report can be written again without training. A comparison with
other libraries has no trials, and records.parquet alone.
"""

from collections.abc import Sequence
import json
import os
import pathlib
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from norms.lab import columns, measured, statistics
from norms.lab.columns import AXES, COMPARED_BY, EPOCH, NORM, REPLAY, SEED, STEP, TRIAL
from norms.lab.store import checked
from norms.lab.values import Recorded

TRIALS, RECORDS = 'trials.csv', 'records.parquet'
EVERYWHERE = (columns.TABLE, columns.SUMMARY, columns.FIGURE, columns.OWN, columns.NOWHERE)
_KEY = b'norms.evidence'


class Evidence(NamedTuple):
  """What records.parquet holds: all that norms.lab.report.write takes beside the study."""

  frame: pd.DataFrame
  provenance: list[dict[str, Any]]
  timing: dict[str, Any]


def trials(frame: pd.DataFrame) -> pd.DataFrame:
  """A row per trial: what it was asked for, its last and its best figures, and how it ended."""
  rows = statistics.finals(frame)
  settings = [name for name in columns.settings(rows) if rows[name].notna().any()]
  # Of each layer there are many columns; records.parquet has them.
  figures = [
    name
    for name in columns.measurements(rows, *EVERYWHERE)
    if name.partition('.')[0] not in columns.PROBED and rows[name].notna().any()
  ]
  # Whether it trained and diverged is said of every trial, even where none did.
  figures = list(dict.fromkeys([*figures, columns.TRAINED, columns.DIVERGED_AT]))
  # Claims are about the others: what draws a reference's numbers again is no seed of ours.
  replayed = REPLAY in rows and rows[REPLAY].fillna('').astype(bool).any()
  replay = [REPLAY] if replayed else []
  rows = rows[[TRIAL, NORM, *settings, SEED, *replay, EPOCH, STEP, *figures]]
  by = [NORM, *settings, SEED, TRIAL]
  return rows.sort_values(by, key=_sortable, kind='stable').reset_index(drop=True)


def write(
  frame: pd.DataFrame,
  provenance: Sequence[Recorded],
  folder: pathlib.Path,
  timing: Recorded | None = None,
) -> None:
  """Writes both files; the same records give the same bytes, in whatever order they come."""
  # Nine digits hold any float32; line ends are the same on every system.
  text = trials(frame).to_csv(index=False, float_format='%.9g', lineterminator='\n')
  (folder / TRIALS).write_text(text, encoding='utf-8', newline='\n')
  write_rows(frame.sort_values([TRIAL, EPOCH], kind='stable'), provenance, folder, timing)


def write_rows(
  frame: pd.DataFrame,
  provenance: Sequence[Recorded],
  folder: pathlib.Path,
  timing: Recorded | None = None,
) -> None:
  """Writes records.parquet alone, its rows in the frame's order."""
  rows = frame.copy(deep=False)
  rows.attrs = {}  # pandas would write them, too
  table = pa.Table.from_pandas(rows, preserve_index=False)
  score = frame.attrs.get(COMPARED_BY, columns.SCORE)
  task = measured.Measured(score, tuple(row for row in columns.added.values() if row.name in frame))
  about = {'axes': frame.attrs.get(AXES), 'provenance': list(provenance)}
  about |= {'timing': dict(timing or {}), 'measured': task.to_json().decode()}
  metadata = {**(table.schema.metadata or {}), _KEY: json.dumps(about).encode()}
  checked.write(folder / RECORDS, table.replace_schema_metadata(metadata))


def load(folder: str | os.PathLike) -> Evidence:
  """What `write` has put into a report's folder.

  Raises:
    ValueError: where there is no such file, or one that cannot be read.
  """
  path = pathlib.Path(folder) / RECORDS
  if not path.exists():
    raise ValueError(f'no records, and no {path} in place of them: run the study, without --report')
  table = checked.read(path)
  about = json.loads((table.schema.metadata or {}).get(_KEY, b'{}'))
  if not about:
    raise ValueError(f'{path} is no file of a report: run the study, and its report writes one')
  task = measured.from_json(about['measured'].encode())
  measured.register([task])
  frame = table.to_pandas()
  frame.attrs = measured.scores([task])
  frame.attrs |= {AXES: about['axes']} if about['axes'] is not None else {}
  return Evidence(frame, about['provenance'], about['timing'])


def _sortable(values: pd.Series) -> pd.Series:
  """A column that holds texts and numbers side by side has an order as texts only."""
  return values if pd.api.types.is_numeric_dtype(values.dtype) else values.astype(str)
