"""Runs one study: python train.py --config=configs/sweep.py

Trains what has no record yet, writes results/<study>/report/ and says what it found. The same
command again runs only what is missing.
"""

import gc
import os
import pathlib
import re
import shlex
import signal
import sys

STOPPED = 'train.py: stopped; what is finished is kept, run the same command to go on'


def end_at_once(number: int, _) -> None:
  """Of Ctrl-C or SIGTERM before anything runs: imports lose an exception, or print it."""
  os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f'{STOPPED}\n'.encode())
  os._exit(128 + number)  # as a shell reports the end by a signal


if __name__ == '__main__':
  signal.signal(signal.SIGTERM, end_at_once)
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as by nohup
    signal.signal(signal.SIGINT, end_at_once)

from absl import app, flags, logging  # noqa: E402
from ml_collections import config_dict, config_flags  # noqa: E402

# What parse() leaves: the command line that absl reads, and (key, text) of each --config.KEY=text.
ARGV: list[str] = []
GIVEN: list[tuple[str, str]] = []
# The default is put on the command line by parse(): absl would read it here, outside of any guard.
CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'The study, default configs/sweep.py.', sys_argv=ARGV
)
WORKDIR = flags.DEFINE_string('workdir', None, 'Where results go; default: results/<study name>.')
DRY_RUN = flags.DEFINE_bool('dry_run', False, 'Prints the plan and stops.')
FAIL_FAST = flags.DEFINE_bool('fail_fast', False, 'Stops at the first group that fails.')
ONLY = flags.DEFINE_string(
  'only', None, 'The hash of a trial, or how it begins: runs that one again, and compares.'
)
COMPARE = flags.DEFINE_string(
  'compare', None, 'A,B: changes from one results folder of a study to another; trains nothing.'
)
REPORT = flags.DEFINE_bool('report', False, 'Writes the report again, and trains nothing.')
SHARD = flags.DEFINE_string('shard', '', 'i/n: runs the i-th of n parts, as a job array does.')
SCHEDULER = flags.DEFINE_string(
  'scheduler', None, "tcp://HOST:8786: a Dask scheduler's workers train; $DASK_SCHEDULER_ADDRESS."
)
WRITE = flags.DEFINE_enum('write', 'driver', ['driver', 'workers'], 'Who writes their results.')
TIME_LIMIT = flags.DEFINE_float('time_limit', 0, 'Seconds a group may compile and run; 0: any.')
VERSIONS = flags.DEFINE_bool('allow_versions', False, 'Workers may have other versions of JAX, ...')
flags.DEFINE_bool('traceback', False, 'Shows where an error was raised that is told in one line.')


# What absl, ml_collections and a config's own file may raise on purpose while flags are read.
MISTAKES = (flags.Error, AttributeError, ImportError, KeyError, OSError, TypeError, ValueError)


def main(argv: list[str]) -> int:
  """Plan, run, report: 0, or 1 where a group failed, or where a trial that --only names differs."""
  if len(argv) > 1:
    raise ValueError(
      f'{argv[1]!r} is not a flag: write --config=FILE, --config.KEY=VALUE or --help'
    )
  from norms.lab import config_file, ending, modes, output, startup

  output.outlive()
  modes.check(flags.FLAGS)
  logging.set_verbosity(logging.WARNING)  # JAX tells of every backend that it does not find
  if COMPARE.value is not None:
    from norms.lab import reporting

    print(reporting.compared(COMPARE.value))
    return 0
  file = config_file.read(config_flags.get_config_filename(flags.FLAGS['config']))
  config = CONFIG.value
  if not isinstance(config, config_dict.ConfigDict):
    raise ValueError(f'get_config gives {config!r}: return a ConfigDict, as of study.defaults()')
  if not DRY_RUN.value and 'kind' not in config:
    startup.prepare()
    if line := startup.cache_compilations():
      print(line, file=sys.stderr)
  from norms.lab import Study, columns, live, overrides, reproduce, session
  from norms.lab.cluster import cluster

  command = shlex.join(['python', *sys.argv])
  changed = overrides.typed(config, GIVEN)
  if 'kind' in config:
    config = config_dict.ConfigDict(overrides.applied(config.to_dict(), changed))
    return compare(config, file.doc, command)
  asked = Study.from_config(
    config, get_hyper=file.get_hyper, doc=file.doc, command=command, overridden=changed
  )
  if ONLY.value is not None:
    text, agrees = reproduce.compared(asked, ONLY.value, asked.folder(WORKDIR.value))
    print(text)
    return 0 if agrees else 1
  engine = cluster.of(SCHEDULER.value, WRITE.value, allow_versions=VERSIONS.value)
  if DRY_RUN.value:
    there = engine is not None
    print(session.describe(asked, WORKDIR.value, elsewhere=there, shard=SHARD.value))
    return 0
  if REPORT.value:
    from norms.lab import reporting

    print(reporting.of_study(asked, asked.folder(WORKDIR.value)))
    return 0
  ending.in_order(STOPPED)
  with live.Live(asked, asked.folder(WORKDIR.value)) as page_so_far:
    frame = session.run(
      asked, WORKDIR.value, processes=True, fail_fast=FAIL_FAST.value, heard=page_so_far,
      engine=engine, shard=SHARD.value, time_limit=TIME_LIMIT.value,
    )  # fmt: skip
  if not frame.empty and not frame.attrs[columns.LEFT]:
    from norms.lab import reporting
    from norms.lab.runner import helping

    gc.freeze()  # a report makes so many objects that all imported ones would be gone through often
    with helping.helper() as helper:
      print(reporting.of_study(asked, asked.folder(WORKDIR.value), helper))
  return 1 if frame.attrs[columns.FAILED] else 0


