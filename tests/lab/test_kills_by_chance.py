"""A few of the kills of `python -m tests.kills`: whatever is killed, the next start goes on."""

import contextlib
import json

import pytest

from tests.kills import lane, left, rounds, studies

pytestmark = pytest.mark.faults


def test_kills_at_any_moment_lose_double_and_leave_nothing(tmp_path, monkeypatch):
  """Not a bit, not a process, not a file: `tests.kills.rounds` says what is looked at."""
  for module, name in ((rounds, 'ENDED'), (left, 'SECONDS')):
    monkeypatch.setattr(module, name, 60)  # other tests run beside this one, and all is slower
  study = studies.Study('small', (*studies.SMALL, '--config.sweep.norm=none,batch'), 1, length=3.0)
  kills = []
  with contextlib.closing(lane.Lane(tmp_path, seed=6, tell=kills.append)) as killing:
    assert killing.run([study], 10) == []
  told = [json.loads(line) for line in kills]
  assert sum(what == 'kill' for what, *_ in told) == 10
