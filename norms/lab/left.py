"""What of a study is neither done nor failed, and which living processes are at work on it."""

from collections.abc import Collection
import os

from norms.lab import grouping, records, sweep
from norms.lab.study import Study
from norms.lab.trial import Trial
from norms.lab.workdir import claims, failures


def behind(
  study: Study, workdir: str | os.PathLike, part: Collection[Trial]
) -> tuple[grouping.Group, ...]:
  """The groups of what was to be run, is not done, and that no living process runs."""
  missing = _missing(workdir, part)
  if not missing or sum(claims.elsewhere(workdir, missing).values()) >= len(missing):
    return ()
  return sweep.pending(study, workdir, missing)


def lines(study: Study, workdir: str | os.PathLike) -> list[str]:
  """A line where there is something left: others run it, or are still to begin."""
  missing = _missing(workdir, study.trials)
  if not missing:
    return []
  at_work = [f'{n} by {who}' for who, n in claims.elsewhere(workdir, missing).items()]
  others = f' ({"; ".join(at_work)})' if at_work else ''
  return [
    f'{study.name}: {len(missing)} of {len(study.trials)} trials are left to other '
    f'processes{others}: whoever ends last writes the report, and --report does at any time'
  ]


def _missing(workdir: str | os.PathLike, trials: Collection[Trial]) -> list[Trial]:
  done = records.done(workdir) | failures.trials(workdir)
  return [trial for trial in trials if trial.hash not in done]
