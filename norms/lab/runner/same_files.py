"""Whether files that nobody has published a checksum of are those that finished trials were of."""

from collections.abc import Iterable, Mapping
import functools
import os
from typing import Any

from norms.lab import data as data_sets
from norms.lab import records
from norms.lab.data import originals
from norms.lab.data.options import complete


def check(trials: Iterable[tuple[str, tuple]], manual_dir: str, workdir: str | os.PathLike) -> None:
  """Raises ValueError where one of (hash, data) is finished, but of other files than there are.

  Those of manual_dir, or what tensorflow-datasets has prepared; where these are gone there is
  nothing to compare, and a finished study needs them no more.
  """
  origins = records.origins(workdir)
  files = functools.cache(functools.partial(_files, manual_dir=manual_dir))
  for hash_, data in trials:
    before = origins.get(hash_, {}).get('data')
    now = files(data) if before else {}
    # Verified files are the same data in another form.
    if not before or not now or (before['verified'] and now['verified']):
      continue
    if before['sha256'] != now['sha256']:
      raise ValueError(
        f'the files of {now["name"]} have sha256 {now["sha256"]}, and the records in '
        f'{os.fspath(workdir)!r} are of {before["sha256"]}: give the files of then as '
        'config.data.manual_dir, or another --workdir'
      )


def _files(data: tuple, manual_dir: str) -> Mapping[str, Any]:
  """What there is now of a trial's data; {} where it is gone, or is a part of the trial's hash."""
  chosen = complete(data)
  known = data_sets.DATA.get(chosen['name'])
  if known is None or not known.forms:
    return {}
  if not manual_dir and chosen['source'] != 'tfds':  # a download, which need not be here by now
    of = {'name': chosen['name'], 'sha256': originals.registered_sha256(known)}
    return {**of, 'verified': True}
  try:
    return data_sets.origin(chosen, manual_dir)
  except ValueError:
    return {}
