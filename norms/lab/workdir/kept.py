"""Parameters that a study keeps: results/<study>/parameters/<hash of the trial>/<epoch>/.

Each epoch's folder is a checkpoint of Orbax with the trial's variables: `params`, and what else the
model keeps (`batch_stats`). Beside them kept.json says what was asked for and which epoch was best.
"""

from collections.abc import Collection, Mapping
import json
import os
import pathlib
import shutil
from typing import Any

from norms.lab import records
from norms.lab.trial import KEPT, Trial

FOLDER, FILE = 'parameters', 'kept.json'


def folder(workdir: str | os.PathLike) -> pathlib.Path:
  """Where a study's results folder has its parameters."""
  return records.folder(workdir).parent.absolute() / FOLDER


def has(workdir: str | os.PathLike, trial: records.Hashed, keep: str) -> bool:
  """Whether what `keep` asks of a trial is there."""
  if not keep:  # a file for each of many trials would be looked for
    return True
  facts = _facts(folder_of(workdir, trial))
  return KEPT.index(facts.get('keep', '')) >= KEPT.index(keep)


def done(workdir: str | os.PathLike, trials: Collection[records.Hashed], keep: str) -> set[str]:
  """The hashes of those that are on record, with the parameters that are to be kept."""
  recorded = records.done(workdir)
  return {t.hash for t in trials if t.hash in recorded and has(workdir, t, keep)}


def load_params(
  workdir: str | os.PathLike, trial: Trial | str, epoch: int | str = 'final'
) -> dict[str, Any]:
  """The variables of a trial, as its model's `apply` takes them: nested dicts of NumPy arrays.

  Args:
    workdir: the study's results folder, such as 'results/mine'.
    trial: a trial, or its hash, as the column `trial` of the records has it, or how that begins.
    epoch: 'final', 'best', or the number of an epoch, where config.keep was 'epochs'. The best one
      is that of the highest score (or least loss) on validation data, and only where there are none
      on test data.

  Raises:
    ValueError: of one line, where there are no such parameters, or the hash fits several trials.
  """
  place = _place(folder(workdir), trial if isinstance(trial, str) else trial.hash)
  facts = _facts(place)
  number = facts.get(epoch) if isinstance(epoch, str) else epoch
  if not (place / str(number)).is_dir():
    there = sorted(int(each.name) for each in place.iterdir() if each.is_dir())
    raise ValueError(
      f'trial {place.name} has no parameters of epoch {epoch!r} in {place.parent}: those of '
      f'{", ".join(map(str, there))} are there; config.keep={facts.get("keep", "")!r}'
    )
  return restore(place / str(number))


def _place(parameters: pathlib.Path, start: str) -> pathlib.Path:
  """The folder of the one trial whose hash begins so."""
  found = [each for each in parameters.glob(f'{start}*') if each.is_dir()] if start else []
  if len(found) != 1:
    how = f'{len(found)} trials' if found else 'no trial'
    what = 'give more of its hash' if found else "run the study with --config.keep='final'"
    raise ValueError(f'trial {start!r}: {how} with parameters in {parameters}: {what}')
  return found[0]


def _facts(place: pathlib.Path) -> dict[str, Any]:
  """What kept.json says; nothing where there is none."""
  try:
    return json.loads((place / FILE).read_text(encoding='utf-8'))
  except (FileNotFoundError, json.JSONDecodeError):
    return {}


def folder_of(workdir: str | os.PathLike, trial: records.Hashed) -> pathlib.Path:
  """Where a trial's parameters are kept."""
  return folder(workdir) / trial.hash


def staging(workdir: str | os.PathLike, trial: Trial) -> pathlib.Path:
  """Where a trial's parameters wait until it is recorded."""
  # A hidden name, which no search for kept parameters by a hash finds.
  return folder(workdir) / f'.{trial.hash}'


def commit(place: pathlib.Path, target: pathlib.Path, facts: Mapping[str, object]) -> None:
  """Makes a trial's staged parameters those that are kept, in place of older ones."""
  (place / FILE).write_text(json.dumps(facts) + '\n', encoding='utf-8')
  # A folder cannot take the place of one that is not empty.
  shutil.rmtree(target, ignore_errors=True)
  place.rename(target)


def save(path: pathlib.Path, tree: object) -> None:
  """Saves a tree of arrays in a folder of that path, whole or not at all."""
  for left in path.parent.glob(f'{path.name}.orbax-checkpoint-tmp*'):  # by a kill
    shutil.rmtree(left, ignore_errors=True)  # Orbax would tell of it
  with _checkpointer() as checkpointer:
    checkpointer.save(path, tree, force=True)


def restore(path: pathlib.Path) -> Any:  # dicts in dicts, down to arrays
  """The tree that was saved, its arrays NumPy's."""
  with _checkpointer() as checkpointer:
    return checkpointer.restore(path)


def _checkpointer():
  from orbax import checkpoint  # here, since its import takes a second

  return checkpoint.Checkpointer(checkpoint.PyTreeCheckpointHandler())
