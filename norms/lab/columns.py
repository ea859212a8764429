"""The schema of the records: what each column is, what it is called, how a report shows it.

Statistics, reports and `records.load` read this table; no other file spells the name of a column,
but those that write it. To add a column: write it where it is measured, and add a row here (see
"A new column" in CONTRIBUTING.md). A column without a row is a measurement of a user, as `Column`
has it. The parity studies have a table of their own, parity_columns.py.
"""

from collections.abc import Iterable
import fnmatch
import functools
import math
from typing import NamedTuple

# Kinds: what a trial was asked for, what came of it, and what finds its rows.
KEY, SETTING, MEASUREMENT = 'key', 'setting', 'measurement'
HIGHER, LOWER = 'higher', 'lower'
# Where a report shows a column: a setting as an axis of the study; a measurement in the tables of
# norms and summary.csv, in summary.csv alone, in figures made for it, or as any that a user adds.
AXIS, TABLE, SUMMARY, FIGURE, OWN, NOWHERE = 'axis', 'table', 'summary', 'figure', 'own', ''
# Traits of settings: the scale of kernels; a range in which nets train is spoken of; the state
# before the first step does not depend on it.
SCALE, RANGE, AFTER_START = 'scale', 'range', 'after_start'
# Of a frame's attrs: the axes of the study that its records were made for, what it compares, and a
# line for each group that failed.
AXES, COMPARED_BY, FAILED, LEFT = 'axes', 'compared_by', 'failed', 'left'
DTYPES = ('float', 'int', 'bool', 'text', 'any')
TRIAL, EPOCH, STEP, PROBE, TURN = 'trial', 'epoch', 'step', 'probe', 'turn'
NORM, SEED, REPLAY, NUMERICS = 'norm', 'seed', 'replay', 'numerics'
BATCH_SIZE, LEARNING_RATE, EVAL_STATS = 'batch_size', 'learning_rate', 'eval_stats'
INIT_SCALE, TEST_GAINED, TEST_LOST = 'init_scale', 'test_gained', 'test_lost'
TEST_ACCURACY, TEST_RUNNING = 'test_accuracy', 'test_accuracy_running'
TRAIN_ACCURACY, VALIDATION_ACCURACY = 'train_accuracy', 'validation_accuracy'
TRAIN_LOSS, TEST_LOSS, FINAL_LOSS = 'train_loss', 'test_loss', 'final_loss'
MINIBATCH_LOSS, FIRST_LOSS, GRAD_NORM = 'minibatch_loss', 'first_loss', 'grad_norm'
TRAINED, DIVERGED_AT, EPOCH_SECONDS = 'trained', 'diverged_at', 'epoch_seconds'
TRIVIAL_LOSS = 'trivial_loss'  # of tasks that are judged against a predictor without input
SCORE = TEST_ACCURACY  # what norms are compared by, where nothing else is named
CORE = (TEST_ACCURACY, TRAIN_ACCURACY, TEST_LOSS, TRAIN_LOSS)  # of every trial; NaN: it diverged
RUNNING = '_running'  # after the name of a measurement: the same by running statistics
OWN_PROBE = 'probes.'  # before the name that a probe of one's own gives
BEST = 'best_'  # before the name of a measurement: its best over the epochs
# What norms.lab.engine.probes measures of each layer, in columns such as activation.layer_0.
PROBED = SIGNAL, GRADIENT, RELATIVE = ('activation', 'gradient', 'relative_gradient')

NATS = 'nats'  # a cross-entropy with natural logarithms
ANY = (-math.inf, math.inf)
SHARE, POSITIVE = (0.0, 1.0), (0.0, math.inf)


class Column(NamedTuple):
  """One column of the records, or all whose names match a pattern."""

  name: str  # or a pattern, where * stands for any text
  kind: str = MEASUREMENT
  dtype: str = 'float'  # of DTYPES
  label: str = ''  # in words; '': the name, after its last dot, with spaces
  better: str = ''  # HIGHER, LOWER, or '' where neither is better
  limits: tuple[float, float] = ANY  # of its values; POSITIVE has an axis of logs
  shown: str = OWN
  optional: bool = False  # a norm may have no such value at all; else a NaN counts as the worst
  traits: tuple[str, ...] = ()
  base: int = 10  # of an axis of logs
  usual: float = math.nan  # the value nearest to which a report looks first; NaN: the middle one
  unit: str = ''  # '': a number without one, or a text
  absent: object = None  # what a trial without it has, of a setting recorded only where it is set

  @property
  def sign(self) -> int:
    """+1 where higher is better, -1 where lower is, 0 where neither is."""
    return {HIGHER: 1, LOWER: -1}.get(self.better, 0)

  @property
  def worst(self) -> float:
    """What a NaN counts as; NaN where no value is worse than another."""
    return {HIGHER: self.limits[0], LOWER: self.limits[1]}.get(self.better, math.nan)


