"""Curves of a few small nets, kept to see whether the arithmetic still gives the same figures.

    python -m tests.lab.reference

writes tests/lab/reference.json anew: right after norms/lab/numerics.py got a new number, and
at no other time: studies whose records are of one number are compared as if made on one day.
"""

import json
import pathlib
import tempfile

import jax

from norms.lab import numerics, study, sweep

FILE = pathlib.Path(__file__).with_suffix('.json')
COMMAND = 'python -m tests.lab.reference'
LOSSES = ('train_loss', 'test_loss', 'minibatch_loss')
ACCURACIES = ('train_accuracy', 'test_accuracy')


def config():
  """Digits, one hidden layer of 32, three epochs of 11 steps; four norms."""
  made = study.defaults()
  made.name = 'reference'
  made.model_options = {'features': (32,)}
  made.optimizer_options = {'momentum': 0.9}
  made.learning_rate = 0.02
  made.batch_size, made.epochs = 128, 3
  made.sweep.norm = ('none', 'batch', 'layer', 'rms')
  return made


def curves(folder):
  """{norm: {column: a figure for each epoch from 0 on}}, by running what the folder lacks."""
  asked = study.from_config(config(), command=COMMAND)
  failed = sweep.run(asked, sweep.pending(asked, folder), folder, tick=lambda *_: None)
  assert not failed, failed
  found = {}
  for norm, rows in sweep.results(asked, folder).groupby('norm', sort=True):
    rows = rows.sort_values('epoch')
    found[norm] = {column: rows[column].tolist() for column in (*LOSSES, *ACCURACIES)}
  return found


def write():
  """The file that tests/lab/test_numerics.py reads; a loss before the first step is null."""
  with tempfile.TemporaryDirectory() as folder:
    made = curves(folder)
  shown = {
    norm: {
      column: [None if v != v else float(f'{v:.9g}') for v in of] for column, of in each.items()
    }
    for norm, each in made.items()
  }
  origin = {'command': COMMAND, 'numerics': numerics.NUMERICS, 'jax': jax.__version__}
  lines = [f'  {json.dumps(norm)}: {json.dumps(each)}' for norm, each in shown.items()]
  head = json.dumps(origin)[:-1]
  FILE.write_text(f'{head}, "curves": {{\n' + ',\n'.join(lines) + '\n}}\n', encoding='utf-8')


if __name__ == '__main__':
  write()
