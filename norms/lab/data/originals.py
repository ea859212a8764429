"""The original files of a data set: found on disk or downloaded, and never used unchecked.

Each file's sha256 must be the registered one, or, of the unpacked IDX files, that of what the
registered ones hold. Nobody has published one for the files inside CIFAR-10's archive: of an
unpacked folder the sizes, counts and labels are checked, and the sha256 goes on record.
"""

from collections.abc import Callable, Mapping
import hashlib
import json
import os
import pathlib
import threading
import time
from typing import NamedTuple
import urllib.error
import urllib.request

from norms.lab import mistakes
from norms.lab.data import formats
from norms.lab.data.known import DATA, Form, Known

PROBE_SECONDS = 2.5


class Originals(NamedTuple):
  """The files of one form, their common sha256, and whether each one's was known beforehand."""

  paths: Mapping[str, pathlib.Path]
  sha256: str
  verified: bool


def on_disk(name: str, manual_dir: str) -> Originals:
  """The originals in DIR/<name>/ or DIR/<official folder>/; in DIR itself only by their sha256,
  for data sets share names of files.

  Raises:
    ValueError: where they are not there, or not what they should be.
  """
  known, top = DATA[name], pathlib.Path(manual_dir).expanduser()
  if not top.is_dir():
    raise ValueError(f'config.data.manual_dir={manual_dir!r} is no folder: name one with {name}/')
  folders = [
    top / name,
    *(top / name / f for f in known.folders),
    *(top / f for f in known.folders),
  ]
  for folder in folders:
    for form in known.forms:
      paths = {file: folder / file for file in form}
      if all(path.is_file() for path in paths.values()):
        return check_files(known, form, paths)
  for form in known.forms:
    paths = {file: top / file for file in form}
    if all(form[f].sha256 and p.is_file() and sha256(p) == form[f].sha256
           for f, p in paths.items()):  # fmt: skip
      return check_files(known, form, paths)
  raise ValueError(
    f'config.data.manual_dir={manual_dir!r} holds no complete originals of {name} in '
    f'{", ".join(str(p.relative_to(top)) for p in folders)}, nor with the right sha256 in itself: '
    f'put {download_list(known)} into {top / name}, or leave manual_dir out to download them'
  )


def check_files(known: Known, form: Form, paths: Mapping[str, pathlib.Path]) -> Originals:
  """These files, each with the sha256 that is known of it.

  Raises:
    ValueError: at the first other file; what is wrong inside comes before a mere other sha256.
  """
  hashes = {file: sha256(path) for file, path in paths.items()}
  for file, facts in form.items():
    if facts.sha256 and hashes[file] != facts.sha256:
      formats.read(known, paths)
      raise ValueError(
        f'{paths[file]} has {paths[file].stat().st_size} bytes and sha256 {hashes[file]}, not '
        f'{facts.size} and {facts.sha256}: it is another file, download the original again'
      )
  return Originals(paths, combined_sha256(hashes), all(facts.sha256 for facts in form.values()))


def sha256(path: pathlib.Path) -> str:
  """The sha256 of a file's bytes."""
  with path.open('rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def combined_sha256(hashes: Mapping[str, str]) -> str:
  """One sha256 of several files', by name."""
  return hashlib.sha256(json.dumps(dict(hashes), sort_keys=True).encode()).hexdigest()


def registered_sha256(known: Known) -> str:
  """What `combined_sha256` gives for the files that are downloaded."""
  return combined_sha256({file: facts.sha256 for file, facts in known.forms[0].items()})


def download_list(known: Known) -> str:
  """The files to download, with sizes and checksums."""
  return ', '.join(
    f'{file} ({facts.size} bytes, sha256 {facts.sha256})' for file, facts in known.forms[0].items()
  )


def tfds_folder() -> pathlib.Path:
  """tensorflow-datasets' data folder: TFDS_DATA_DIR, or ~/tensorflow_datasets."""
  return pathlib.Path(os.environ.get('TFDS_DATA_DIR') or '~/tensorflow_datasets').expanduser()


def downloaded(name: str) -> Originals:
  """The originals by tensorflow-datasets' downloader, in its own folder, where they stay.

  Raises:
    ValueError: where they cannot be had, with all that is needed to fetch them by hand.
  """
  known, folder = DATA[name], tfds_folder() / 'downloads'
  why_not = probe(f'{known.url}/{next(iter(known.forms[0]))}')
  import tensorflow_datasets as tfds  # a second or more, while the probe waits

  infos = tfds.builder_cls(name).url_infos
  cached = all(_is_cached(folder, name, url, info.checksum) for url, info in infos.items())
  if not cached and (reason := why_not()):
    raise ValueError(_by_hand(name, folder, reason))
  manager = tfds.download.DownloadManager(
    download_dir=folder, url_infos=infos, dataset_name=name, force_checksums_validation=True
  )
  try:
    paths = manager.download({info.filename: url for url, info in infos.items()})
  except Exception as error:  # whatever requests, urllib3, the disk or a checksum raises
    raise ValueError(_by_hand(name, folder, mistakes.first_line(error))) from error
  return check_files(known, known.forms[0], {f: pathlib.Path(p) for f, p in paths.items()})


def _is_cached(folder: pathlib.Path, name: str, url: str, checksum: str) -> bool:
  """Whether the downloader has the file already, under the name that it gives it."""
  from tensorflow_datasets.core.download import resource

  file = resource.get_dl_fname(url, checksum)
  return any(resource.is_locally_cached(place / file) for place in (folder / name, folder))


def probe(url: str, seconds: float = PROBE_SECONDS) -> Callable[[], str]:
  """Asks a URL for an answer; the result waits for it and says why there is none, or ''.

  Without it the downloader would retry for minutes, in silence.
  """
  answer = []

  def ask() -> None:
    try:
      urllib.request.urlopen(urllib.request.Request(url, method='HEAD'), timeout=seconds).close()
      answer.append('')
    except urllib.error.HTTPError as error:  # an answer all the same: the downloader sees to it
      answer.append(f'{url}: status {error.code}' if error.code >= 500 else '')
    except (OSError, ValueError) as error:
      answer.append(f'{url}: {getattr(error, "reason", error)}')

  def wait() -> str:
    thread.join(max(0.0, until - time.monotonic()))
    return answer[0] if answer else f'{url}: no answer within {seconds:g} s'

  # In a thread: the look-up of the host's name knows no timeout.
  thread, until = threading.Thread(target=ask, daemon=True), time.monotonic() + seconds
  thread.start()
  return wait


def _by_hand(name: str, folder: pathlib.Path, reason: str) -> str:
  known, manual = DATA[name], folder / 'manual'
  prepared = any((folder.parent / name).glob('**/*.array_record*'))
  here = 'data.source=tfds to read what is prepared there, or --config.' if prepared else ''
  return (
    f'{name} cannot be downloaded ({reason}): put {download_list(known)} of {known.url} into '
    f'{manual / name} and add --config.data.manual_dir={manual}, or use '
    f'--config.{here}data.name=digits, which needs no download'
  )
