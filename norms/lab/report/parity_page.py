"""The page of a comparison with other libraries: verdicts, and parts of tables and figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
import pathlib
from typing import Any, NamedTuple

import matplotlib
import pandas as pd

from norms.lab.report import figures, page, style
from norms.lab.report.drawing import Drawing
from norms.lab.report.tables import Table


class Line(NamedTuple):
  """A claim, what became of it ('supported' or 'refuted'), and why."""

  claim: str
  outcome: str
  sentence: str


class Part(NamedTuple):
  """A section: a table, what is said of it, figures, further tables."""

  name: str
  title: str
  tables: list[Table]
  sentences: Sequence[str] = ()
  figures: Sequence[figures.Figure] = ()

  @property
  def begins(self) -> list[Table]:
    """The first table."""
    return self.tables[:1]

  @property
  def ends(self) -> list[Table]:
    """The others, which are long."""
    return self.tables[1:]


def write(
  folder: pathlib.Path,
  study: Any,
  says: str,
  verdicts: Sequence[Line],
  parts: Sequence[Part],
  provenance: Sequence[Mapping[str, Any]],
  csv: pd.DataFrame,
) -> pathlib.Path:
  """Writes summary.csv, report.md and index.html; returns the path of the last."""
  content = {
    'study': study,
    'says': says,
    'verdicts': verdicts,
    'badges': page.BADGES,
    'parts': parts,
    'facts': [('report', study.command), *page.facts(provenance)],
    'light': style.css_colours(dark=False),
    'dark': style.css_colours(dark=True),
  }
  text = csv.to_csv(index=False, float_format='%.4g', lineterminator='\n')
  page._write(folder / 'summary.csv', text)
  templates = page._templates()
  for name, template in (('report.md', 'parity.md.j2'), ('index.html', 'parity.html.j2')):
    page._write(folder / name, templates.get_template(template).render(content))
  return folder / 'index.html'


def drawn(drawings: Iterable[Drawing | None], folder: pathlib.Path) -> list[figures.Figure]:
  """The figures, written into their folder."""
  place = folder / figures.FOLDER
  place.mkdir(parents=True, exist_ok=True)
  return [figures._save(drawing, place) for drawing in drawings if drawing]


def styled() -> Any:
  """The context in which figures are drawn."""
  return matplotlib.rc_context(style.RC)


def look(index: int) -> dict[str, Any]:
  """How the lines of a library look: ours, the first, in the colour of no other."""
  order = (3, 1, 7, 2, 4, 5, 6, 8)
  colour = style.PALETTE[order[index % len(order)]][0]
  line = style.LINES[index % len(style.LINES)]
  return {'color': colour, 'marker': style.MARKERS[index], 'ls': line, 'ms': 4}
