"""A file of text that one process at a time reads and changes, on this host or on another."""

from collections.abc import Iterator
import contextlib
import errno
import fcntl
import os
import pathlib
import time
from typing import TextIO

# Of a file system without such locks, as Lustre's without its mount option, or NFS without lockd.
WITHOUT = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}
STALE, SOON = 60.0, 0.02  # seconds


@contextlib.contextmanager
def opened(path: pathlib.Path) -> Iterator[TextIO]:
  """The file, made where there is none, that nobody else opens so meanwhile."""
  with path.open('a+', encoding='utf-8') as file, contextlib.ExitStack() as stack:
    try:
      fcntl.flock(file, fcntl.LOCK_EX)  # which the end of a process frees, however it ends
    except OSError as error:
      if error.errno not in WITHOUT:
        raise
      stack.enter_context(_beside(path))
    yield file
    file.flush()  # before it is free


@contextlib.contextmanager
def _beside(path: pathlib.Path) -> Iterator[None]:
  """By a file that only one can make. One of STALE seconds is of a process that was killed."""
  lock = path.with_name(f'{path.name}.lock')
  while True:
    try:
      os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
      break
    except FileExistsError:
      with contextlib.suppress(FileNotFoundError):  # gone by now
        if time.time() - lock.stat().st_mtime > STALE:
          lock.unlink()
      time.sleep(SOON)
  try:
    yield
  finally:
    lock.unlink(missing_ok=True)
