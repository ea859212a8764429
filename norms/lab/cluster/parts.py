"""A plan's groups cut into the tasks of a cluster: small, and large beside what each compiles."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
import dataclasses
from typing import Any, NamedTuple

from norms.lab.grouping import Group, Tile
from norms.lab.runner import progress
from norms.lab.trial import Trial

COMPILING = 0.1  # of a task's seconds, at most, where there is so much to run

Family = tuple
Unit = tuple[Group, Tile]


class Part(NamedTuple):
  """Groups of one family, with those of their tiles that a task runs."""

  groups: tuple[Group, ...]
  lost: int = 0  # how often the worker that ran them was lost

  @property
  def family(self) -> Family:
    return self.groups[0].family

  @property
  def label(self) -> str:
    first, *others = (group.label for group in self.groups)
    return f'{first} and {len(others)} more' if others else first


class Speed(NamedTuple):
  """Seconds of a family's programs."""

  compiling: float  # of one batch size
  step: float  # of one trial


class Waiting:
  """What is in no task yet, by family, the longest first."""

  def __init__(self, groups: Iterable[Group], origins: Iterable[Mapping[str, Any]], together: bool):
    """together: whether batch sizes that are compiled as one program save time.

    origins: records.provenance, by which the speeds of programs are known that ran before.
    """
    self._together = together
    self._units: dict[Family, list[Unit]] = {}
    self._speeds: dict[Family, Speed] = {}
    self._tried: set[Family] = set()
    programs = {}
    for group in groups:
      self._units.setdefault(group.family, []).extend((group, tile) for tile in group.tiles)
      programs[group.static.hash] = group
    for origin in origins:
      if known := programs.get(origin.get('program', '')):
        self.learn(known, origin)

  def learn(self, group: Group, origin: Mapping[str, Any]) -> None:
    """Takes a file's seconds for those of all of its group's family."""
    if not origin.get('trials') or not origin.get('compile_seconds'):
      return  # a tile that was not the first of its program
    steps = origin['trials'] * _steps(group, group.tiles[0]) / len(group.tiles[0].trials)
    before = self._speeds.get(group.family, Speed(0, 0))
    speed = Speed(origin['compile_seconds'], origin['run_seconds'] / max(1, steps))
    self._speeds[group.family] = Speed(*map(max, before, speed))

  def ready(self, part: Part | None = None) -> list[Part]:
    """The tasks that can be cut by now: of a family all, once its speed is known; before that its
    first tile alone, which tells it. `part` is what has ended meanwhile, if it has."""
    ended = part.family if part else None
    made: list[Part] = []
    for family, units in self._units.items():
      if family in self._speeds:
        made += self._cut(units, self._speeds[family])
      elif family not in self._tried:
        made += [self._part(units[:1])]
        self._units[family] = units[1:]
        self._tried.add(family)
        continue
      elif family == ended:  # it failed: the others do so by themselves, or do not
        made += [self._part([unit]) for unit in units]
      else:
        continue
      self._units[family] = []
    return made

  def _cut(self, units: Sequence[Unit], speed: Speed) -> Iterator[Part]:
    whole: list[list[Unit]] = []
    current: list[Unit] = []
    for unit in units:
      current.append(unit)
      if share_of_compiling(current, speed) <= COMPILING:
        whole.append(current)
        current = []
    if current and whole:
      whole[-1] += current
    elif current:
      whole.append(current)
    return map(self._part, whole)

  def _part(self, units: Sequence[Unit]) -> Part:
    of: dict[tuple[Trial, int], list[Unit]] = {}
    for group, tile in units:
      of.setdefault((group.static, group.start), []).append((group, tile))
    sizes = tuple(dict.fromkeys(static.batch_size for static, _ in of)) if self._together else ()
    made = []
    for some in of.values():
      group = some[0][0]
      tiles = tuple(tile for _, tile in some)
      made.append(dataclasses.replace(group, tiles=tiles, sizes=sizes or group.alone.sizes))
    return Part(tuple(made))


def key(label: str) -> str:
  """A task's name that a dashboard shows whole: it takes what follows a hyphen for a number."""
  return label.replace('-', '_')


def share_of_compiling(units: Sequence[Unit], speed: Speed) -> float:
  """The share of compiling in these units' seconds."""
  compiling = speed.compiling * len({group.static.batch_size for group, _ in units})
  return compiling / (compiling + speed.step * sum(_steps(*unit) for unit in units))


def _steps(group: Group, tile: Tile) -> int:
  """Trial-steps of a tile."""
  return progress.steps(dataclasses.replace(group, tiles=(tile,)))[0]
