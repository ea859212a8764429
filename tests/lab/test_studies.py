"""The configs of studies and papers: complete, plannable without data, and run at small size."""

import dataclasses

import invented
import pytest
import small

from norms.lab import columns, records, report, statistics, sweep, timed
from norms.lab.report import naming, view
from norms.lab.runner import timing

STUDIES = (
  'fashion_cnn', 'fashion_cnn_underfit', 'mnist_mlp', 'cifar_depth', 'cifar_init_scale',
  'cifar_batch_size', 'cifar_few_features', 'cifar_group_norm', 'cifar_learning_rate',
)  # fmt: skip


@pytest.mark.parametrize('name', STUDIES)
def test_a_config_is_the_record_of_its_study(name):
  config, _, doc = invented.config(name)
  for part in ('Question: ', 'Reference: ', 'Expectation: ', 'Cost: '):
    assert part.strip() in doc.replace('\n', ' '), part
  assert f'Command: python train.py --config=configs/{name}.py\n' in doc
  assert f'python train.py --config=configs/{name}.py:smoke\n' in doc and 'stand-in' in doc
  assert config.name == name and config.question and config.expectation
  assert 'manual_dir' in config.data
  with pytest.raises(ValueError, match=f'configs/{name}.py:smok is not known: use smoke'):
    invented.config(name, 'smok')


@pytest.mark.parametrize('name', STUDIES)
def test_a_smoke_is_of_digits_under_a_name_of_its_own(name):
  made = invented.asked(name, 'smoke')
  assert made.name == f'{name}-smoke'
  assert {dict(trial.data)['name'] for trial in made.trials} == {'digits'}
  assert not made.references, 'figures of another data set say nothing about digits'


@pytest.mark.parametrize('name', STUDIES)
def test_a_study_has_five_seeds_or_more_and_speaks_of_what_it_sweeps(name):
  made = invented.asked(name)
  norms = {trial.norm for trial in made.trials}
  for norm in norms:
    assert len({t.seed for t in made.trials if t.norm == norm and not t.replay}) >= 5
  statistics.check(made.claims)
  for _, options in made.claims:
    assert {options[key] for key in ('norm', 'than', 'best') if key in options} <= norms
  statistics.check_references(made.references)
  known = {row.name for row in columns.COLUMNS if row.kind == columns.MEASUREMENT} | {None}
  for entry in made.references:
    assert entry.get('column') in known and entry.get('at', {}).get('norm') in norms | {None}
  assert set(made.labels) <= norms


@pytest.mark.parametrize('name', STUDIES)
def test_every_claim_is_judged_where_every_trial_has_a_record(name):
  made = invented.asked(name)
  seen = view.of(invented.records(made), made)
  found = statistics.verdicts(naming.as_configured(seen.records), naming.claims(made))
  assert found and all(verdict.n >= 5 for verdict in found), [v.sentence for v in found]
  assert any(verdict.asks for verdict in found)


@pytest.mark.parametrize('name', STUDIES)
def test_the_plan_needs_no_data(name, tmp_path):
  made = invented.asked(name)
  groups = sweep.pending(made, tmp_path)
  assert sum(len(group.trials) for group in groups) == len(made.trials)


def test_all_norms_of_study_a_share_one_setting():
  made = invented.asked('fashion_cnn')
  alike = {dataclasses.replace(t, norm='', norm_options=(), seed=0) for t in made.trials}
  assert len(alike) == 1
  (search,) = {dict(t.data)['test'] for t in invented.asked('fashion_cnn', 'search').trials}
  assert search == 1  # the setting is chosen before there is any test figure


def test_the_replayed_trials_come_first_and_in_the_order_of_their_draws():
  trials = invented.asked('cifar_depth').trials
  first = [(trial.norm, trial.replay, trial.seed) for trial in trials[:2]]
  assert first == [('batch', 'numpy_legacy_zeros', 231), ('none', 'numpy_legacy_zeros', 231)]
  assert not any(trial.replay for trial in trials[2:])


# All are run by .ci/run; a study's programs take seconds to compile, so here the quickest.
SMOKES = [
  name if name == 'cifar_init_scale' else pytest.param(name, marks=pytest.mark.slow)
  for name in STUDIES
]


@pytest.mark.parametrize('name', SMOKES)
def test_a_smoke_runs_and_reports(name, tmp_path):
  made = invented.asked(name, 'smoke')
  frame, failed, _ = small.run(made, tmp_path)
  assert not failed and frame['trial'].nunique() == len(made.trials)
  timed = timing.measure(made, tmp_path)
  assert len(timed.get('rows', ())) == made.timing * len({t.norm for t in made.trials})
  page = report.write(frame, made, records.provenance(tmp_path), tmp_path / 'report', timed)
  assert page.stat().st_size > 10_000
  assert (tmp_path / 'report' / 'replay.json').exists() == ('replay' in str(made.axes))


def test_timing_is_measured_once_and_again_where_the_study_changes(tmp_path):
  made = invented.asked('mnist_mlp', 'smoke')
  made = dataclasses.replace(made, trials=made.trials[:1], timing=3)
  first = timing.measure(made, tmp_path)
  assert [row['round'] for row in first['rows']] == [0, 1, 2]
  assert all(row['seconds'] > 0 and row['steps'] == 1442 // 64 for row in first['rows'])
  assert timing.measure(made, tmp_path) == first == timed.load(tmp_path)
  assert len(timing.measure(dataclasses.replace(made, timing=1), tmp_path)['rows']) == 1
  assert records.load(tmp_path).empty  # it stands beside the records, and is none of them
