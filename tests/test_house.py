"""The house rules: who may import whom, what `import norms` loads, and the size of things."""

import ast
import importlib
import pathlib
import subprocess
import sys

import pytest

import norms
from tests import mutants

PACKAGE = pathlib.Path(norms.__file__).parent
ROOT = pathlib.Path(__file__).resolve().parent.parent

# From the ground up; a module imports only from floors below its own, and within its own package.
LIBRARY = (
  {'arithmetic', 'axes'},
  {'reduction'},
  {'xla_cpu'},
  {'moments'},
  {'tangent'},
  {'core', 'row'},
  {'running'},
  {'batch', 'renorm', 'precise'}  # each line once a file of the plan
  | {'sample', 'position', 'response'}
  | {'mixed', 'evonorm'}
  | {'pointwise'}
  | {'kernels', 'standardization'},
  {'catalogue'},
  {'linen', 'nnx'},
)
LAB = (
  {'config_file', 'numerics', 'columns', 'source', 'values'}  # parts of what is below
  | {'ending', 'modes', 'output'},
  {'job', 'mistakes'},
  {'updates', 'written'},
  {'grid', 'measured', 'trial', 'parity_columns'},  # and of reports
  {'store'},
  {'overrides', 'startup', 'turns'},
  {'narrowing'},  # the parts of study
  {'data'},  # whose content is part of a trial's identity
  {'asked'},
  {'study'},
  {'statistics', 'config_keys'},
  {'grouping', 'xla_cpu'},
  {'records', 'spreading'},
  {'evidence', 'timed', 'two_studies', 'workdir'},
  {'models', 'peers', 'tasks'},
  {'engine'},
  {'runner'},
  {'cluster'},
  {'sweep'},
  {'left'},
  {'session'},
  {'parity', 'reproduce'},
  {'live', 'reporting'},
)
# The lab's rooms; the report stands apart, since it reads records only.
ROOMS = {
  'lab/xla_cpu': (
    {'compiler', 'patches', 'pooling'},
    {'compact', 'convolution'},
    {'gathering', 'loss'},
  ),
  'lab/tasks': (
    {'task'},
    {'metrics'},
    {'standard'},
  ),
  'lab/engine': (
    {'schedules'},
    {'chunks', 'devices', 'optimizer'},
    {'training'},
    {'starting'},
    {'probes', 'own_probes', 'evaluation'},
    {'program'},
    {'replay'},
  ),
  'lab/runner': (
    {'epochs', 'identity', 'memory', 'options', 'progress', 'provenance'},
    {'keeping', 'once', 'resuming', 'rows'},
    {'checks', 'same_files'},
    {'planned'},
    {'execution'},
    {'limits', 'sparing', 'tiles'},
    {'serving', 'timing'},
    {'workers'},
    {'forking', 'helping'},
  ),
  'lab/cluster': (
    {'parcel', 'parts', 'received', 'seats'},
    {'seat', 'member'},
    {'driving'},
    {'cluster'},
  ),
  'lab/store': ({'durable', 'locked'}, {'checked'}, {'stored'}, {'packed', 'united'}),
  'lab/workdir': ({'failures', 'kept', 'claims', 'shards'}, {'checkpoints', 'superseded'}),
  'lab/parity': (
    {'cases', 'exact', 'study', 'training'},
    {'measures'},
    {'agreement', 'drift'},
  ),
  'lab/report': (
    {'naming', 'style', 'trained_rule'},
    {'view', 'answer', 'advice'},
    {'tables'},
    {'figures'},
    {'measurements', 'probes', 'reference', 'replay_json', 'search', 'timing', 'trained_ranges'}
    | {
      'aligned',
      'best_of_each',
      'origins',
      'questions',
      'table_files',
      'trials',
      'varied',
    },
    {'findings', 'summary_json', 'which_figures'},
    {'page'},
    {'compared', 'live', 'parity', 'studies_index'},
    {'studies'},
  ),
  'lab/report/figures': (
    {'drawing', 'pointed', 'scales', 'sheets'},
    {'against_axis', 'curves', 'drawn_points', 'heat_maps', 'writing'},
    {'by_batch'},
  ),
  'lab/report/probes': ({'at_start'}, {'layer_figures'}),
  'lab/report/reference': ({'comparison'}, {'comparison_figures'}),
  'lab/report/parity': ({'page'}, {'agreement', 'drift'}),
}
HOUSE = {'': LIBRARY, 'lab': LAB, **ROOMS}
APART = {'': {'lab'}, 'lab': {'report', 'figure'}}  # held by tests of their own
REPORT = {'study', 'records', 'numerics', 'columns', 'parity_columns', 'statistics', 'report'}
REPORT |= {'evidence', 'store', 'timed', 'values'}  # plain data, too
ARRAYS = {'jax', 'jaxlib', 'flax', 'optax', 'chex'}
FREE_OF_ARRAYS = (
  'mistakes', 'numerics', 'columns', 'measured', 'parity_columns', 'source', 'values', 'written',
  'grid', 'trial', 'overrides', 'narrowing', 'asked', 'study', 'config_keys', 'data', 'statistics',
  'evidence', 'grouping', 'records', 'report', 'figure', 'timed', 'two_studies', 'turns',
  'config_file', 'updates', 'store', 'modes',
)  # fmt: skip
TRACED = PACKAGE / 'lab' / 'data' / 'augment.py'  # imported by those who trace it only


def _imports(path):
  """Dotted names that a file's own import statements name, `from a import b` as a.b."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      assert not node.level, f'{path.name}: relative imports hide the floor: write it in full'
      yield from (f'{node.module}.{alias.name}' for alias in node.names)


def _files(*parts):
  """A module's file, in _src/ or beside it, or all files of a package of that name."""
  path = PACKAGE.joinpath(*parts)
  alone = path.with_suffix('.py'), path.parent / '_src' / f'{path.name}.py'
  return sorted(path.rglob('*.py')) or [f for f in alone if f.exists()]


