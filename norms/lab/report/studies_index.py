"""results/index.html: the question, answer, key figure, verdicts and cost of each study."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import json
import pathlib
import types
from typing import NamedTuple

from norms.lab.report import answer, page
from norms.lab.values import Recorded

# Where a report may lie in the folder of a study, the committed one first.
PLACES = ('reference', 'report')
TITLE = 'What the studies of this library found'


class Entry(NamedTuple):
  """A study as the index shows it."""

  name: str
  question: str
  link: str  # to its page
  answer: list[answer.Line]
  figure: str  # '' of none
  verdicts: list[Recorded]
  counts: str  # how many came out how
  cost: str
  command: str


def html(results: pathlib.Path, first: list[str], figure_of: Callable[[str], str]) -> str:
  """The page, with links from the folder `results`.

  first: the studies that come first, in this order; others follow by name.
  figure_of: the name of a study's figure, where its summary names none.
  """
  found = {study: entry for study, entry in _entries(results, figure_of)}
  order = [
    *(name for name in first if name in found),
    *(n for n in sorted(found) if n not in first),
  ]
  entries = [found[name] for name in order]
  return page.rendered(
    'studies.html.j2', {'title': TITLE, 'entries': entries, 'badges': page.BADGES}
  )


def _entries(results: pathlib.Path, figure_of: Callable[[str], str]) -> Iterator[tuple[str, Entry]]:
  for folder in sorted(path for path in results.iterdir() if path.is_dir()):
    reports = (folder / place for place in PLACES)
    report = next((each for each in reports if (each / 'summary.json').is_file()), None)
    if report:
      summary = json.loads((report / 'summary.json').read_text(encoding='utf-8'))
      yield folder.name, _entry(results, report, summary, figure_of(folder.name))


def _entry(results: pathlib.Path, report: pathlib.Path, summary: Recorded, figure: str) -> Entry:
  where = report.relative_to(results).as_posix()
  # A summary from before these were kept in it names no figure, and no finding by itself.
  name = summary.get('figure') or f'figures/{figure}.png'
  verdicts = [verdict | {'finding': _finding(verdict)} for verdict in summary['verdicts']]
  judged = [types.SimpleNamespace(**verdict) for verdict in verdicts]
  lines = answer.lines(judged, advice=summary.get('advice', ''))
  return Entry(
    summary['name'],
    summary['question'] or summary['name'],
    f'{where}/index.html',
    lines or [answer.Line('', text) for text in summary.get('answer', ())],
    f'{where}/{name}' if (report / name).is_file() else '',
    verdicts,
    answer.counts(judged) if judged else '',
    cost(summary),
    summary['command'],
  )


def _finding(verdict: Recorded) -> str:
  return answer.found(types.SimpleNamespace(**verdict))


def cost(summary: Recorded) -> str:
  """'450 trials, 54.2 s of computing on 2 cores', as far as a summary says it."""
  trials = f'{summary["trials"]} trials' if 'trials' in summary else ''
  return ', '.join(filter(None, [trials, summary.get('cost', '')]))
