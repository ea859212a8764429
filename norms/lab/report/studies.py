"""The table of the studies in results/README.md and results/index.html, from their reports.

`python -m norms.lab.report.studies results/README.md` writes the table and the gallery between the
two marks of that page, with links from its folder, and index.html beside it; without a file it
prints them.
"""

from __future__ import annotations

from collections.abc import Iterator
import json
import os
import pathlib
import sys

from norms.lab.report import page as page_writing
from norms.lab.report import studies_index
from norms.lab.statistics import words
from norms.lab.statistics.judging import AGAINST
from norms.lab.values import Recorded

COMMAND = 'python -m norms.lab.report.studies results/README.md'
BEGIN, END = f'<!-- studies: {COMMAND} -->', '<!-- /studies -->'

# What each study repeats, a letter or a paper, and the figure of its report for the gallery.
STUDIES = {
  'fashion_cnn': ('A', 'reference_points'),
  'fashion_cnn_underfit': ('B', 'curves_by_learning_rate'),
  'mnist_mlp': ('C', 'reference_curves'),
  'cifar_depth': ('D', 'reference_curves'),
  'cifar_init_scale': ('D', 'layers_by_weight_scale'),
  'cifar_batch_size': ('D', 'accuracy_by_batch_size'),
  'cifar_few_features': ('D', 'validation_accuracy_by_model_options_features'),
  'parity_drift': ('E', 'drift_mean'),
  'cifar_group_norm': ('Wu and He 2018', 'test_accuracy_by_batch_size'),
  'cifar_learning_rate': ('Bjorck et al. 2018', 'test_accuracy_by_learning_rate'),
}
COLUMNS = ('study', 'question', "the reference's figure", 'ours', 'verdict', 'cost', 'report')
FIRST = ['sweep', *STUDIES, 'parity']  # of the index


def main(arguments: list[str], results: pathlib.Path = pathlib.Path('results')) -> int:
  """Prints the section, or writes it into the file that is named."""
  path = pathlib.Path(arguments[0]) if arguments else None
  page = path.parent if path else pathlib.Path()
  section = '\n'.join([*table(results, page), '', *gallery(results, page)])
  if path is None:
    print(section)
    return 0
  path.write_text(insert_section(path.read_text(encoding='utf-8'), section), encoding='utf-8')
  page_writing.put(path.with_name('index.html'), index(path.parent))
  return 0


def index(results: pathlib.Path) -> str:
  """The text of index.html."""
  figures = {study: figure for study, (_, figure) in STUDIES.items()}
  return studies_index.html(results, FIRST, lambda study: figures.get(study, ''))


def insert_section(text: str, section: str) -> str:
  """A page with the section between its marks."""
  head, begin, rest = text.partition(BEGIN)
  _, end, tail = rest.partition(END)
  if not (begin and end):
    raise ValueError(f'the page has no lines {BEGIN} and {END}: put them where the table belongs')
  return f'{head}{BEGIN}\n\n{section}\n{END}{tail}'


def reports(results: pathlib.Path) -> Iterator[tuple[str, pathlib.Path, Recorded]]:
  """(study, folder of its report, summary.json) of those that have one, the committed one first."""
  for study in STUDIES:
    folders = [results / study / name for name in ('reference', 'report')]
    report = next((folder for folder in folders if (folder / 'summary.json').exists()), None)
    if report:
      yield study, report, json.loads((report / 'summary.json').read_text(encoding='utf-8'))


def table(results: pathlib.Path, page: pathlib.Path = pathlib.Path()) -> list[str]:
  """A line of Markdown per study, with links from the folder `page`."""
  lines = [f'| {" | ".join(COLUMNS)} |', f'|{" --- |" * len(COLUMNS)}']
  for study, folder, summary in reports(results):
    about = f'{STUDIES[study][0]}: {study}<br>`{summary["command"]}`'
    theirs, ours = _figures(summary)
    cells = [about, summary['question'], theirs, ours, _verdicts(summary)]
    cells.append(studies_index.cost(summary))
    cells.append(f'[report]({_link(folder / "report.md", page)})')
    # A vertical bar in a text would end its cell.
    lines.append(f'| {" | ".join(cell.replace("|", "/") for cell in cells)} |')
  return lines


def gallery(results: pathlib.Path, page: pathlib.Path = pathlib.Path()) -> Iterator[str]:
  """The figure of each report, where it has been drawn, with links from the folder `page`."""
  for study, folder, summary in reports(results):
    figure = folder / 'figures' / f'{STUDIES[study][1]}.png'
    if figure.is_file():
      yield f'**{study}**: {summary["question"]}\n'
      yield f'![{study}: {summary["question"]}]({_link(figure, page)})\n'


def _link(file: pathlib.Path, page: pathlib.Path) -> str:
  return pathlib.Path(os.path.relpath(file, page)).as_posix()


def _figures(summary: Recorded) -> tuple[str, str]:
  """The reference's first figure, by norm, and ours; in words where it gave none."""
  single = [line for line in summary['reference'] if line['epoch'] in (-1, 'best') and 'n' in line]
  if not single:
    own = next((verdict['sentence'] for verdict in summary['verdicts']), '')
    return ' '.join(summary['reference_says']), own
  first = [line for line in single if _place(line) == _place(single[0])]
  name, where = _place(single[0])
  head = f'{name} ({where}): ' if where else f'{name}: '
  theirs = (f'{line["norm"]} {line["text"]["reference"]}' for line in first)
  return head + ', '.join(theirs), f'{", ".join(map(_ours, first))} ({_runs(first)})'


def _place(line: Recorded) -> tuple[str, str]:
  return line['name'], line['where']


def _ours(line: Recorded) -> str:
  """'batch 0.9130 (0.9110 to 0.9150)'."""
  low, value, high = (line['text'][key] for key in ('low', 'ours', 'high'))
  spread = f' ({low} to {high})' if line['n'] > 1 else ''
  return f'{line["norm"]} {value}{spread}{"" if line["trained"] else ", did not train"}'


def _runs(lines: list[Recorded]) -> str:
  n = max(line['n'] for line in lines)
  kind = words.spread_name(lines[0]['kind'])
  return f'{kind}, {words.count(n, "seed")}' if n > 1 else 'one run'


def _verdicts(summary: Recorded) -> str:
  """Every verdict: questions with their outcomes, and how many claims without one came out how."""
  asked = [verdict for verdict in summary['verdicts'] if verdict['asks']]
  lines = [f'{verdict["asks"]} **{verdict["outcome"]}**{_against(verdict)}' for verdict in asked]
  outcomes = [verdict['outcome'] for verdict in summary['verdicts'] if not verdict['asks']]
  counts = ', '.join(f'{outcomes.count(name)} {name}' for name in dict.fromkeys(outcomes))
  others = words.count(len(outcomes), 'more claim')
  return '<br>'.join([*lines, *[f'{others}: {counts}' if lines else counts] * bool(counts)])


def _against(verdict: Recorded) -> str:
  """What a reader would else take for granted: that it came out otherwise than was expected."""
  return f', {AGAINST}' if verdict.get('expected') == AGAINST else ''


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
