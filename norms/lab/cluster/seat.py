"""A process that runs groups for a worker of a cluster: python -m norms.lab.cluster.seat PIPE

It is JAX's and the study's alone: a user's module is imported in it once, and never stale.
"""

from multiprocessing.connection import Connection
import os
import pathlib
import sys
import threading

from norms.lab import mistakes
from norms.lab.cluster import parcel
from norms.lab.runner import identity, serving
from norms.lab.workdir import claims


def main(pipe: Connection) -> None:
  """Takes a study, says '' or why it cannot, and runs groups of it until the pipe is closed."""
  threading.Thread(target=_end_with_who_asked, daemon=True).start()
  raw, workdir, folder, threads = pipe.recv()
  try:
    packed, study = parcel.unpack(raw, pathlib.Path(folder, 'modules'))
    identity.check_settings()
    claims.on_behalf()
  except Exception as error:  # of a user's module, perhaps
    pipe.send(f'{type(error).__name__}: {mistakes.first_line(error)}')
    return
  pipe.send('')
  threads = min(threads, 1) if packed.exact else threads
  serving.serve(pipe, study, pathlib.Path(workdir), threads, packed.plain)


def _end_with_who_asked() -> None:
  """Ends this process with the one that started it, killed perhaps: its standard input closes."""
  sys.stdin.buffer.read()
  os._exit(1)


if __name__ == '__main__':
  main(Connection(int(sys.argv[1])))
