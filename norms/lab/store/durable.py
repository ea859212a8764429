"""Files that are written whole or not at all, whoever is killed, and what a kill leaves of them."""

from collections.abc import Collection, Iterator
import contextlib
import os
import pathlib
import re
import secrets
import shutil
import socket
import tempfile
import time

# Of another host nobody can say here whether its process is alive: no file takes a day to write.
DAY, SUFFIX = 24 * 60 * 60, '.tmp'
_TEMPORARY = re.compile(r'\..+\.(?P<host>\w+)-(?P<pid>\d+)-\w{8}\.tmp')


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """A path to write to; the file takes the place of `path` at the end, unless an error arises."""
  path.parent.mkdir(parents=True, exist_ok=True)
  temporary = beside(path)
  try:
    yield temporary
    # Its bytes before its name: after a power cut there is the old file or the whole new one.
    _flush(temporary)
    temporary.replace(path)
  except OSError as error:
    error.filename = error.filename or str(path)  # a write that fails does not say of what
    raise
  finally:
    temporary.unlink(missing_ok=True)
  # Without it a power cut may lose the new name, though the file's bytes are on disk.
  _flush(path.parent)


@contextlib.contextmanager
def renewing(folder: pathlib.Path, last: str, goes: Collection[str] = ()) -> Iterator[pathlib.Path]:
  """A folder to write to, whose files take the places of those of `folder` at the end, `last` last.

  Unless an error arises: then `folder` stays as it was. A file of before that was not written again
  goes where it is in `goes`, or in a folder that was written again; others stay.
  """
  # Where it lies, if it is a link: names change their places within one file system only.
  folder = folder.resolve()
  folder.mkdir(parents=True, exist_ok=True)
  clear(folder.parent)
  fresh = beside(folder)
  fresh.mkdir()
  try:
    yield fresh
    names = [path.relative_to(fresh) for path in fresh.rglob('*') if path.is_file()]
    # A page is there when what it leads to is, and that of before goes when none leads to it.
    for name in sorted(names, key=lambda name: str(name) == last):
      (folder / name).parent.mkdir(parents=True, exist_ok=True)
      (fresh / name).replace(folder / name)
    inner = [path for each in fresh.iterdir() for path in (folder / each.name).glob('*')]
    for path in [*inner, *(folder / name for name in goes)]:
      if path.is_file() and path.relative_to(folder) not in names:
        path.unlink()
  finally:
    shutil.rmtree(fresh, ignore_errors=True)


def beside(path: pathlib.Path) -> pathlib.Path:
  """A name beside `path` that no other process takes, on this host or on another."""
  return path.with_name(f'{_of_this_process(path.name)}{secrets.token_hex(4)}{SUFFIX}')


def temporary_folder() -> tempfile.TemporaryDirectory:
  """A folder in the system's temporary one, where what ended processes left is deleted."""
  clear(pathlib.Path(tempfile.gettempdir()))
  return tempfile.TemporaryDirectory(prefix=_of_this_process('norms'), suffix=SUFFIX)


def _of_this_process(name: str) -> str:
  # Two containers that share a folder may have equal process ids.
  return f'.{name}.{host()}-{os.getpid()}-'


def check_writable(folder: pathlib.Path) -> None:
  """Raises OSError where nothing can be written to a folder."""
  with tempfile.TemporaryFile(dir=folder):
    pass


def clear(folder: pathlib.Path) -> None:
  """Deletes the temporary files and folders of processes that have ended."""
  for path in folder.glob('.*.tmp'):
    if not _is_left(path):
      continue
    if path.is_dir():
      shutil.rmtree(path, ignore_errors=True)
    else:
      path.unlink(missing_ok=True)


def clear_within(folder: pathlib.Path) -> None:
  """Deletes those in the folders of a folder: of records, parameters and checkpoints."""
  for each in folder.glob('[!.]*/'):
    clear(each)


def _is_left(path: pathlib.Path) -> bool:
  found = _TEMPORARY.fullmatch(path.name)
  if not found:
    return False
  if found['host'] == host():
    return not alive(int(found['pid']))
  with contextlib.suppress(FileNotFoundError):
    return time.time() - path.stat().st_mtime > DAY
  return False


def alive(pid: int) -> bool:
  """Whether a process of that number runs on this host."""
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  except PermissionError:  # of another user
    return True
  return not _has_ended(pid)


def _has_ended(pid: int) -> bool:
  """Of one that is there still, until somebody waits for it: in many a container nobody does."""
  try:
    told = pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='utf-8', errors='replace')
  except OSError:  # a system that does not say
    return False
  return told.rpartition(')')[2].split()[0] in 'ZX'


def host() -> str:
  """This host's name, as file names have it."""
  return re.sub(r'\W', '_', socket.gethostname())


def _flush(path: pathlib.Path) -> None:
  """To the disk itself, of a file or of a folder's names."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)
