"""One trial again, alone: from Python, or by train.py --only, which holds it against its record."""

from collections.abc import Iterator
import dataclasses
import functools
import os
import pathlib
import tempfile
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from norms.lab import columns, grouping, records, sweep, tasks
from norms.lab import data as data_sets
from norms.lab.engine import evaluation, program
from norms.lab.engine.training import State, TrainSetup, Variables
from norms.lab.runner import execution
from norms.lab.runner.once import Once
from norms.lab.statistics import cells
from norms.lab.study import Study
from norms.lab.trial import Trial
from norms.lab.xla_cpu import compiler

TOLERANCE = 1e-5  # where nothing is exact: what the lab promises of the first steps

Epoch = tuple[int, State, dict[str, float]]


class Difference(NamedTuple):
  """Where a measurement of a trial that ran again is furthest from its record."""

  column: str
  largest: float  # |again - recorded|; infinite where one of them is missing
  epoch: int
  recorded: float
  again: float

  def within(self, tolerance: float) -> bool:
    """|again - recorded| <= tolerance max(1, |recorded|), at that epoch."""
    return self.largest <= tolerance * max(1.0, abs(self.recorded)) or self.largest == 0


def find(study: Study, start: str) -> Trial:
  """The one trial of a study whose hash begins so.

  Raises:
    ValueError: of one line, where none does, or several do.
  """
  found = [trial for trial in study.trials if trial.hash.startswith(start)]
  if len(found) != 1 or not start:
    how = f'{len(found)} trials begin' if found else 'no trial begins'
    few = ', '.join(trial.hash for trial in (found or study.trials)[:4])
    raise ValueError(
      f'{study.name}: {how} with {start!r}: give the hash of one, as the column trial of its '
      f'records has it, such as {few}'
    )
  return found[0]


def differences(trial: Trial, study: Study, workdir: str | os.PathLike) -> list[Difference]:
  """Runs a trial of a study again, alone and without any effect on its records, and compares.

  Raises:
    ValueError: where it has no record.
    RuntimeError: where it fails; with the traceback.
  """
  recorded = _measured(records.load(workdir), trial)
  if recorded.empty:
    raise ValueError(f'trial {trial.hash} has no record in {records.folder(workdir)}: run it first')
  with tempfile.TemporaryDirectory() as folder:
    groups = grouping.groups([trial])
    # Neither changes a figure, and what they write would be thrown away here.
    alone = dataclasses.replace(study, keep='', checkpoint=0.0)
    if sweep.run(alone, groups, folder, tick=lambda *_: None, spawn=True):
      files = records.folder(folder).glob('*.error.txt')
      raise RuntimeError('\n'.join(file.read_text(encoding='utf-8') for file in files))
    again = _measured(records.load(folder), trial)
  names = [name for name in recorded if recorded[name].notna().any() or name in again]
  again = again.reindex(index=recorded.index.union(again.index), columns=names)
  recorded = recorded.reindex_like(again)
  return [_largest(name, recorded[name], again[name]) for name in names]


def _measured(frame: pd.DataFrame, trial: Trial) -> pd.DataFrame:
  """What was measured of a trial as numbers, a row per epoch."""
  if frame.empty:
    return frame
  rows = frame[frame[columns.TRIAL] == trial.hash].set_index(columns.EPOCH)
  names = [name for name in rows if columns.of(name).kind == columns.MEASUREMENT]
  return pd.DataFrame({name: cells.numbers(rows[name]) for name in names})


def _largest(name: str, recorded: pd.Series, again: pd.Series) -> Difference:
  # Of two infinities, too, which have no difference.
  same = (recorded == again) | (recorded.isna() & again.isna())
  apart = (again - recorded).abs().fillna(np.inf).where(~same, 0.0)
  epoch = apart.idxmax()
  return Difference(name, float(apart[epoch]), int(epoch), recorded[epoch], again[epoch])


