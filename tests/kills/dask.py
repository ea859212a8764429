"""A study on a Dask scheduler and its workers, which are killed as well as the driver is."""

import pathlib
import shutil

from tests.kills import living, victims
from tests.kills.starts import Driver
from tests.kills.studies import SMALL, Study
from tests.lab.clusters import Cluster

WORKERS = 2


class Killed:
  """A cluster of which anything may be gone: what is gone is started anew."""

  def __init__(self, folder: pathlib.Path):
    self._folder, self._made, self._number = folder, None, 0

  def study(self) -> Study:
    """A small study, on it."""
    return Study(
      'Dask', SMALL, 1, whom=victims.CLUSTER, find=self.find,
      ready=self.ready, own=self.own, left=self.left,
    )  # fmt: skip

  def ready(self) -> tuple[str, ...]:
    """All of it runs: how a driver finds it."""
    if self._made is None or not living.alive(self._made.scheduler.pid):
      self.close()
      self._number += 1
      folder = self._folder / f'cluster-{self._number}'
      folder.mkdir(parents=True)
      self._made = Cluster(folder)
    running = [each for each in self._made.workers if living.alive(each.pid)]
    for gone in set(self._made.workers) - set(running):
      gone.wait()
    self._made.workers = running
    if len(running) < WORKERS:
      self._made.join(WORKERS - len(running))
    return (f'--scheduler={self._made.address}',)

  def own(self) -> set[int]:
    """What stays between two runs."""
    made = self._made
    return {made.scheduler.pid, *(each.pid for each in made.workers)} if made else set()

  def left(self) -> list[str]:
    """Folders of processes that ran groups, and that are gone."""
    there = sorted(self._folder.glob('*/.norms.*'))
    return [str(path) for path in there[len(self._below()) :]]

  def _below(self) -> list[int]:
    workers = self._made.workers if self._made else ()
    below = [pid for each in workers for pid in living.descendants(each.pid)]
    return [pid for pid in below if 'cluster/seat.py' in living.command(pid)]

  def find(self, driver: Driver, victim: str) -> list[int]:
    """Its processes that are such victims."""
    made = self._made
    if victim == victims.DRIVER or made is None:
      return [driver.pid]
    if victim == victims.SCHEDULER:
      return [made.scheduler.pid]
    if victim == victims.MEMBER:
      return [each.pid for each in made.workers if living.alive(each.pid)]
    return self._below()

  def close(self) -> None:
    """Ends it."""
    if self._made:
      made, self._made = self._made, None
      made.close()  # by kills: nobody is left who would delete their folders
      shutil.rmtree(made.folder)
