"""A few of the kills of `python -m tests.kills`: whatever is killed, the next start goes on."""

import contextlib

import pytest

from tests.kills import lane, studies, victims

pytestmark = pytest.mark.faults


def test_kills_at_any_moment_lose_double_and_leave_nothing(tmp_path):
  """Not a bit, not a process, not a file: `tests.kills.rounds` says what is looked at."""
  kills = []
  study = studies.Study('small', (*studies.SMALL, '--config.sweep.norm=none,batch'), 1, length=3.0)
  with contextlib.closing(lane.Lane(tmp_path, seed=6, tell=kills.append)) as killing:
    assert killing.run([study], 10) == []
  told = ' '.join(kills)
  for victim in (victims.DRIVER, victims.ALL, victims.WORKER, victims.SERVER):
    assert f'"{victim}"' in told, f'the seed kills no {victim}'
  assert killing.kills == 10
