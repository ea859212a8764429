"""What tests of the lab share."""

import multiprocessing
from multiprocessing import forkserver

import commands
import pytest


@pytest.fixture(scope='session')
def command():
  """train.py with arguments, for what is planned or refused: see `commands.forked`."""
  with commands.forked() as run:
    yield run


@pytest.fixture(scope='module')
def forked():
  """Workers are forked from a process that has imported the lab, as train.py's are."""
  forkserver.set_forkserver_preload(['norms.lab.runner.forking'])
  multiprocessing.set_start_method('forkserver', force=True)
  yield
  multiprocessing.set_start_method(None, force=True)
