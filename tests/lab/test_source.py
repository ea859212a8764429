"""The identity of a user's object: its source, and that of what it imports, read, not run."""

import hashlib
import sys

import pytest
import small

from norms.lab import source, study

OWN = 'from normlab_own import Net\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(str(tmp_path))
  return tmp_path


def write(folder, **files):
  """A file per module: a__b is a/b.py, and a__INIT is a/__init__.py."""
  for name, text in files.items():
    path = folder.joinpath(f'{name.replace("__", "/").replace("INIT", "__init__")}.py')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def changes(folder, name, **files):
  """Whether the identity of an object changes with these files."""
  before = source.digest(name)
  write(folder, **files)
  return source.digest(name) != before


def test_a_module_without_imports_of_its_own_keeps_its_hash(folder):
  """The hash of the file's bytes, as records of earlier versions have it."""
  text = 'import os\nimport jax\nfrom norms import core\nimport nowhere_at_all\nNet = 1\n'
  write(folder, normlab_alone=text)
  expected = hashlib.sha256(text.encode()).hexdigest()[:16]
  assert source.digest('normlab_alone:Net') == expected


def test_names_of_the_project_have_no_source():
  assert source.digest('batch') == source.digest('normlab_missing:Net') == ''
  assert source.digest('sys:path') == source.digest(':Net') == ''


def test_a_trial_is_another_where_an_imported_module_changes(folder):
  write(folder, normlab_own='Net = 1\n', normlab_own2=OWN)
  hashes = []
  for text in ('Net = 1\n', 'Net = 2\n'):
    write(folder, normlab_own=text)
    (trial,) = study.from_config(small.config(model='normlab_own2:Net')).trials
    hashes.append(trial.hash)
  assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
  'statement',
  [
    'import normlab_p.a.deep',
    'import normlab_p.a.deep as d',
    'from normlab_p.a import deep',
    'from normlab_p.a.deep import Net',
    'from normlab_p.a.deep import *',
    'def f():\n  from normlab_p.a import deep',
    'try:\n  import normlab_p.a.deep\nexcept ImportError:\n  pass',
    "import importlib\nd = importlib.import_module('normlab_p.a.deep')",
    'import normlab_step',
  ],
)
def test_every_way_to_import_counts(statement, folder):
  write(
    folder,
    normlab_p__INIT='', normlab_p__a__INIT='', normlab_p__a__deep='raise SystemExit',
    normlab_step='import normlab_p.a.deep', normlab_top=f'{statement}\n',
  )  # fmt: skip
  assert changes(folder, 'normlab_top:Net', normlab_p__a__deep='raise SystemExit(2)')
  assert changes(folder, 'normlab_top:Net', normlab_p__INIT='raise SystemExit(3)')
  assert not changes(folder, 'normlab_top:Net', normlab_p__a__other='1')
  assert not any(name.startswith('normlab_') for name in sys.modules)


@pytest.mark.parametrize(
  ('statement', 'counts'),
  [
    ('from . import x', True),
    ('from .x import Net', True),
    ('from ..normlab_r.x import Net', False),  # beyond the top
    ('from .y import Net', False),
    ('from .inner import z', True),
  ],
)
def test_relative_imports(statement, counts, folder):
  write(
    folder,
    normlab_r__net=f'{statement}\n', normlab_r__x='', normlab_r__inner__INIT='from .. import x',
    normlab_r__inner__z='',
  )  # fmt: skip
  assert changes(folder, 'normlab_r.net:Net', normlab_r__x='changed = 1') is counts


def test_a_package_imports_from_itself(folder):
  write(folder, normlab_q__INIT='from .x import Net', normlab_q__x='Net = 1')
  assert changes(folder, 'normlab_q:Net', normlab_q__x='Net = 2')


def test_namespace_packages_over_two_folders(folder, monkeypatch):
  other = folder / 'second'
  monkeypatch.syspath_prepend(str(other))
  write(folder, normlab_n__a='', normlab_top='import normlab_n.a, normlab_n.b.c')
  write(other, normlab_n__b__c='')
  assert changes(folder, 'normlab_top:Net', normlab_n__a='1')
  assert changes(other, 'normlab_top:Net', normlab_n__b__c='1')


def test_cycles_end(folder):
  write(folder, normlab_a='import normlab_b', normlab_b='import normlab_a, normlab_b')
  assert changes(folder, 'normlab_a:Net', normlab_b='import normlab_a')


@pytest.mark.parametrize('text', ['def (', 'a\0b', '\N{SNOWMAN}' * 3, '(' * 2000])
def test_what_cannot_be_parsed_counts_by_its_bytes(text, folder):
  write(folder, normlab_top='import normlab_bad', normlab_bad='Net = 1')
  assert changes(folder, 'normlab_top:Net', normlab_bad=text)
  assert not changes(folder, 'normlab_top:Net', normlab_bad=text)
  assert source.digest('normlab_bad:Net')


def test_a_file_that_cannot_be_read_is_left_out(folder):
  write(folder, normlab_top='import normlab_gone')
  before = source.digest('normlab_top:Net')
  (folder / 'normlab_gone.py').symlink_to(folder / 'nowhere.py')
  (folder / 'normlab_loop.py').symlink_to(folder / 'normlab_loop.py')
  assert source.digest('normlab_top:Net') == before
  assert source.digest('normlab_loop:Net') == ''


def test_installed_packages_and_the_standard_library_are_left_out(folder, monkeypatch):
  installed = folder / 'lib' / 'site-packages'
  monkeypatch.syspath_prepend(str(installed))
  write(installed, normlab_dep='Net = 1')
  write(folder, normlab_top='import normlab_dep, json')
  assert not changes(installed, 'normlab_top:Net', normlab_dep='Net = 2')
  assert changes(installed, 'normlab_dep:Net', normlab_dep='Net = 3')  # it is what was named
