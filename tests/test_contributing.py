"""CONTRIBUTING.md's worked example of a new norm: its code runs, and keeps every promise."""

import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
from promises import PROMISES
import pytest

import norms
from norms import core
import norms.linen
import norms.nnx
from norms.row import Parameter, Row

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / 'CONTRIBUTING.md').read_text()
SECTION = TEXT[TEXT.index('## A new norm') :].split('\n## ')[0]
BLOCKS = re.findall(r'```python\n(.*?)```', SECTION, re.DOTALL)
FILES = re.findall(r'`([^`]*)`', ''.join(re.findall(r'^\| (`.*?) \|', SECTION, re.MULTILINE)))


def _run() -> dict:
  """The names that the blocks define, run one after the other."""
  names = {'__name__': 'contributing'}
  for block in BLOCKS:
    exec(compile(block, 'CONTRIBUTING.md', 'exec'), names)
  return names


EXAMPLE = _run()
ROW, PROMISED = EXAMPLE['ADA_NORM'], EXAMPLE['PROMISED']


def _owed():
  return {
    name: check
    for name, check, applies in PROMISES
    if not name.startswith(('slow-', 'modules-')) and applies(PROMISED)
  }


@pytest.mark.parametrize('promise', _owed())
def test_the_example_keeps_the_promise(promise):
  _owed()[promise](PROMISED)


def test_the_three_agree_to_the_bit(monkeypatch):
  monkeypatch.setattr(norms, 'NORMS', {**norms.NORMS, ROW.name: ROW})
  owed = [check for name, check, _ in PROMISES if name == 'modules-training']
  assert owed
  owed[0](PROMISED)


def test_it_is_as_long_as_promised():
  """One function and one row: no class, and no file but the function's."""
  assert len(BLOCKS) == 4
  assert [line for line in BLOCKS[0].splitlines() if line.startswith(('def ', 'class '))] == [
    'def ada_norm('
  ]
  assert 'def ' not in BLOCKS[1] and 'class ' not in BLOCKS[0] + BLOCKS[1]


def test_its_modules_say_what_they_are():
  for library in (norms.linen, norms.nnx):
    made = library.module(ROW)
    assert made.__name__ == 'AdaNorm' and 'damps what is far from the mean' in made.__doc__


def test_the_lab_trains_it_by_its_dotted_name(tmp_path, monkeypatch):
  (tmp_path / 'mine.py').write_text('"""Of a user."""\n\n' + '\n\n'.join(BLOCKS[:2]))
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.syspath_prepend(pathlib.Path(__file__).parent / 'lab')
  import small

  frame, failed, _ = small.run(small.config(norm=('mine:ADA_NORM',), epochs=1), tmp_path)
  assert not failed
  assert np.isfinite(frame['test_loss']).all() and set(frame['epoch']) == {0, 1}


def _definition(block: str) -> str:
  """What a block defines, without the imports that its file has already."""
  return block[re.search(r'^(def |[A-Z_]+ = )', block, re.MULTILINE).start() :].strip()


def _edit(root: pathlib.Path, name: str, *changes: tuple[str, str]) -> None:
  text = (root / name).read_text()
  for old, new in changes:
    assert text.count(old) == 1, f'{name} has {old!r} {text.count(old)} times'
    text = text.replace(old, new)
  (root / name).write_text(text)


def _append(root: pathlib.Path, name: str, block: str) -> None:
  (root / name).write_text((root / name).read_text() + f'\n\n{_definition(block)}\n')


def _add_row(
  root: pathlib.Path, name: str, block: str, end: str, *changes: tuple[str, str]
) -> None:
  row = _definition(block).split(' = ', 1)[1]
  for old, new in changes:
    row = row.replace(old, new)
  _edit(root, name, (end, f'  {row},\n{end}'))


def _add_the_norm(root: pathlib.Path) -> None:
  """The function, its row and its oracle: what a norm is."""
  function, row, _, promised = BLOCKS
  oracle, line = promised.split('PROMISED')
  _append(root, 'norms/position.py', function)
  _edit(root, 'norms/position.py', ('import jax\n', 'import jax\nfrom jax import lax\n'))
  _add_row(root, 'norms/catalogue.py', row, ')  # fmt: skip\n\nNORMS', (' ada', ' position.ada'))
  _append(root, 'tests/oracles/activations.py', oracle)


