"""The report of a study: verdicts, tables and figures from its records, nothing else.

norms.lab.report(frame, study) is `norms.lab.report.of_run`: it writes the report of what
norms.lab.run has left in a folder.

`view` puts the records in order; `page` fills the templates with `tables`, with the sentences of
`findings` and with the figures that `which_figures` lists. What has a table, sentences and figures
of its own is `reference`, `probes`, `best_of_each`, `trained_ranges`, `timing` or `measurements`.
`search` says what a large or random design shows. `answer`, `varied` and `origins` say what was
found, what was asked and by what run, `questions` puts figures in order, `trials` has a line for
each trial. `summary_json`, `replay_json` and `table_files` write files for programs and papers,
`studies` the table of all reports, `parity` the report of a comparison with other libraries.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent import futures
import inspect
import os
import pathlib
import sys
import types
from typing import TYPE_CHECKING, Any

import pandas as pd

from norms.lab import evidence, records, timed
from norms.lab.report import aligned, page, replay_json, search, summary_json, tables, view
from norms.lab.statistics import words
from norms.lab.store import durable
from norms.lab.values import Recorded

if TYPE_CHECKING:
  from norms.lab.study import Study  # which loads what reads data


def of_run(
  frame: pd.DataFrame,
  study: Study,
  workdir: str | os.PathLike[str] | None = None,
  *,
  helper: futures.Executor | None = None,
) -> pathlib.Path:
  """Writes the report of a run into its folder: index.html, report.md, figures, tables.

  Args:
    frame: the records, as norms.lab.run returns them.
    study: the study that was run.
    workdir: where its records lie, and where report/ goes; by default results/<name>.
    helper: of one process, which draws some of the figures.

  Returns:
    The path of index.html.

  Raises:
    ValueError: where the frame holds no trial.
  """
  workdir = study.folder(workdir)
  made_by, timing = records.provenance(workdir), timed.load(workdir)
  return write(frame, study, made_by, workdir / 'report', timing, helper)


def write(
  frame: pd.DataFrame,
  study: Study,
  provenance: Sequence[Recorded],
  folder: str | os.PathLike[str],
  timing: Recorded | None = None,
  helper: futures.Executor | None = None,
) -> pathlib.Path:
  """Writes the report of `study` into `folder`, whole or not at all; the path of index.html.

  What norms.lab.evidence.load returns of a folder makes the same report again.

  helper: of one process, which draws some of the figures.
  """
  folder = pathlib.Path(folder)
  seen = view.of(frame, study, timing)
  with durable.renewing(folder, page.INDEX, goes=[replay_json.FILE]) as fresh:
    page.write(seen, provenance, fresh, helper)
    evidence.write(frame, provenance, fresh, timing)
  return folder / page.INDEX


def terminal(frame: pd.DataFrame, study: Study, index: pathlib.Path | None = None) -> str:
  """The norms in a few aligned lines, at the usual cell and over the whole sweep.

  index: the page of the study's report, whose verdicts and answer follow: at the end of a terminal
    a reader looks first.
  """
  study_view = view.of(frame, study)
  head = f'{study.name}: {words.count(len(study_view.rows), "trial")}, {study_view.seeds()}'
  first = search.best(study_view) if study_view.is_random else tables.usual(study_view)
  parts = [first, *filter(None, [search.importance(study_view)])]
  parts += [tables.sweep(study_view)] * bool(study_view.axes)
  said = summary_json.lines(index.with_name('summary.json')) if index else []
  return '\n\n'.join([head, *map(aligned.titled, parts), *said])


class _Report(types.ModuleType):
  """This package, which is also the function norms.lab.report."""

  __signature__ = inspect.signature(of_run)

  def __call__(self, *args: Any, **kwargs: Any) -> pathlib.Path:  # see __signature__
    return of_run(*args, **kwargs)


sys.modules[__name__].__class__ = _Report
