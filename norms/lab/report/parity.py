"""The report of a comparison with other libraries, from its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

import pandas as pd

from norms.lab.report import parity_figures, parity_page, parity_tables, parity_verdicts
from norms.lab.report.parity_page import Part
from norms.lab.report.tables import plain
from norms.lab.statistics import words


def write(
  frame: pd.DataFrame, study: Any, provenance: Sequence[Mapping[str, Any]], folder: pathlib.Path
) -> pathlib.Path:
  """Writes figures, summary.csv, report.md and index.html; returns the path of the last."""
  titles = [title for title in frame['title'].unique() if title != parity_tables.OURS]
  with parity_page.styled():
    figures = parity_page.drawn([parity_figures.offsets(frame)], folder)
  exact = [parity_tables.libraries(frame), parity_tables.accuracy(frame)]
  refusals = list(parity_tables.refusals(frame))
  parts = [
    Part('agreement', 'Agreement', [parity_tables.pairs(frame), parity_tables.differences(frame)]),
    Part('exactness', 'Accuracy', exact, refusals, figures),
    Part('quantities', 'Quantities', [parity_tables.quantities(frame)]),
  ]
  says = f'Our norms beside {words.listed(titles)}. {study.absent}'.strip()
  verdicts = parity_verdicts.verdicts(frame)
  csv = frame.drop(columns=['trial'])
  return parity_page.write(folder, study, says, verdicts, parts, provenance, csv)


def terminal(frame: pd.DataFrame, study: Any) -> str:
  """Agreement in a few aligned lines, and the verdicts."""
  table = parity_tables.pairs(frame)
  short = table._replace(
    columns=table.columns[:9], rows=[row._replace(cells=row.cells[:9]) for row in table.rows]
  )
  lines = [f'{v.claim}: {v.outcome}. {v.sentence}' for v in parity_verdicts.verdicts(frame)]
  return '\n\n'.join([f'{study.name}: {table.title}. {table.note}\n{plain(short)}', *lines])
