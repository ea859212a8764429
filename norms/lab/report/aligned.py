"""A table of a report as aligned text, for the terminal."""

from __future__ import annotations

import textwrap

from norms.lab.report.tables import ABSENT, Table

WIDTH = 120  # of what is said above a table


def titled(table: Table) -> str:
  """A table with its title and note, for the terminal."""
  return f'{textwrap.fill(f"{table.title}. {table.note}", WIDTH)}\n{plain(table)}'


def plain(table: Table) -> str:
  """A table as aligned text: words to the left, numbers to the right."""
  grid = [table.columns, *(row.cells for row in table.rows)]
  widths = [max(len(str(line[i])) for line in grid) for i in range(len(table.columns))]
  # A column is aligned to the right only if every entry is a number, or absent.
  numeric = [all(_is_number(row.cells[i]) for row in table.rows) for i in range(len(widths))]
  aligned = (
    '  '.join(
      text.rjust(width) if right else text.ljust(width)
      for text, width, right in zip(line, widths, numeric, strict=True)
    ).rstrip()
    for line in grid
  )
  return '\n'.join(aligned)


def _is_number(text: str) -> bool:
  return text[:1].isdigit() or text[:1] in '+-' or text == ABSENT
