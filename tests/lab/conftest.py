"""What tests of the lab share."""

import commands
import jax
import pytest

from norms.lab import sweep


@pytest.fixture(scope='session', autouse=True)
def _one_cpu():
  """Groups run as on a CPU that is one device: the eight are for what is tested of meshes."""
  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(sweep, 'devices', lambda: jax.local_devices()[:1])
    yield


@pytest.fixture(scope='session')
def command():
  """train.py with arguments, for what is planned or refused: see `commands.forked`."""
  with commands.forked() as run:
    yield run
