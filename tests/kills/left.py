"""What a study leaves that is neither a result nor anything else of use."""

from collections.abc import Callable, Iterable
import contextlib
import pathlib
import shutil
import time

from norms.lab.workdir import claims

SHARED = pathlib.Path('/dev/shm')
SECONDS = 10  # in which all must be gone


def after(seconds: float, look: Callable[[], list[str]]) -> list[str]:
  """What is still found after so many seconds, and at once nothing where nothing is."""
  until = time.monotonic() + seconds
  while (found := look()) and time.monotonic() < until:
    time.sleep(0.1)
  return found


def delete(tmp: pathlib.Path, names: Iterable[str]) -> None:
  """Deletes what lies in the temporary folder, with the folder there that it is in."""
  tops = {pathlib.Path(name).parts[0] for name in names if not pathlib.Path(name).is_absolute()}
  for path in tmp.iterdir():
    if path.name in tops:
      shutil.rmtree(path) if path.is_dir() else path.unlink()


def of_run(tmp: pathlib.Path, shared: Iterable[str]) -> list[str]:
  """Files in the temporary folder, and semaphores that are new and nobody's."""
  return [*_names(tmp), *_nobodys(shared)]


def of_study(workdir: pathlib.Path, like: pathlib.Path) -> list[str]:
  """What a study's folder has that it has not where nobody kills, as in the folder `like`."""
  found = _results(workdir) - _results(like)
  return [*sorted(found), *claims.at_work(workdir)]


def _results(workdir: pathlib.Path) -> set[str]:
  """All names but those of records, which are of trials that ran at once, and inside of arrays."""
  there = [*workdir.glob('*'), *workdir.rglob('.*'), *workdir.rglob('*tmp*')]
  there += workdir.glob('parameters/*/*')
  there += [path for path in workdir.glob('records/*') if path.suffix != '.parquet']
  # A checkpoint is of trials that ran at once, too, and says which epoch it is of.
  epochs = {path.name.rpartition('-')[2] for path in workdir.glob('checkpoints/*')}
  return {str(path.relative_to(workdir)) for path in there} | epochs


def shared() -> set[str]:
  """What is in shared memory."""
  return set(_names(SHARED))


def _nobodys(before: Iterable[str]) -> list[str]:
  new = shared() - set(before)
  return [name for name in new if not _is_mapped(name)] if new else []


def _is_mapped(name: str) -> bool:
  for maps in pathlib.Path('/proc').glob('[0-9]*/maps'):
    with contextlib.suppress(OSError):
      if name in maps.read_text():
        return True
  return False


def _names(folder: pathlib.Path) -> list[str]:
  return [str(path.relative_to(folder)) for path in folder.rglob('*') if not path.is_dir()] + [
    path.name for path in folder.iterdir() if path.is_dir() and not any(path.iterdir())
  ]