def train(trial: Trial, study: Study | None = None) -> Iterator[Epoch]:
  """Trains a trial alone and yields (epoch, state, metrics), of the state before any step first.

      for epoch, state, metrics in norms.lab.train(trial):
        print(epoch, metrics['test_accuracy'], state.variables['params'].keys())

  In exact mode (config.chunk = 1) the metrics are those of the trial's record, to the bit where
  machine and threads are the same (train.py gives each exact trial one: NPROC=1); else to rounding,
  which is within 1e-5 over the first steps and grows with training.

  Args:
    trial: one of norms.lab.study.from_config(config).trials.
    study: its study, where data lie in config.data.manual_dir, or trials are replayed, since these
      share a generator.

  Yields:
    The number of the epoch; a `norms.lab.engine.training.State` with `variables`, `opt_state`,
    `step` and `diverged_at`, arrays of your own; what is recorded of the epoch, by column.

  Raises:
    ValueError: at a replayed trial without its study, and as train.py at what cannot be run.
  """
  if trial.replay and study is None:
    raise ValueError(
      f'trial {trial.hash} is replayed: give its study, whose trials share its draws'
    )
  asked = study or Study('', '', '', '', '', (), {}, (trial,))
  (group,) = grouping.groups([trial])
  compiled = execution.compile_group(group, asked, Once(), jax.local_devices()[0])
  stands = execution.train(group, group.tiles[0], compiled, lambda *_: None)
  for epoch, stand in enumerate(stands):
    (state,) = stand.carries
    left_out = (*tasks.EVIDENCE, columns.DIVERGED_AT)
    metrics = {k: v[0, 0].item() for k, v in stand.curves.items() if k not in left_out}
    # A copy: the next epoch gives the memory of this state away.
    yield epoch, jax.tree.map(jnp.copy, state), metrics


def network(trial: Trial) -> nn.Module:
  """The linen module of a trial as it is evaluated, by running statistics where its norm has these:
  `network(trial).apply(load_params(workdir, trial), x, train=False)`."""
  return TrainSetup.of(trial.static, tasks.outputs(trial.static)).running


def evaluate(trial: Trial, variables: Variables, manual_dir: str = '') -> dict[str, float]:
  """What is recorded of each split of a trial's data, for a network with these variables.

  Statistics of batches are as config.eval_stats says: exact ones are taken anew, from the training
  examples, so that parameters that were kept give the loss and accuracy of their record.
  """
  setup = TrainSetup.of(trial.static, tasks.outputs(trial.static))
  data = tasks.examples(setup.task, data_sets.load(trial.data, manual_dir))
  # Evaluation looks at the variables alone: what else a state has stands for nothing here.
  state = State(variables, (), jnp.int32(0), jnp.int32(-1))
  judge = jax.jit(functools.partial(program.evaluation, setup, 1))
  given = (state, data, evaluation.eval_inputs(setup, data))
  found = judge.lower(*given).compile(compiler.options())(*given)
  left_out = (*tasks.EVIDENCE, tasks.RIGHT)
  return {name: value.item() for name, value in found.items() if name not in left_out}


def compared(study: Study, start: str, workdir: pathlib.Path) -> tuple[str, bool]:
  """What train.py --only=START says: a table, and whether the trial agrees with its record."""
  trial = find(study, start)
  tolerance = 0.0 if study.chunk == 1 else TOLERANCE
  found = differences(trial, study, workdir)
  wide = max(len(each.column) for each in found)
  lines = [
    f'{"column":{wide}} {"largest difference":>18} {"epoch":>5} {"recorded":>12} {"again":>12}'
  ]
  for each in found:
    mark = '' if each.within(tolerance) else ' *'
    lines.append(
      f'{each.column:{wide}} {each.largest:18.3g} {each.epoch:5d} {each.recorded:12.6g} '
      f'{each.again:12.6g}{mark}'
    )
  apart = [each.column for each in found if not each.within(tolerance)]
  how = 'to the bit' if not tolerance else f'within {tolerance:g} of max(1, |recorded|)'
  said = f'differs in {len(apart)} of {len(found)} columns (*)' if apart else 'agrees'
  return '\n'.join([*lines, f'trial {trial.hash} {said} with its record {how}']), not apart
