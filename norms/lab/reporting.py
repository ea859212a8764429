"""The report of what a results folder holds, as train.py writes it and prints its end.

It imports norms.lab.report only where it writes: to plan a study needs none of that.
"""

import pathlib

from norms.lab import evidence, parity, records, sweep
from norms.lab.study import Study


def again(study: Study, workdir: pathlib.Path) -> str:
  """Writes a study's report once more: from the records, or where there are none from what is kept
  beside the report. Returns what the terminal shows.

  Raises:
    ValueError: where neither is there.
  """
  from norms.lab import report

  frame = sweep.results(study, workdir)
  if frame.empty:
    frame, made_by, timing = evidence.load(workdir / 'report')
    page = report.write(frame, study, made_by, workdir / 'report', timing)
  else:
    page = report.of_run(frame, study, workdir)
  return f'{report.terminal(frame, study, page)}\n\nreport: {page}'


def of_comparison(study: parity.ParityStudy, workdir: pathlib.Path, kept: bool) -> str:
  """Writes the report of a comparison with other libraries; returns what the terminal shows.

  kept: whether, where there are no records, it is written from what is kept beside the report; else
  there is none, and nothing to show.

  Raises:
    ValueError: where that is asked for, and is not there.
  """
  frame, made_by = parity.results(study, workdir), records.provenance(workdir)
  if frame.empty and kept:
    frame, made_by, _ = evidence.load(workdir / 'report')
  if frame.empty:
    return ''
  from norms.lab.report import parity as report

  page = report.write(frame, study, made_by, workdir / 'report')
  return f'{report.terminal(frame, study)}\n\nreport: {page}'
