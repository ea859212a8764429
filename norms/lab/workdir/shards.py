"""A study's part for one of several processes that know nothing of each other: --shard=2/4."""

from collections.abc import Iterable
import re

from norms.lab.trial import Trial


def part(trials: Iterable[Trial], shard: str) -> list[Trial]:
  """The trials of a shard: the same for every process, whatever is on record.

  What shares a program stays together, the largest first, each to the shard that has least to do
  so far; where there are fewer programs than shards, trials of one seed stay together.

  shard: 'i/n', from 1/n to n/n.

  Raises:
    ValueError: where it is none.
  """
  found = re.fullmatch(r'(\d+)/(\d+)', shard)
  index, count = map(int, found.groups()) if found else (0, 0)
  if not 1 <= index <= count:
    raise ValueError(f'--shard={shard!r}: give i/n, from 1/n to n/n, as in --shard=2/4')
  by_program: dict[tuple, list[Trial]] = {}
  by_seed: dict[tuple, list[Trial]] = {}
  for trial in trials:
    by_program.setdefault((trial.static,), []).append(trial)
    by_seed.setdefault((trial.static, trial.seed), []).append(trial)
  parts = by_program if len(by_program) >= count else by_seed
  work, mine = [0.0] * count, list[Trial]()
  for each in sorted(parts.values(), key=_cost, reverse=True):
    least = work.index(min(work))
    work[least] += _cost(each)
    mine += each if least == index - 1 else []
  return mine


def _cost(trials: list[Trial]) -> float:
  """In epochs of a step an example."""
  return sum(trial.epochs / trial.batch_size for trial in trials)
