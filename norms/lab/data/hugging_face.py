"""Data sets of Hugging Face's package `datasets`, by hf:NAME, hf:NAME:CONFIG or hf:FOLDER.

A folder is one that `save_to_disk` wrote. A name is what `datasets.load_dataset` takes, which
downloads what is not in its cache, unless HF_DATASETS_OFFLINE says not to.
"""

from collections.abc import Mapping
import importlib.util
import pathlib
from typing import Any

import numpy as np

from norms.lab import mistakes, trial
from norms.lab.data import tables
from norms.lab.data.arrays import SPLITS

TARGETS = ('label', 'labels')  # unless data.target names another column


def read(name: str, target: str) -> dict[str, tuple]:
  """{'train': (x, y), ...}: a fifth of the training examples is for testing if no split is.

  Raises:
    ValueError: without the package, where the set cannot be loaded, at an unknown target, and at
      columns without numbers.
  """
  if importlib.util.find_spec('datasets') is None:
    raise ValueError(
      f'data.name={name!r} needs the package datasets (the extra hf): pip install datasets'
    )
  splits = _loaded(name)
  if 'train' not in splits:
    raise ValueError(f'data.name={name!r} has no split train, only {", ".join(splits)}')
  pairs = {}
  for split in SPLITS:
    if split not in splits:
      continue
    columns = _columns(splits[split])
    # Most sets on the hub call their target so.
    column = target or next((column for column in TARGETS if column in columns), '')
    if not column:
      trial.one_of(f'data.name={name!r}: data.target', column, list(columns))
    pairs[split] = tables.inputs_and_targets(
      f'{name}, split {split}', columns, column, list(columns)
    )
  return pairs if 'test' in pairs else {**pairs, **tables.hold_out_test(*pairs['train'])}


def _loaded(name: str) -> Mapping[str, Any]:  # of datasets.Dataset, as below
  """Split by split."""
  import datasets  # a second or more to import: not before it is needed

  path, _, config = name.removeprefix('hf:').partition(':')
  folder = pathlib.Path(path).expanduser()
  try:
    if (folder / 'dataset_dict.json').is_file() or (folder / 'state.json').is_file():
      loaded = datasets.load_from_disk(str(folder))
    else:
      loaded = datasets.load_dataset(path, config or None)
  except Exception as error:  # whatever the network, the hub or a damaged file raises
    reason = mistakes.first_line(error)
    raise ValueError(f'data.name={name!r} cannot be loaded: {reason}') from error
  return loaded if isinstance(loaded, Mapping) else {'train': loaded}


def _columns(split: Any) -> dict[str, np.ndarray | list]:  # a datasets.Dataset, not imported here
  """Column by column, images decoded."""
  rows = split.with_format('numpy')[:]
  return {name: _plain(values) for name, values in rows.items()}


def _plain(values: np.ndarray) -> np.ndarray | list:
  """An array of numbers as it is; texts and rows of unequal lengths as a list."""
  return values if values.dtype.kind in 'biuf' else list(values)
