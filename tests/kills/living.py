"""Which processes live, whose they are, and whether they end."""

import contextlib
import os
import pathlib
import time


def descendants(pid: int) -> list[int]:
  """Its processes, and theirs: workers are forked from a server, which is one."""
  try:
    tasks = [p.read_text().split() for p in pathlib.Path(f'/proc/{pid}/task').glob('*/children')]
  except OSError:  # ended meanwhile
    return []
  own = [int(child) for children in tasks for child in children]
  return own + [below for child in own for below in descendants(child)]


def alive(pid: int) -> bool:
  """Whether a process runs: not one that has ended, and that nobody has waited for."""
  try:
    return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
  except OSError:
    return False


def all_end(pids, seconds: float) -> bool:
  """Whether all processes have ended, or do so within so many seconds."""
  until = time.monotonic() + seconds
  while any(map(alive, pids)) and time.monotonic() < until:
    time.sleep(0.1)
  return not any(map(alive, pids))


def parent(pid: int) -> int:
  """Who started it; 0 where it has ended."""
  try:
    return int(pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[1])
  except OSError:
    return 0


def command(pid: int) -> str:
  """How it was called; '' where it has ended."""
  with contextlib.suppress(OSError):
    return pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode()
  return ''


def marked(mark: str) -> set[int]:
  """All processes that were started with this text in their environment, whoever's they are now."""
  found = set()
  for place in pathlib.Path('/proc').glob('[0-9]*'):
    with contextlib.suppress(OSError):
      if mark.encode() in (place / 'environ').read_bytes().split(b'\0') and alive(int(place.name)):
        found.add(int(place.name))
  return found - {os.getpid()}
