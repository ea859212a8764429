"""replay.json: the curves of trials that replay a reference's own draws, in full precision."""

from __future__ import annotations

import json
import math
import pathlib
from typing import Any

import pandas as pd

from norms.lab.columns import EPOCH, FIRST_LOSS, NORM, STEP, TRAIN_ACCURACY, VALIDATION_ACCURACY
from norms.lab.report import naming
from norms.lab.report.view import View

FILE = 'replay.json'
ACCURACIES = (TRAIN_ACCURACY, VALIDATION_ACCURACY)


def write(view: View, folder: pathlib.Path) -> None:
  """Writes the file where there are such trials."""
  if view.replayed.empty:
    return
  # A program looks for the name that a config has.
  by_norm = curves(naming.as_configured(view.replayed))
  norms = [naming.configured(norm) for norm in view.norms]
  text = json.dumps({n: by_norm[n] for n in norms if n in by_norm}, indent=1, allow_nan=False)
  (folder / FILE).write_text(text + '\n', encoding='utf-8', newline='\n')


def curves(frame: pd.DataFrame) -> dict[str, dict[str, list[Any]]]:
  """{norm: iteration, loss (of each epoch's first step), accuracies (by epoch, from epoch 0)}."""
  by_norm = {}
  for norm, rows in frame.groupby(NORM, sort=False):
    rows = rows.sort_values(EPOCH)
    # The first step of an epoch comes after those of all epochs before it.
    starts = rows[STEP].to_numpy()[:-1] + 1
    # Only epochs that were trained have a first step: epoch 0 is the network before it.
    lines: dict[str, list[Any]] = {
      'iteration': [int(step) for step in starts],
      'loss': _plain(rows[FIRST_LOSS][rows[EPOCH] > 0]),
    }
    by_norm[str(norm)] = lines | {name: _plain(rows[name]) for name in ACCURACIES if name in rows}
  return by_norm


def _plain(values: pd.Series) -> list[float | None]:
  """As JSON has them: a loss that is not finite is null."""
  return [float(value) if math.isfinite(value) else None for value in values]
