"""Who is killed, by which signal and when: all drawn by chance."""

from collections.abc import Callable, Mapping, Set
import contextlib
import os
import pathlib
import random
import signal
import time
from typing import NamedTuple

from tests.kills import living
from tests.kills.starts import Driver

KILL, TERM, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT
DRIVER, WORKER, SERVER, TRACKER, ALL = 'driver', 'worker', 'fork server', 'tracker', 'all of it'
SCHEDULER, MEMBER, SEAT = 'scheduler', 'Dask worker', "Dask worker's process"
ENDS = (DRIVER, ALL, SCHEDULER)  # and with it the run
# How often each is drawn, with which signals: what ends the run costs a start, and is drawn less.
HERE = {
  (DRIVER, KILL): 5, (DRIVER, TERM): 2, (ALL, INT): 2, (ALL, KILL): 1, (WORKER, KILL): 7,
  (WORKER, TERM): 3, (SERVER, KILL): 4, (SERVER, TERM): 2, (TRACKER, KILL): 1,
}  # fmt: skip
CLUSTER = {
  (DRIVER, KILL): 3, (DRIVER, TERM): 1, (SCHEDULER, KILL): 2, (SCHEDULER, TERM): 1,
  (MEMBER, KILL): 3, (MEMBER, TERM): 1, (SEAT, KILL): 3, (SEAT, TERM): 1,
}  # fmt: skip
ANY, FIRST, WRITING = 'any moment', 'first second', 'while writing'
MOMENTS = {ANY: 5, FIRST: 1, WRITING: 3}
OFTEN = 0.001  # seconds between two looks for what is written
END = 10  # seconds that a Dask worker may take to end
AFTER = 0.01  # the longest from then to the kill


class Plan(NamedTuple):
  """A kill that is to come."""

  victim: str
  number: signal.Signals
  moment: str
  seconds: float  # after the driver's start, or after something is being written


def drawn(chance: random.Random, whom: Mapping, length: float) -> Plan:
  """A kill of a run of so many seconds."""
  ((victim, number),) = chance.choices(list(whom), list(whom.values()))
  (moment,) = chance.choices(list(MOMENTS), list(MOMENTS.values()))
  most = {ANY: length, FIRST: 1.0, WRITING: AFTER}[moment]
  return Plan(victim, number, moment, chance.uniform(0.05 if moment == FIRST else 0, most))


def strike(
  plan: Plan, driver: Driver, workdir: pathlib.Path, find: Callable[[Driver, str], list[int]],
  chance: random.Random,
) -> set[int] | None:  # fmt: skip
  """Waits for the moment and for the victim, and kills it: who lived then with the driver.

  None where the driver had ended by itself before.
  """
  until = driver.begun + plan.seconds
  while plan.moment != WRITING and time.monotonic() < until and driver.status() is None:
    time.sleep(min(0.05, max(0.0, until - time.monotonic())))
  if plan.moment == WRITING:
    before = being_written(workdir)
    while not being_written(workdir) - before:
      if living_no_more(driver):
        return None
      time.sleep(OFTEN)
    time.sleep(plan.seconds)
  while not (found := find(driver, plan.victim)):
    if living_no_more(driver):
      return None
    time.sleep(OFTEN)
  if driver.status() is not None:
    return None
  there = {driver.pid, *living.descendants(driver.pid)}
  struck = there if (plan.victim, plan.number) == (ALL, KILL) else {chance.choice(found)}
  for pid in struck:
    with contextlib.suppress(ProcessLookupError):
      if plan.victim == ALL and plan.number == INT:
        os.killpg(pid, INT)  # as a terminal sends Ctrl-C
      else:
        os.kill(pid, plan.number)
  if plan.victim == MEMBER:  # another one takes its place then
    living.all_end(struck, END)
  return there


def are_all(killed: Set[tuple[str, signal.Signals]]) -> bool:
  """Whether these have what made a temporary file, and what would delete it then."""
  return (ALL, KILL) in killed or {MEMBER, SEAT} <= {victim for victim, _ in killed}


def living_no_more(driver: Driver) -> bool:
  """Whether a driver has ended, without a question to who started it."""
  return not living.alive(driver.pid)


def being_written(workdir: pathlib.Path) -> set[str]:
  """The names of temporary files and folders that are there now."""
  found = set()
  for folder in (workdir, *(workdir / name for name in ('records', 'parameters', 'checkpoints'))):
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
      found |= {each.name for each in entries if 'tmp' in each.name}
  return found


def here(driver: Driver, victim: str) -> list[int]:
  """The processes of a driver that are such victims."""
  if victim in (DRIVER, ALL):
    return [driver.pid]
  below = {pid: living.command(pid) for pid in living.descendants(driver.pid)}
  servers = [pid for pid, told in below.items() if 'multiprocessing.forkserver' in told]
  top = [pid for pid in servers if living.parent(pid) not in servers]
  found = {
    SERVER: top,
    WORKER: [pid for pid in servers if pid not in top],
    TRACKER: [pid for pid, told in below.items() if 'multiprocessing.resource_tracker' in told],
  }
  return found.get(victim, [])
