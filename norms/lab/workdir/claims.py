"""Which trials a process is at work on, so that several on one folder do each of them once.

`records/.claims` is one small file of JSON, changed under a lock of the file system. A claim names
trials, host and process, and is renewed while its process lives: one whose process has ended, or
that nobody has renewed for STALE seconds, is taken over. Who finds the file torn takes it for
empty; living processes renew what they hold. What is no trial, and one process at a time may do, is
claimed in the same way: `alone`.
"""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import json
import multiprocessing
import os
import pathlib
import secrets
import threading
import time
from typing import Any

from norms.lab import records
from norms.lab.store import durable, locked

FILE = '.claims'
BEAT, STALE, SOON = 5.0, 60.0, 0.1  # seconds
REPORT, ROWS, TIMING = 'report', 'rows', 'timing'  # what `alone` is for
_mine: dict[str, tuple[pathlib.Path, dict[str, Any]]] = {}  # what this process holds, by token
_lock = threading.Lock()
_on_behalf = threading.Event()  # of one that holds what this process is to do


@contextlib.contextmanager
def present(workdir: str | os.PathLike) -> Iterator[None]:
  """Says that a process, with its workers, is at work on a folder: a claim without trials."""
  token = secrets.token_hex(8)
  with _opened(workdir) as state:
    state['came'] += 1
    _claim(workdir, state, token, ())
  try:
    yield
  finally:
    _release(workdir, token)


@contextlib.contextmanager
def held(
  workdir: str | os.PathLike, trials: Iterable[records.Hashed], done: Callable[[], set[str]]
) -> Iterator[set[str]]:
  """Claims those of the trials that nobody else is at work on and that are not done; their hashes.

  done: the hashes of what is done of these, which is asked for where others are there, or were: who
    came and went since this process made its plan may have done some of it.
  """
  wanted = {trial.hash for trial in trials}
  if _on_behalf.is_set():
    yield wanted
    return
  token = secrets.token_hex(8)
  with _opened(workdir) as state:
    living = _living(state)
    wanted -= {trial for claim in living for trial in claim['trials']}
    several = sum(not claim['trials'] for claim in living) > 1
    if wanted and (several or state['came'] != 1):
      wanted -= done()
    if wanted:
      _claim(workdir, state, token, wanted)
  try:
    yield wanted
  finally:
    if wanted:
      _release(workdir, token)


def on_behalf() -> None:
  """From now on all that this process is asked to do is held by who asks, as a cluster's driver."""
  _on_behalf.set()


@contextlib.contextmanager
def alone(workdir: str | os.PathLike, what: str, *, wait: bool = True) -> Iterator[bool]:
  """Whether nobody else does this in a folder meanwhile; a folder without records has nobody.

  wait: until whoever does it has ended, or died; else False where somebody does.
  """
  if not records.folder(workdir).is_dir():
    yield True
    return
  token = secrets.token_hex(8)
  while not (mine := _taken(workdir, token, what)) and wait:
    time.sleep(SOON)
  try:
    yield mine
  finally:
    if mine:
      _release(workdir, token)


def at_work(workdir: str | os.PathLike, *, others: bool = False) -> dict[str, set[str]]:
  """What living processes are at work on, as hashes by 'host, process n'.

  others: without this process and its workers.
  """
  with _opened(workdir) as state:
    living = _living(state)
  found: dict[str, set[str]] = {}
  for claim in living:
    ours = claim['host'] == durable.host() and os.getpid() in (claim['pid'], claim.get('for'))
    if not (others and ours):
      who = f'{claim["host"]}, process {claim["pid"]}'
      found.setdefault(who, set()).update(claim['trials'])
  return found


def _taken(workdir: str | os.PathLike, token: str, what: str) -> bool:
  with _opened(workdir) as state:
    if any(what in claim['trials'] for claim in _living(state)):
      return False
    _claim(workdir, state, token, (what,))
  return True


def _claim(
  workdir: str | os.PathLike, state: dict[str, Any], token: str, trials: Iterable[str]
) -> None:
  claim = {'host': durable.host(), 'pid': os.getpid(), 'beat': time.time()}
  # A worker ends with who started it, killed perhaps, and what it is at work on is lost.
  claim |= {'for': parent.pid} if (parent := multiprocessing.parent_process()) else {}
  state['claims'][token] = claim | {'trials': sorted(trials)}
  with _lock:
    _mine[token] = records.folder(workdir).absolute(), state['claims'][token]
  _beat()


def _release(workdir: str | os.PathLike, token: str) -> None:
  with _lock:
    _mine.pop(token, None)
  with contextlib.suppress(OSError), _opened(workdir) as state:  # of a folder that is gone
    state['claims'].pop(token, None)


def _living(state: dict[str, Any]) -> list[dict[str, Any]]:
  """The claims that hold; the others are dropped."""
  state['claims'] = {token: each for token, each in state['claims'].items() if _holds(each)}
  return list(state['claims'].values())


def _holds(claim: dict[str, Any]) -> bool:
  here = [claim['pid'], claim.get('for', claim['pid'])] if claim['host'] == durable.host() else []
  if not all(map(durable.alive, here)):
    return False
  return time.time() - claim['beat'] < STALE


@contextlib.contextmanager
def _opened(workdir: str | os.PathLike) -> Iterator[dict[str, Any]]:
  """What the file says, which nobody else changes meanwhile; written where it has changed."""
  path = records.folder(workdir) / FILE
  path.parent.mkdir(parents=True, exist_ok=True)
  with locked.opened(path) as file:
    file.seek(0)
    before = file.read()
    state = _parsed(before)
    yield state
    if (text := json.dumps(state)) != before:
      file.seek(0)
      file.truncate()
      file.write(text)


def _parsed(text: str) -> dict[str, Any]:
  try:
    state = json.loads(text)
    return {'came': int(state['came']), 'claims': dict(state['claims'])}
  except (ValueError, KeyError, TypeError):  # new, or torn by a kill
    return {'came': 0, 'claims': {}}


def _beat() -> None:
  """Renews what this process holds, for as long as it holds anything."""
  if any(thread.name == FILE for thread in threading.enumerate()):
    return

  def renew() -> None:
    while True:
      time.sleep(BEAT)
      with _lock:
        held = dict(_mine)
      if not held:
        return
      for place in {place for place, _ in held.values()}:
        with contextlib.suppress(OSError), _opened(place) as state:
          for token, (where, claim) in held.items():
            if where == place and token in _mine:
              state['claims'][token] = claim | {'beat': time.time()}

  threading.Thread(target=renew, name=FILE, daemon=True).start()
