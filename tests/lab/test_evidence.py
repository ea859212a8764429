"""What is committed beside a report: enough to recompute its verdicts, and to write it again."""

import json
import pathlib
import shutil

import commands
import invented
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_report import PROVENANCE, records, study

from norms.lab import evidence, report, statistics
from norms.lab.report import tables, view

RESULTS = pathlib.Path(__file__).parents[2] / 'results'


@pytest.fixture(scope='module')
def written(tmp_path_factory):
  folder = tmp_path_factory.mktemp('report')
  report.write(records(seeds=5), study(), PROVENANCE, folder)
  return folder


def test_a_report_is_written_again_from_its_own_files(written, tmp_path):
  frame, made_by, timing = evidence.load(written)
  assert made_by == PROVENANCE and timing == {}
  report.write(frame, study(), made_by, tmp_path, timing)
  names = sorted(p.relative_to(written) for p in written.rglob('*.*'))
  assert {'trials.csv', 'records.parquet', 'tables/usual.tex'} <= set(map(str, names))
  for name in names:
    assert (tmp_path / name).read_bytes() == (written / name).read_bytes(), name


def test_axes_and_score_are_kept(tmp_path):
  frame = records(seeds=1)
  frame.attrs = {'axes': ['init_scale'], 'compared_by': 'test_loss'}
  evidence.write(frame, [], tmp_path)
  assert evidence.load(tmp_path).frame.attrs == frame.attrs


def test_a_folder_without_them_is_one_clear_line(tmp_path):
  with pytest.raises(ValueError, match=r'no records, and no .*records.parquet in place of them'):
    evidence.load(tmp_path)


def test_a_line_of_each_trial_has_its_last_and_its_best_figures(written):
  frame = records(seeds=5)
  frame.loc[frame['epoch'] == 2, 'test_accuracy'] = 0.99
  kept = evidence.trials(frame).set_index('trial')
  assert len(kept) == frame['trial'].nunique()
  for trial, own in frame.groupby('trial'):
    last = own[own['epoch'] == 4].iloc[0]
    line = kept.loc[trial]
    for name in ('norm', 'batch_size', 'init_scale', 'seed', 'learning_rate', 'trained'):
      assert line[name] == last[name]
    assert line['test_accuracy'] == last['test_accuracy'] and line['best_test_accuracy'] == 0.99
    assert pd.isna(line['diverged_at']) == pd.isna(last['diverged_at'])


def test_a_verdict_is_recomputed_from_the_csv_by_scipy(written):
  """Batch norm beats none, paired by seed over the mean of the cells that both have."""
  rows = pd.read_csv(written / 'trials.csv')
  by = rows.groupby(['norm', 'seed'])['test_accuracy'].mean().unstack('norm')
  test = stats.ttest_rel(by['batch'], by['none'])
  low, high = test.confidence_interval(0.95)
  judged = statistics.verdict('beats', records(seeds=5), norm='batch', than='none')
  np.testing.assert_allclose(judged.effect, (by['batch'] - by['none']).mean(), rtol=1e-7)
  np.testing.assert_allclose(judged.interval[:2], (low, high), rtol=1e-6)


def test_tables_are_files(written):
  table = tables.usual(view.of(records(seeds=5), study()))
  kept = pd.read_csv(written / 'tables' / 'usual.csv', dtype=str)
  assert list(kept) == table.columns
  assert kept.to_numpy().tolist() == [row.cells for row in table.rows]
  latex = (written / 'tables' / 'usual.tex').read_text()
  lines = [line for line in latex.splitlines() if ' & ' in line]
  assert len(lines) == 1 + len(table.rows)
  assert lines[1].startswith('layer & 5 & ') and r'95\% interval' in lines[1]


def test_the_command_writes_a_report_again_without_training(tmp_path):
  """From the files beside it alone."""
  made = invented.asked('fashion_cnn')
  folder = tmp_path / 'report'
  report.write(invented.records(made), made, [], folder)
  before = (folder / 'summary.json').read_bytes()
  (folder / 'summary.json').unlink()
  shutil.rmtree(folder / 'figures')
  config = invented.CONFIGS / 'fashion_cnn.py'
  done = commands.train(f'--config={config}', f'--workdir={tmp_path}', '--report')
  assert done.returncode == 0, done.stderr
  assert (folder / 'summary.json').read_bytes() == before
  assert (folder / 'figures' / 'accuracy_by_seed.png').exists()
  assert not list(tmp_path.glob('records/*'))


COMMITTED = sorted(RESULTS.glob('*/report/trials.csv'))  # comparisons of libraries have none


@pytest.mark.parametrize('path', COMMITTED, ids=lambda path: path.parents[1].name)
def test_committed_verdicts_follow_from_committed_records(path):
  """The number of each verdict, from the file beside it."""

  summary = json.loads((path.parent / 'summary.json').read_text())
  made = invented.asked(path.parents[1].name)
  judged = report.view.of(evidence.load(path.parent).frame, made)
  again = statistics.verdicts(
    report.page.naming.as_configured(judged.records), report.page.naming.claims(made)
  )
  for line, verdict in zip(summary['verdicts'], again, strict=True):
    assert (line['claim'], line['outcome'], line['n']) == (
      verdict.claim, verdict.outcome, verdict.n,
    )  # fmt: skip
    np.testing.assert_allclose(line['effect'], verdict.effect, rtol=1e-6)
