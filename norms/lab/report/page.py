"""The page: everything a report says, handed to the templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent import futures
import pathlib
from typing import Any

import jinja2
import pandas as pd

from norms.lab import numerics, statistics
from norms.lab.report import (
  best_of_each,
  findings,
  measurements,
  naming,
  replay_json,
  style,
  summary_json,
  tables,
  timing,
  trained_ranges,
  which_figures,
)
from norms.lab.report.figures import writing
from norms.lab.report.naming import AnyStudy, AnyVerdict
from norms.lab.report.probes import at_start
from norms.lab.report.reference import comparison
from norms.lab.report.view import View
from norms.lab.statistics import stated, words

BADGES = {'supported': '✓', 'refuted': '×', 'equivalent': '=', 'undecided': '?'}
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
  content = contents(view, provenance) | {'figures': drawn()}
  put(folder / 'summary.json', summary_json.text(view, content['verdicts']))
  replay_json.write(view, folder)
  return publish(content, tables.summary(view), folder)


def publish(
  content: Mapping[str, Any], csv: pd.DataFrame, folder: pathlib.Path, *, templates='', digits=6
) -> pathlib.Path:
  """Writes summary.csv, report.md and index.html, by the templates of a folder beside this file.

  Returns the path of the last.
  """
  text = csv.to_csv(index=False, float_format=f'%.{digits}g', lineterminator='\n')
  put(folder / 'summary.csv', text)
  environment = _templates()
  for name, template in (('report.md', 'report.md.j2'), ('index.html', 'page.html.j2')):
    put(folder / name, environment.get_template(templates + template).render(content))
  return folder / 'index.html'


def contents(view: View, provenance: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """What both templates read beside the figures."""
  study = view.study
  verdicts = statistics.verdicts(view.records, naming.claims(study))
  claims, metric = getattr(study, 'claims', ()), statistics.score(view.records)
  verdicts = stated.told(verdicts, claims, metric, _used(provenance))
  return {
    **shared(study, verdicts, provenance),
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
      *filter(None, [timing.table(view), measurements.table(view)]),
    ],
    'usual': tables.usual(view),
    'sweep': tables.sweep(view) if view.axes else None,
    'cells': tables.everything(view) if view.axes else None,
    'most_lines': MARKDOWN_CELLS,
    'files': files(provenance),
    'colours': {norm: look.number for norm, look in view.looks.items()},
  }


def shared(
  study: AnyStudy,
  verdicts: Sequence[AnyVerdict],
  provenance: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
  """What the templates of every report read: verdicts have claim, asks, outcome and sentence."""
  return {
    'study': study,
    'verdicts': verdicts,
    'badges': BADGES,
    'facts': [('report', getattr(study, 'command', '')), *facts(provenance)],
    'light': style.css_colours(dark=False),
    'dark': style.css_colours(dark=True),
  }


def facts(provenance: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
  """Where the records come from, over all their files."""
  # Records of an older arithmetic stay in the folder, but no figure of this report uses them.
  older = numerics.unused((_number(line), line.get('trials') or 0) for line in provenance)
  provenance = _used(provenance)
  versions = {
    f'{package} {version}'
    for line in provenance
    for package, version in (line.get('versions') or {}).items()
  }
  started = sorted(_distinct(provenance, 'started'))
  devices = (f'{line.get("device", "unknown")}, {_cores(line)}' for line in provenance)
  entries = [
    ('records', '; '.join(_distinct(provenance, 'command'))),
    ('commits', ', '.join(_distinct(provenance, 'commit'))),
    ('devices', '; '.join(dict.fromkeys(devices))),
    ('versions', ', '.join(sorted(versions))),
    ('numerics', '; '.join(filter(None, [str(numerics.NUMERICS), older]))),
    ('started', ' to '.join(dict.fromkeys([started[0], started[-1]])) if started else ''),
    ('compilation', _seconds(sum(line.get('compile_seconds') or 0 for line in provenance))),
    ('training', _seconds(sum(line.get('run_seconds') or 0 for line in provenance))),
    ('trials', str(sum(line.get('trials') or 0 for line in provenance))),
  ]
  return [(name, value or 'not recorded') for name, value in entries]


def files(provenance: Sequence[Mapping[str, Any]]) -> tables.Table:
  """A line per file of records; what was compiled with another is not counted twice."""
  note = 'Compiled in 0.0 s: with another file of its norm.'
  columns = ['group', 'trials', 'compilation s', 'training s', 'started']
  rows = [
    tables.TableRow(
      [
        str(line.get('group', tables.ABSENT)),
        str(line.get('trials', tables.ABSENT)),
        f'{line.get("compile_seconds") or 0:.1f}',
        f'{line.get("run_seconds") or 0:.1f}',
        str(line.get('started', tables.ABSENT)),
      ],
      False,
    )
    for line in _used(provenance)
  ]
  return tables.Table('files', 'Files of records', note, columns, rows)


def _templates() -> jinja2.Environment:
  return jinja2.Environment(
    loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
    autoescape=lambda name: name is not None and '.html' in name,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    # An undefined name is an error: a template with a slip of the pen must not print a gap.
    undefined=jinja2.StrictUndefined,
  )


def put(path: pathlib.Path, text: str) -> None:
  """Writes a text with the same line ends on every machine."""
  path.write_text(text, encoding='utf-8', newline='\n')


def _used(provenance: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
  """The files that a report rests on."""
  return [line for line in provenance if _number(line) == numerics.NUMERICS]


def _number(line: Mapping[str, Any]) -> int:
  """Which records.provenance says of each file; of none where it did not come from one."""
  return int(line.get('numerics', numerics.NUMERICS))


def _distinct(provenance: Iterable[Mapping[str, Any]], key: str) -> list[str]:
  return list(dict.fromkeys(str(line[key]) for line in provenance if line.get(key)))


def _cores(line: Mapping[str, Any]) -> str:
  return words.count(line['cores'], 'core') if line.get('cores') else 'cores not recorded'


def _seconds(seconds: float) -> str:
  minutes, rest = divmod(round(seconds), 60)
  return f'{seconds:.1f} s' if seconds < 120 else f'{minutes} min {rest} s'
