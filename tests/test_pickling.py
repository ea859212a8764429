"""Modules travel: by pickle and copy, to another process, as spawned workers and queues need."""

import copy
import pathlib
import pickle
import subprocess
import sys

from flax import nnx
import flax.linen as nn
import jax
import jax.numpy as jnp
import modules
from modules import draw
from promises import measure
import pytest

import norms
from norms.catalogue import Parameter
import norms.linen
import norms.nnx

X, KEY = draw(shape=(4, 5, 8)), jax.random.key(0)
ROWS = {name: row for name, row in norms.NORMS.items() if row.function}
OPTIONS = {'group': {'num_groups': 4}, 'evonorm_s0': {'num_groups': 4}, 'ghost': {'ghost_size': 2}}
rows = pytest.mark.parametrize('name', ROWS)
AGAIN = pytest.mark.parametrize(
  'again', (lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy), ids=('pickle', 'deepcopy')
)


def _linen(name):
  row, state = ROWS[name], {'use_running_average': True} if ROWS[name].state else {}
  if row.kind == 'kernel':  # Flax's dense layer itself has an initialiser that is not pickled
    layer = nn.Dense(3, kernel_init=nn.initializers.ones)
    return norms.linen.module(row)(layer, **state)
  return norms.linen.module(row)(**state, **OPTIONS.get(name, {}))


def _nnx(name):
  row, rngs = ROWS[name], nnx.Rngs(0)
  if row.kind == 'kernel':
    return norms.nnx.module(row)(nnx.Linear(8, 3, rngs=rngs), rngs=rngs)
  return norms.nnx.module(row)(8, **OPTIONS.get(name, {}), rngs=rngs)


@rows
def test_classes_are_found_by_their_names(name):
  """By reference, so that both ends have one class."""
  for library in (norms.linen, norms.nnx):
    cls = library.module(ROWS[name])
    assert pickle.loads(pickle.dumps(cls)) is cls is copy.deepcopy(cls)
    assert getattr(library, cls.__qualname__) is cls
    assert getattr(sys.modules[cls.__module__], cls.__qualname__) is cls


@rows
@AGAIN
def test_linen_modules(name, again):
  module = _linen(name)
  found = again(module)
  assert type(found) is type(module) and found == module
  if ROWS[name].kind == 'activation':  # else Flax's own variable_filter, a set, has no hash
    assert hash(found) == hash(module)
  call = {'update_stats': False} if name == 'spectral' else {}
  y, z = (m.init_with_output(KEY, X, **call)[0] for m in (module, found))
  assert modules.bits(y) == modules.bits(z)


@rows
@AGAIN
def test_nnx_modules(name, again):
  """With their variables, which the copy has as its own."""
  module = _nnx(name)
  found = again(module)
  assert type(found) is type(module)
  states = [nnx.to_pure_dict(nnx.state(m)) for m in (module, found)]
  measure.assert_same(*states)
  assert modules.bits(module(X)) == modules.bits(found(X))


def test_another_process_reads_them(tmp_path):
  """Which has imported nothing of ours before."""
  path = tmp_path / 'modules'
  path.write_bytes(pickle.dumps([_linen('dyt'), _nnx('derf'), norms.linen.DyT, norms.nnx.Derf]))
  code = (
    'import pathlib, pickle, sys, jax.numpy as jnp\n'
    'linen, module, *classes = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n'
    'assert [type(linen), type(module)] == classes\n'
    'print(linen.alpha_init(None, (), jnp.float32), module.alpha[...], module.shift[...])'
  )
  root = pathlib.Path(norms.__file__).parent.parent
  command = [sys.executable, '-c', code, str(path)]
  found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
  assert found.stdout.split() == ['0.5', '0.5', '0.0']


def test_the_start_of_a_parameter_is_a_value():
  """Initialisers of the same start are equal, so modules that have them are one to jax.jit."""
  assert Parameter(0.5).init() == Parameter(0.5).init() != Parameter(0.25).init()
  again = pickle.loads(pickle.dumps(Parameter(0.5).init()))
  assert again == Parameter(0.5).init() and hash(again) == hash(Parameter(0.5).init())
  value = again(KEY, (2,), jnp.bfloat16)
  measure.assert_same(value, jnp.full(2, 0.5, jnp.bfloat16))
  assert Parameter(lambda n: n / 2).init() is None and Parameter(lambda n: n / 2).init(3) == (
    Parameter(1.5).init()
  )
