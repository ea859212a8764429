"""Agreement: how far each library is from ours, and whose error against the exact value is less."""

from __future__ import annotations

import functools
import pathlib

import pandas as pd

from norms.lab.parity_columns import COMPARED, TITLE
from norms.lab.report.aligned import titled
from norms.lab.report.figures import writing
from norms.lab.report.parity.agreement import figures, tables, verdicts
from norms.lab.report.parity.page import OURS, Comparison, Report, Section, verdict_lines
from norms.lab.statistics import words

SHORT = 9  # columns that a terminal has room for


def report(frame: pd.DataFrame, folder: pathlib.Path) -> Report:
  """The tables, figures and verdicts of the report; the figures are written here."""
  titles = [title for title in frame[TITLE].unique() if title != OURS]
  errors = writing.write([functools.partial(figures.offsets, frame)], folder)
  exact = [tables.libraries(frame), tables.accuracy(frame)]
  parts = [
    Section('agreement', 'Agreement', [tables.pairs(frame), tables.differences(frame)]),
    Section('exactness', 'Accuracy', exact, list(tables.refusals(frame)), errors),
    Section('quantities', 'Quantities', [tables.quantities(frame)]),
  ]
  says = f'Our norms beside {words.listed(titles)}.'
  return Report(says, verdicts.verdicts(frame), parts, frame[list(COMPARED)])


def terminal(frame: pd.DataFrame, study: Comparison) -> str:
  """Agreement in a few aligned lines, and the verdicts."""
  table = tables.pairs(frame)
  rows = [row._replace(cells=row.cells[:SHORT]) for row in table.rows]
  short = table._replace(columns=table.columns[:SHORT], rows=rows)
  blocks = [f'{study.name}: {titled(short)}', *verdict_lines(verdicts.verdicts(frame))]
  return '\n\n'.join(blocks)
