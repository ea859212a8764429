"""Groups cut into parts, so that each device of a machine has one where there are fewer groups."""

from collections import Counter
from collections.abc import Iterable
import heapq

from norms.lab.grouping import Group, tiles
from norms.lab.trial import Trial


def spread(groups: tuple[Group, ...], devices: int, *, lanes: int) -> tuple[Group, ...]:
  """The groups, the longest of them cut where there are fewer than devices; the longest first.

  lanes: how many trials one call may hold.
  """
  if len(groups) >= devices:
    return groups
  shares = [
    (group.work / parts, i)
    for i, group in enumerate(groups)
    for parts in range(1, _most(group) + 1)
  ]
  # The largest shares that there are: of a long group many, and none of a very short one.
  parts = Counter(i for _, i in heapq.nlargest(devices, shares))
  cut = [part for i, group in enumerate(groups) for part in _cut(group, max(1, parts[i]), lanes)]
  return tuple(sorted(cut, key=lambda group: -group.work))


def _cut(group: Group, parts: int, lanes: int) -> Iterable[Group]:
  """So many groups of its trials: of a share of the seeds, else of a share of each seed's lanes.

  Seeds come first, since lanes of one seed have their batches in common.
  """
  rows = _rows(group)
  for i in range(parts):
    mine = rows[i::parts] if len(rows) >= parts else [row[i::parts] for row in rows]
    trials = [trial for row in mine for trial in row]
    yield Group(group.static, tiles(trials, lanes), group.sizes, group.start)


def _rows(group: Group) -> list[list[Trial]]:
  """Its trials, a row for each seed; of replayed ones each has a row."""
  rows: dict[tuple, list[Trial]] = {}
  for trial in group.trials:
    rows.setdefault((trial.seed, trial.turn), []).append(trial)
  return list(rows.values())


def _most(group: Group) -> int:
  """Into how many parts it can be cut: its seeds, or the trials of one."""
  rows = _rows(group)
  return max(len(rows), *map(len, rows))
