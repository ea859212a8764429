"""The report of parity over training: the curves, and how gamma and beta drift apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

import pandas as pd

from norms.lab.report import parity_drift_figures as drift_figures
from norms.lab.report import parity_drift_tables as drift_tables
from norms.lab.report import parity_drift_verdicts as drift_verdicts
from norms.lab.report import parity_page
from norms.lab.report.parity_page import Part
from norms.lab.report.tables import plain
from norms.lab.statistics import words


def write(
  frame: pd.DataFrame, study: Any, provenance: Sequence[Mapping[str, Any]], folder: pathlib.Path
) -> pathlib.Path:
  """Writes figures, summary.csv, report.md and index.html; returns the path of the last."""
  curves, drift = drift_tables.curves(frame), drift_tables.drift(frame)
  with parity_page.styled():
    accuracy = parity_page.drawn([drift_figures.curves(frame)], folder)
    apart = parity_page.drawn(drift_figures.drift(drift), folder)
  parts = [
    Part('curves', 'Curves', [drift_tables.accuracies(curves)], (), accuracy),
    Part('drift', 'Drift', [drift_tables.drifts(drift)], (), apart),
  ]
  seeds = words.count(frame['seed'].nunique(), 'seed')
  says = f'One network, trained with one library after another, {seeds}. {study.absent}'.strip()
  verdicts = drift_verdicts.verdicts(curves, drift)
  return parity_page.write(folder, study, says, verdicts, parts, provenance, drift)


def terminal(frame: pd.DataFrame, study: Any) -> str:
  """The two tables in aligned lines, and the verdicts."""
  curves, drift = drift_tables.curves(frame), drift_tables.drift(frame)
  made = (drift_tables.accuracies(curves), drift_tables.drifts(drift))
  blocks = [f'{table.title}. {table.note}\n{plain(table)}' for table in made]
  lines = [f'{v.claim}: {v.outcome}. {v.sentence}' for v in drift_verdicts.verdicts(curves, drift)]
  return '\n\n'.join([study.name, *blocks, *lines])
