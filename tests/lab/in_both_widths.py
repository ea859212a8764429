"""train.py, then five steps in float64 in the same process: in_both_widths.py FOLDER FLAGS

The lab runs in float32 alone, and refuses another width. What its programs compute is as wide as
what they are given, so that the very program of an epoch shows whether devices that share a batch
compute what one does, or something near it that float32 hides.
"""

import functools
import pathlib
import runpy
import sys

import jax
import numpy as np
import small

from norms.lab import data as data_sets
from norms.lab import grouping, study, tasks
from norms.lab.engine import chunks, devices, evaluation, program, starting
from norms.lab.engine.training import TrainSetup
from norms.lab.trial import Trial

ROOT = pathlib.Path(__file__).parents[2]
FILE = 'float64.npz'


def trials(several: int) -> dict[str, Trial]:
  """By name 'devices/synchronised': batch norm on digits, in one epoch of five steps."""
  axes = {'norm': 'batch', 'devices': (1, several), 'sync_batch_stats': (True, False)}
  data = {'name': 'digits', 'train': 320, 'test': 100}
  made = study.from_config(small.config(data=data, batch_size=64, epochs=1, **axes))
  return {f'{t.devices}/{t.sync_batch_stats}': t for t in made.trials}


def wide(tree):
  """Floats as float64 of this process's host, all else as it is."""

  def one(a):
    a = np.asarray(a)
    return a.astype(np.float64) if np.issubdtype(a.dtype, np.floating) else a

  return jax.tree.map(one, tree)


def trained(trial: Trial) -> dict[str, jax.Array]:
  """What the trial's epoch measures, how it is judged after it, and a kernel."""
  setup = TrainSetup.of(trial.static, tasks.outputs(trial.static))
  data = wide(tasks.examples(setup.task, data_sets.load(trial.static.data)))
  (tile,), hyper = grouping.groups([trial])[0].tiles, wide(chunks.traced(trial))
  seeds = chunks.seeds(tile)
  template = wide(program.init(setup)(seeds[0], data.train.x[:1]))
  (draws,) = program.draws(seeds, starting.kernel_size(template['params']))
  order = np.asarray(program.order(seeds, 1, len(data.train.y))[0])
  carry = wide(starting.initial(setup, template, draws, hyper))
  given = devices.placed((carry, data, order), trial.devices)
  run = jax.jit(functools.partial(program.segments, setup, 1, (trial.batch_size,)))
  carry, seen = run(np.int32(0), *given, hyper)
  judge = devices.jit(functools.partial(program.evaluation, setup, 1), trial.devices)
  judged = judge(carry, given[1], tuple(evaluation.eval_inputs(setup, given[1])))
  kernel = carry.variables['params']['layer_0']['kernel']
  return {**seen, **{k: judged[k] for k in ('train_loss', 'test_loss')}, 'kernel': kernel}


def main(folder: str, *flags: str) -> None:
  sys.argv[:] = ['train.py', *flags, f'--workdir={folder}']
  try:
    runpy.run_path(str(ROOT / 'train.py'), run_name='__main__')
  except SystemExit as ended:
    if ended.code:
      raise
  jax.config.update('jax_enable_x64', True)
  found = {}
  for name, trial in trials(jax.device_count()).items():
    # What lies on one device is of one process alone.
    if trial.devices > 1 or jax.process_count() == 1:
      found |= {f'{name}/{key}': np.asarray(value) for key, value in trained(trial).items()}
  if jax.process_index() == 0:
    np.savez(pathlib.Path(folder, FILE), **found)


if __name__ == '__main__':
  main(*sys.argv[1:])
