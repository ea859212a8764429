"""What of a plan is neither done nor failed, and which living processes are at work on it."""

from collections.abc import Collection
import os
from typing import TypeVar

from norms.lab import records
from norms.lab.workdir import claims, failures, kept

Unit = TypeVar('Unit', bound=records.Hashed)


def behind(workdir: str | os.PathLike, planned: Collection[Unit], keep: str = '') -> list[Unit]:
  """What is missing, unless living processes run all of it."""
  missing = of(workdir, planned, keep)
  if sum(_at_work(workdir, missing).values()) >= len(missing):
    return []
  return missing


def lines(
  name: str, workdir: str | os.PathLike, planned: Collection[records.Hashed], what: str = 'trials'
) -> list[str]:
  """A line where there is something left: others run it, or are still to begin."""
  missing = of(workdir, planned)
  if not missing:
    return []
  at_work = [f'{n} by {who}' for who, n in _at_work(workdir, missing).items()]
  whose = f'to other processes ({"; ".join(at_work)})' if at_work else 'that nobody runs now'
  return [
    f'{name}: {len(missing)} of {len(planned)} {what} are left {whose}: whoever ends last writes '
    'the report, and --report does at any time'
  ]


def of(workdir: str | os.PathLike, planned: Collection[Unit], keep: str = '') -> list[Unit]:
  """What has neither a record, with the parameters that are to be kept, nor a failure."""
  done = kept.done(workdir, planned, keep) | failures.trials(workdir)
  return [each for each in planned if each.hash not in done]


def _at_work(workdir: str | os.PathLike, missing: Collection[records.Hashed]) -> dict[str, int]:
  """How many of these living processes run, by 'host, process n'."""
  wanted = {each.hash for each in missing}
  counts = {who: len(wanted & hashes) for who, hashes in claims.at_work(workdir).items()}
  return {who: count for who, count in counts.items() if count}
