"""A trial that runs again, for its parameters, has one record: the older rows leave their files."""

from collections.abc import Iterable
import os

import pyarrow as pa
import pyarrow.compute as pc

from norms.lab import checked, columns, records
from norms.lab.trial import Trial


def withdraw(path: str | os.PathLike, trials: Iterable[Trial]) -> None:
  """Takes the rows of trials out of the files that hold them.

  But for the file of these trials alone, which is replaced when they are written.
  """
  trials = list(trials)
  own, hashes = records.tile_hash(trials), {trial.hash for trial in trials}
  for file in records.files(path):
    if file.stem == own:
      continue
    named = checked.read(file, [columns.TRIAL])[columns.TRIAL].to_pylist()
    if hashes.isdisjoint(named):
      continue
    if hashes.issuperset(named):
      file.unlink()
    else:
      table = checked.read(file)
      others = pc.invert(pc.is_in(table[columns.TRIAL], pa.array(sorted(hashes))))
      checked.write(file, table.filter(others))
