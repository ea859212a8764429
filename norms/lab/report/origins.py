"""Where the records of a report come from: what their files say of command, commit and machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import re
from typing import NamedTuple

from norms.lab import numerics
from norms.lab.report import tables
from norms.lab.statistics import words
from norms.lab.values import Recorded


def facts(provenance: Sequence[Recorded]) -> list[tuple[str, str]]:
  """Where the records come from, over all their files."""
  # Records of an older arithmetic stay in the folder, but no figure of this report uses them.
  number = newest(provenance)
  counts = [(_number(line), line.get('trials') or 0) for line in provenance]
  older = numerics.unused(counts, number)
  provenance = used(provenance)
  versions = {
    f'{package} {version}'
    for line in provenance
    for package, version in (line.get('versions') or {}).items()
  }
  started = sorted(_distinct(provenance, 'started'))
  devices = (f'{line.get("device", "unknown")}, {_cores(line)}' for line in provenance)
  entries = [
    ('records', '; '.join(_distinct(provenance, 'command'))),
    ('commits', ', '.join(_distinct(provenance, 'commit'))),
    ('devices', '; '.join(dict.fromkeys(devices))),
    ('versions', ', '.join(sorted(versions))),
    ('numerics', '; '.join(filter(None, [str(number), older]))),
    ('started', ' to '.join(dict.fromkeys([started[0], started[-1]])) if started else ''),
    ('compilation', _seconds(sum(line.get('compile_seconds') or 0 for line in provenance))),
    ('training', _seconds(sum(line.get('run_seconds') or 0 for line in provenance))),
    ('trials', str(sum(line.get('trials') or 0 for line in provenance))),
  ]
  return [(name, value or 'not recorded') for name, value in entries]


def cost(provenance: Sequence[Recorded]) -> str:
  """'54.2 s of computing on 2 cores': all workers together, '' where the files do not say."""
  seconds = sum(
    line.get(key) or 0 for line in used(provenance) for key in ('compile_seconds', 'run_seconds')
  )
  machines = dict.fromkeys(map(_cores, used(provenance)))
  return f'{_seconds(seconds)} of computing on {words.listed(machines)}' if seconds else ''


def files(provenance: Sequence[Recorded]) -> tables.Table:
  """A line per file of records; what was compiled with another is not counted twice."""
  note = 'Compiled in 0.0 s: with another file of its norm.'
  columns = ['group', 'trials', 'compilation s', 'training s', 'started']
  rows = [
    tables.TableRow(
      [
        str(line.get('group', tables.ABSENT)),
        str(line.get('trials', tables.ABSENT)),
        f'{line.get("compile_seconds") or 0:.1f}',
        f'{line.get("run_seconds") or 0:.1f}',
        str(line.get('started', tables.ABSENT)),
      ],
      False,
    )
    for line in used(provenance)
  ]
  return tables.Table('files', 'Files of records', note, columns, rows)


def used(provenance: Iterable[Recorded]) -> list[Recorded]:
  """The files that a report rests on."""
  provenance = list(provenance)
  return [line for line in provenance if _number(line) == newest(provenance)]


def newest(provenance: Iterable[Recorded]) -> int:
  """The number of what a report rests on: today's, but where it is made again from old evidence."""
  numbers = {number for line in provenance if (number := _number(line)) <= numerics.NUMERICS}
  return max(numbers, default=numerics.NUMERICS)


class Config(NamedTuple):
  """The file of a study at a commit: where the web has it, or else how git shows it."""

  file: str
  commit: str
  changed: bool  # whether the work tree differed from that commit
  link: str

  @property
  def text(self) -> str:
    """'configs/sweep.py at 4f2329c'."""
    return f'{self.file} at {self.commit}{", with changes" if self.changed else ""}'

  @property
  def command(self) -> str:
    """What prints it, in a copy of the repository."""
    return f'git show {self.commit}:{self.file}'


def configs(provenance: Iterable[Recorded]) -> list[Config]:
  """The configs with which the trials ran, at their commits, as far as the records know these."""
  found: dict[Config, None] = {}
  for line in used(provenance):
    file, web = _config_file(str(line.get('command', ''))), str(line.get('web', ''))
    commit, changed, _ = str(line.get('commit', 'unknown')).partition('+')
    if file and commit != 'unknown':
      # Of other hosts it is not known under which address a file at a commit lies.
      known = any(host in web.split('/')[2] for host in ('github', 'gitlab')) if web else False
      link = f'{web}/blob/{commit}/{file}' if known else ''
      found[Config(file, commit, bool(changed), link)] = None
  return list(found)


def _config_file(command: str) -> str:
  """'configs/sweep.py' of a command, '' where it is a file of elsewhere."""
  if 'train.py' not in command:
    return ''
  named = re.search(r'--?config[= ]([^\s:]+)', command)
  file = named[1].removeprefix('./') if named else 'configs/sweep.py'
  return file if re.fullmatch(r'[\w-][\w./-]*', file) and '..' not in file else ''


def _number(line: Recorded) -> int:
  """Which records.provenance says of each file; of none where it did not come from one."""
  return int(line.get('numerics', numerics.NUMERICS))


def _distinct(provenance: Iterable[Recorded], key: str) -> list[str]:
  return list(dict.fromkeys(str(line[key]) for line in provenance if line.get(key)))


def _cores(line: Recorded) -> str:
  return words.count(line['cores'], 'core') if line.get('cores') else 'cores not recorded'


def _seconds(seconds: float) -> str:
  minutes, rest = divmod(round(seconds), 60)
  return f'{seconds:.1f} s' if seconds < 120 else f'{minutes} min {rest} s'
