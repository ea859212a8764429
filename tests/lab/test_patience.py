"""Promises of early stopping: a trial ends by its own record, whatever it is trained beside."""

import jax
import numpy as np
import pandas as pd
import pytest
import small

import norms.lab
from norms.lab import columns, grouping, records, report, study, sweep
from norms.lab.runner import epochs
from norms.lab.workdir import kept

DATA = {'name': 'digits', 'validation': 100}
# One trial that gets better for long, one that soon does not, and one that diverges.
RATES = (0.05, 1e-9, 1e30)


def config(**changes):
  return small.config(**{'data': DATA, 'learning_rate': RATES, 'epochs': 6, 'patience': 2,
                         'chunk': 1} | changes)  # fmt: skip


def ends(frame):
  """The last epoch of each learning rate."""
  return frame.groupby('learning_rate')['epoch'].max().to_dict()


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """(study, folder, records, ticks) of three trials in one group, with the parameters kept."""
  made, folder, ticks = study.from_config(config(keep='best')), tmp_path_factory.mktemp('p'), []
  groups = sweep.pending(made, folder)
  assert len(groups) == 1
  assert not sweep.run(made, groups, folder, tick=lambda _, done, __: ticks.append(done))
  return made, folder, sweep.results(made, folder), ticks


def test_a_trial_ends_where_its_score_was_best_so_many_epochs_ago(run):
  """Or where it diverged; until then it is what it is without patience."""
  _, _, frame, ticks = run
  assert ends(frame) == {0.05: 6, 1e-9: 2, 1e30: 1}
  rows = frame.set_index(['learning_rate', 'epoch'])
  assert rows.loc[1e30, 'diverged_at'].notna().all() and not rows.loc[1e30, 'trained'].any()
  assert (rows.loc[0.05, 'trained']).all()
  assert sum(ticks) == 3 * 6 * 5  # trials, epochs, steps: progress ends at all of them


def test_it_ends_alike_alone_and_its_final_parameters_are_of_then(run, tmp_path):
  made, folder, frame, _ = run
  short = made.trials[1]
  states = [state for _, state, _ in norms.lab.train(short)]
  assert len(states) == 3
  final = norms.lab.load_params(folder, short)
  jax.tree.map(np.testing.assert_array_equal, dict(states[-1].variables), final)
  facts = kept._facts(kept.folder_of(folder, short))
  assert (facts['final'], facts['best']) == (2, 0)
  ticks, alone = [], study.from_config(config(learning_rate=1e-9))
  groups = sweep.pending(alone, tmp_path)
  sweep.run(alone, groups, tmp_path, tick=lambda _, done, __: ticks.append(done))
  found = sweep.results(alone, tmp_path)
  pd.testing.assert_frame_equal(
    found, frame[frame['learning_rate'] == 1e-9].reset_index(drop=True)[list(found)]
  )
  assert ticks == [0, 5, 5, 20]  # the group ended, and saved four epochs


def test_a_report_of_trials_that_ended_is_written(run, tmp_path):
  made, folder, frame, _ = run
  page = report.write(frame, made, records.provenance(folder), tmp_path / 'report')
  assert page.exists()


@pytest.mark.parametrize(
  ('scores', 'last'),
  [
    ([0.1, 0.2, 0.2, 0.2, 0.9], 3),
    ([0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.9], 5),
    ([np.nan, np.nan, np.nan, 0.1], 2),
    ([0.1, 0.2, 0.3], None),
    ([0.1 * i for i in range(11)], 10),
  ],
)
def test_the_rule(scores, last):
  (group,) = grouping.groups(study.from_config(config(learning_rate=0.1, epochs=10)).trials)
  curves = [
    {'validation_accuracy': np.full((1, 1), score), 'diverged_at': np.full((1, 1), -1)}
    for score in scores
  ]
  assert epochs.last_epochs(group.tiles[0], curves).get(group.trials[0]) == last


def test_patience_needs_validation_data_and_is_part_of_a_trial(tmp_path):
  with pytest.raises(ValueError, match='patience=2 needs validation data.*config.data.validation'):
    sweep.pending(study.from_config(config(data={'name': 'digits'})), tmp_path)
  (plain,), (patient,) = (
    study.from_config(config(learning_rate=0.1, patience=p)).trials for p in (0, 2)
  )
  assert plain.hash != patient.hash and 'patience' not in plain.columns()
  assert columns.of('patience').kind == columns.SETTING
