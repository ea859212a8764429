"""Checkpoints of tiles: results/<study>/checkpoints/<name of the tile>-<epoch>/.

Each holds the states of all trials of a tile and what was recorded of them so far, so that a group
that was killed goes on from there, and a study of more epochs from where a shorter one ended. It is
written under another name: a checkpoint without its index.json is not there.
"""

from collections.abc import Collection, Iterable, Mapping
import dataclasses
import json
import os
import pathlib
import shutil
from typing import Any, NamedTuple

from norms.lab import records, updates
from norms.lab.store import durable
from norms.lab.trial import KEPT, Trial
from norms.lab.workdir import kept

FOLDER, INDEX, STATE = 'checkpoints', 'index.json', 'state'


class Entry(NamedTuple):
  """What a checkpoint's index says; of its lanes in their order."""

  place: pathlib.Path
  epoch: int
  keep: str  # what parameters of the epochs so far were kept
  trials: list[str]  # hashes
  lineages: list[str]
  whatever_length: list[str]  # the trials' hashes, but for the number of epochs
  sizes: dict[str, int]  # bytes of each file

  def load(self) -> Any:  # as kept.restore
    """What was saved, as NumPy arrays; ValueError where a file is not as it was written."""
    # Orbax finds this, too, but then goes on to print of each array that it cannot read.
    for name, size in self.sizes.items():
      file = self.place / STATE / name
      if not file.is_file() or file.stat().st_size != size:
        raise ValueError(f'{name} is not the {size} bytes that were written')
    return kept.restore(self.place / STATE)

  def start(self, trial: Trial, keep: str) -> int:
    """The epoch from which a trial can go on from here; 0 where it cannot."""
    own = trial.hash in self.trials
    # Parameters of earlier epochs are wanted.
    past = KEPT.index(keep) > KEPT.index('final') or (keep and trial.patience)
    there = kept.staging(self.place.parent.parent, trial).is_dir()
    if past and not (own and there and KEPT.index(self.keep) >= KEPT.index(keep)):
      return 0
    fits = own or (lineage(trial) in self.lineages and self.epoch <= trial.epochs)
    return self.epoch if fits else 0


def lineage(trial: Trial) -> str:
  """A hash that trials share whose states are the same after the same number of epochs.

  Those of other numbers of epochs do, but where the number itself has an effect: in a schedule that
  ends with the training, in an optimizer of one's own, which is told the number of steps, and where
  replayed trials share a generator.
  """
  ends = updates.ends_with_training(trial.schedule, trial.schedule_options)
  return trial.hash if ends or ':' in trial.optimizer or trial.replay else whatever_length(trial)


def whatever_length(trial: Trial) -> str:
  """The hash of a trial but for its number of epochs, and for its turn, which tells of them."""
  return dataclasses.replace(trial, epochs=0, turn='').hash


def folder(workdir: str | os.PathLike) -> pathlib.Path:
  """Where a study's results folder has its checkpoints."""
  return records.folder(workdir).parent.absolute() / FOLDER


def entries(workdir: str | os.PathLike) -> list[Entry]:
  """The checkpoints that are there, the latest epochs first."""
  return _entries(workdir, '[!.]*')  # none that is being written


def _entries(workdir: str | os.PathLike, names: str) -> list[Entry]:
  found = []
  for place in folder(workdir).glob(names):
    try:
      facts = json.loads((place / INDEX).read_text(encoding='utf-8'))
      found.append(Entry(place=place, **facts))
    except (OSError, ValueError, TypeError):
      continue  # one that is being deleted
  return sorted(found, key=lambda entry: -entry.epoch)


def starts(workdir: str | os.PathLike, trials: Iterable[Trial], keep: str) -> dict[Trial, int]:
  """The epoch from which each trial can go on, those only that need not begin."""
  found, there = {}, entries(workdir)
  for trial in trials:
    if start := max((entry.start(trial, keep) for entry in there), default=0):
      found[trial] = start
  return found


def newest(workdir: str | os.PathLike, trials: Collection[Trial], keep: str) -> int:
  """The epoch from which a tile can go on by what was saved of it as a whole; 0 where it cannot."""
  own = _entries(workdir, f'{records.tile_hash(trials)}-*')
  return max((min(entry.start(trial, keep) for trial in trials) for entry in own), default=0)


def told(workdir: str | os.PathLike, starts: Mapping[Trial, int], keep: str) -> list[str]:
  """Lines of a plan: which trials go on, and which are trained anew though they were begun before.

  starts: the epoch from which each trial is trained; 0: anew.
  """
  epochs = list(starts.values())
  lines = [
    f'{epochs.count(epoch)} of these go on from epoch {epoch}, by a checkpoint'
    for epoch in sorted(set(epochs) - {0})
  ]
  before = {each for entry in entries(workdir) for each in entry.whatever_length}
  anew = [trial for trial in starts if not starts[trial] and whatever_length(trial) in before]
  past = KEPT.index(keep) > KEPT.index('final')
  reason = f'config.keep={keep!r} asks for parameters of all epochs' if past else (
    'what they do in an epoch depends on the number of epochs, or the checkpoint is of later ones'
  )  # fmt: skip
  return [*lines, *([f'{len(anew)} of these are trained anew: {reason}'] if anew else [])]


def save(
  workdir: str | os.PathLike, trials: Iterable[Trial], epoch: int, keep: str, tree: object
) -> None:
  """Keeps a tile's state after an epoch, whole or not at all; then forgets what was kept before."""
  trials = list(trials)
  name = records.tile_hash(trials)
  place = folder(workdir) / f'{name}-{epoch}'
  staged = durable.beside(place)
  staged.mkdir(parents=True)
  try:
    kept.save(staged / STATE, tree)
    facts = {
      'epoch': epoch, 'keep': keep, 'trials': [trial.hash for trial in trials],
      'lineages': list(map(lineage, trials)), 'whatever_length': list(map(whatever_length, trials)),
      'sizes': _sizes(staged / STATE),
    }  # fmt: skip
    with durable.replacing(staged / INDEX) as temporary:
      temporary.write_text(json.dumps(facts) + '\n', encoding='utf-8')
    shutil.rmtree(place, ignore_errors=True)
    staged.rename(place)
  finally:
    shutil.rmtree(staged, ignore_errors=True)
  # Now only: whoever is killed in between leaves the older ones.
  for older in folder(workdir).glob(f'{name}-*'):
    if older != place:
      shutil.rmtree(older, ignore_errors=True)


def _sizes(place: pathlib.Path) -> dict[str, int]:
  files = [file for file in place.rglob('*') if file.is_file()]
  return {str(file.relative_to(place)): file.stat().st_size for file in files}


def forget(workdir: str | os.PathLike, trials: Iterable[Trial]) -> None:
  """Deletes what was kept half-way of trials that are recorded now; where they ended stays.

  A checkpoint may be of more trials, of a tile for which memory did not suffice: it stays until the
  last of them is recorded.
  """
  ends = {trial.hash: trial.epochs for trial in trials}
  for entry in entries(workdir):
    here = ends.keys() & set(entry.trials)
    if not here or entry.epoch >= min(ends[each] for each in here):
      continue
    if len(here) == len(entry.trials) or records.done(workdir) >= set(entry.trials):
      shutil.rmtree(entry.place, ignore_errors=True)
