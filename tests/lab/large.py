"""A random search of any size, with records as a run would leave them: by formula, none is trained.

    python -m tests.lab.large FOLDER [points] [seeds]

writes the records of this study. The file is its config, too, so that its report is that of
`python train.py --config=tests/lab/large.py:POINTSxSEEDS --workdir=FOLDER --report`.
"""

import sys

import numpy as np
import pandas as pd

from norms.lab import records, study

NORMS = {'none': 0.0, 'batch': 0.03, 'layer': 0.025, 'group': 0.02, 'rms': 0.015}
BATCHES = (16, 64, 256)
EPOCHS, TILE = 10, 200


def get_config(arg=None):
  """A config of 600 points, or of as many as `arg` says, as in 2000x5, with so many seeds each."""
  del arg
  config = study.defaults()
  config.name = 'large'
  config.question = 'Which settings matter in a random search?'
  config.data.validation = 200
  config.epochs = EPOCHS
  config.optimizer = 'adamw'
  config.optimizer_options = {}
  return config


def get_hyper(hyper, points=600, seeds=1):
  """Learning rate and weight decay drawn by decades, norm and batch size drawn evenly."""
  drawn = hyper.random(
    [
      hyper.loguniform('learning_rate', 1e-4, 1),
      hyper.loguniform('weight_decay', 1e-6, 1e-1),
      hyper.sweep('norm', tuple(NORMS)),
      hyper.sweep('batch_size', BATCHES),
    ],
    points,
    seed=3,
  )
  return hyper.product([drawn, hyper.sweep('seed', tuple(range(seeds)))])


def asked(points=600, seeds=1):
  """The study."""
  return study.from_config(get_config(), get_hyper=lambda hyper: get_hyper(hyper, points, seeds))


def frame_of(made):
  """The records of its trials, a row per epoch."""
  trials = pd.DataFrame([{**trial.columns(), 'trial': trial.hash} for trial in made.trials])
  draws, n = np.random.default_rng(7), len(trials)
  rate = np.log10(trials['learning_rate'])
  # Best at a rate of 0.01, wider with a norm; too large a rate diverges without one.
  wide = np.where(trials['norm'] == 'none', 0.6, 1.2)
  top = 0.9 + trials['norm'].map(NORMS) - 0.04 * np.log2(trials['batch_size'] / 16) / 4
  top -= 0.01 * (np.log10(trials['weight_decay']) > -2) + 0.006 * draws.normal(size=n)
  top = 0.1 + (top - 0.1) * np.exp(-(((rate + 2) / wide / 2) ** 2))
  blown = (trials['norm'] == 'none') & (rate > -0.5)
  top = np.where(blown, 0.1, top)
  trials = trials.assign(trained=top > 0.15, _top=top)
  trials['diverged_at'] = pd.Series(np.where(blown, 7, None)).astype('Int64')
  frame = trials.merge(pd.DataFrame({'epoch': range(made.trials[0].epochs + 1)}), how='cross')
  reached = 0.1 + (frame.pop('_top') - 0.1) * (1 - 0.5 ** frame['epoch'])
  lost = frame['diverged_at'].notna() & (frame['epoch'] > 1)
  loss = np.where(lost, np.nan, 2.4 * (1.02 - reached))
  return frame.assign(
    step=frame['epoch'] * (1242 // frame['batch_size']),
    train_accuracy=reached + 0.01, validation_accuracy=reached - 0.004, test_accuracy=reached,
    train_loss=loss, validation_loss=loss, test_loss=loss, grad_norm=loss,
    minibatch_loss=np.where(frame['epoch'] > 0, loss, np.nan),
  )  # fmt: skip


def write(folder, made):
  """Files of records, one for each tile of trials."""
  records.prepare(folder)
  frame, axes = frame_of(made), study_axes(made)
  made_by = {
    'command': 'python train.py --config=tests/lab/large.py', 'commit': 'none', 'cores': 2,
    'versions': {'jax': '0.10.0', 'norms': '0.1.0'}, 'device': 'cpu', 'group': 'drawn',
    'started': '2026-01-01T00:00:00Z', 'compile_seconds': 1.0, 'run_seconds': 1.0,
  }  # fmt: skip
  for start in range(0, len(made.trials), TILE):
    tile = made.trials[start : start + TILE]
    rows = frame[frame['trial'].isin([trial.hash for trial in tile])]
    records.write(folder, tile, rows, {**made_by, 'trials': len(tile)}, axes)


def study_axes(made):
  """The axes of the study, as a run says them."""
  from norms.lab import statistics

  return statistics.study_axes(made)


if __name__ == '__main__':
  write(sys.argv[1], asked(*map(int, sys.argv[2:])))
