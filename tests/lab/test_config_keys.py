"""The table of config keys: every key of the schema has a line and no more; --help prints them."""

import invented
import pytest

from norms.lab import asked, config_keys, study

TABLES = {'parity': config_keys.PARITY, 'parity_drift': config_keys.PARITY_DRIFT}


def test_every_key_of_a_study_has_a_line_and_no_more():
  config = study.defaults()
  assert sorted(config_keys.names(config, ('sweep',))) == sorted(config_keys.STUDY)
  assert set(study.AXES) < set(config.sweep) == set(config) - set(asked.UNSWEPT)


@pytest.mark.parametrize('name', TABLES)
def test_every_key_of_a_comparison_has_a_line_and_no_more(name):
  config, _, _ = invented.config(name)
  assert sorted(config_keys.names(config)) == sorted(TABLES[name])


def test_a_key_brings_its_type_and_default():
  config = study.defaults()
  found = {key.name: key for key in config_keys.keys(config, config_keys.STUDY)}
  assert found['learning_rate'][1:3] == ('float', 0.1)
  assert found['init_scale'][1:3] == ('float or None', None)
  assert found['data.name'][1:3] == ('str', 'digits')
  assert found['model_options'][1:3] == found['sweep'][1:3] == ('dict', {})
  config.epochs = 3
  assert dict(zip(found, config_keys.keys(config, config_keys.STUDY), strict=True))[
    'epochs'
  ].default == 3  # fmt: skip
  with pytest.raises(KeyError):
    config_keys.keys(config, {'epoch': 'passes'})


def test_help_names_every_key_and_every_flag(command):
  done = command('--help')
  said = ' '.join(done.stdout.split())
  for key in config_keys.keys(study.defaults(), config_keys.STUDY):
    assert f'{key.name} ({key.kind}, {key.default!r}): {key.meaning}' in said
  assert all(f'--{flag}:' in said for flag in ('config', '[no]dry_run', 'workdir'))
  swept = said.partition('--config.sweep.KEY')[2]
  assert all(axis in swept for axis in (*study.AXES, 'data.train', 'model_options.OPTION', 'probe'))
  assert 'log(1e-3,1,9)' in swept and 'get_hyper' in swept and 'manual_dir' not in swept
  assert not done.stderr and max(map(len, done.stdout.splitlines())) <= 100
