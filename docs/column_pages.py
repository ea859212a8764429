"""The tables of every column of the records, made from the schemas in norms/lab."""

import math

from norms.lab import columns, parity_columns

HEADS = ('column', 'kind', 'dtype', 'what a report calls it', 'unit', 'better', 'limits')


def tables() -> str:
  """A table of the records of studies, and one of those of the parity studies."""
  parts = [
    ('Records of a study', columns.COLUMNS, columns.label),
    ('Records of a parity study', parity_columns.COLUMNS, parity_columns.label),
  ]
  found = []
  for title, rows, label in parts:
    lines = [f'## {title}', '', f'| {" | ".join(HEADS)} |', '|' + ' --- |' * len(HEADS)]
    lines += [f'| {" | ".join(cells(row, label(row.name)))} |' for row in rows]
    found.append('\n'.join(lines))
  return '\n\n'.join(found) + '\n'


def cells(row: columns.Column, label: str) -> tuple[str, ...]:
  """A line of the table; a * in a name or label stands for any text."""
  low, high = (f'{end:g}' if math.isfinite(end) else '' for end in row.limits)
  limits = f'{low} to {high}' if low and high else f'from {low}' if low else ''
  label = label.replace('|', '\\|').replace('*', '\\*')
  return f'`{row.name}`', row.kind, row.dtype, label, row.unit, row.better, limits
