"""By which rule a trial counts as trained, in words, and why one does not: as its records have it.

Records keep the verdict that they were written with. Those from before the counts of test examples
that changed sides were recorded are by the rule of then.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from norms.lab import statistics
from norms.lab.columns import (
  DIVERGED_AT,
  TEST_GAINED,
  TEST_LOST,
  TRAIN_LOSS,
  TRIVIAL_LOSS,
)
from norms.lab.statistics.learnt import ALPHA

BEFORE_TRAINING = (
  'A trial trained if its test accuracy beats guessing (one-sided binomial test, p < 0.001) and '
  "that of the same net before training (McNemar's one-sided test on the test examples that "
  'changed, p < 0.001), and its training loss is finite.'
)
BY_LOSS = (
  'A trial trained, by the rule that these records were made with, if its test accuracy beats '
  'guessing (one-sided binomial test, p < 0.001) and its training loss is finite and fell by at '
  'least 1%.'
)
OF_MARGIN = (
  'A trial trained if its losses on the test examples are below those of a predictor that sees no '
  "input (Student's paired t-test, one-sided, p < 0.001)."
)
AT_CHANCE = 'its test accuracy is not above guessing'
NOT_FINITE = 'the loss became infinite or not a number'


def of(rows: pd.DataFrame) -> str:
  """The rule by which the records say whether a trial trained."""
  if TRIVIAL_LOSS in rows:
    return OF_MARGIN
  return BEFORE_TRAINING if TEST_GAINED in rows else BY_LOSS


def broken(line: Any, first_loss: float | None) -> str:
  """Why a trial failed, by its last row and its training loss before the first step."""
  if not pd.isna(line[DIVERGED_AT]):
    return NOT_FINITE
  if TRIVIAL_LOSS in line:
    return 'its losses are not below those of a predictor that sees no input'
  if TEST_GAINED not in line:
    fell = first_loss is None or line[TRAIN_LOSS] <= 0.99 * first_loss
    return AT_CHANCE if fell else 'the training loss did not fall by 1%'
  gained, lost = int(line[TEST_GAINED]), int(line[TEST_LOST])
  if statistics.mcnemar(gained, lost) < ALPHA:
    return AT_CHANCE
  return f'no better than before training: {gained} test examples gained, {lost} lost'
