"""What type checkers know: public names, stubs of the modules made from rows, a user's file."""

import ast
import dataclasses
import inspect
import pathlib
import shutil
import subprocess
import sys

import pytest

import norms
from norms import core
import norms.linen
import norms.nnx
from tests import stubs

ROOT = pathlib.Path(norms.__file__).parents[1]
PACKAGES = {'linen': norms.linen, 'nnx': norms.nnx}

# Correct but where the line says `# error`.
USER = """
from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

import norms
from norms.linen import DyT

x, rngs = jnp.ones((4, 8)), nnx.Rngs(0)
z: jax.Array = norms.layer_norm(x, jnp.ones(8), feature_axes=(-1,), mask=np.ones((4, 1), bool))
z = norms.layer_norm(np.ones((4, 8)), epsilon=jnp.float32(1e-5))
z, stats = norms.batch_norm(x, batch_stats=norms.BatchStats(jnp.zeros(8), jnp.ones(8)))
norms.layer_norm(x, epsilom=1e-5)  # error
norms.layer_norm('x')  # error
norms.dyt(x, feature_axes=1.5)  # error
norms.layer_nrom(x)  # error

norms.linen.GroupNorm(num_groups=4, name='norm')
norms.linen.GroupNorm(num_group=4)  # error
z = norms.linen.DyT(feature_axes=-1, alpha_init=nn.initializers.ones, dtype=jnp.bfloat16)(x)
DyT(alpha_init='a')  # error
DyT(True)  # error
norms.linen.Dyt()  # error
norms.linen.BatchRenorm(True, momentum=0.9, name='norm')(x, use_running_average=True)
norms.linen.BatchRenorm(momentum='0.9')  # error
norms.linen.BatchRenorm()(x, momemtum=0.9)  # error
norms.linen.ScaledWeightStandardization(nn.Dense(3), gamma=1.7)(x)
norms.linen.ScaledWeightStandardization(gamma=1.7)  # error
axes: object = norms.linen.LayerNorm().reduction_axes

norms.nnx.GroupNorm(8, num_groups=4, rngs=rngs)
norms.nnx.GroupNorm(8, num_group=4, rngs=rngs)  # error
z = norms.nnx.DyT(8, alpha_init=nnx.initializers.ones, rngs=rngs)(x)
norms.nnx.DyT(8, alpha_init='a', rngs=rngs)  # error
norms.nnx.DyT(8)  # error
norms.nnx.UnitNorm(8)(x, mask=x > 0)
norms.nnx.DyT(8, rngs=rngs)(x, mask=x > 0)  # error
"""


@pytest.mark.parametrize('package', PACKAGES)
def test_stubs_are_what_the_command_writes(package):
  path = stubs.PACKAGE / package / '__init__.pyi'
  assert path.read_text() == stubs.stub(package), 'run python -m tests.stubs'


def _stub_classes(package):
  tree = ast.parse((stubs.PACKAGE / package / '__init__.pyi').read_text())
  return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def test_linen_stubs_have_the_fields_of_the_classes():
  """In their order; what follows `_: KW_ONLY` is by keyword only."""
  classes = _stub_classes('linen')
  assert set(classes) == set(stubs.DERIVED)
  for name, node in classes.items():
    fields = dataclasses.fields(getattr(norms.linen, name))
    real = {f.name: f.kw_only for f in fields if f.name not in ('parent', 'name')}
    said = [field.target.id for field in node.body if isinstance(field, ast.AnnAssign)]
    start = said.index('_')
    assert {f: i >= start for i, f in enumerate(f for f in said if f != '_')} == real, name


def test_nnx_stubs_have_the_arguments_of_the_constructors():
  classes = _stub_classes('nnx')
  assert set(classes) == set(stubs.DERIVED)
  for name, node in classes.items():
    init = next(m for m in node.body if m.name == '__init__').args
    real = inspect.signature(getattr(norms.nnx, name).__init__).parameters.values()
    empty = inspect.Parameter.empty
    by_keyword = {p.name: p.default is empty for p in real if p.kind is p.KEYWORD_ONLY}
    assert [a.arg for a in init.args] == [p.name for p in real if p.kind is not p.KEYWORD_ONLY]
    assert {
      a.arg: default is None for a, default in zip(init.kwonlyargs, init.kw_defaults, strict=True)
    } == by_keyword, name


@pytest.mark.parametrize('module', [norms, norms.linen, norms.nnx], ids=lambda m: m.__name__)
def test_dir_shows_public_names_only(module):
  """Those of __all__, and what else may be imported from there."""
  shown = set(dir(module))
  own = {'__version__', 'catalogue', 'core', 'linen', 'nnx', 'reduction', 'row'}
  assert shown - set(module.__all__) == (own if module is norms else set())
  assert all(hasattr(module, name) for name in shown)


def test_every_norm_is_exported():
  """With its module in norms.linen and norms.nnx."""
  for row in norms.NORMS.values():
    if row.function is not None:
      assert getattr(norms, row.function.__name__, None) is row.function, row.name
      assert row.function.__name__ in norms.__all__
      assert all(row.class_name in package.__all__ for package in PACKAGES.values())


def test_earlier_names_of_helpers_still_work():
  """Norms of users call them."""
  assert core.spread is core.expand_param and core.keep is core.zero_masked


@pytest.mark.slow
def test_a_users_file_is_checked_against_the_installed_wheel(tmp_path):
  pytest.importorskip('mypy', reason='mypy is in the extra `dev`')
  source = tmp_path / 'source'  # a build leaves folders behind
  shutil.copytree(ROOT / 'norms', source / 'norms', ignore=shutil.ignore_patterns('__pycache__'))
  for name in ('pyproject.toml', 'README.md', 'LICENSE'):
    shutil.copy(ROOT / name, source)
  pip = [sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check']
  subprocess.run([*pip, 'wheel', '--no-deps', '-w', tmp_path, source], check=True)
  (wheel,) = tmp_path.glob('norms-*.whl')
  installed = tmp_path / 'installed'
  subprocess.run([*pip, 'install', '--no-deps', '--target', installed, wheel], check=True)
  (tmp_path / 'user.py').write_text(USER)
  # A folder on MYPYPATH is a source whatever it holds: only py.typed makes a package of it.
  assert (installed / 'norms' / 'py.typed').exists()
  ran = subprocess.run(
    [sys.executable, '-m', 'mypy', '--config-file=', '--ignore-missing-imports', 'user.py'],
    cwd=tmp_path, env={'MYPYPATH': str(installed), 'PATH': ''}, capture_output=True, text=True,
  )  # fmt: skip
  wrong = {line.split(':')[1] for line in ran.stdout.splitlines() if ' error: ' in line}
  expected = {str(i) for i, line in enumerate(USER.splitlines(), 1) if line.endswith('# error')}
  assert wrong == expected, ran.stdout + ran.stderr
