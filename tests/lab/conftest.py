"""What tests of the lab share."""

import commands
import pytest


@pytest.fixture(scope='session')
def command():
  """train.py with arguments, for what is planned or refused: see `commands.forked`."""
  with commands.forked() as run:
    yield run
