"""What a user brings, through the command in worker processes: data, task, metric, rule, config."""

import json
import os
import pathlib

import pytest
import small
from test_train import train

from norms.lab import records, statistics

HERE = pathlib.Path(__file__).parent
MEASURED, FALLS = 'users_measures:in_worker', 'users_measures:falls'
# Changes of the small config, and the column by which norms are compared.
CASES = {
  'regression on own data': (
    {'data': {'name': 'users_data:sums'}, 'task': 'regression'}, 'test_r2'),
  'own loss on own data': (
    {'data': {'name': 'users_data:sums'}, 'task': 'users_measures:Robust'}, 'test_r2'),
  'own tokens': (
    {'data': {'name': 'users_data:counts'}, 'task': 'next_token', 'model': 'decoder',
     'model_options': {'width': 16, 'depth': 1, 'heads': 2}, 'optimizer': 'adam',
     'optimizer_options': {}}, 'test_loss'),
}  # fmt: skip


def config(case):
  """A small study of two norms, which has a metric and a rule of a user as well."""
  claims = ((FALLS, {'asks': 'Does the loss fall?', 'norm': 'layer'}),
            ('beats', {'norm': 'layer', 'than': 'none'}))  # fmt: skip
  given = {'norm': ('none', 'layer'), 'seed': (0, 1, 2), 'batch_size': 10, 'epochs': 10}
  given |= {'learning_rate': 0.02, 'metrics': (MEASURED,), 'claims': claims}
  return small.config(**given | CASES[case][0])


def run(path, folder):
  """(records, verdicts by claim) of the command."""
  done = train(f'--config={path}', f'--workdir={folder}/results', cwd=HERE)
  assert done.returncode == 0, done.stderr
  summary = json.loads((folder / 'results' / 'report' / 'summary.json').read_text())
  return records.load(folder / 'results'), {each['claim']: each for each in summary['verdicts']}


@pytest.mark.slow
@pytest.mark.parametrize('case', CASES)
def test_own_data_task_metric_and_rule_through_the_command(case, tmp_path):
  path = tmp_path / 'own_config.py'
  path.write_text(
    '"""A study."""\n\nimport test_own_run\n\n\ndef get_config(arg=None):\n'
    f'  return test_own_run.config({case!r})\n'
  )
  frame, verdicts = run(path, tmp_path)
  last = statistics.finals(frame)
  assert len(last) == 6 and last['trained'].all()
  assert statistics.score(frame) == CASES[case][1]
  assert last['data.sha256'].nunique() == 1
  assert (last['test_loss'] < last['trivial_loss']).all()
  processes = float(len(os.sched_getaffinity(0)) > 1)  # on one core there are no others
  assert (frame['test_in_worker'] == processes).all() and frame['test_in_worker'].notna().all()
  assert verdicts[FALLS]['outcome'] == 'supported'
  fall = frame[frame['norm'] == 'layer'].sort_values('epoch').groupby('seed')['train_loss']
  assert verdicts[FALLS]['effect'] == pytest.approx((fall.last() - fall.first()).max())
  assert statistics.words.label(CASES[case][1]) in verdicts['beats']['sentence']


@pytest.mark.slow
def test_the_config_of_a_paper_on_own_arrays_runs_as_the_documents_show_it(tmp_path, monkeypatch):
  """Wu and He's questions, with the batch size and the learning rate paired."""
  page = (HERE.parents[1] / 'docs' / 'own_data.md').read_text()
  blocks = [part.partition('```')[0] for part in page.split('```python\n')[1:]]
  monkeypatch.chdir(tmp_path)
  exec('\n'.join(blocks[:2]), {})  # which writes mine.npz
  (source,) = [block for block in blocks if 'def get_hyper' in block]
  path = tmp_path / 'wu_he.py'
  path.write_text(source.replace("'mine.npz'", repr(str(tmp_path / 'mine.npz'))))
  frame, verdicts = run(path, tmp_path)
  last = statistics.finals(frame)
  assert len(last) == 50 and set(last['batch_size'] * 0.1 / 32 - last['learning_rate']) == {0.0}
  assert set(verdicts) == {'depends_less', 'beats'}
  assert all(each['n'] == 5 for each in verdicts.values())
