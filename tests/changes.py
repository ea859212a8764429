"""Where one expression of a source can be changed, and into what; for tests/sampled_mutants.py."""

import ast
from collections.abc import Iterator
import contextlib
import copy
import pathlib
import random
from typing import Any, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
OTHER: dict[type, type] = {
  ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
  ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
  ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or,
  ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
PAIRS = (('min', 'max'), ('mean', 'median'), ('any', 'all'), ('idxmin', 'idxmax'), ('low', 'high'),
         ('first', 'last'), ('left', 'right'), ('own', 'other'), ('sum', 'mean'))  # fmt: skip
# How a figure looks in points and inches, which says nothing of what it shows.
LOOKS = ('lw', 'ms', 'mew', 'alpha', 'fontsize', 'zorder', 'high', 'top', 'gap', 'left', 'between',
         'width', 'length', 'pad', 'labelsize', 'columnspacing', 'borderaxespad', 'bbox_to_anchor',
         'figsize', 'handlelength', 'markevery')  # fmt: skip
# To which the order of what they are given is the same.
POOLING = ('isin', 'replace', 'set', 'frozenset', 'sorted')
OF_LOOKS = ('style.py', 'sheets.py')
NAMES = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}


class Place(NamedTuple):
  """A span of a file, in bytes, and what stands there in the mutant."""

  file: str  # within norms
  line: int
  function: str  # '' outside of one
  span: tuple[int, int]
  new: str


def changed(node: ast.AST) -> Iterator[ast.AST]:
  """What may stand in the place of an expression."""
  new: Any = copy.deepcopy(node)
  match new:
    case ast.Compare(comparators=[right, *_]) if _is_rounding(right):
      return  # to lie exactly at a tolerance of rounding is no case
    case ast.Compare(ops=[op, *rest]) if type(op) in OTHER:
      new.ops = [OTHER[type(op)](), *rest]
    case ast.BinOp(op=op) | ast.BoolOp(op=op) if type(op) in OTHER:
      new.op = OTHER[type(op)]()
    case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
      new = new.operand
    case ast.Constant(value=bool(value)):
      new.value = not value
    case ast.Constant(value=int(value) | float(value)) if value + 1 != value:
      new.value = value + 1
    case ast.Call(func=func, args=[first, second, *rest]) if _differ(first, second):
      if ast.unparse(func) in ('min', 'max'):
        return
      new.args = [second, first, *rest]
    case ast.Tuple(elts=[first, second, *rest]) | ast.List(elts=[first, second, *rest]) if _differ(
      first, second
    ):
      new.elts = [second, first, *rest]
    case ast.IfExp():
      new.body, new.orelse = new.orelse, new.body
    case ast.Attribute(attr=name) if name in NAMES:
      new.attr = NAMES[name]
    case ast.JoinedStr():  # of whose parts Python 3.11 does not know the places
      for at, part in enumerate(ast.walk(node)):
        for other in changed(part) if at and not isinstance(part, ast.JoinedStr) else ():
          new = copy.deepcopy(node)
          inner = list(ast.walk(new))[at]
          if type(inner) is type(other):
            vars(inner).update(vars(other))
            yield new
      return
    case _:
      return
  yield new


def places(file: pathlib.Path) -> Iterator[Place]:
  """All places of a file that can be changed."""
  source = file.read_bytes()
  lines, name = [0], str(file.relative_to(ROOT / 'norms'))
  for line in source.splitlines(keepends=True):
    lines.append(lines[-1] + len(line))

  def visit(node: ast.AST, function: str, within: str) -> Iterator[Place]:
    if isinstance(node, ast.FunctionDef):
      function = function or within + node.name
    within += f'{node.name}.' if isinstance(node, ast.ClassDef) else ''
    if isinstance(node, ast.expr) and isinstance(getattr(node, 'ctx', ast.Load()), ast.Load):
      span = (lines[node.lineno - 1] + node.col_offset,
              lines[node.end_lineno - 1] + node.end_col_offset)  # fmt: skip
      for new in changed(node):
        with contextlib.suppress(ValueError):  # a text in which no kind of quote is left
          yield Place(name, node.lineno, function, span, f'({ast.unparse(new)})')
    for child in _parts(node):
      yield from visit(child, function, within)

  yield from visit(ast.parse(source), '', '')


def _parts(node: ast.AST) -> Iterator[ast.AST]:
  """What of an expression or a statement can be changed by itself."""
  match node:
    # Of texts Python 3.11 does not know the places inside; types and looks say nothing.
    case ast.JoinedStr() | ast.Subscript(value=ast.Name(id='tuple' | 'Callable')):
      return
    case ast.keyword(arg='strict'):  # of zip: an error that never came
      return
    case ast.keyword(arg=name) | ast.Assign(targets=[ast.Name(id=name)]) if name in LOOKS:
      return
    case ast.Dict(keys=keys, values=values):
      shown = [getattr(key, 'value', None) not in LOOKS for key in keys]
      yield from (value for value, show in zip(values, shown, strict=True) if show)
      return
    case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[ast.Tuple() as names]):
      yield from (left, *names.elts)  # whose order is the same to `in`
      return
    case ast.Call(func=func, args=[ast.Tuple() | ast.List() as pooled, *rest]) if (
      ast.unparse(func).split('.')[-1] in POOLING
    ):
      yield from (func, *pooled.elts, *rest)
      return
    case ast.keyword(arg='traits', value=ast.Tuple() as pooled):
      yield from pooled.elts
      return
  for field, value in ast.iter_fields(node):
    if field not in ('annotation', 'returns', 'decorator_list'):
      children = value if isinstance(value, list) else [value]
      yield from (child for child in children if isinstance(child, ast.AST))


def _is_rounding(node: ast.expr) -> bool:
  return isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < node.value < 1e-6


def _differ(one: ast.expr, other: ast.expr) -> bool:
  return ast.dump(one) != ast.dump(other)


def drawn(number: int, seed: int, paths: tuple[str, ...]) -> list[Place]:
  """So many places, as the seed draws them."""
  roots = [ROOT / 'norms' / path for path in paths]
  files = [file for root in roots for file in sorted(root.rglob('*.py')) or [root]]
  files = [file for file in files if file.name not in OF_LOOKS]
  found = [place for file in files for place in places(file)]
  return random.Random(seed).sample(found, min(number, len(found)))


def apply(place: Place, root: pathlib.Path) -> pathlib.Path:
  """Breaks a copy, whose compiled file goes."""
  path = root / 'norms' / place.file
  text = path.read_bytes()
  path.write_bytes(text[: place.span[0]] + place.new.encode() + text[place.span[1] :])
  for compiled in (path.parent / '__pycache__').glob(f'{path.stem}.*'):
    compiled.unlink()
  return root
