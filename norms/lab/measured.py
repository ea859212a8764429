"""What a task measures, as each file of records says it: the schema of columns of one's own."""

from collections.abc import Iterable
import json
from typing import NamedTuple

from norms.lab import columns
from norms.lab.columns import Column


class Measured(NamedTuple):
  """What a task measures."""

  score: str = columns.SCORE  # the column by which norms are compared
  rows: tuple[Column, ...] = ()  # of the columns that norms.lab.columns does not have

  def to_json(self) -> bytes:
    """For a file's metadata."""
    return json.dumps(self).encode()


def from_json(text: bytes | None) -> Measured:
  """What a file says; those from before there were tasks say nothing."""
  if text is None:
    return Measured()
  score, rows = json.loads(text)
  return Measured(score, tuple(map(_row, rows)))


def _row(values: list[object]) -> Column:
  """A row of JSON, which knows lists only."""
  fields: list[object] = [tuple(v) if isinstance(v, list) else v for v in values]
  return Column._make(fields)


def register(measured: Iterable[Measured]) -> None:
  """Makes the rows known to norms.lab.columns, for as long as this process lives."""
  columns.added.update({row.name: row for each in measured for row in each.rows})


def scores(measured: Iterable[Measured]) -> dict[str, str]:
  """What a frame of such records says among its attrs: what it is compared by, if they agree."""
  # Files of several tasks in one folder have no common score, and the frame says none.
  compared_by = {each.score for each in measured}
  return {columns.COMPARED_BY: compared_by.pop()} if len(compared_by) == 1 else {}
