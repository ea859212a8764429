"""The comparison with other libraries as a study: its run, its records, its verdicts."""

import importlib.util
import json
import pathlib
import shutil

import commands
import numpy as np
import pandas as pd
import pytest

from norms.lab import evidence, parity, peers, records
from norms.lab.report import parity as page
from norms.lab.report.parity import agreement, drift

CONFIGS = pathlib.Path(__file__).parents[2] / 'configs'


def config(name, arg='smoke'):
  """The config of a file."""
  spec = importlib.util.spec_from_file_location(name, CONFIGS / f'{name}.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config(arg)


@pytest.fixture
def asked():
  """Layer norm beside Flax's, which is always there."""
  small = config('parity')
  small.norms, small.peers, small.dtypes = ('layer',), ('linen', 'haiku'), ('float32',)
  return small


def test_a_comparison_runs_reports_and_is_not_run_twice(asked, tmp_path, monkeypatch):
  installed = peers.installed
  monkeypatch.setattr(peers, 'installed', lambda name: name != 'haiku' and installed(name))
  study = parity.from_config(asked, doc='notes', command='the command')
  assert study.absent == 'left out, not installed: Haiku: pip install -e ".[peers]"'
  units = parity.pending(study, tmp_path)
  assert [unit.label for unit in units] == ['layer, norms', 'layer, Flax linen']
  assert study.absent in parity.describe(study, units, tmp_path)
  assert parity.run(study, units, tmp_path) == []
  assert parity.pending(study, tmp_path) == ()
  frame = parity.results(study, tmp_path)
  written = page.write(frame, study, records.provenance(tmp_path), tmp_path / 'report')
  text = written.read_text() + (written.parent / 'report.md').read_text()
  assert study.absent in text and 'the command' in text and 'its variance is E[x^2]' in text
  assert len(pd.read_csv(written.parent / 'summary.csv')) == len(frame)
  assert 'Flax linen' in page.terminal(frame, study)
  kept, made_by, _ = evidence.load(written.parent)
  again = page.write(kept, study, made_by, tmp_path / 'again')
  for name in ('report.md', 'index.html', 'summary.csv', 'records.parquet'):
    assert again.with_name(name).read_bytes() == written.with_name(name).read_bytes(), name


@pytest.mark.slow
def test_the_command_writes_a_comparison_again_from_what_is_committed(tmp_path):
  arguments = ['--config=configs/parity.py:smoke', '--config.norms=layer', '--config.peers=linen',
               "--config.dtypes=('float32',)", f'--workdir={tmp_path}']  # fmt: skip
  done = commands.train(*arguments)
  assert done.returncode == 0, done.stderr
  before = (tmp_path / 'report' / 'report.md').read_text()
  shutil.rmtree(tmp_path / 'records')
  for name in ('report.md', 'index.html', 'summary.csv'):
    (tmp_path / 'report' / name).unlink()
  again = commands.train(*arguments, '--report')
  assert again.returncode == 0, again.stderr
  text = (tmp_path / 'report' / 'report.md').read_text()
  assert text.replace(' --report', '') == before  # of the command that wrote it
  assert not (tmp_path / 'records').exists()


COMMITTED = sorted(
  path.parent for path in CONFIGS.parent.glob('results/parity*/report/records.parquet')
)


@pytest.mark.parametrize('folder', COMMITTED, ids=lambda folder: folder.parent.name)
def test_committed_verdicts_of_comparisons_follow_from_committed_records(folder, tmp_path):
  kept = json.loads((folder / 'summary.json').read_text())['verdicts']
  study = parity.from_config(config(folder.parent.name, None))
  again = page.KINDS[study.kind].report(evidence.load(folder).frame, tmp_path).verdicts
  assert [(line.claim, line.outcome, line.sentence) for line in again] == [
    (line['claim'], line['outcome'], line['sentence']) for line in kept
  ]


def test_all_files_of_the_library_are_in_the_identity_of_a_unit():
  """Internals too: a change of a formula there must be measured again."""
  assert {'core', 'sample', '_src/moments', '_src/xla_cpu'} <= set(parity.study.library())
  assert parity.study.code(['core']) != parity.study.code(['core', '_src/moments'])


def test_a_unit_that_fails_is_a_line_and_an_error_on_record(asked, tmp_path, monkeypatch):
  def fails(*_):
    raise RuntimeError('no such thing')

  monkeypatch.setattr(parity.agreement.measures, 'from_ours', fails)
  study = parity.from_config(asked)
  assert parity.run(study, study.units, tmp_path)[0].startswith('layer, Flax linen: RuntimeError')
  assert parity.pending(study, tmp_path)[0].library == 'linen'
  assert 'no such thing' in next((tmp_path / 'records').glob('*.error.txt')).read_text()


@pytest.mark.parametrize(
  ('key', 'value', 'says'),
  [
    ('peers', ('torch',), "did you mean 'pytorch'"),
    ('norms', ('bacth',), "did you mean 'batch'"),
    ('inputs', ('offset',), 'config.inputs'),
    ('dtypes', ('float8',), 'config.dtypes'),
  ],
)
def test_a_wrong_key_is_named(asked, key, value, says):
  asked[key] = value
  with pytest.raises(ValueError, match='is not known') as found:
    parity.from_config(asked)
  assert says in str(found.value)


def test_an_error_needs_a_draw(asked):
  asked.draws = 0
  with pytest.raises(ValueError, match='config.draws=0'):
    parity.from_config(asked)


def line(library, error, lost=0, **more):
  """A row of the accuracy table."""
  place = {'table': 'accuracy', 'norm': 'layer', 'dtype': 'float32', 'input': 'offset 1e4'}
  row = {**place, 'quantity': 'output', 'library': library, 'title': library, 'known': ''}
  return {**row, 'error': error, 'lost': lost, 'two_ulp': 2e-7, 'std': 1.0, 'refused': '', **more}


@pytest.mark.parametrize(
  ('ours', 'theirs', 'lost', 'outcome'),
  [
    (5e-7, 1e-7, 0, 'refuted'),
    (5e-7, 3e-7, 0, 'supported'),  # less than twice as near
    (1.9e-7, 1e-8, 0, 'supported'),  # within two ulp
    (5e-7, 1e-7, 3, 'supported'),  # near where it is no NaN
  ],
)
def test_a_library_that_is_twice_as_near_beats_us(ours, theirs, lost, outcome):
  frame = pd.DataFrame([line('norms', ours), line('haiku', theirs, lost)])
  assert agreement.verdicts.accuracy(frame).outcome == outcome


def test_outputs_are_judged_at_each_size():
  rows = [
    {'table': 'parity', 'norm': 'batch', 'library': 'linen', 'title': 'Flax', 'quantity': quantity,
     'mean_difference': apart, 'max_difference': 1e-6, 'largest': 4.0, 'theirs_error': 6e-8,
     'ours_error': 3e-8}
    for quantity, apart in (('output', 6e-8), ('output, dense', 4e-8))
  ]  # fmt: skip
  images, dense = agreement.verdicts.outputs(pd.DataFrame(rows))
  assert (images.claim, images.outcome) == ('outputs', 'refuted')
  assert (dense.claim, dense.outcome) == ('dense_outputs', 'supported')
  assert '1 of 1 pairs' in dense.sentence and '4.0e-08, batch of Flax' in dense.sentence


@pytest.mark.parametrize(('theirs', 'limit'), [(6e-8, True), (4e-8, False)])
def test_a_pair_beyond_the_bar_is_a_known_limit_where_the_other_is_as_far_off(theirs, limit):
  row = {'table': 'parity', 'norm': 'batch', 'library': 'tensorflow', 'title': 'TensorFlow',
         'quantity': 'output', 'mean_difference': 7e-8, 'max_difference': 1e-6, 'largest': 4.0,
         'theirs_error': theirs, 'ours_error': 3e-8}  # fmt: skip
  (verdict,) = agreement.verdicts.outputs(pd.DataFrame([row]))
  assert verdict.outcome == 'refuted'
  assert ('Known limit: batch of TensorFlow' in verdict.sentence) == limit


@pytest.mark.parametrize('known', ('they read subnormal numbers as 0', ''))
def test_a_row_that_is_lost_for_a_known_reason_is_a_known_limit(known):
  frame = pd.DataFrame([line('norms', 5e-7, known=known), line('pytorch', 1e-7, known=known)])
  verdict = agreement.verdicts.accuracy(frame)
  assert verdict.outcome == 'refuted'
  assert (f'(known limit: {known})' in verdict.sentence) == bool(known)


def test_a_nan_of_ours_and_a_wrong_deviation_are_refuted():
  good = pd.DataFrame([line('norms', 1e-7), line('linen', 1e2, std=319.0)])
  assert agreement.verdicts.finite(good).outcome == 'supported'
  assert agreement.verdicts.offset(good).outcome == 'supported'
  assert 'linen 319' in agreement.verdicts.offset(good).sentence
  more = pd.concat([good, pd.DataFrame([line('equinox', 1e2, std=5.0)])], ignore_index=True)
  said = agreement.verdicts.offset(more).sentence  # in the order in which they were compared
  assert said.endswith('Farthest from 1 of those beyond 0.001: linen 319 and equinox 5.')
  bad = pd.DataFrame([line('norms', 1e-7, lost=1, std=1.01)])
  assert agreement.verdicts.finite(bad).outcome == 'refuted'
  assert agreement.verdicts.offset(bad).outcome == 'refuted'


def trained(library, seed, gammas, accuracies, title=None):
  """The records of one training."""
  place = {'family': 'batch', 'library': library, 'title': title or library, 'seed': seed}
  for epoch, accuracy in enumerate(accuracies):
    yield {**place, 'table': 'curve', 'epoch': epoch, 'test_accuracy': accuracy}
  for step, gamma in enumerate(gammas):
    for name, value in (('norm_0/scale', gamma), ('norm_0/bias', 1 - gamma)):
      yield {**place, 'table': 'parameter', 'step': step, 'name': name, 'index': 0, 'value': value}


def drifted(theirs, fault, accuracy):
  """The verdicts on three trainings, by claim."""
  rows = [*trained('norms', 0, [1.0, 1.1, 1.2], [0.1, 0.8])]
  rows += trained('keras', 0, theirs, [0.1, accuracy])
  rows += trained('untrained', 0, fault, [0.1, 0.79])
  frame = pd.DataFrame(rows)
  curves, apart = drift.tables.curves(frame), drift.tables.drift(frame)
  assert np.isclose(apart[apart['library'] == 'untrained']['largest'].max(), 0.2)
  return {v.claim: v.outcome for v in drift.verdicts.verdicts(curves, apart)}


def test_the_fault_and_a_curve_that_leaves_are_seen():
  good = drifted([1.0, 1.1 + 1e-8, 1.2 + 1e-5], [1.0, 1.0, 1.0], 0.801)
  assert set(good.values()) == {'supported'} and len(good) == 3
  bad = drifted([1.0, 1.0, 1.4], [1.0, 1.0, 1.0], 0.82)
  assert set(bad.values()) == {'refuted'}


def test_the_other_libraries_start_alike_and_the_fault_does_not_move():
  """Two epochs of ten steps on digits, in the lab's program."""
  small = config('parity_drift')
  small.families, small.libraries, small.seeds = ('layer',), ('norms', 'linen', 'untrained'), (0,)
  study = parity.from_config(small)
  frame = pd.concat([unit.measure() for unit in study.units])
  apart = drift.tables.drift(frame)
  first = apart[apart['step'] == 1].groupby('library')['largest'].max()
  # A step of 0.02 times a gradient of size 1, whose rounding is 1e-7 of it.
  assert first['linen'] <= 1e-7
  assert first['untrained'] > 1e-3
  gammas = frame[(frame['library'] == 'untrained') & frame['name'].str.endswith('scale', na=False)]
  assert set(gammas['value']) == {1.0}
