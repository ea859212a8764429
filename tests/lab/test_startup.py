"""Promises of the cache of compiled programs: on by default, bounded, JAX's own settings first."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
ASK = """
import sys
from norms.lab import startup
import jax
line = startup.cache_compilations(2)
config = jax.config
jax.jit(lambda x: x + 1).lower(1.0).compile()
print(config.jax_compilation_cache_dir, config.jax_compilation_cache_max_size, line, sep='|')
"""


def asked(**environment):
  """(folder, bytes, line) of a fresh process."""
  removed = {'XDG_CACHE_HOME', *(key for key in os.environ if key.startswith('JAX_'))}
  kept = {key: value for key, value in os.environ.items() if key not in removed}
  done = subprocess.run(
    [sys.executable, '-c', ASK], env=kept | {'PYTHONPATH': str(ROOT)} | environment,
    capture_output=True, text=True, check=True,
  )  # fmt: skip
  return done.stdout.strip().split('|')


def test_programs_are_kept_in_the_users_cache_folder(tmp_path):
  """By number of threads, and for later processes."""
  small = {'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0'}
  folder, size, line = asked(HOME=str(tmp_path), **small)
  place = pathlib.Path(folder)
  assert place.parent == tmp_path / '.cache' / 'norms' and place.name.endswith('-2')
  assert int(size) == 2 * 2**30 and not line
  assert list(place.glob('jit_*-cache'))


@pytest.mark.parametrize(
  ('environment', 'folder', 'size'),
  [
    ({'JAX_COMPILATION_CACHE_DIR': '{}/mine'}, '{}/mine', -1),
    ({'JAX_ENABLE_COMPILATION_CACHE': 'false'}, 'None', -1),
    ({'JAX_COMPILATION_CACHE_MAX_SIZE': '12345678'}, '{}/.cache/norms', 12345678),
    ({'XDG_CACHE_HOME': '{}/other'}, '{}/other/norms', 2 * 2**30),
  ],
)
def test_settings_of_the_environment_come_first(environment, folder, size, tmp_path):
  given = {key: value.format(tmp_path) for key, value in environment.items()}
  found, most, line = asked(HOME=str(tmp_path), **given)
  assert found.startswith(folder.format(tmp_path)) and int(most) == size and not line
  assert (tmp_path / '.cache').exists() == (folder == '{}/.cache/norms')


def test_a_home_that_cannot_be_written_has_no_cache_and_one_line(tmp_path):
  (tmp_path / '.cache').write_text('a file in the place of the folder')
  folder, _, line = asked(HOME=str(tmp_path))
  assert folder == 'None'
  code = 'from norms.lab import startup; startup.settle_figures(); import matplotlib as m; '
  code += 'print(m.get_configdir(), m.get_cachedir())'
  (tmp_path / '.config').write_text('another one')
  removed = ('MPLCONFIGDIR', 'XDG_CONFIG_HOME', 'XDG_CACHE_HOME')
  kept = {key: value for key, value in os.environ.items() if key not in removed}
  done = subprocess.run(
    [sys.executable, '-c', code], env=kept | {'PYTHONPATH': str(ROOT), 'HOME': str(tmp_path)},
    capture_output=True, text=True, check=True,
  )  # fmt: skip
  (place,) = set(done.stdout.split())
  assert not done.stderr and '.norms.' in place and not pathlib.Path(place).exists()
  assert 'compiled programs are not kept, since' in line and 'JAX_COMPILATION_CACHE_DIR' in line
