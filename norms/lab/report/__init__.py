"""The report of a study: verdicts, tables and figures from its records, nothing else.

`view` puts the records in order; `page` fills the templates with `tables`, with the sentences of
`findings` and with the figures that `which_figures` lists. What has a table, sentences and figures
of its own is `reference`, `probes`, `best_of_each`, `trained_ranges`, `timing` or `measurements`.
`summary_json` and `replay_json` are files for programs, `studies` the table of all reports,
`parity` the report of a comparison with other libraries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent import futures
import os
import pathlib
from typing import TYPE_CHECKING, Any

import pandas as pd

from norms.lab.report import page, tables, view
from norms.lab.statistics import words

if TYPE_CHECKING:
  from norms.lab.study import Study


def write(
  frame: pd.DataFrame,
  study: Study,
  provenance: Sequence[Mapping[str, Any]],
  folder: str | os.PathLike[str],
  timing: Mapping[str, Any] | None = None,
  helper: futures.Executor | None = None,
) -> pathlib.Path:
  """Writes the report of `study` into `folder`; returns the path of index.html.

  helper: of one process, which draws some of the figures.
  """
  return page.write(view.of(frame, study, timing), provenance, pathlib.Path(folder), helper)


def terminal(frame: pd.DataFrame, study: Study) -> str:
  """The norms in a few aligned lines: at the usual cell, and over the whole sweep."""
  study_view = view.of(frame, study)
  head = f'{study.name}: {words.count(len(study_view.rows), "trial")}, {study_view.seeds()}'
  parts = [tables.usual(study_view)] + ([tables.sweep(study_view)] if study_view.axes else [])
  return '\n\n'.join([head, *map(tables.titled, parts)])
