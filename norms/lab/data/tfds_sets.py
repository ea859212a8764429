"""Any data set that tensorflow-datasets has prepared: read from its folder, never downloaded.

Files of the form array_record are read without TensorFlow, other forms with it.
"""

import importlib.util
import json
import pathlib
from typing import Any

import numpy as np

from norms.lab import trial
from norms.lab.data import originals, tables
from norms.lab.data.arrays import SPLITS

INFO = 'dataset_info.json'


def folder(name: str, manual_dir: str) -> pathlib.Path:
  """The folder of NAME, NAME/CONFIG, NAME:VERSION or NAME/CONFIG:VERSION; by default the newest.

  manual_dir: tensorflow-datasets' data folder; '': TFDS_DATA_DIR, or ~/tensorflow_datasets.

  Raises:
    ValueError: where no such set is prepared, or more than one config of it.
  """
  root = pathlib.Path(manual_dir).expanduser() if manual_dir else originals.tfds_folder()
  path, _, version = name.removeprefix('tfds:').partition(':')
  folders = sorted(file.parent for file in (root / path).glob(f'**/{INFO}'))
  configs = sorted({str(place.parent.relative_to(root)) for place in folders})
  if len(configs) > 1:
    raise ValueError(f'data.name={name!r}: several configs are prepared, use {", ".join(configs)}')
  if version:
    folders = [place for place in folders if place.name == version]
  if not folders:
    prepared = sorted({str(f.parent.parent.relative_to(root)) for f in root.glob(f'*/**/{INFO}')})
    hint = f'prepared there: {", ".join(prepared)}' if prepared else 'nothing is prepared there'
    raise ValueError(
      f'data.name={name!r}: {root / path}{":" * bool(version)}{version} holds no set that '
      f'tensorflow-datasets has prepared; {hint}: run tfds build, or name its data folder by '
      'config.data.manual_dir'
    )
  return max(folders, key=lambda place: [int(n) for n in place.name.split('.') if n.isdigit()])


def read(name: str, place: pathlib.Path, target: str) -> dict[str, tuple]:
  """{'train': (x, y), ...}: a fifth of the training examples is for testing if no split is.

  The input and the target are those that the set names as such; `target` names another one, and
  then or where it names none all other features are inputs.

  Raises:
    ValueError: where files cannot be read, at an unknown target, and at features without numbers.
  """
  import tensorflow_datasets as tfds  # a second or more to import: not before it is needed

  builder = tfds.builder_from_directory(place)
  columns = {
    split: _columns(builder, split, place) for split in SPLITS if split in builder.info.splits
  }
  if 'train' not in columns:
    raise ValueError(
      f'data.name={name!r} has no split train, only {", ".join(builder.info.splits)}'
    )
  keys = builder.info.supervised_keys
  named = keys if keys and len(keys) == 2 and all(isinstance(key, str) for key in keys) else None
  features = list(columns['train'])
  if named and target in ('', named[1]):
    features, target = [named[0]], named[1]
  elif not target:
    trial.one_of(f'data.name={name!r}: data.target', target, features)
  pairs = {
    split: tables.inputs_and_targets(f'{name}, split {split}', values, target, features)
    for split, values in columns.items()
  }
  return pairs if 'test' in pairs else {**pairs, **tables.hold_out_test(*pairs['train'])}


def _columns(
  builder: Any,  # of tfds, which is imported only where it is needed
  split: str,
  place: pathlib.Path,
) -> dict[str, tables.Column]:
  """Feature by feature, in the order of the alphabet, the values of all examples."""
  form = json.loads((place / INFO).read_text(encoding='utf-8')).get('fileFormat', 'tfrecord')
  if form == 'array_record':
    examples = builder.as_data_source(split=split)
  elif importlib.util.find_spec('tensorflow') is None:
    raise ValueError(
      f'{place} holds files of the form {form}, which need the package tensorflow: install it, or '
      "prepare the set with file_format='array_record'"
    )
  else:
    import tensorflow_datasets as tfds

    # In one order: the content is a part of a trial, by its sha256.
    examples = list(tfds.as_numpy(builder.as_dataset(split=split, shuffle_files=False)))
  names = sorted(builder.info.features.keys())  # a set that is read back has no order of its own
  # A data source is random access, and reads a record whenever it is indexed: each only once.
  rows = [examples[i] for i in range(len(examples))]
  return {name: _stacked([row[name] for row in rows]) for name in names}


def _stacked(values: list) -> tables.Column:
  """One array where all values have one shape; else the values, and a table says what is wrong."""
  arrays = [np.asarray(value) for value in values]
  kinds = {(array.shape, array.dtype.kind) for array in arrays}
  return np.stack(arrays) if len(kinds) == 1 and arrays[0].dtype.kind in 'biuf' else values
