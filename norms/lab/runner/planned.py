"""A plan as a table and in words: what would be trained, the memory it takes, and the time."""

import math
import os

import pandas as pd

from norms.lab import grouping, records
from norms.lab.runner import checks
from norms.lab.study import Study
from norms.lab.workdir import checkpoints

NUMBERS = ('lanes', 'memory', 'run time')  # of the table of a dry run
PLANNED = ['group', 'trials', 'tiles', 'seeds', 'lanes', 'memory_mb', 'seconds']


def table(groups: tuple[grouping.Group, ...], workdir: str | os.PathLike) -> pd.DataFrame:
  """A row per group: arithmetic, and seconds of earlier runs, NaN where there are none."""
  past = _seconds_per_trial(workdir)
  rows = [
    {
      'group': group.label,
      'trials': len(group.trials),
      'tiles': len(group.tiles),
      'seeds': len(group.tiles[0].rows),
      'lanes': group.tiles[0].width,
      'memory_mb': _bytes_of_tile(group) / 2**20,
      'seconds': past.get(group.static.hash, math.nan) * len(group.trials),
    }
    for group in groups
  ]
  return pd.DataFrame(rows, columns=PLANNED)


def _bytes_of_tile(group: grouping.Group) -> int:
  tile = group.tiles[0]
  return checks.lane_bytes(group.static) * len(tile.rows) * tile.width


def describe(study: Study, groups: tuple[grouping.Group, ...], workdir: str | os.PathLike) -> str:
  """The plan in words, for --dry_run: its table, and what that comes to."""
  planned = table(groups, workdir)
  wide = max(map(len, planned['group']), default=5)
  heads = ('group'.ljust(wide), f'{"trials":>6}', f'{"tiles":>5}', *map('{:>9}'.format, NUMBERS))
  lines = [' '.join(heads)]
  for row in planned.itertuples():
    lines.append(
      f'{row.group:{wide}} {row.trials:6d} {row.tiles:5d} {f"{row.seeds}x{row.lanes}":>9} '
      f'{row.memory_mb:6.0f} MB {_seconds(row.seconds, 1):>9}'
    )
  trials = int(planned['trials'].sum())
  programs = {(group.family, group.sizes) for group in groups}
  lines.append(
    f'{study.name}: {len(study.trials)} trials, {len(study.trials) - trials} done, {trials} to run '
    f'in {len(groups)} groups, compiled as {len(programs)} programs; lanes are seeds x others; '
    f'estimated run time {_seconds(planned["seconds"].sum(skipna=False), 0)}'
  )
  lines += _again(study, groups, workdir)
  if study.checkpoint:
    starts = {trial: group.start for group in groups for trial in group.trials}
    lines += checkpoints.told(workdir, starts, study.keep)
  return '\n'.join([*lines, *records.unused(workdir)])


def _again(
  study: Study, groups: tuple[grouping.Group, ...], workdir: str | os.PathLike
) -> list[str]:
  """A line where trials run though they are on record."""
  done = records.done(workdir)
  again = sum(trial.hash in done for group in groups for trial in group.trials)
  if not again:
    return []
  return [
    f'{again} of these have a record and run again, since not all parameters that '
    f'config.keep={study.keep!r} asks for were kept'
  ]


def _seconds(value: float, digits: int) -> str:
  return 'unknown' if math.isnan(value) else f'{value:.{digits}f} s'


def _seconds_per_trial(workdir: str | os.PathLike) -> dict[str, float]:
  seen = [p for p in records.provenance(workdir) if p.get('trials') and 'program' in p]
  return {p['program']: p['run_seconds'] / p['trials'] for p in seen}
