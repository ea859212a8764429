"""Promises of whole runs of each task: records, claims, and a report, through train.py."""

import json
import pathlib

from commands import train
import numpy as np
import pytest
import small

from norms.lab import records, statistics

TOKENS = {'name': 'digits', 'normalize': 'none'}
# Changes of the small config, and the column by which norms are compared.
CASES = {
  'smoothing': (
    {'task_options': {'smoothing': 0.1}, 'metrics': ('top5_accuracy',)}, 'test_accuracy'),
  'regression': ({'task': 'users_tasks:Value', 'metrics': ('mae', 'users_tasks:WORST'),
                  'learning_rate': 0.01}, 'test_r2'),
  'next_token': ({'task': 'users_tasks:Pixels', 'model': 'users_tasks:Speaker', 'data': TOKENS,
                  'model_options': {}, 'metrics': ('accuracy',)}, 'test_loss'),
  'own': ({'task': 'users_tasks:Hinge', 'task_options': {'margin': 2.0},
           'model_options': {'features': (32,)}, 'metrics': ('users_tasks:spread',)}, 'test_hits'),
}  # fmt: skip
MEASURED = {
  'smoothing': ['accuracy', 'top5_accuracy'],
  'regression': ['r2', 'mae', 'WORST'],
  'next_token': ['perplexity', 'accuracy'],
  'own': ['hits', 'spread'],
}


def config(name, **changes):
  """A small study of a task, with a claim of its score."""
  claims = (('beats', {'norm': 'batch', 'than': 'none'}),)
  given = {'norm': ('none', 'batch'), 'seed': (0, 1, 2), 'batch_size': 64, 'epochs': 3}
  return small.config(**given | {'claims': claims} | CASES[name][0] | changes)


ONE = [name if name == 'own' else pytest.param(name, marks=pytest.mark.slow) for name in CASES]


@pytest.mark.parametrize('name', ONE)
def test_a_task_is_recorded_judged_and_compared_by_its_score(name, tmp_path):
  made = config(name, data={**CASES[name][0].get('data', {'name': 'digits'}), 'validation': 100})
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed
  ends = ['loss', *MEASURED[name]]
  for column in (f'{split}_{end}' for split in ('train', 'validation', 'test') for end in ends):
    assert frame[column].notna().all(), column
  assert statistics.score(frame) == statistics.score(records.load(tmp_path)) == CASES[name][1]
  assert ('trivial_loss' in frame) == (name != 'smoothing') and 'gain' not in frame
  last = statistics.finals(frame)
  assert last['trained'].all()
  first = frame[frame['epoch'] == 0].set_index('trial')
  assert (last.set_index('trial')['test_loss'] < first['test_loss']).all()
  (verdict,) = statistics.verdicts(frame, [*map(tuple, made.claims)])
  assert statistics.words.label(CASES[name][1]) in verdict.sentence
  best = last[f'best_{CASES[name][1]}']
  sign = statistics.cells.metric_sign(CASES[name][1])
  assert (sign * best >= sign * last[CASES[name][1]]).all()
  if name == 'next_token':
    np.testing.assert_allclose(last['test_perplexity'], np.exp(last['test_loss']), rtol=1e-5)
  if name == 'regression':
    np.testing.assert_allclose(
      last['test_r2'], 1 - last['test_loss'] / np.var(_test_values()), rtol=1e-4
    )


def _test_values():
  """The digits of the test split, as numbers."""
  from norms.lab import data

  return data.load({'name': 'digits'}).test.y.astype(float)


@pytest.mark.slow
@pytest.mark.parametrize('name', CASES)
def test_a_task_runs_through_the_command_in_worker_processes(name, tmp_path):
  """To the same figures as in threads, with a report by its score."""
  path = tmp_path / 'own_config.py'
  path.write_text(
    '"""A study."""\n\nimport test_tasks_run\n\n\ndef get_config(arg=None):\n'
    f'  return test_tasks_run.config({name!r}, batch_size=(64, 128), init_scale=(0.1, 1.0, 3.0))\n'
  )
  folder = tmp_path / 'results'
  done = train(f'--config={path}', f'--workdir={folder}', cwd=pathlib.Path(__file__).parent)
  assert done.returncode == 0, done.stderr
  frame = records.load(folder)  # which tells the label
  label = statistics.words.label(CASES[name][1])
  text = (folder / 'report' / 'report.md').read_text(encoding='utf-8')
  assert f'| {label} |' in text and f"{label}, mean of the cells' medians" in text
  assert ('one-sided binomial' in text) == (name == 'smoothing')
  figures = {path.stem for path in (folder / 'report' / 'figures').glob('*.png')}
  assert {f'{CASES[name][1]}_by_init_scale', 'accuracy_by_seed'} <= figures
  summary = json.loads((folder / 'report' / 'summary.json').read_text())
  assert label in summary['verdicts'][0]['sentence']
  threads, failed, _ = small.run(config(name), tmp_path / 'threads')
  frame = frame[frame['trial'].isin(threads['trial'])]
  assert not failed and len(frame) == len(threads)
  keys = ['trial', 'epoch']
  ours, theirs = (f.sort_values(keys).reset_index(drop=True) for f in (threads, frame))
  np.testing.assert_allclose(ours['test_loss'], theirs['test_loss'], rtol=1e-4)
