"""Parquet files that say their own sha256 and how much they hold, so that damage is noticed."""

from collections.abc import Collection
import hashlib
import json
import os
import pathlib
import re
from typing import NamedTuple

import pyarrow as pa
from pyarrow import parquet

from norms.lab import columns, mistakes
from norms.lab.store import durable

SUM, COUNTS = 'norms.sha256', 'norms.counts'
# In a file's last part stands the key, then a byte each of type and length, then the value.
_SUM = re.compile(rb'norms\.sha256\x18\x40([0-9a-f]{64})')
_BLANK, _OF_FILE = '0' * 64, (SUM.encode(), COUNTS.encode())


class Damaged(ValueError):
  """A file is there and can be read, and is not what was written."""


def write(path: pathlib.Path, table: pa.Table) -> None:
  """Writes a file, complete or not at all."""
  raw = encoded(table)
  with durable.replacing(path) as temporary:
    temporary.write_bytes(raw)


def encoded(table: pa.Table) -> bytes:
  """The bytes of a table's file: its sha256 is that of the file where sixty-four 0 stand for it."""
  # What another file said of itself, from which the table was read, is not true of this one.
  own = {key: value for key, value in (table.schema.metadata or {}).items() if key not in _OF_FILE}
  table, sink = table.replace_schema_metadata(own), pa.BufferOutputStream()
  options = {'compression': 'zstd', 'write_page_checksum': True}
  with parquet.ParquetWriter(sink, table.schema, **options) as writer:
    writer.write_table(table)
    writer.add_key_value_metadata({COUNTS: json.dumps(_counts(table)), SUM: _BLANK})
  raw = sink.getvalue().to_pybytes()
  start, end = _SUM.search(raw).span(1)  # type: ignore[union-attr]
  return raw[:start] + hashlib.sha256(raw).hexdigest().encode() + raw[end:]


class Stamp(NamedTuple):
  """By what a file is known to be the one that was read, without being opened again."""

  size: int
  modified: int  # nanoseconds
  inode: int  # which is another where a file took the place of one of its name

  @classmethod
  def of(cls, status: os.stat_result) -> 'Stamp':
    """Of what the system says of a file."""
    return cls(status.st_size, status.st_mtime_ns, status.st_ino)


class Content(NamedTuple):
  """A file that is what was written."""

  table: pa.Table
  sha256: str  # as it says it itself, or of a file from before they did
  stamp: Stamp


def read(path: pathlib.Path, names: Collection[str] | None = None) -> pa.Table:
  """The table of `content`."""
  return content(path, names).table


def content(path: pathlib.Path, names: Collection[str] | None = None) -> Content:
  """A file's table, or those of some columns that it has, and by what it is known.

  Files from before they had a sum are taken as they are, if they can be read at all. The bytes are
  read once, for the sum and for the table.

  Raises:
    Damaged: where the file is not what was written.
    FileNotFoundError: where it is gone.
    ValueError: where it cannot be opened.
  """
  try:
    with path.open('rb') as opened:
      stamp, raw = Stamp.of(os.fstat(opened.fileno())), opened.read()
  except FileNotFoundError:
    raise
  except OSError as error:
    raise ValueError(f'records file {path} cannot be opened: {error.strerror}') from error
  try:
    stated = _SUM.search(raw)
    if stated and stated[1].decode() != _sum(raw, *stated.span(1)):
      raise ValueError('it differs from its sha256')
    file = parquet.ParquetFile(pa.BufferReader(raw), page_checksum_verification=not stated)
    there = None if names is None else [name for name in file.schema_arrow.names if name in names]
    table = file.read(columns=there)
    counts = (file.metadata.metadata or {}).get(COUNTS.encode())
    if (counts is None) != (stated is None):
      raise ValueError('what it says of itself is lost in part')
    if counts is not None and json.loads(counts)['rows'] != table.num_rows:
      raise ValueError(f'it has {table.num_rows} rows, and says {counts.decode()}')
  except Exception as error:  # whatever pyarrow says of bytes that it cannot make sense of
    raise damaged(path, mistakes.first_line(error)) from error
  return Content(table, stated[1].decode() if stated else hashlib.sha256(raw).hexdigest(), stamp)


def check_trials(path: pathlib.Path, table: pa.Table) -> None:
  """Raises Damaged where a file is of another program, whole perhaps, and holds no trials."""
  texts = pa.string(), pa.large_string()
  if not any(field.name == columns.TRIAL and field.type in texts for field in table.schema):
    raise damaged(path, 'it holds no trials')


def damaged(path: pathlib.Path, reason: str) -> Damaged:
  """The error of a file that is not what was written, or was never written by the lab."""
  return Damaged(
    f'records file {path} cannot be read ({reason}): run its study again, which sets the file '
    'aside and trains its trials anew, or delete it'
  )


def _sum(raw: bytes, start: int, end: int) -> str:
  """The sha256 of a file, but for the place where it stands itself."""
  found = hashlib.sha256(raw[:start])
  found.update(_BLANK.encode() + raw[end:])
  return found.hexdigest()


def _counts(table: pa.Table) -> dict[str, int]:
  trials = table[columns.TRIAL].unique() if columns.TRIAL in table.column_names else ()
  return {'trials': len(trials), 'rows': table.num_rows}
