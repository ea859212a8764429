"""A process that runs groups for a cluster's worker: python norms/lab/cluster/seat.py PIPE FOLDER

It is JAX's and the study's alone: a user's module is imported in it once, and never stale.
"""

from collections.abc import Callable
import functools
from multiprocessing.connection import Connection
import os
import pathlib
import shutil
import sys
import threading

TRIES = 3
_ending = threading.Lock()  # which is never let go


def main(pipe: Connection, folder: str) -> None:
  """Takes a study, says '' or why it cannot, and runs groups of it until the pipe is closed."""
  end = functools.partial(_end, folder)
  threading.Thread(target=_end_with_who_asked, args=(end,), daemon=True).start()
  # Only now: it takes seconds, in which who asked may be killed.
  from norms.lab import mistakes
  from norms.lab.cluster import parcel
  from norms.lab.runner import checks, identity, serving
  from norms.lab.workdir import claims

  try:
    raw, workdir, threads = pipe.recv()
  except EOFError:
    end()
  try:
    packed, study = parcel.unpack(raw, pathlib.Path(folder, 'modules'))
    identity.check_settings()
    serving.begin(min(threads, 1) if packed.exact else threads)
    checks.check_devices(study)
    claims.on_behalf()
  except Exception as error:  # of a user's module, perhaps
    kind = '' if isinstance(error, ValueError) else f'{type(error).__name__}: '
    pipe.send(f'{kind}{mistakes.first_line(error)}')
    return
  pipe.send('')
  serving.serve(pipe, study, pathlib.Path(workdir), packed.plain, alone=end)
  end()


def _end_with_who_asked(end: Callable[[], None]) -> None:
  """Ends this process with the one that started it, killed perhaps: its standard input closes."""
  sys.stdin.buffer.read()
  end()


def _end(folder: str) -> None:
  with _ending:
    # Who made the folder is gone, and takes it away no more; a group may write to it just now.
    for _ in range(TRIES):
      shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == '__main__':
  main(Connection(int(sys.argv[1])), sys.argv[2])
