"""No flag of train.py is passed over in silence."""

import re

import pytest

SMOKE = '--config=configs/sweep.py:smoke'
PARITY = '--config=configs/parity.py:smoke'


@pytest.mark.parametrize(
  ('flags', 'says'),
  [
    ((SMOKE, '--report', '--dry_run'), '--report and --dry_run exclude each other'),
    ((SMOKE, '--only=abc', '--report'), '--only and --report exclude each other'),
    ((SMOKE, '--report', '--shard=1/2'), '--shard has no effect with --report'),
    ((SMOKE, '--only=abc', '--time_limit=5'), '--time_limit has no effect with --only'),
    (('--compare=a,b', '--fail_fast'), '--fail_fast has no effect with --compare'),
    ((SMOKE, '--dry_run', '--write=workers'), '--write has no effect without --scheduler'),
    ((SMOKE, '--dry_run', '--allow_versions'), '--allow_versions has no effect without --sched'),
    ((PARITY, '--dry_run', '--shard=1/2'), '--shard has no effect on a comparison'),
    ((PARITY, '--dry_run', '--scheduler=tcp://a:1'), '--scheduler has no effect on a comparison'),
    ((PARITY, '--only=abc'), '--only has no effect on a comparison'),
    ((SMOKE, '--dry_run', '--shard=3/2'), "--shard='3/2': give i/n"),
  ],
)
def test_a_flag_without_effect_is_refused_in_one_line(flags, says, command, tmp_path):
  ended = command(*flags, f'--workdir={tmp_path / "results"}')
  assert ended.returncode == 2 and ended.stderr.startswith(f'train.py: {says}')
  assert len(ended.stderr.splitlines()) == 1 and not list(tmp_path.iterdir())


def test_a_plan_is_that_of_the_same_command(command, tmp_path):
  """Of a part of the study, and with flags of how that is run; a comparison can fail fast."""
  how = (SMOKE, f'--workdir={tmp_path}', '--dry_run', '--noreport', '--time_limit=9')
  planned = [command(*how, f'--shard={i}/2') for i in (1, 2)]
  assert not any(each.stderr or each.returncode for each in planned)
  numbers = [re.search(r'(\d+) trials, 0 done, (\d+) to run', each.stdout) for each in planned]
  assert all(found[1] == found[2] for found in numbers)
  assert sum(int(found[1]) for found in numbers) == 24
  for i, found in enumerate(numbers, 1):
    assert f'shard {i}/2 has {found[1]} of 24 trials' in planned[i - 1].stdout
  assert command(PARITY, f'--workdir={tmp_path}', '--dry_run', '--fail_fast').returncode == 0