_share = functools.partial(Column, better=HIGHER, limits=SHARE)
_loss = functools.partial(Column, better=LOWER, limits=POSITIVE, shown=NOWHERE, unit=NATS)
_count = functools.partial(Column, dtype='int', limits=POSITIVE, shown=NOWHERE)
COLUMNS: tuple[Column, ...] = (
  Column(TRIAL, KEY, 'text', shown=NOWHERE),
  Column(EPOCH, KEY, 'int', shown=NOWHERE, unit='epochs'),
  Column(STEP, KEY, 'int', shown=NOWHERE, unit='steps'),
  Column(TURN, KEY, 'text', shown=NOWHERE),
  Column(PROBE, KEY, 'int', shown=NOWHERE, unit='examples'),
  # Settings in the order in which tables print them. Norm and seed are beside the axes.
  Column(NORM, SETTING, 'text', shown=NOWHERE),
  Column(SEED, SETTING, 'int', shown=NOWHERE),
  Column(REPLAY, SETTING, 'text', shown=NOWHERE),
  Column('code', SETTING, 'text', shown=NOWHERE),
  Column(NUMERICS, SETTING, 'int', shown=NOWHERE),
  Column('data', SETTING, 'text', shown=AXIS),
  Column('model', SETTING, 'text', shown=AXIS),
  Column('optimizer', SETTING, 'text', shown=AXIS),
  Column(EVAL_STATS, SETTING, 'text', 'evaluation statistics', shown=AXIS),
  Column('epochs', SETTING, 'int', shown=AXIS, traits=(AFTER_START,), unit='epochs'),
  Column(BATCH_SIZE, SETTING, 'int', shown=AXIS, traits=(AFTER_START,), base=2, unit='examples'),
  Column(INIT_SCALE, SETTING, label='initial scale', shown=AXIS, traits=(SCALE, RANGE), usual=1.0),
  Column('weight_scale', SETTING, shown=AXIS, traits=(SCALE, RANGE)),
  Column('head_scale', SETTING, label='scale of the last layer', shown=AXIS, traits=(SCALE,)),
  Column(LEARNING_RATE, SETTING, shown=AXIS, traits=(RANGE, AFTER_START)),
  Column('schedule', SETTING, 'text', shown=AXIS, traits=(AFTER_START,), absent='constant'),
  Column('clip_norm', SETTING, shown=AXIS, traits=(AFTER_START,), absent=math.inf),
  # Without it an optimizer has optax's own decay, which is not 0 of adamw.
  Column('weight_decay', SETTING, shown=AXIS, traits=(AFTER_START,)),
  Column('decay_mask', SETTING, 'text', shown=AXIS, traits=(AFTER_START,), absent='kernels'),
  Column('data.sha256', SETTING, 'text', 'content of the data', shown=NOWHERE),
  Column('data.*', SETTING, 'any', shown=AXIS),
  Column('model_options.features', SETTING, 'any', 'hidden features', shown=AXIS),
  Column('*_options.*scale', SETTING, 'any', shown=AXIS, traits=(SCALE,)),
  Column('*_options.*', SETTING, 'any', shown=AXIS),
  Column('eval_examples', SETTING, 'int', shown=AXIS, unit='examples'),
  Column('augment', SETTING, 'text', shown=AXIS),
  Column('devices', SETTING, 'int', shown=AXIS, absent=1),
  Column('sync_batch_stats', SETTING, 'bool', 'synchronised statistics', shown=AXIS, absent=True),
  Column('patience', SETTING, 'int', shown=AXIS, traits=(AFTER_START,), unit='epochs', absent=0),
  # Measurements in the order in which tables print them.
  _share(TEST_ACCURACY, shown=TABLE),
  _share(TEST_RUNNING, label='test accuracy with running statistics', shown=TABLE, optional=True),
  _share(VALIDATION_ACCURACY, shown=TABLE),
  _share(TRAIN_ACCURACY, label='training accuracy', shown=TABLE),
  Column(TRAIN_LOSS, label='training loss', better=LOWER, limits=POSITIVE, shown=TABLE, unit=NATS),
  Column(TEST_LOSS, better=LOWER, limits=POSITIVE, shown=SUMMARY, unit=NATS),
  _share(BEST + TRAIN_ACCURACY, label='best training accuracy', shown=SUMMARY),
  _share(BEST + VALIDATION_ACCURACY, shown=SUMMARY),
  _share(BEST + TEST_ACCURACY, shown=NOWHERE),
  Column(
    FINAL_LOSS, label='final training loss',
    better=LOWER, limits=POSITIVE, shown=SUMMARY, unit=NATS,
  ),
  _loss('validation_loss'),
  _loss(MINIBATCH_LOSS, label="mean loss over the epoch's steps"),
  _loss(FIRST_LOSS, label="loss of the epoch's first step"),
  Column(GRAD_NORM, label='gradient norm', better=LOWER, limits=POSITIVE, shown=FIGURE),
  _count(DIVERGED_AT, unit='steps'),
  _count(TEST_GAINED, label='test examples right, and wrong before training', unit='examples'),
  _count(TEST_LOST, label='test examples wrong, and right before training', unit='examples'),
  _share(TRAINED, dtype='bool', shown=NOWHERE),
  Column(f'{SIGNAL}.*', label='signal (root mean square)', limits=POSITIVE, shown=FIGURE),
  Column(f'{GRADIENT}.*', label='gradient of the kernel', limits=POSITIVE, shown=FIGURE),
  Column(f'{RELATIVE}.*', limits=POSITIVE, shown=FIGURE),
  Column('task', SETTING, 'text', shown=NOWHERE), Column('probes', SETTING, 'text', shown=NOWHERE),
  Column('metrics', SETTING, 'text', shown=NOWHERE),
  Column(f'{OWN_PROBE}*'),
  # Of norms.lab.runner.timing, beside the records.
  Column(EPOCH_SECONDS, better=LOWER, limits=POSITIVE, shown=NOWHERE, unit='s'),
)  # fmt: skip


