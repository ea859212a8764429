"""The page: everything a report says, handed to the templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent import futures
import pathlib
import re
from typing import Any

import jinja2
import markupsafe
import pandas as pd

from norms.lab import statistics
from norms.lab.report import (
  advice,
  answer,
  best_of_each,
  findings,
  measurements,
  naming,
  origins,
  questions,
  replay_json,
  search,
  style,
  summary_json,
  table_files,
  tables,
  timing,
  trained_ranges,
  trials,
  varied,
  which_figures,
)
from norms.lab.report.figures import writing
from norms.lab.report.naming import AnyStudy, AnyVerdict
from norms.lab.report.probes import at_start
from norms.lab.report.reference import comparison
from norms.lab.report.view import View
from norms.lab.statistics import stated, words

INDEX = 'index.html'
BADGES = {'supported': '✓', 'refuted': '×', 'equivalent': '=', 'undecided': '?'}
EXPONENT = re.compile(r'\d(?:\.\d+)?e-\d+')
MARKDOWN_CELLS = 200  # lines; a longer table is left to summary.csv


def write(
  view: View,
  provenance: Sequence[Mapping[str, Any]],
  folder: pathlib.Path,
  helper: futures.Executor | None = None,
) -> pathlib.Path:
  """Writes figures, summary.csv and .json, report.md, index.html; returns the path of the last."""
  folder.mkdir(parents=True, exist_ok=True)
  # The helper draws while this process computes the tables and sentences.
  drawn = writing.begin_writing(which_figures.parts_of(view), folder, helper)
  content = contents(view, provenance)
  content |= _arranged(view, drawn(), content['verdicts'])
  key = content['key_figure']
  figure = key.png if key else ''
  more = {'figure': figure, 'otherwise': content['findings'], 'advice': content['advice']}
  put(folder / 'summary.json', summary_json.text(view, content['verdicts'], provenance, **more))
  replay_json.write(view, folder)
  names = ('usual', 'sweep', 'cells', 'reference', 'failures', 'trial_lines')
  shown = [content[name] for name in names if content[name]]
  return publish(content, tables.summary(view), folder, [*shown, *content['more']])


def publish(
  content: Mapping[str, Any],
  csv: pd.DataFrame,
  folder: pathlib.Path,
  shown: Iterable[tables.Table],
  *,
  templates='',
  digits=6,
) -> pathlib.Path:
  """Writes summary.csv, report.md and index.html, by the templates of a folder beside this file.

  shown: the tables of the page, which have files of their own too.

  Returns the path of the last.
  """
  text = csv.to_csv(index=False, float_format=f'%.{digits}g', lineterminator='\n')
  put(folder / 'summary.csv', text)
  table_files.write(shown, folder)
  for name, template in (('report.md', 'report.md.j2'), (INDEX, 'page.html.j2')):
    put(folder / name, rendered(templates + template, content))
  return folder / INDEX


def rendered(template: str, content: Mapping[str, Any]) -> str:
  """A template of this folder, filled."""
  colours = {'light': style.css_colours(dark=False), 'dark': style.css_colours(dark=True)}
  return _templates().get_template(template).render({**colours, **content})


def contents(view: View, provenance: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """What both templates read beside the figures."""
  study = view.study
  verdicts = statistics.verdicts(naming.as_configured(view.records), naming.claims(study))
  claims, metric = getattr(study, 'claims', ()), statistics.score(view.records)
  verdicts = stated.told(verdicts, claims, metric, origins.used(provenance))
  return {
    **shared(study, verdicts, provenance, findings.sentences(view), naming.claims(study)),
    'design': varied.facts(view),
    'trial_lines': trials.table(view),
    'failures': trials.failures(view),
    'seeds': view.seeds(),
    'trials': words.count(len(view.rows), 'trial'),
    'spread': view.spread(),
    'findings': findings.sentences(view),
    'probed': not at_start.starts(view).empty,
    'says': naming.reference_statements(study),
    'reference': comparison.table(view),
    'beside': list(comparison.sentences(view)),
    'more': [
      *best_of_each.tables_of(view),
      *(trained_ranges.table(view, axis) for axis in trained_ranges.axes(view)),
      *at_start.tables_of(view),
      *filter(None, [search.importance(view), timing.table(view), measurements.table(view)]),
    ],
    'usual': search.best(view) if view.is_random else tables.usual(view),
    'sweep': tables.sweep(view) if view.axes else None,
    'cells': tables.everything(view) if view.axes else None,
    'most_lines': MARKDOWN_CELLS,
    'files': origins.files(provenance),
    'colours': {norm: look.number for norm, look in view.looks.items()},
  }


def shared(
  study: AnyStudy,
  verdicts: Sequence[AnyVerdict],
  provenance: Sequence[Mapping[str, Any]],
  otherwise: Iterable[str] = (),
  claims: Iterable[naming.Claim] = (),
) -> dict[str, Any]:
  """What the templates of every report read: verdicts have claim, asks, outcome and sentence.

  otherwise: what answers the question without verdicts. claims: what the verdicts are of.
  """
  do = advice.sentence(verdicts, claims)
  return {
    'study': study,
    'verdicts': verdicts,
    'answer': answer.lines(verdicts, otherwise, do),
    'advice': do,
    'counts': answer.counts(verdicts) if verdicts else '',
    'found': answer.found,
    'said_beside': answer.beside,
    'badges': BADGES,
    'configs': origins.configs(provenance),
    'facts': [('report', getattr(study, 'command', '')), *origins.facts(provenance)],
  }


def _arranged(
  view: View, figures: Iterable[writing.WrittenFigure], verdicts: Sequence[AnyVerdict]
) -> dict[str, Any]:
  """The figures by question, and the one that stands beside the answer."""
  says = {
    questions.MATTERS: ' '.join(search.depends(view)),
    questions.BETTER: ' '.join(findings.best(view)),
    questions.WHERE: ' '.join(findings.failures(view)),
  }
  key, finding, groups = questions.with_key_figure(
    questions.arranged(figures, verdicts, says, which_figures.claimed(view))
  )
  return {'key_figure': key, 'key_finding': finding, 'groups': groups}


def unbroken(text: str) -> markupsafe.Markup:
  """The text, in which no line ends within a number such as 5.4e-08."""
  parts = EXPONENT.sub(r'<span class="whole">\g<0></span>', str(markupsafe.escape(text)))
  return markupsafe.Markup(parts)


def _templates() -> jinja2.Environment:
  made = jinja2.Environment(
    loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
    autoescape=lambda name: name is not None and '.html' in name,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    # An undefined name is an error: a template with a slip of the pen must not print a gap.
    undefined=jinja2.StrictUndefined,
  )
  made.filters['unbroken'] = unbroken
  return made


def put(path: pathlib.Path, text: str) -> None:
  """Writes a text with the same line ends on every machine, whole or not at all."""
  written = path.with_name(f'.{path.name}.tmp')
  written.write_text(text, encoding='utf-8', newline='\n')
  written.replace(path)
