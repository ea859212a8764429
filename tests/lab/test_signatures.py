"""A user's own function that takes other arguments is named before anything is trained."""

import math

import pytest

from norms.lab import values

SMOKE = '--config=configs/sweep.py:smoke'


@pytest.mark.parametrize(
  ('flag', 'says'),
  [
    ('metrics=users_signatures:takes_none', "metric 'takes_none' cannot be called as (outputs, t"),
    ('metrics=users_signatures:takes_five', "missing a required argument: 'c'"),
    ('probes=users_signatures:takes_none', 'cannot be called as (apply, state, data) (too many'),
    ('probes=os:getcwd', "probe 'os:getcwd' cannot be called as (apply, state, data)"),
    ('optimizer=users_signatures:takes_five', 'cannot be called as (learning_rate, steps, mom'),
    ('sweep.norm=users_signatures:NormWithoutInput', 'cannot be called as (self, x)'),
    ('sweep.norm=users_signatures:NormWithAnArgument', "missing a required argument: 'factor'"),
    ('task=users_signatures:TaskWithoutLoss', 'has no loss: define it'),
    ('task=users_signatures:TaskWithAnArgument', "missing a required argument: 'factor'"),
    ('task=users_signatures:LossOfNothing', "loss of task 'users_signatures:LossOfNothing' cann"),
    ('sweep.schedule_options=0', "schedule_options=0: give a dict, such as {'name': value}"),
    ('sweep.data=5', "data=5: give a dict, such as {'name': value}"),
    ('data={}', 'data={} has no name: set config.data.name'),
  ],
)
def test_one_line_says_what_it_is_called_with(flag, says, command, tmp_path):
  ended = command(SMOKE, f'--config.{flag}', f'--workdir={tmp_path / "results"}', '--dry_run')
  assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1
  assert ended.stderr.startswith('train.py: ') and says in ended.stderr
  assert not list(tmp_path.iterdir())


def test_what_can_be_called_may_have_further_arguments():
  values.check_takes('it', lambda x, y=1, *rest, z=2, **others: x, 'x', w=3)
  values.check_takes('it', math.hypot, 'x', 'y')
  with pytest.raises(ValueError, match=r"it cannot be called as \(x, w=3\) .*'w'.: change it"):
    values.check_takes('it', lambda x: x, 'x', w=3)
  with pytest.raises(ValueError, match='5 is not a callable object'):
    values.check_takes('it', 5)
