"""Kills one study after the other, and tells of it: python -m tests.kills.lane HOW_MANY SEED"""

from collections.abc import Iterable
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

from tests.kills import dask, left, living, rounds, studies
from tests.kills.starts import Starter
from tests.kills.studies import Study

MARK = 'NORMS_KILLS'  # in the environment of all that is started here
MOST = 12  # kills of a study


class Lane:
  """Studies of a folder, drawn by chance."""

  def __init__(self, folder: pathlib.Path, seed: int, tell=print):
    self._folder, self._chance, self._tell = folder, random.Random(seed), tell
    self.tmp, self.kills, self.stopped = folder / 'tmp', 0, False
    self._expected: dict[str, tuple] = {}
    for name in ('tmp', 'said'):
      (folder / name).mkdir()
    self._mark = f'{MARK}={folder}'
    self.environment = {
      MARK: str(folder), 'TMPDIR': str(self.tmp), 'XDG_CACHE_HOME': str(folder / 'cache'),
      'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
    }  # fmt: skip
    self._starter = Starter(self.environment, folder / 'said')

  def run(self, asked: Iterable[Study], count: int) -> list[str]:
    """So many kills, and the last study's end: what was wrong."""
    self._asked, wrong, number = list(asked), list[str](), 0
    while self.kills < count and not self.stopped:
      (study,) = self._chance.choices(self._asked, [each.share for each in self._asked])
      wrong += self._round(study, self._folder / f'round-{(number := number + 1)}', count)
    return wrong

  def _round(self, study: Study, workdir: pathlib.Path, count: int) -> list[str]:
    expected, folder = self._undisturbed(study)
    one = rounds.Round(study, workdir, self.tmp, self._starter, self._chance)
    for kill in one.kills(min(self._chance.randint(MOST // 2, MOST), count - self.kills)):
      self.kills += 1
      self._tell(json.dumps(['kill', *kill]))
    one.check_end(expected, folder)
    wrong = one.wrong + self._orphans(study)
    self._tell(json.dumps(['end', study.name, expected['trial'].nunique(), wrong]))
    if not wrong:
      shutil.rmtree(workdir)
    return wrong

  def _orphans(self, study: Study) -> list[str]:
    stay = set[int]().union(*(each.own() for each in self._asked))
    found = living.marked(self._mark) - {self._starter.pid, os.getpid(), *stay}
    if living.all_end(found, left.SECONDS):
      return []
    return [f'{study.name}: {living.command(pid)[:80]} lives' for pid in found if living.alive(pid)]

  def _undisturbed(self, study: Study):
    """Its records, and their folder."""
    if study.name not in self._expected:
      # The first run compiles: how long others take is measured by a second one.
      for i in range(1 if study.length else 2):
        folder = self._folder / f'{study.name}-{i}'
        begun = time.monotonic()
        arguments = (*study.arguments, *study.ready(), f'--workdir={folder}')
        driver = self._starter.start(arguments)
        if driver.wait(rounds.LONG):
          raise RuntimeError(driver.lines())
        took = time.monotonic() - begun
      study.length = study.length or took
      self._expected[study.name] = rounds.in_order(folder), folder
    return self._expected[study.name]

  def close(self) -> None:
    """Ends what was started."""
    self._starter.close()


def _tell(line: str) -> None:
  for stream in (sys.stdout, sys.stderr):  # for a program, and for whoever waits
    print(line, file=stream, flush=True)


def main(count: int, seed: int) -> int:
  """1 where something was wrong."""
  signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, where a shell has said so
  folder = pathlib.Path(tempfile.mkdtemp(prefix='norms-kills-'))
  lane = Lane(folder, seed, _tell)
  os.environ.update(lane.environment)  # of clusters, too
  signal.signal(signal.SIGTERM, lambda *_: setattr(lane, 'stopped', True))
  cluster = dask.Killed(folder / 'clusters')
  with contextlib.closing(lane), contextlib.closing(cluster):
    wrong = lane.run([*studies.here(), cluster.study()], count)
  if not wrong:
    shutil.rmtree(folder)
  return 1 if wrong else 0


if __name__ == '__main__':
  sys.exit(main(*map(int, sys.argv[1:])))
