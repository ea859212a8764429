"""A study that is killed again and again until it gets to its end, and what must hold then."""

from collections.abc import Iterator
import contextlib
import functools
import math
import os
import pathlib
import random
import time
from typing import NamedTuple

import pandas as pd

from norms.lab import records
from norms.lab.store import stored
from norms.lab.workdir import kept
from tests.kills import left, living, victims, words
from tests.kills.starts import Driver, Starter
from tests.kills.studies import Study
from tests.kills.victims import Plan

ENDED = 10  # seconds in which all must have ended
HEARD = 30  # seconds in which a driver must know that its scheduler is gone
LONG = 240  # seconds in which a run must get to its end
STARTS = 4  # without a kill, in which a study must
ANEW = 0.1  # of all starts are of a Python that has imported nothing


class Kill(NamedTuple):
  """What was done, and what came of it."""

  study: str
  victim: str
  signal: str
  moment: str
  status: int | None  # of the driver, in that run
  seconds: float  # from the kill to the end of the driver's processes; NaN where they go on


class Struck(NamedTuple):
  """A kill, whom it may have ended, and when."""

  plan: Plan
  there: set[int]
  at: float


class Round:
  """One study on a folder of its own, and what was wrong with it."""

  def __init__(
    self, study: Study, workdir: pathlib.Path, tmp: pathlib.Path, starter: Starter,
    chance: random.Random,
  ):  # fmt: skip
    self._study, self.workdir, self.wrong = study, workdir, list[str]()
    self._starter, self._chance, self._tmp = starter, chance, tmp
    self._shared = left.shared()

  def kills(self, count: int) -> Iterator[Kill]:
    """So many kills at most, and the study's end."""
    undisturbed, status = 0, None
    while status != 0 and undisturbed < STARTS:
      before = self._finished()
      arguments = (*self._study.arguments, *self._study.ready(), f'--workdir={self.workdir}')
      driver = self._starter.start(arguments, anew=self._chance.random() < ANEW)
      struck = self._strike(driver, count)
      count -= len(struck)
      status = self._end(driver, struck)
      gone = time.monotonic()
      self._check_run(driver, status, [each.plan for each in struck], before)
      for plan, _, at in struck:
        seconds = gone - at if plan.victim in victims.ENDS else math.nan
        yield Kill(self._study.name, plan.victim, plan.number.name, plan.moment, status, seconds)
      undisturbed = 0 if struck else undisturbed + 1
    if status != 0:
      self._broken(f'no end in {undisturbed} starts: {driver.lines()[-3:]}')

  def _strike(self, driver: Driver, count: int) -> list[Struck]:
    """Kills what a driver has, until that ends the driver."""
    struck: list[Struck] = []
    while len(struck) < count and not any(each.plan.victim in victims.ENDS for each in struck):
      plan = victims.drawn(self._chance, self._study.whom, self._study.length)
      there = victims.strike(plan, driver, self.workdir, self._study.find, self._chance)
      if there is None:
        break
      struck.append(Struck(plan, there, time.monotonic()))
      if plan.victim == victims.MEMBER:
        self._study.ready()
    return struck

  def _end(self, driver: Driver, struck: list[Struck]) -> int | None:
    """The driver's status, when it has ended, and all others have that lived with it."""
    last = struck[-1].plan.victim if struck else None
    # That a scheduler is gone is noticed where it does not answer.
    most = {None: LONG, victims.SCHEDULER: HEARD}.get(last, ENDED if last in victims.ENDS else LONG)
    status = driver.wait(3 * most)
    if struck and (took := time.monotonic() - struck[-1].at) > most:
      self._broken(f'the driver ran on for {took:.0f} s after {struck[-1].plan}')
    if status is None:
      with contextlib.suppress(ProcessLookupError):
        os.kill(driver.pid, victims.KILL)
      status = driver.wait(ENDED)
    there = set[int]().union(*(each.there for each in struck)) - {driver.pid}
    if not living.all_end(there, ENDED):
      over = [f'{pid} {living.command(pid)[:60]}' for pid in there if living.alive(pid)]
      self._broken(f'{over} live {ENDED} s after {[each.plan for each in struck]}')
    return status

  def _check_run(self, driver: Driver, status, plans: list[Plan], before: dict) -> None:
    allowed = words.statuses(plans)
    if status not in allowed:
      self._broken(f'status {status}, not one of {allowed}, after {plans}: {driver.lines()[-3:]}')
    if odd := words.odd(driver.lines()):
      self._broken(f'said after {plans}: {odd[:8]}')
    after = self._finished()
    if lost := [name for name, stamp in before.items() if after.get(name) != stamp]:
      self._broken(f'{lost} were lost or written again after {plans}')
    # Where all that would clear are killed, nobody is there who does: the next start is.
    if not victims.are_all({(plan.victim, plan.number) for plan in plans}):
      self._check_left(plans)

  def _check_left(self, plans: list[Plan]) -> None:
    look = self._study.left or functools.partial(left.of_run, self._tmp, self._shared)
    if litter := left.after(left.SECONDS, look):
      self._broken(f'{litter} are left {left.SECONDS} s after {plans}')
      left.delete(self._tmp, litter)  # or each later kill would seem to leave it

  def check_end(self, expected: pd.DataFrame, folder: pathlib.Path) -> None:
    """Each trial once, to the bit what an undisturbed run in `folder` found; a report; no more."""
    found = in_order(self.workdir)
    twice = int(found.duplicated(['trial', 'epoch']).sum())
    missing = set(expected['trial']) - set(found['trial'])
    if twice or missing:
      self._broken(f'{twice} rows are doubled, {len(missing)} trials are missing')
    elif not found[expected.columns].equals(expected):
      self._broken('numbers are others than those of an undisturbed run')
    if not (self.workdir / 'report' / 'index.html').exists():
      self._broken('there is no report')
    if litter := left.of_study(self.workdir, folder):
      self._broken(f'the folder keeps {litter}')

  def _finished(self) -> dict[str, tuple[int, int]]:
    """What stands for ever: the files whose trials are done, with all that is kept of them."""
    folder, found = records.folder(self.workdir), {}
    for name, file in stored.files(folder).items():
      trials = {trial for tile in file.tiles for trial in tile.trials}
      places = (kept.folder(self.workdir) / trial / kept.FILE for trial in trials)
      if not self._study.keeps or all(place.exists() for place in places):
        found[name] = file.stamp.modified, file.stamp.inode
    return found

  def _broken(self, what: str) -> None:
    self.wrong.append(f'{self._study.name}: {what}')


def in_order(workdir: pathlib.Path) -> pd.DataFrame:
  """The records of a folder, in an order of their own."""
  return records.load(workdir).sort_values(['trial', 'epoch'], ignore_index=True)
