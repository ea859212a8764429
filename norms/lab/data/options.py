"""The options of a data set, `config.data`: which there are, and that a choice of them is valid."""

import pathlib
from typing import Any

from norms.lab import trial
from norms.lab.data.known import DATA
from norms.lab.values import Settings

# An option at its default is no part of a trial, so that new options change no old trial.
OPTIONS: dict[str, Any] = {
  'name': 'digits',
  'train': 0,
  'validation': 0,
  'test': 0,
  'normalize': 'standardise',
  'layout': '',
  'source': 'originals',
  'target': '',
  'kind': '',
  'sha256': '',
}
NORMALIZE = ('standardise', 'unit', 'mean_image', 'none')
LAYOUTS = ('image', 'flat', 'flat_channels_first')
SOURCES = ('originals', 'tfds')
KINDS = ('classes', 'floats', 'sequences')  # of targets
FILES = ('.npz', '.csv', '.parquet')
OWN_FORMS = (
  'package.module:function',
  *(f'a {suffix} file' for suffix in FILES),
  'tfds:NAME',
  'hf:NAME',
)
Options = Settings | tuple  # config.data, or a trial's pairs of it


def complete(options: Options) -> dict[str, Any]:
  """config.data with every option, each checked.

  Raises:
    ValueError: at an unknown option or value.
  """
  for key in dict(options):
    trial.one_of('config.data option', key, tuple(OPTIONS))
  chosen = {**OPTIONS, **dict(options)}
  valid = {'source': SOURCES, 'normalize': NORMALIZE, 'layout': LAYOUTS, 'kind': KINDS}
  for key, values in valid.items():
    if chosen[key] or OPTIONS[key]:  # a layout or a kind may be left open
      trial.one_of(f'data.{key}', chosen[key], values)
  for key in ('train', 'validation', 'test'):
    if not isinstance(chosen[key], int) or isinstance(chosen[key], bool) or chosen[key] < 0:
      raise ValueError(f'data.{key}={chosen[key]!r}: use a whole number of examples, 0 for default')
  for key in ('name', 'target', 'sha256'):
    if not isinstance(chosen[key], str):
      raise ValueError(f'data.{key}={chosen[key]!r} is no text: give text')
  return _of_known(chosen) if origin(chosen) == 'known' else _of_own(chosen)


def origin(chosen: Settings) -> str:
  """Where the data of this name come from: 'known', 'function', 'tfds', 'hf' or a file's suffix.

  Raises:
    ValueError: where the name is of no such form.
  """
  name = chosen['name']
  if name in DATA:
    return 'known'
  if (suffix := pathlib.PurePath(name).suffix.lower()) in FILES:
    return suffix
  prefix, colon, rest = name.partition(':')
  # tfds: and hf: come before a user's modules of these names.
  if colon and prefix in ('tfds', 'hf') and rest:
    return prefix
  if prefix.strip() and rest.strip():
    return 'tfds' if chosen['source'] == 'tfds' else 'function'
  if chosen['source'] == 'tfds' and name:
    return 'tfds'
  raise _unknown(name, suffix)


def _unknown(name: str, suffix: str) -> ValueError:
  if suffix and not name.partition(':')[1]:
    return ValueError(f'data={name!r}: no file of that form is read, give {", ".join(FILES)}')
  try:
    trial.one_of('data', name, DATA)
  except ValueError as error:
    return ValueError(f'{error}, or of your own {", ".join(OWN_FORMS)}')
  raise AssertionError(name)


def _of_known(chosen: dict[str, Any]) -> dict[str, Any]:
  """The project's own sets have images, and whole numbers for labels."""
  known, name = DATA[chosen['name']], chosen['name']
  if chosen['source'] == 'tfds' and not known.forms:
    raise ValueError(f'data.source=tfds: tensorflow-datasets has no {name}, leave it out')
  if chosen['kind'] == 'sequences':
    raise ValueError(f"data.kind='sequences': {name} has one label per image, use classes")
  for key in ('target', 'sha256'):
    if chosen[key]:
      raise ValueError(f'data.{key}={chosen[key]!r} is for data of your own, not {name}: drop it')
  return {**chosen, 'layout': chosen['layout'] or known.layout}


def _of_own(chosen: dict[str, Any]) -> dict[str, Any]:
  # Options of other sources are errors: ignored, they would look as if they had an effect.
  where = origin(chosen)
  if where != 'tfds' and chosen['source'] == 'tfds':
    raise ValueError(f'data.source=tfds is not for {chosen["name"]!r}: drop it')
  if where in ('function', '.npz') and chosen['target']:
    raise ValueError(
      f'data.target={chosen["target"]!r} names a column: {chosen["name"]!r} gives its targets '
      'itself, drop it'
    )
  return chosen
