"""The schema of what the parity studies record, in files of their own: a table as in columns.py.

It is a table apart, because a study of norms may have a measurement of the same name: a metric of
yours may be called `error`. Reports of these studies read this table, and so does the documents'
page of all columns.
"""

from norms.lab import columns
from norms.lab.columns import (
  EPOCH,
  HIGHER,
  KEY,
  LOWER,
  MEASUREMENT,
  NATS,
  NORM,
  NOWHERE,
  NUMERICS,
  POSITIVE,
  SEED,
  SETTING,
  SHARE,
  STEP,
  TEST_ACCURACY,
  TRIAL,
  Column,
)

# Which figure of which study, and what it is of.
PART, FAMILY, LIBRARY, TITLE, QUANTITY = 'table', 'family', 'library', 'title', 'quantity'
INPUT, DTYPE, KNOWN, REFUSED, DRAWS = 'input', 'dtype', 'known', 'refused', 'draws'
MEAN_DIFFERENCE, MAX_DIFFERENCE, LARGEST = 'mean_difference', 'max_difference', 'largest'
THEIR_ERROR, OUR_ERROR, ERROR, TWO_ULP = 'theirs_error', 'ours_error', 'error', 'two_ulp'
LOST, STD, LOSS, PARAMETER, INDEX, VALUE = 'lost', 'std', 'loss', 'name', 'index', 'value'
COMPARED = (  # in the order of summary.csv
  PART, QUANTITY, KNOWN, MEAN_DIFFERENCE, MAX_DIFFERENCE, LARGEST, THEIR_ERROR, OUR_ERROR, DTYPE,
  INPUT, REFUSED, STD, ERROR, LOST, TWO_ULP, DRAWS, LIBRARY, TITLE, NORM,
)  # fmt: skip


def _text(name: str, label: str, kind: str = KEY) -> Column:
  return Column(name, kind, 'text', label, shown=NOWHERE)


def _number(name: str, label: str, better: str = LOWER, unit: str = '') -> Column:
  limits = POSITIVE if better == LOWER else Column(name).limits
  return Column(name, MEASUREMENT, 'float', label, better, limits, NOWHERE, unit=unit)


COLUMNS: tuple[Column, ...] = (
  _text(TRIAL, 'hash of the library, the norm and all that can change their figures'),
  Column(NUMERICS, SETTING, 'int', shown=NOWHERE),
  _text(PART, 'which part of the study: parity, accuracy, curve or parameter'),
  _text(LIBRARY, 'the library', SETTING),
  _text(TITLE, 'the library as the report calls it', SETTING),
  _text(NORM, 'the norm', SETTING),
  # Kind 'parity': a row per quantity against ours, or per dtype and input against the exact value.
  _text(QUANTITY, 'output, a gradient, a parameter after some steps or a running statistic'),
  _text(DTYPE, 'dtype of the input', SETTING),
  _text(INPUT, 'name of the input', SETTING),
  _text(KNOWN, 'why the library is known to differ; empty where it should agree'),
  _text(REFUSED, 'the error with which the library refuses the input; empty where it takes it'),
  _number(MEAN_DIFFERENCE, 'mean of |theirs - ours|'),
  _number(MAX_DIFFERENCE, 'maximum of |theirs - ours|'),
  _number(LARGEST, 'maximum of |ours|', better=''),
  _number(THEIR_ERROR, 'mean of |theirs - exact|'),
  _number(OUR_ERROR, 'mean of |ours - exact|'),
  _number(ERROR, "largest error, over the quantity's size, mean over the draws"),
  _number(TWO_ULP, "two units in the last place, over the quantity's size", better=''),
  _number(STD, 'standard deviation of the output, that of the draw farthest from 1', better=''),
  _number(LOST, 'entries that are not finite where the exact value is', unit='entries'),
  _number(DRAWS, 'draws of the input', better=''),
  # Kind 'parity_drift': a row per epoch of a curve, or per entry of a parameter and step.
  _text(FAMILY, 'the norms that are compared with each other', SETTING),
  Column(SEED, SETTING, 'int', shown=NOWHERE),
  Column(EPOCH, KEY, 'float', shown=NOWHERE, unit='epochs'),
  Column(STEP, KEY, 'float', shown=NOWHERE, unit='steps'),
  Column(TEST_ACCURACY, better=HIGHER, limits=SHARE, shown=NOWHERE),
  _number(LOSS, "mean loss over the epoch's steps", unit=NATS),
  _text(PARAMETER, 'which parameter, such as norm_0/scale'),
  Column(INDEX, KEY, 'float', 'which entry of the parameter', shown=NOWHERE),
  _number(VALUE, 'the entry after the step', better=''),
)


def of(name: str) -> Column:
  """The row of a column of a parity study.

  Raises:
    KeyError: where there is none.
  """
  return {row.name: row for row in COLUMNS}[name]


def label(name: str) -> str:
  """The words for a column."""
  return of(name).label or columns.label(name)
