"""Each table of a report as CSV and as LaTeX, in a folder beside its page."""

from __future__ import annotations

from collections.abc import Iterable
import pathlib

import pandas as pd

from norms.lab.report.tables import Table

FOLDER = 'tables'
LATEX_LINES = 200  # a longer table fits no page of a paper


def write(tables: Iterable[Table], folder: pathlib.Path) -> None:
  """Writes <name>.csv and, of tables that fit a page, <name>.tex."""
  place = folder / FOLDER
  place.mkdir(parents=True, exist_ok=True)
  texts: dict[str, str] = {}
  for table in tables:
    frame = pd.DataFrame([row.cells for row in table.rows], columns=table.columns)
    texts[f'{table.name}.csv'] = frame.to_csv(index=False, lineterminator='\n')
    if len(frame) <= LATEX_LINES:
      texts[f'{table.name}.tex'] = frame.to_latex(
        index=False, escape=True, caption=table.title, label=f'tab:{table.name}'
      )
  for name, text in texts.items():
    (place / name).write_text(text, encoding='utf-8', newline='\n')
