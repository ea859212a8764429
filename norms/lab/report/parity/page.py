"""What both kinds of report share: their parts, numbers and legends, and how they are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import pathlib
from typing import Any, NamedTuple, Protocol

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
import numpy as np
import pandas as pd

from norms.lab.report import origins, page, style, summary_json
from norms.lab.report.figures import sheets, writing
from norms.lab.report.naming import AnyStudy
from norms.lab.report.tables import ABSENT, Table
from norms.lab.values import Recorded

OURS = 'norms'


class Comparison(AnyStudy, Protocol):
  """What these reports read of norms.lab.parity.ParityStudy, which this room does not import."""

  @property
  def kind(self) -> str: ...
  @property
  def absent(self) -> str: ...
  @property
  def reference(self) -> str: ...


class ParityVerdict(NamedTuple):
  """A claim, its outcome ('supported' or 'refuted'), and the numbers behind it."""

  claim: str
  outcome: str
  sentence: str
  asks: str = ''  # the study's own question; these claims have none


class Section(NamedTuple):
  """A section: a table, what is verdict_lines of it, figures, further tables."""

  name: str
  title: str
  tables: list[Table]
  sentences: Sequence[str] = ()
  figures: Sequence[writing.WrittenFigure] = ()

  @property
  def begins(self) -> list[Table]:
    """The first table."""
    return self.tables[:1]

  @property
  def ends(self) -> list[Table]:
    """The others, which are long."""
    return self.tables[1:]


class Report(NamedTuple):
  """The contents of a report, before they become files."""

  says: str  # what was compared
  verdicts: Sequence[ParityVerdict]
  parts: Sequence[Section]
  csv: pd.DataFrame


def write(
  report: Report, study: Comparison, provenance: Sequence[Recorded], folder: pathlib.Path
) -> pathlib.Path:
  """Writes summary.csv and .json, report.md, index.html; returns the path of the last."""
  content = page.shared(study, report.verdicts, provenance)
  content |= {'says': f'{report.says} {study.absent}'.strip(), 'parts': report.parts}
  says = [study.reference] if study.reference else []
  folder.mkdir(parents=True, exist_ok=True)
  key = next((figure for part in report.parts for figure in part.figures), None)
  content |= {
    'key_figure': key,
    'key_finding': report.verdicts[0].sentence if report.verdicts else '',
  }
  facts = {'figure': key.png if key else '', 'cost': origins.cost(provenance)}
  more = {'facts': facts, 'advice': content['advice']}
  plain = summary_json.plain(study, report.verdicts, says=says, **more)
  page.put(folder / 'summary.json', plain)
  content |= {'colours': {}}  # of norms, which stand for themselves here
  shown = [table for part in report.parts for table in part.tables]
  return page.publish(content, report.csv, folder, shown, templates='parity/', digits=4)


def verdict_lines(verdicts: Iterable[ParityVerdict]) -> list[str]:
  """The verdicts for the terminal."""
  return [f'{line.claim}: {line.outcome}. {line.sentence}' for line in verdicts]


def number(value: float) -> str:
  """Two digits, '0' for exact agreement."""
  if np.isnan(value):
    return ABSENT
  if 0.1 <= abs(value) < 1000:  # 1.0e+00 is harder to read than 1
    return np.format_float_positional(value, 2, unique=False, fractional=False, trim='-')
  return '0' if value == 0 else f'{value:.1e}'


def look(index: int) -> dict[str, Any]:
  """How the lines of a library look: ours, the first, in the colour of no other."""
  order = (3, 1, 7, 2, 4, 5, 6, 8)
  colour = style.PALETTE[order[index % len(order)]][0]
  line = style.LINES[index % len(style.LINES)]
  return {'color': colour, 'marker': style.MARKERS[index], 'ls': line, 'ms': 4}


def legend(figure: Figure, titles: Sequence[str], columns: int, *, skip: int = 0) -> None:
  """A legend of the libraries, without the first `skip`."""
  handles = [Line2D([], [], label=title, **look(i)) for i, title in enumerate(titles)]
  sheets.above(figure, handles[skip:], columns)
