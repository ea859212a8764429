"""What travels to another machine with a study: its modules, its own data, and what must agree."""

from collections.abc import Iterable, Mapping
import importlib
import importlib.metadata
import io
import pathlib
import pickle
import platform
import sys
from typing import Any, NamedTuple
import zipfile

from norms._src.xla_cpu import special_formulas_allowed
from norms.lab import numerics, source
from norms.lab.data import own
from norms.lab.data.options import complete, origin
from norms.lab.runner.provenance import PACKAGES
from norms.lab.study import Study


class Parcel(NamedTuple):
  """A study as another process needs it that has none of its files."""

  modules: bytes  # a zip of the user's own
  study: bytes  # pickled, since its classes may be of these
  data: dict[str, own.OwnData]  # the user's own, by sha256
  exact: bool  # whether sums are to be as one thread makes them
  plain: bool  # whether the program had norms.plain_formulas


def pack(study: Study) -> bytes:
  """All that a worker needs to run groups of a study.

  Data of a user's own go with it as arrays: a file or a function's files are here, and who knows
  where else. The project's own sets do not: each machine reads or downloads its own.

  Raises:
    ValueError: where the study names what only this process has.
  """
  chosen = [complete(options) for options in dict.fromkeys(t.data for t in study.trials)]
  read = [own.read(each, study.manual_dir) for each in chosen if origin(each) != 'known']
  names = dict.fromkeys(name for trial in study.trials for name in trial.objects if ':' in name)
  data = {content.sha256: content for content in read}
  plain = not special_formulas_allowed()
  parcel = Parcel(_zipped(names), pickle.dumps(study), data, study.chunk == 1, plain)
  return pickle.dumps(parcel)


def _zipped(names: Iterable[str]) -> bytes:
  """A zip of the modules that these objects are made of."""
  files: dict[str, pathlib.Path] = {}
  for name in names:
    if name.startswith('__main__:'):
      raise ValueError(f'{name!r} is of this process alone: put it into a file, as file:object')
    files |= source.modules(name)
  raw = io.BytesIO()
  with zipfile.ZipFile(raw, 'w', zipfile.ZIP_DEFLATED) as archive:
    for module, path in files.items():
      package = path.name == '__init__.py'
      folders = module.split('.') if package else module.split('.')[:-1]
      archive.write(path, '/'.join([*folders, path.name]))
  return raw.getvalue()


def unpack(raw: bytes, folder: pathlib.Path) -> tuple[Parcel, Study]:
  """The parcel and its study, whose modules are from here on those in `folder`."""
  parcel: Parcel = pickle.loads(raw)
  with zipfile.ZipFile(io.BytesIO(parcel.modules)) as archive:
    archive.extractall(folder)
  sys.path.insert(0, str(folder))
  importlib.invalidate_caches()
  own.GIVEN.update(parcel.data)
  return parcel, pickle.loads(parcel.study)


def facts() -> dict[str, Any]:
  """What two processes must have in common to find the same figures."""
  versions = {name: importlib.metadata.version(name) for name in PACKAGES}
  python = '.'.join(platform.python_version_tuple()[:2])
  return {'python': python, **versions, 'numerics': numerics.NUMERICS}


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
  """What is other there, as 'jax 0.9.1 (here 0.10.2)'; '' for nothing."""
  other = [name for name in here if there.get(name) != here[name]]
  return ', '.join(f'{name} {there.get(name)} (here {here[name]})' for name in other)
