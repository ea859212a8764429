"""Runs the benchmarks named on the command line, or all; --keep writes results/ too."""

import argparse
import contextlib
import json
import os
import pathlib
import sys

# Before numerical libraries start: as many threads for every side as the machine has cores.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

from tests.benchmarks import cnn, eager, lab, library, memory, models, store  # noqa: E402

BENCHMARKS = {
  'cnn': cnn.run,
  'eager': eager.run,
  'lab': lab.run,
  'library': library.run,
  'memory': memory.run,
  'models': models.run,
  'store': store.run,
}
RESULTS = pathlib.Path(__file__).parents[2] / 'results'
FOLDERS = {'store': 'reliability'}  # in results/; of the others benchmarks


class Tee:
  """Writes to several streams."""

  def __init__(self, *streams):
    self._streams = streams

  def write(self, text: str) -> None:
    for stream in self._streams:
      stream.write(text)

  def flush(self) -> None:
    for stream in self._streams:
      stream.flush()


def keep(name: str, **options) -> None:
  """Runs a benchmark, its output in a file too, below what it was measured with.

  What it returns, if anything, is kept beside it, as JSON.
  """
  from norms.lab.runner.provenance import provenance

  chosen = f' --only={",".join(options["only"])}' if options.get('only') else ''
  command = f'python -m tests.benchmarks {name} --keep{chosen}'
  origin = provenance(command)
  kept = RESULTS / FOLDERS.get(name, 'benchmarks')
  kept.mkdir(parents=True, exist_ok=True)
  with (kept / f'{name}.txt').open('w', encoding='utf-8') as file:
    print(command, file=file)
    print(f'{origin["started"]}, commit {origin["commit"]}, {origin["device"]}, '
          f'{origin["cores"]} cores', file=file)  # fmt: skip
    print(', '.join(f'{k} {v}' for k, v in origin['versions'].items()) + '\n', file=file)
    with contextlib.redirect_stdout(Tee(sys.stdout, file)):
      figures = BENCHMARKS[name](tiny=False, **options)
  if figures is not None:
    text = json.dumps({'command': command, 'provenance': origin, **figures}, indent=1)
    (kept / f'{name}.json').write_text(text + '\n', encoding='utf-8')


def main() -> None:
  """Parses and runs."""
  parser = argparse.ArgumentParser(prog='python -m tests.benchmarks')
  parser.add_argument('names', nargs='*', choices=[[], *BENCHMARKS], default=[])
  parser.add_argument('--tiny', action='store_true', help='the code once, at a tiny size')
  parser.add_argument('--keep', action='store_true', help='in results/ too')
  parser.add_argument('--only', default='', help='of models, those of these names: resnet,vit')
  given = parser.parse_args()
  only = [name for name in given.only.split(',') if name]
  for name in given.names or BENCHMARKS:
    options = {'only': only} if name == 'models' else {}
    if given.keep and not given.tiny:
      keep(name, **options)
    else:
      BENCHMARKS[name](tiny=given.tiny, **options)


if __name__ == '__main__':
  main()