def _all_files():
  folders = [PACKAGE, ROOT / 'configs', ROOT / 'docs', ROOT / 'tests']
  return [*(f for folder in folders for f in sorted(folder.rglob('*.py'))), ROOT / 'train.py']


def _within(prefix, path):
  """The modules right under `prefix` (such as norms.lab), or in its _src, that a file imports."""
  depth = prefix.count('.') + 1
  for name in _imports(path):
    if name.startswith(f'{prefix}.'):
      yield name.replace(f'{prefix}._src.', f'{prefix}.').split('.')[depth]


@pytest.mark.parametrize('room', HOUSE)
def test_imports_run_downwards(room):
  floors, folder = HOUSE[room], tuple(filter(None, room.split('/')))
  prefix = '.'.join(('norms', *folder))
  known = set().union(*floors)
  for level, floor in enumerate(floors):
    below = set().union(*floors[:level])
    for module in floor:
      for path in _files(*folder, module):
        wrong = {name for name in _within(prefix, path) if name in known} - below - {module}
        assert not wrong, f'{path.name} ({module}) imports {sorted(wrong)} from no floor below it'


@pytest.mark.parametrize('room', HOUSE)
def test_every_module_has_a_floor(room):
  """And every floor names modules that there are."""
  known, folder = set().union(*HOUSE[room]) | APART.get(room, set()), PACKAGE / room
  paths = [*folder.iterdir(), *(folder / '_src').glob('*.py')]
  found = {path.stem for path in paths if path.suffix == '.py' or path.is_dir()}
  found -= {'__init__', '__pycache__', '_src'}
  assert found == known, f'tests/test_house.py gives floors to others: {sorted(found ^ known)}'


@pytest.mark.parametrize('name', ['catalogue', 'core', 'linen', 'nnx', 'reduction', 'row'])
def test_public_modules_list_their_names(name):
  """What a public module defines under a public name is in __all__, and what is there exists."""
  module = importlib.import_module(f'norms.{name}')
  defined = {
    key for key, value in vars(module).items()
    if getattr(value, '__module__', '') == module.__name__ and not key.startswith('_')
  }  # fmt: skip
  assert defined <= set(module.__all__)
  assert all(hasattr(module, key) for key in module.__all__)
  assert len(set(module.__all__)) == len(module.__all__)
  assert name in dir(norms)


def test_the_library_never_imports_the_lab():
  for path in PACKAGE.rglob('*.py'):
    if 'lab' not in path.relative_to(PACKAGE).parts:
      assert 'lab' not in _within('norms', path), f'{path.name} imports the lab'


def test_the_report_reads_records_only():
  for path in [*_files('lab', 'report'), *_files('lab', 'figure')]:
    wrong = set(_within('norms', path)) - {'lab'} | set(_within('norms.lab', path)) - REPORT
    assert not wrong, f'{path.name} imports {sorted(wrong)}'


@pytest.mark.parametrize('module', FREE_OF_ARRAYS)
def test_plain_data_needs_no_jax(module):
  for path in set(_files('lab', module)) - {TRACED}:
    wrong = {name.split('.')[0] for name in _imports(path)} & ARRAYS
    assert not wrong, f'{module}: {path.name} imports {sorted(wrong)}'


def test_configs_import_constants_only():
  for path in sorted((ROOT / 'configs').rglob('*.py')):
    for name in _imports(path):
      assert name.split('.')[0] == 'ml_collections' or name.startswith('norms.lab.study'), (
        f'configs/{path.name} imports {name}'
      )


def test_train_imports_the_lab_and_no_arrays():
  wrong = {name.split('.')[0] for name in _imports(ROOT / 'train.py')} & ARRAYS
  assert not wrong, f'train.py imports {sorted(wrong)}'


def test_import_norms_is_light():
  """In a fresh interpreter: neither the lab nor what only the lab, linen or nnx need."""
  heavy = ('norms.lab', 'norms.linen', 'norms.nnx', 'flax', 'optax', 'matplotlib', 'pandas')
  code = (
    f'import sys, norms; print(*(m for m in {(*heavy, "tensorflow_datasets")} if m in sys.modules))'
  )
  found = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
  )
  assert found.stdout.split() == []


@pytest.mark.parametrize('mutant', mutants.MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_has_its_line_and_its_test(mutant):
  """tests/mutants.py would say so, too, but only at the end of what CI runs."""
  assert mutant.old in (PACKAGE / mutant.file).read_text(), f'{mutant.file} has no {mutant.old!r}'
  tests = ''.join(name + (ROOT / name).read_text() for name in mutants.files(mutant))
  named = [word for word in mutant.tests.split() if word.startswith('test_')]
  assert all(name in tests for name in named), f'{named} are not in {mutants.files(mutant)}'


@pytest.mark.parametrize('path', _all_files(), ids=lambda path: path.name)
def test_files_are_short_and_say_what_they_are(path):
  assert path.name != 'utils.py', 'name a file after what it holds'
  text = path.read_text()
  if ROOT / 'tests' not in path.parents:
    assert len(text.splitlines()) <= 200, 'split it by what it says'
  tree = ast.parse(text)
  assert ast.get_docstring(tree), 'the module has no docstring'
  if PACKAGE in path.parents:
    for node in tree.body:
      if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith('_'):
        if any(ast.unparse(decorator) == 'overload' for decorator in node.decorator_list):
          continue  # its docstring is the implementation's
        assert ast.get_docstring(node), f'{node.name} has no docstring'
