"""Drift: the curves of networks that differ in a library's norm, and their gamma and beta."""

from __future__ import annotations

import functools
import pathlib

import pandas as pd

from norms.lab.report.aligned import titled
from norms.lab.report.figures import writing
from norms.lab.report.parity.drift import figures, tables, verdicts
from norms.lab.report.parity.page import Comparison, Report, Section, verdict_lines
from norms.lab.statistics import words


def report(frame: pd.DataFrame, folder: pathlib.Path) -> Report:
  """The tables, figures and verdicts of the report; the figures are written here."""
  curves, drift = tables.curves(frame), tables.drift(frame)
  accuracy, *apart = writing.write([functools.partial(figures.draw, frame, drift)], folder)
  parts = [
    Section('curves', 'Curves', [tables.accuracies(curves)], (), [accuracy]),
    Section('drift', 'Drift', [tables.drifts(drift)], (), apart),
  ]
  seeds = words.count(frame['seed'].nunique(), 'seed')
  says = f'One network, trained with one library after another, {seeds}.'
  return Report(says, verdicts.verdicts(curves, drift), parts, drift)


def terminal(frame: pd.DataFrame, study: Comparison) -> str:
  """The two tables in aligned lines, and the verdicts."""
  curves, drift = tables.curves(frame), tables.drift(frame)
  shown = map(titled, (tables.accuracies(curves), tables.drifts(drift)))
  return '\n\n'.join([study.name, *shown, *verdict_lines(verdicts.verdicts(curves, drift))])
