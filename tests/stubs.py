"""Stubs of norms.linen and norms.nnx: what type checkers know of the classes made from rows.

`python -m tests.stubs` writes norms/linen/__init__.pyi and norms/nnx/__init__.pyi from the
catalogue; tests/test_types.py fails where they are out of date.
"""

import ast
from collections.abc import Iterator
import inspect
import pathlib
import textwrap

import norms
from norms import catalogue
from norms.row import Row

PACKAGE = pathlib.Path(norms.__file__).parent
BY_HAND = {
  'batch': ('BatchNorm',),
  'kernels': ('SpectralNorm', 'WeightNorm'),
  'sample': ('GroupNorm', 'InstanceNorm', 'LayerNorm', 'RMSNorm'),
}
DERIVED = {
  name: row
  for name, row in catalogue.CLASSES.items()
  if all(name not in names for names in BY_HAND.values())
}
HEAD = '''\
"""The modules of norms.{package}, written by `python -m tests.stubs` from norms/catalogue.py."""

{imports}

from norms import core
{ours}

__all__ = (
{names}
)

# Any: the fields of a class of a row of the user's are known at run time only.
def module(row: Row) -> type[Any]: ...
'''
IMPORTS = {
  'linen': """\
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY
from typing import Any

from flax import linen as nn
from flax.typing import Dtype, Initializer
import jax
from jax.typing import ArrayLike""",
  'nnx': """\
from collections.abc import Mapping, Sequence
from typing import Any

from flax import nnx
from flax.typing import Dtype, Initializer, PromoteDtypeFn
import jax
from jax.typing import ArrayLike""",
}


def stub(package: str) -> str:
  """The text of norms/<package>/__init__.pyi."""
  classes = {'linen': _linen, 'nnx': _nnx}[package]
  ours = ['from norms.row import Row'] + [
    f'from norms.{package}._src.{file} import {name} as {name}'
    for file, names in BY_HAND.items()
    for name in names
  ]
  ours += ['from norms.nnx._src.parameters import Norm'] if package == 'nnx' else []
  names = sorted([*catalogue.CLASSES, 'module'])
  head = HEAD.format(
    package=package,
    imports=IMPORTS[package],
    ours='\n'.join(sorted(ours)),
    names='\n'.join(f'  {name!r},' for name in names),
  )
  return '\n'.join([head, *('\n'.join(classes(row)) + '\n' for row in DERIVED.values())])


def _annotations(row: Row) -> dict[str, str]:
  """The annotation of each argument of the row's function, as it is written there."""
  tree = ast.parse(textwrap.dedent(inspect.getsource(row.function)))
  arguments = tree.body[0].args
  return {a.arg: ast.unparse(a.annotation) for a in (*arguments.args, *arguments.kwonlyargs)}


def _options(row: Row) -> Iterator[str]:
  for name, default in row.settings.items():
    yield f'{name}: {_annotations(row)[name]} = {default!r}'


def _parameters(row: Row) -> Iterator[str]:
  for name, parameter in row.parameters.items():
    yield f'use_{name}: bool = {parameter.used}'
    optional = ' | None' if parameter.init() is None else ''
    yield f'{name}_init: Initializer{optional} = ...'


def _fields(row: Row) -> Iterator[str]:
  """What both libraries' modules take by keyword."""
  yield from _options(row)
  yield 'dtype: Dtype | None = None'
  yield 'param_dtype: Dtype = ...'
  if row.moments:
    yield 'return_moments: bool = False'
  yield from _parameters(row)


def _linen(row: Row) -> Iterator[str]:
  yield f'class {row.class_name}(nn.Module):'
  if row.kind == 'kernel':
    yield '  layer_instance: nn.Module'
    yield '  variable_filter: Iterable[str] | None = ...'
  if row.state:
    yield '  use_running_average: bool | None = None'
  yield '  _: KW_ONLY'
  yield from (f'  {field}' for field in _fields(row))
  yield from _call(row)


def _nnx(row: Row) -> Iterator[str]:
  yield f'class {row.class_name}({"nnx.Module" if row.kind == "kernel" else "Norm"}):'
  yield '  def __init__('
  yield '    self,'
  yield '    layer_instance: nnx.Module,' if row.kind == 'kernel' else '    num_features: int,'
  yield '    *,'
  if row.state:
    yield '    use_running_average: bool | None = False,'
  yield from (f'    {field},' for field in _fields(row))
  if row.kind == 'kernel':
    yield '    variable_filter: nnx.filterlib.Filter = ...,'
  else:
    yield '    promote_dtype: PromoteDtypeFn = ...,'
    yield from (f'    {name}_metadata: Mapping[str, Any] = ...,' for name in row.parameters)
  yield '    rngs: nnx.Rngs,' if row.parameters else '    rngs: nnx.Rngs | None = None,'
  yield '  ) -> None: ...'
  yield from _call(row)


def _call(row: Row) -> Iterator[str]:
  """A call takes the function's options, too; what a layer takes and gives is not known."""
  if row.kind == 'kernel':
    yield '  def __call__(self, *args: Any, **kwargs: Any) -> Any: ...'
    return
  annotations = _annotations(row)
  yield '  def __call__('
  yield '    self,'
  yield f'    x: {annotations["x"]},'
  if row.state:
    yield '    use_running_average: bool | None = None,'
  yield '    *,'
  if 'mask' in annotations:
    yield f'    mask: {annotations["mask"]} = None,'
  yield from (f'    {name}: {annotations[name]} = ...,' for name in row.settings)
  yield f'  ) -> {"Any" if row.moments else "jax.Array"}: ...'


def main() -> None:
  """Writes both."""
  for package in IMPORTS:
    (PACKAGE / package / '__init__.pyi').write_text(stub(package))


if __name__ == '__main__':
  main()
