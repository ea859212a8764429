"""What train.py does besides running a study, and that no flag is passed over in silence there."""

import os

from absl.flags import FlagValues

MODES = ('compare', 'only', 'report', 'dry_run')
# How a study is run: without an effect where none is. A plan is that of the same command.
RUNS = ('scheduler', 'write', 'allow_versions', 'shard', 'time_limit', 'fail_fast')
OF_CLUSTER, ADDRESS = ('write', 'allow_versions'), 'DASK_SCHEDULER_ADDRESS'


def check(flags: FlagValues) -> None:
  """Raises ValueError, one line, where a flag has no effect beside another one."""
  given = _given(flags, *MODES)
  if len(given) > 1:
    raise ValueError(f'--{given[0]} and --{given[1]} exclude each other: give one of them')
  if given and given != ['dry_run']:
    _refuse(_given(flags, *RUNS), f'with --{given[0]}, which trains nothing of the study')
  if not (flags['scheduler'].value or os.environ.get(ADDRESS)):
    _refuse(_given(flags, *OF_CLUSTER), 'without --scheduler=tcp://HOST:8786')


def check_comparison(flags: FlagValues) -> None:
  """The same of a comparison with other libraries, whose units run here, one after the other."""
  alone = [name for name in RUNS if name != 'fail_fast']
  _refuse(_given(flags, 'only', *alone), 'on a comparison with other libraries')


def _given(flags: FlagValues, *names: str) -> list[str]:
  return [name for name in names if flags[name].present and flags[name].value]


def _refuse(given: list[str], where: str) -> None:
  if given:
    raise ValueError(f'--{given[0]} has no effect {where}: leave it out')
