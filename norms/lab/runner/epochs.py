"""Which epoch of a trial is its best so far, and which its last."""

from collections.abc import Mapping, Sequence

import numpy as np

from norms.lab import columns, grouping, tasks
from norms.lab.columns import Column
from norms.lab.statistics.tuned import validation_of
from norms.lab.trial import Trial

Curves = Sequence[Mapping[str, np.ndarray]]  # by epoch, each (seeds, lanes)


def chosen_by(trial: Trial, measured: Mapping[str, object]) -> Column:
  """The column by which a trial's best epoch is chosen: its score on validation data, on test data
  where there are no others; the loss, where the score has no direction."""
  known = {row.name: row for row in tasks.rows(trial.static)}
  for score in (tasks.score(trial.static), columns.TEST_LOSS):
    name = next(each for each in (validation_of(score), score) if each in measured)
    row = known.get(name, columns.of(name))
    if row.better:
      break
  return row._replace(name=name)


def best_so_far(curves: Curves, column: Column) -> np.ndarray:
  """At each epoch, which one up to then is best, the first of several: (epochs, seeds, lanes).

  NaN is the worst.
  """
  values = np.stack([epoch[column.name] for epoch in curves]).astype(float) * column.sign
  values = np.where(np.isnan(values), -np.inf, values)
  better = values[1:] > np.maximum.accumulate(values)[:-1]
  epochs = np.arange(1, len(values))[:, None, None]
  found = np.zeros(values.shape, int)
  found[1:] = np.where(better, epochs, 0)
  return np.maximum.accumulate(found)


def last_epochs(tile: grouping.Tile, curves: Curves) -> dict[Trial, int]:
  """The last epoch of each trial of a tile that has reached it.

  That is config.epochs, or with a patience p the first epoch at which the best one was p epochs ago
  or the loss is no longer finite, so that a trial ends alike, whatever it is trained with.
  """
  first, latest = tile.trials[0], len(curves) - 1
  if not first.patience:
    return dict.fromkeys(tile.trials, latest) if latest == first.epochs else {}
  epochs = np.arange(len(curves))[:, None, None]
  waited = epochs - best_so_far(curves, chosen_by(first, curves[0]))
  diverged = np.stack([epoch[columns.DIVERGED_AT] for epoch in curves]) >= 0
  ended = (waited >= first.patience) | diverged | (epochs == first.epochs)
  return {
    trial: int(np.argmax(ended[:, row, lane]))
    for (row, lane), trial in tile.places()
    if ended[:, row, lane].any()
  }