added: dict[str, Column] = {}  # rows of a task's own columns, which the files of records tell


def of(name: str) -> Column:
  """The row of a column: that of its name, else the first whose pattern fits, else the defaults.

  A quantity of each layer, such as 'activation', has the row of its pattern 'activation.*'; the
  best of a task's own column, and the same by running statistics, are as that is.
  """
  for row in (*COLUMNS, *added.values()):
    if name in (row.name, row.name.removesuffix('.*')):
      return row
  if (base := name.removeprefix(BEST).removesuffix(RUNNING)) in added:
    how = {'optional': True} if name.endswith(RUNNING) else {'shown': SUMMARY}
    return added[base]._replace(name=name, label='', **how)
  fits = (row for row in COLUMNS if '*' in row.name and fnmatch.fnmatchcase(name, row.name))
  return next(fits, Column(name))


def has_row(name: str) -> bool:
  """Whether the table knows a column, so that it is more than a measurement of a user."""
  return of(name) in COLUMNS


def label(name: str) -> str:
  """The words for a column: 'batch_size' is 'batch size'."""
  row = of(name)
  named = row.label and name in (row.name, row.name.removesuffix('.*'))
  return row.label if named else name.split('.')[-1].replace('_', ' ')


def settings(names: Iterable[str]) -> list[str]:
  """Those that can be axes, in the order of the table; of one row, as they come."""
  axes = [name for name in names if of(name).kind == SETTING and of(name).shown == AXIS]
  return sorted(axes, key=lambda name: COLUMNS.index(of(name)))


def measurements(names: Iterable[str], *shown: str) -> list[str]:
  """Measurements that are shown there, in the order of the table, those without a row last."""
  shown_names = [name for name in names if of(name).kind == MEASUREMENT and of(name).shown in shown]
  rank = {row: i for i, row in enumerate(COLUMNS)}
  return sorted(shown_names, key=lambda name: rank.get(of(name), len(rank)))


def selectable(name: str) -> bool:
  """Whether a claim may look at some values of a column only."""
  return of(name).kind == SETTING
