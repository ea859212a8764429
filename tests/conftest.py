"""What must be set before jax starts: eight virtual devices, and a cache of compilations.

And how often garbage is looked for: what is imported, collected and traced stays to the end, and is
not to be gone through again and again.
"""

import gc
import os
import pathlib

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
# Tests run in several processes, and none may take all of an accelerator's memory.
os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')

import jax  # noqa: E402
import pytest  # noqa: E402

from norms.lab import startup, sweep  # noqa: E402

# Before the first call of JAX; not by XLA_FLAGS, which processes of their own would be given, too.
jax.config.update('jax_num_cpu_devices', 8)

pytest.register_assert_rewrite('promises', 'rows', 'oracles')


def _cache_dir() -> pathlib.Path:
  home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  return pathlib.Path(home) / 'norms' / f'test-compilations-{startup.machine()}'


# The cache lies in the user's own directory, since its entries are code that is run.
jax.config.update('jax_compilation_cache_dir', str(_cache_dir()))
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)
jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)


# A wheel that is installed and checked, the documents' site: single tests of half a minute.
LONGEST = ('test_types', 'test_docs')


def pytest_collection_modifyitems(items):
  """What takes longest begins first: at the end one process would wait for it."""
  items.sort(key=lambda item: item.path.stem not in LONGEST)


def pytest_collection_finish():
  gc.collect()
  gc.freeze()
  gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope='session', autouse=True)
def _one_cpu():
  """Groups run as on a CPU that is one device: the eight are for what is tested of meshes."""
  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(sweep, 'devices', lambda: jax.local_devices()[:1])
    yield


@pytest.fixture
def x64():
  """float64 within one test."""
  with jax.enable_x64(True):
    yield
