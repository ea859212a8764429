"""Flax's own tests of normalisation, with our classes in the place of Flax's.

  python tests/flax_own.py

fetches the source distribution of the Flax release that norms.linen and norms.nnx stand in for
(once, into the user's cache directory), puts our classes where Flax's are before its tests are
collected, runs the cases that name a norm, and prints how many passed. Nothing of it is copied
into this project.
"""

import ast
import collections
import functools
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

import pytest

VERSION = '0.12.8'
NAMES = (
  'BatchNorm', 'LayerNorm', 'RMSNorm', 'GroupNorm', 'InstanceNorm', 'SpectralNorm', 'WeightNorm',
)  # fmt: skip
FILES = (
  'linen/linen_test.py', 'linen/linen_attention_test.py', 'linen/linen_module_test.py',
  'linen/linen_transforms_test.py', 'linen/summary_test.py', 'nnx/bridge/wrappers_test.py',
  'nnx/graph_utils_test.py', 'nnx/helpers_test.py', 'nnx/integration_test.py',
  'nnx/module_test.py', 'nnx/nn/attention_test.py', 'nnx/nn/linear_test.py',
  'nnx/nn/normalization_test.py', 'nnx/summary_test.py', 'nnx/transforms_test.py',
)  # fmt: skip
# Cases that may fail, by a pattern of their ids, each with the reason. None needs to: no test of
# this release looks at a kernel that Flax's nnx WeightNorm or SpectralNorm has overwritten.
EXCEPTIONS: dict[str, str] = {}

_A_NORM = re.compile('|'.join((*NAMES, 'normalize_qk')))


def cache_dir() -> pathlib.Path:
  """Outside the project: what is fetched is Flax's, not ours."""
  home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  return pathlib.Path(home) / 'norms'


def fetch() -> pathlib.Path:
  """The tests folder of Flax's source distribution."""
  tests = cache_dir() / f'flax-{VERSION}' / 'tests'
  if not tests.exists():
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir()) as folder:
      pip = [sys.executable, '-m', 'pip', 'download', f'flax=={VERSION}', '--quiet']
      subprocess.run([*pip, '--no-deps', '--no-binary', ':all:', '-d', folder], check=True)
      with tarfile.open(next(pathlib.Path(folder).glob('*.tar.gz'))) as archive:
        archive.extractall(folder, filter='data')
      # One rename, so that a broken download leaves nothing behind.
      (pathlib.Path(folder) / f'flax-{VERSION}').rename(tests.parent)
  return tests


def swap() -> list[type]:
  """Puts our classes wherever Flax's tests reach for Flax's; returns ours."""
  import flax.linen
  import flax.nnx

  import norms.linen
  import norms.nnx

  linen, nnx = flax.linen, flax.nnx
  places = {
    norms.linen: (linen, linen.normalization, linen.attention),
    norms.nnx: (nnx, nnx.nn.normalization, nnx.nn.attention),
  }
  for ours, theirs in places.items():
    for module in theirs:
      for name in NAMES:
        if hasattr(module, name):
          setattr(module, name, getattr(ours, name))
  return [getattr(ours, name) for ours in places for name in NAMES]


class Cases:
  """A pytest plugin: keeps the cases that name a norm, and counts those that construct ours."""

  def __init__(self, ours: list[type]):
    self.constructed = 0
    self.outcomes: dict[str, str] = {}
    for cls in ours:
      cls.__init__ = self._counting(cls.__init__)

  def _counting(self, init):
    @functools.wraps(init)
    def counting(*args, **kwargs):
      self.constructed += 1
      return init(*args, **kwargs)

    return counting

  def pytest_collection_modifyitems(self, items):
    items[:] = [item for item in items if names_a_norm(item)]

  def pytest_runtest_setup(self, item):
    self.constructed = 0

  def pytest_runtest_logreport(self, report):
    if report.failed:
      excepted = any(re.search(pattern, report.nodeid) for pattern in EXCEPTIONS)
      self.outcomes[report.nodeid] = 'excepted' if excepted else 'failed'
    elif report.when == 'call' and self.constructed:
      self.outcomes.setdefault(report.nodeid, report.outcome)


def names_a_norm(item) -> bool:
  """Whether its code names a norm, or code of the same file that it calls does."""
  codes = _codes(item.path)
  methods = [name for name in codes if item.cls and name.startswith(f'{item.cls.__name__}.')]
  # Parametrised cases are called after their method, with a number or arguments behind.
  own = [n for n in methods if re.match(rf'{re.escape(n.split(".")[1])}(\d|_|\W|$)', item.name)]
  reached, fresh = set(), set(own)
  while fresh:
    reached |= fresh
    code = '\n'.join(codes[name] for name in fresh)
    fresh = {name for name in codes if re.search(rf'\b{name}\(', code)} - reached
  return any(_A_NORM.search(codes[name]) for name in reached)


@functools.cache
def _codes(path) -> dict[str, str]:
  text = path.read_text()
  codes = {}
  for node in ast.parse(text).body:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
      codes[node.name] = _segment(text, node)
    for method in node.body if isinstance(node, ast.ClassDef) else ():
      if isinstance(method, ast.FunctionDef):
        codes[f'{node.name}.{method.name}'] = _segment(text, method)
  return codes


def _segment(text: str, node) -> str:
  first = min(n.lineno for n in (node, *node.decorator_list))
  return '\n'.join(text.splitlines()[first - 1 : node.end_lineno])


def main() -> int:
  """Runs them; 0 where every case passed or is excepted, and there were cases."""
  tests = fetch()
  cases = Cases(swap())
  os.chdir(tests)
  options = ['-q', '-c', os.devnull, '--rootdir=.', '-p', 'no:cacheprovider', '-W', 'ignore']
  pytest.main([*options, *FILES, *sys.argv[1:]], plugins=[cases])
  for file in FILES:
    counts = collections.Counter(o for case, o in cases.outcomes.items() if case.startswith(file))
    print(f'{file}: ' + (', '.join(f'{n} {o}' for o, n in sorted(counts.items())) or 'none'))
  counts = collections.Counter(cases.outcomes.values())
  summary = ', '.join(f'{counts[o]} {o}' for o in ('passed', 'failed', 'excepted', 'skipped'))
  print(f"Flax {VERSION}'s own cases with our classes: {summary}")
  return int(bool(counts['failed']) or not counts['passed'])


if __name__ == '__main__':
  sys.exit(main())