def compare(config, doc: str, command: str) -> int:
  """Plan, run, report, for a comparison with other libraries, of the config's kind."""
  from norms.lab import ending, modes, parity, reporting, session

  modes.check_comparison(flags.FLAGS)
  asked = parity.from_config(config, doc=doc, command=command)
  workdir = pathlib.Path(WORKDIR.value or f'results/{asked.name}')
  if not DRY_RUN.value and not REPORT.value:
    session.set_aside(workdir)
  units = parity.pending(asked, workdir)
  if DRY_RUN.value:
    print(parity.describe(asked, units, workdir))
    return 0
  ending.in_order(STOPPED)
  failed = [] if REPORT.value else parity.run(asked, units, workdir, fail_fast=FAIL_FAST.value)
  if shown := reporting.of_comparison(asked, workdir, kept=REPORT.value):
    print(shown)
  session.tell(failed, workdir)
  return 1 if failed else 0


def parse(argv: list[str]) -> list[str]:
  """absl's flags, where a mistake is one line; it arises before main, so main cannot catch it."""
  named = any(re.match(r'--?config(=|$)', argument) for argument in argv)
  default = [] if named else [f'--config={pathlib.Path(__file__).parent / "configs/sweep.py"}']
  if any(re.fullmatch(r'--?(help|helpshort|h)', argument) for argument in argv):
    from norms.lab import config_keys

    # absl prints the docstring of the main module, and then the flags.
    sys.modules['__main__'].__doc__ = f'{__doc__}\n{config_keys.text()}\n'
  logging.set_verbosity(logging.ERROR)  # ml_collections warns of what main says in its line
  try:
    from norms.lab import overrides

    rest, GIVEN[:] = overrides.taken(flags.FLAGS.read_flags_from_files(argv[1:], force_gnu=False))
    ARGV[:] = [*argv[:1], *default, *rest]
    return flags.FLAGS(ARGV)
  except (Exception, SystemExit) as error:  # of absl, or of a config's own file
    stop(error, MISTAKES)
    raise


def stop(error: BaseException, foreseen: tuple[type[Exception], ...]) -> None:
  """One line on stderr and exit status 2, if the error is one that a user can mend."""
  from norms.lab import mistakes

  # From the command line itself: a wrong flag comes before any has a value.
  whole = any(re.fullmatch(r'--?traceback(=true)?', argument) for argument in sys.argv)
  if mistakes.tell(error, foreseen, whole=whole):
    sys.exit(2)


def guarded(argv: list[str]) -> int:
  """main, with the errors that a user can mend as one line."""
  from norms.lab import ending, mistakes

  try:
    return main(argv)
  except SystemExit as error:  # of a norm, or of a file's get_hyper
    print(f'train.py: {mistakes.place(error)} ends the program: let it raise', file=sys.stderr)
    return 2
  except BaseException as error:
    if ended := ending.status(error, STOPPED):
      return ended
    stop(error, (ValueError, OSError))
    raise


if __name__ == '__main__':
  app.run(guarded, flags_parser=parse)
