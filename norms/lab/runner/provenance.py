"""Where a result comes from: versions, device, commit, command, time."""

import functools
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess
import time
from typing import Any

import jax

PACKAGES = ('norms', 'jax', 'jaxlib', 'flax', 'optax', 'numpy')


def provenance(command: str, **more) -> dict[str, Any]:
  """Stored with every records file and printed by every report."""
  started = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
  return {'command': command, 'started': started, **_machine(), **more}


# Once for a process: git is started twice, and nothing of this changes.
@functools.cache
def _machine() -> dict[str, Any]:
  versions = {name: importlib.metadata.version(name) for name in PACKAGES}
  return {
    'commit': _commit(),
    'web': web(_git('remote', 'get-url', 'origin')),
    'versions': {'python': platform.python_version(), **versions},
    'device': f'{jax.default_backend()}: {jax.devices()[0].device_kind}',
    'cores': os.cpu_count(),
  }


def _commit() -> str:
  """The commit of the source, marked where the work tree differs from it."""
  commit = _git('rev-parse', '--short=12', 'HEAD')
  changed = _git('status', '--porcelain', '--untracked-files=no')
  return commit + ('+changes' if changed else '') if commit else 'unknown'


def web(remote: str) -> str:
  """The page of a repository whose remote this is, '' where it has none.

  'git@github.com:owner/name.git' is at https://github.com/owner/name; a user or a token in the
  remote is no part of the page.
  """
  found = re.fullmatch(r'(?:https?://|ssh://|)(?:[^/@]+@)?([\w.-]+\.\w+)(?::\d+/|[:/])(.+)', remote)
  return f'https://{found[1]}/{found[2].removesuffix(".git").strip("/")}' if found else ''


def _git(*arguments: str) -> str:
  """What git says of the folder of this file, '' where it says nothing."""
  try:
    done = subprocess.run(
      ['git', *arguments],
      cwd=pathlib.Path(__file__).parent,
      capture_output=True,
      text=True,
      timeout=10,
    )
  except (OSError, subprocess.TimeoutExpired):
    return ''
  return '' if done.returncode else done.stdout.strip()