def _add_what_else_is_named(root: pathlib.Path) -> None:
  line = 'PROMISED' + BLOCKS[3].split('PROMISED')[1]
  changes = ('rows.Row', 'Row'), (' ada_norm', ' norms.ada_norm'), (' ada,', ' activations.ada,')
  _add_row(root, 'tests/rows/activations.py', line, ')  # fmt: skip', *changes)
  imported = 'from norms.position import '
  _edit(
    root, 'norms/__init__.py',
    (imported, f'{imported}ada_norm, '), ("'activation_gain'", "'activation_gain', 'ada_norm'"),
  )  # fmt: skip
  _edit(root, 'README.md', ('unit, scale;', 'unit, scale, ada;'))
  subprocess.run([sys.executable, '-m', 'tests.stubs'], cwd=root, check=True)


def _contents(root: pathlib.Path) -> dict[str, bytes]:
  files = [root / 'README.md', *(f for top in ('norms', 'tests') for f in (root / top).rglob('*'))]
  return {
    str(f.relative_to(root)): f.read_bytes()
    for f in files
    if f.is_file() and '__pycache__' not in f.parts
  }


def _failures(root: pathlib.Path, *tests: str) -> set[str]:
  """The names of the tests that fail there."""
  command = [sys.executable, '-m', 'pytest', '-q', '-n', '0', '-rfE', '-p', 'no:cacheprovider']
  ran = subprocess.run([*command, *tests], cwd=root, capture_output=True, text=True)
  assert ran.returncode in (0, 1), ran.stdout + ran.stderr
  return set(re.findall(r'^(?:FAILED|ERROR) .*?::(\w+)', ran.stdout, re.MULTILINE))


HELD = (  # the tests that know of lists of norms
  'tests/test_types.py', 'tests/test_readme.py::test_every_norm_is_named', 'tests/test_house.py',
  'tests/test_norms.py::test_the_table_has_every_norm_of_the_catalogue',
)  # fmt: skip


@pytest.mark.slow
def test_a_norm_of_the_library_touches_the_files_that_are_named(tmp_path):
  """In a copy: with these files the tests pass, and without them six say what is missing."""
  for name in ('norms', 'tests', 'configs'):
    shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns('__pycache__'))
  for name in ('README.md', 'CONTRIBUTING.md', 'pyproject.toml', 'train.py'):
    shutil.copy(ROOT / name, tmp_path)
  before = _contents(tmp_path)
  _add_the_norm(tmp_path)
  assert _failures(tmp_path, *HELD) == {
    'test_stubs_are_what_the_command_writes',
    'test_linen_stubs_have_the_fields_of_the_classes',
    'test_nnx_stubs_have_the_arguments_of_the_constructors',
    'test_every_norm_is_exported',
    'test_every_norm_is_named',
    'test_the_table_has_every_norm_of_the_catalogue',
  }
  _add_what_else_is_named(tmp_path)
  after = _contents(tmp_path)
  assert {name for name in after if after[name] != before.get(name)} == set(FILES)
  assert (
    _failures(tmp_path, *HELD, 'tests/test_norms.py', '-k', 'not test_promise or ada-') == set()
  )


def _function(option: str):
  names = {'core': core}
  exec(f'def scaled(x, scale=None, *, {option}: core.Axes = -1): return x * scale', names)
  return names['scaled']


@pytest.mark.parametrize('option', ['axes', 'dim', 'channel_axis', 'over'])
def test_a_row_whose_axes_modules_would_not_find_is_an_error(option):
  """By its name or by its type."""
  with pytest.raises(ValueError, match=f"'mine': option '{option}'.*'axis' or 'feature_axes'"):
    Row('mine', 'activation', _function(option), parameters={'scale': Parameter(1)})


@pytest.mark.parametrize('option', ['axis', 'feature_axes', 'reduction_axes'])
def test_a_row_whose_axes_modules_find_is_none(option):
  assert Row('mine', 'activation', _function(option), parameters={'scale': Parameter(1)})


def test_a_kernels_axes_have_one_name():
  with pytest.raises(ValueError, match="'feature_axes'.*know those of the features as 'axis' only"):
    Row('mine', 'kernel', _function('feature_axes'))


def test_state_and_statistics_go_together():
  with pytest.raises(ValueError, match='state=True.*batch_stats go together'):
    Row('mine', 'activation', _function('axis'), state=True)
  with pytest.raises(ValueError, match='state=False.*batch_stats go together'):
    Row('mine', 'activation', norms.batch_norm)
