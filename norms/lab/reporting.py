"""The report of what a results folder holds, as train.py writes it and prints its end.

It imports norms.lab.report only where it writes: to plan a study needs none of that.
"""

from concurrent import futures
import json
import pathlib
from typing import Any

import pandas as pd

from norms.lab import evidence, left, parity, records, sweep
from norms.lab.store import durable
from norms.lab.study import Study
from norms.lab.workdir import claims


def of_study(study: Study, workdir: pathlib.Path, helper: futures.Executor | None = None) -> str:
  """Writes a study's report: from the records, or where there are none from what is kept beside it.
  Returns what the terminal shows.

  helper: of one process, which draws some of the figures.

  Raises:
    ValueError: where neither is there.
  """
  from norms.lab import report

  # Processes that end at once write one after the other, each what is on record by then.
  with claims.alone(workdir, claims.REPORT):
    frame = sweep.results(study, workdir)
    if frame.empty:
      frame, made_by, timing = evidence.load(workdir / 'report')
      page = report.write(frame, study, made_by, workdir / 'report', timing)
    else:
      page = report.of_run(frame, study, workdir, helper=helper)
  return f'{report.terminal(frame, study, page)}\n\nreport: {page}'


def compared(text: str) -> str:
  """Of 'A,B', two results folders of a study: writes B/comparison.md, returns the terminal's text.

  Raises:
    ValueError: where these are not two folders with records, or what is kept of them.
  """
  folders = [pathlib.Path(part.strip()) for part in text.split(',') if part.strip()]
  if len(folders) != 2:
    raise ValueError(f'compare={text!r}: name two results folders, as in results/a,results/b')
  from norms.lab import two_studies
  from norms.lab.report import compared as report

  before, after = (report.Side(str(folder), *_kept(folder)) for folder in folders)
  changes = two_studies.compare(before.frame, after.frame)
  written = folders[1] / 'comparison.md'
  with durable.replacing(written) as path:
    path.write_text(report.markdown(before, after, changes), encoding='utf-8', newline='\n')
  return f'{report.terminal(before, after, changes)}\n\ncomparison: {written}'


def _kept(folder: pathlib.Path) -> tuple[pd.DataFrame, list[dict[str, Any]] | None]:
  """The records of a folder, or what is kept of them beside its report; the report's verdicts."""
  if not folder.is_dir():
    raise ValueError(f'compare={str(folder)!r} is no folder: name one that a study wrote')
  places = [folder / name for name in ('report', 'reference', '.')]
  frame = records.load(folder)
  if frame.empty:
    kept = [place for place in places if (place / evidence.RECORDS).is_file()]
    if not kept:
      raise ValueError(f'compare={str(folder)!r} has no records: run the study first')
    frame = evidence.load(kept[0]).frame
  summaries = [place / 'summary.json' for place in places if (place / 'summary.json').is_file()]
  if not summaries:
    return frame, None
  return frame, json.loads(summaries[0].read_text(encoding='utf-8'))['verdicts']


def of_comparison(study: parity.ParityStudy, workdir: pathlib.Path, kept: bool) -> str:
  """Writes the report of a comparison with other libraries; returns what the terminal shows.

  kept: whether it is written of what is there, and where there are no records from what is kept
  beside the report; else it is not while other processes are at work, nor where nothing is there.

  Raises:
    ValueError: where that is asked for, and is not there.
  """
  if not kept and (others := left.lines(study.name, workdir, study.units, 'units')):
    return '\n'.join(others)
  with claims.alone(workdir, claims.REPORT):
    frame, made_by = parity.results(study, workdir), records.provenance(workdir)
    if frame.empty and kept:
      frame, made_by, _ = evidence.load(workdir / 'report')
    if frame.empty:
      return ''
    from norms.lab.report import parity as report

    page = report.write(frame, study, made_by, workdir / 'report')
  return f'{report.terminal(frame, study)}\n\nreport: {page}'
