"""Where a result comes from: versions, device, commit, command, time."""

import functools
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import time
from typing import Any

import jax

PACKAGES = ('norms', 'jax', 'jaxlib', 'flax', 'optax', 'numpy')


def provenance(command: str, **more) -> dict[str, Any]:
  """Stored with every records file and printed by every report."""
  started = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
  return {'command': command, 'started': started, **_machine(), **more}


@functools.cache
def _machine() -> dict[str, Any]:
  versions = {name: importlib.metadata.version(name) for name in PACKAGES}
  return {
    'commit': _commit(),
    'versions': {'python': platform.python_version(), **versions},
    'device': f'{jax.default_backend()}: {jax.devices()[0].device_kind}',
    'cores': os.cpu_count(),
  }


def _commit() -> str:
  """The commit of the source, marked where the work tree differs from it."""
  git = functools.partial(
    subprocess.run, cwd=pathlib.Path(__file__).parent, capture_output=True, text=True, timeout=10
  )
  try:
    commit = git(['git', 'rev-parse', '--short=12', 'HEAD'])
    changed = git(['git', 'status', '--porcelain', '--untracked-files=no'])
  except (OSError, subprocess.TimeoutExpired):
    return 'unknown'
  if commit.returncode:
    return 'unknown'
  return commit.stdout.strip() + ('+changes' if changed.stdout.strip() else '')
