"""Study -> trials -> groups (a compiled function each) -> tiles (one call, one file each)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
import dataclasses
import itertools

from norms.lab import updates
from norms.lab.trial import Trial


@dataclasses.dataclass(frozen=True)
class Tile:
  """Trials of one group as a rectangle: a row per seed, a column per lane; None is padding."""

  rows: tuple[tuple[Trial | None, ...], ...]

  @property
  def width(self) -> int:
    return len(self.rows[0])

  def places(self) -> Iterator[tuple[tuple[int, int], Trial]]:
    """Where each trial stands: ((seed row, lane), trial)."""
    for i, row in enumerate(self.rows):
      for j, trial in enumerate(row):
        if trial is not None:
          yield (i, j), trial

  @property
  def trials(self) -> tuple[Trial, ...]:
    return tuple(trial for _, trial in self.places())

  def only(self, hashes: Collection[str]) -> 'Tile':
    """The tile with padding in place of all other trials: its shape and program are the same."""
    return Tile(
      tuple(tuple(t if t and t.hash in hashes else None for t in row) for row in self.rows)
    )


@dataclasses.dataclass(frozen=True)
class Group:
  """Trials that differ only in what is traced; its tiles all have one shape."""

  static: Trial
  tiles: tuple[Tile, ...]
  # The batch sizes of its family in whose program it is; not what it is, but how it is run.
  sizes: tuple[int, ...] = dataclasses.field(compare=False)
  start: int = 0  # the epoch from which they go on, by a checkpoint
  chunk: int = 0  # where it is smaller than the study's, since that took too much memory

  @property
  def trials(self) -> tuple[Trial, ...]:
    return tuple(itertools.chain(*(tile.trials for tile in self.tiles)))

  @property
  def family(self) -> tuple[Trial, int, int]:
    """What it shares with groups of other batch sizes: how they begin and how they are judged."""
    size = self.static.batch_size if self.static.needs_steps else 0
    return dataclasses.replace(self.static, batch_size=size), self.tiles[0].width, self.chunk

  @property
  def alone(self) -> 'Group':
    """The same, as a program by itself."""
    return dataclasses.replace(self, sizes=(self.static.batch_size,))

  @property
  def work(self) -> float:
    """All its steps together, but for how many examples there are."""
    return self.static.epochs * len(self.trials) / self.static.batch_size

  @property
  def label(self) -> str:
    static = self.static
    options = [f'{key} {value}' for key, value in static.model_options]
    unusual = {
      'scheduled': static.schedule != updates.CONSTANT,
      'clipped': static.clip_norm is not None,
      'decayed': static.weight_decay is not None,
      f'{static.devices} devices': static.devices > 1,
      'statistics of each device': not static.sync_batch_stats,
      'by running statistics': static.eval_stats == 'running',
    }
    how = [words for words, holds in unusual.items() if holds]
    how += [f'from epoch {self.start}'] if self.start else []
    return ', '.join([static.norm, f'batch {static.batch_size}', *options, *how])


def groups(
  trials: Iterable[Trial], *, lanes: int = 64, starts: Mapping[Trial, int] | None = None
) -> tuple[Group, ...]:
  """The groups, the longest first; `lanes` is how many trials one call may hold, and `starts` has
  the epochs from which trials go on, where that is not 0."""
  together: dict[tuple[Trial, int], list[Trial]] = {}
  for trial in trials:
    together.setdefault((trial.static, (starts or {}).get(trial, 0)), []).append(trial)
  unsorted = [
    Group(static, tiles(members, lanes), (static.batch_size,), start)
    for (static, start), members in together.items()
  ]
  # Steps per epoch are as 1/batch_size: with the longest first, workers finish together.
  return tuple(sorted(unsorted, key=lambda g: -g.work))


def only(groups: Iterable[Group], hashes: Collection[str]) -> tuple[Group, ...]:
  """The groups of these trials alone; a tile with some of them keeps its shape and its program."""
  cut = [(group, [tile.only(hashes) for tile in group.tiles]) for group in groups]
  return tuple(
    dataclasses.replace(group, tiles=kept)
    for group, tiles in cut
    if (kept := tuple(tile for tile in tiles if tile.trials))
  )


def share_programs(
  groups: Iterable[Group], workers: int, apart: Iterable[Group] = ()
) -> tuple[Group, ...]:
  """The groups, each compiled with all of its family, if there is a family for each worker.

  But for those that are to be `apart`.
  """
  alone, families = set(apart), dict[tuple, dict[int, None]]()
  for group in groups:
    if group not in alone:
      families.setdefault(group.family, {})[group.static.batch_size] = None
  if len(families) < workers:  # some would wait for a program while one of them compiles it
    return tuple(groups)
  return tuple(
    group
    if group in alone
    else dataclasses.replace(group, sizes=tuple(dict.fromkeys(families[group.family])))
    for group in groups
  )


def tiles(trials: Iterable[Trial], lanes: int) -> tuple[Tile, ...]:
  """Cuts one group's trials: seeds down, all else across, the last tile padded to the shape."""
  by_seed: dict[tuple, list[Trial]] = {}
  for trial in trials:  # each replayed trial has an order of its own
    by_seed.setdefault((trial.seed, trial.turn), []).append(trial)
  width = min(max(map(len, by_seed.values())), lanes)
  # Seeds fill what is left of a call: lanes of one seed share their batches, so these go first.
  height = min(len(by_seed), max(1, lanes // width))
  rows = [
    row + (None,) * (width - len(row))
    for members in by_seed.values()
    for row in (tuple(members[i : i + width]) for i in range(0, len(members), width))
  ]
  # All tiles of a group have one shape, so that one program serves them.
  rows += [(None,) * width] * (-len(rows) % height)
  return tuple(Tile(tuple(rows[i : i + height])) for i in range(0, len(rows), height))
