"""Promises of probes of one's own: each number a column, their source a part of the trial."""

import sys

import numpy as np
import pytest
import small
from test_train import train

import norms.lab
from norms.lab import columns, records, report, source, study

PROBES = ('users_probes:kernel_length', 'users_probes:steps')


def test_each_number_is_a_column_after_each_epoch(tmp_path):
  """Of several trials at once as of one alone; and a report shows it."""
  at_once, failed, _ = small.run(
    small.config(init_scale=(0.5, 1.0), probes=PROBES, chunk=2), tmp_path / 'at_once'
  )
  alone, _, _ = small.run(
    small.config(init_scale=(0.5, 1.0), probes=PROBES, chunk=1), tmp_path / 'alone'
  )
  assert not failed
  assert (alone['probes.steps'] == alone['step']).all()
  first = alone[alone['epoch'] == 0].set_index('init_scale')['probes.first_kernel']
  assert first[1.0] == pytest.approx(2 * first[0.5], rel=1e-6) and first[0.5] > 0
  assert alone['probes.largest_class'].between(0.1, 1.0).all()
  for name in ('probes.first_kernel', 'probes.largest_class'):
    np.testing.assert_allclose(at_once[name], alone[name], rtol=1e-4)
    assert columns.of(name).kind == columns.MEASUREMENT and columns.has_row(name)
  assert columns.label('probes.first_kernel') == 'first kernel'
  made = study.from_config(small.config(init_scale=(0.5, 1.0), probes=PROBES))
  page = report.write(alone, made, records.provenance(tmp_path / 'alone'), tmp_path / 'report')
  assert 'probes.first_kernel' in (page.parent / 'summary.csv').read_text()


def test_the_source_of_a_probe_is_part_of_the_trial(tmp_path, monkeypatch):
  """Without probes a trial is what it was."""
  monkeypatch.syspath_prepend(str(tmp_path))
  path, found = tmp_path / 'mine_probe.py', []
  for text in ('X = 1', 'X = 2'):
    path.write_text(f'{text}\n\n\ndef probe(apply, state, data):\n  return {{}}\n')
    (trial,) = study.from_config(small.config(probes=('mine_probe:probe',))).trials
    found.append(trial)
  (plain,) = study.from_config(small.config()).trials
  assert len({trial.hash for trial in (*found, plain)}) == 3
  assert found[1].code == source.digest('mine_probe:probe') and not plain.code
  assert 'probes' not in plain.columns() and found[0].columns()['probes'] == 'mine_probe:probe'
  assert 'mine_probe' not in sys.modules


@pytest.mark.parametrize(
  ('probes', 'says'),
  [
    (('kernel_length',), "probes='kernel_length': give package.module:name"),
    ((':x',), "probes=':x': give package.module:name"),
    (('users_probes:kernel_lenght',), "did you mean 'kernel_length'"),
    (('users_probes:NUMBER',), "probe 'users_probes:NUMBER' is no function"),
    (('users_probes:vector',), "probe 'users_probes:vector': outputs has the shape (10,)"),
    (('users_probes:nothing',), "probe 'users_probes:nothing' gives None: give a dict"),
    (('users_probes:steps', 'users_probes:twin'), "another probe gives 'steps', too"),
  ],
)
def test_a_probe_that_gives_no_numbers_is_said_before_anything_runs(probes, says, tmp_path):
  with pytest.raises(ValueError, match='.') as error:
    small.run(small.config(probes=probes), tmp_path)
  assert says in str(error.value) and '\n' not in str(error.value)
  assert not records.files(tmp_path)


@pytest.mark.slow
def test_probes_run_through_the_command_in_worker_processes(tmp_path):
  """And parameters are kept there, which norms.lab.load_params reads here."""
  done = train(
    '--config=configs/sweep.py:smoke', f'--workdir={tmp_path}', '--config.sweep.batch_size=128,256',
    '--config.probes=users_probes:kernel_length,users_probes:steps', '--config.keep=final',
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  frame = records.load(tmp_path)
  assert (frame['probes.steps'] == frame['step']).all() and frame['probes.first_kernel'].gt(0).all()
  last = frame[frame['epoch'] == frame['epoch'].max()].set_index('trial')
  for trial in last.index[:2]:
    kernel = norms.lab.load_params(tmp_path, trial)['params']['layer_0']['kernel']
    assert np.sqrt(np.sum(kernel**2)) == pytest.approx(last['probes.first_kernel'][trial], rel=1e-5)
