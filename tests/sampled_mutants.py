"""Breaks the lab at random places, one expression at a time, and says which breaks no test notices.

    python tests/sampled_mutants.py [how many] [seed] [path within norms ...]

Where tests/mutants.py tries what somebody thought of, this draws: a comparison, an operator, a
number, a name or the order of two things is changed. First the tests run once, and it is noted
which function which test calls; for each mutant the tests run that call its function, until one
fails: those of its room first, then those that call the least, and in between those that make the
committed reports again. What survives is a missing test or changes nothing.
NORMS_CALLS=FILE keeps what was noted for the next time; AT_ONCE=1 takes one core, not two.
"""

import collections
from collections.abc import Iterator
import json
import os
import pathlib
import shutil
import sys
import tempfile

from changes import ROOT, Place, apply, drawn
import forks
import mutants

PATHS = ('lab/statistics', 'lab/report', 'lab/records.py', 'lab/columns.py',
         'lab/engine/evaluation.py')  # fmt: skip
# Those of the lab that train no net for long, or the whole would take hours.
TESTS = ('report', 'statistics', 'figures', 'page', 'large', 'columns', 'records', 'evidence',
         'values', 'two_studies', 'peers_study', 'evaluation', 'designs', 'rebuilt', 'numerics',
         'committed', 'pointed', 'live', 'compared', 'selection', 'advice')  # fmt: skip
INDEX = 'tests/test_docs.py::test_the_table_of_studies_is_that_of_the_committed_reports'
# Of the slow ones only those that make a report again, without training.
MARKED = 'not (peers or gpu or faults) and (rebuilt or not slow)'
FIRST, MOST = 6, 70  # tests of a mutant, beside those


def tests_of(place: Place, calls: dict[str, list[str]]) -> list[str]:
  """The tests that call the function of a place, or of a constant any of its file."""
  key = f'{place.file}:{place.function}' if place.function else f'{place.file}:'
  callers = {t: len(keys) for t, keys in calls.items() if any(
    k == key or (not place.function and k.startswith(key)) for k in keys)}  # fmt: skip
  room = place.file.split('/')[1].removesuffix('.py')  # whose own tests are the likeliest to fail
  ordered = sorted(callers, key=lambda test: (f'_{room}' not in test, callers[test]))
  rebuilt = [test for test in ordered if 'test_rebuilt' in test]  # each notices much, in seconds
  others = [test for test in ordered if 'test_rebuilt' not in test]
  return others[:FIRST] + rebuilt[:FIRST] + others[FIRST:MOST] + rebuilt[FIRST:]


def main(sample: list[Place]) -> int:
  """Tries each; 0 where at most 8% survive."""
  sys.dont_write_bytecode = False
  forks.preload()
  with tempfile.TemporaryDirectory() as name:
    whole, noted = _copied(ROOT, pathlib.Path(name, 'unbroken')), pathlib.Path(name, 'calls')
    calls = _calls(whole, noted)
    callers = {place: tests_of(place, calls) for place in sample}

    def broken() -> Iterator[forks.Run]:
      for i, (place, tests) in enumerate(callers.items()):
        if tests:
          folder = _copied(whole, pathlib.Path(name, str(i)))
          yield forks.Run(str(i), apply(place, folder), ('-x', '-q', '-m', MARKED, *tests))

    fates = {place: 'NO TEST' for place, tests in callers.items() if not tests}
    for place in fates:
      _tell(place, fates[place])
    for run, outcome in forks.outcomes(broken(), int(os.environ.get('AT_ONCE', 2))):
      place = sample[int(run.name)]
      fates[place] = mutants.fate(outcome)
      shutil.rmtree(run.folder)
      if fates[place] != 'killed':
        _tell(place, fates[place], outcome.seconds)
  alive = [place for place in sample if fates[place] != 'killed']
  print(f'\n{len(alive)} of {len(sample)} survive, {len(alive) / len(sample):.1%}')
  return int(len(alive) > 0.08 * len(sample))


def _tell(place: Place, fate: str, seconds: float = 0) -> None:
  old = (ROOT / 'norms' / place.file).read_bytes()[slice(*place.span)].decode()
  print(
    f'{fate:9} {seconds:.0f} s norms/{place.file}:{place.line}\n  {old}\n  {place.new}', flush=True
  )


def _copied(root: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
  """As mutants.copied, with links to the documents and results, which tests read."""
  mutants.copied(root, folder)
  for path in ROOT.iterdir():
    if path.name[0] != '.' and not (folder / path.name).exists():
      (folder / path.name).symlink_to(path)
  return folder


def _calls(whole: pathlib.Path, noted: pathlib.Path) -> dict[str, list[str]]:
  """{test: functions that it calls}, of the tests without any mutant."""
  named = sorted((ROOT / 'tests/lab').glob('test_*.py'))
  files = [f'tests/lab/{file.name}' for file in named if any(t in file.name for t in TESTS)]
  files.append(INDEX)
  noted = pathlib.Path(os.environ.setdefault('NORMS_CALLS', str(noted)))
  if noted.exists():  # what Python compiles is left there, and each copy would else compile it anew
    compiled = forks.Run('compiled', whole, ('-q', '-m', MARKED, '--collect-only', *files))
    collections.deque(forks.outcomes([compiled], 1))
    return json.loads(noted.read_text())
  run = forks.Run('unbroken', whole, ('-q', '-m', MARKED, '-p', 'tests.noting_calls', *files))
  for _, outcome in forks.outcomes([run], 1):
    if outcome.status:
      sys.exit(f'the tests fail without any mutant:\n{outcome.output[-2000:]}')
    print(f'tests without any mutant: {outcome.seconds:.0f} s', flush=True)
  return json.loads(noted.read_text())


if __name__ == '__main__':
  numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
  number, seed = [*numbers, *(200, 1)[len(numbers) :]]
  sys.exit(main(drawn(number, seed, tuple(w for w in sys.argv[1:] if not w.isdigit()) or PATHS)))
