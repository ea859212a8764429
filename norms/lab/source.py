"""What a user's own object is made of: a hash of its source and of the modules that it imports.

All of it is read, none of it is run: an import statement is followed to its file, also one inside
a function. The standard library, packages in site-packages and this project are left out; for this
project's own figures norms.lab.numerics stands.
"""

import ast
from collections.abc import Iterable, Iterator
import functools
import hashlib
from importlib import machinery, util
import inspect
import pathlib
import site
import sys
import sysconfig

# Names that are never a user's own, and folders whose packages are not.
NOT_OWN = frozenset({*sys.stdlib_module_names, 'norms'})
INSTALLED = ('site-packages', 'dist-packages')


def digest(name: str) -> str:
  """The hash of a package.module:object; '' for a name of the project's own, and where none is.

  A module without imports of its own is known by its file alone, as it was before imports counted.
  """
  module, _, attribute = name.partition(':')
  if module == '__main__':
    return _of_main(attribute)
  files = {imported: _read(path) for imported, path in modules(name).items()}
  if not files:
    return ''  # one that does not exist is named, with what to do, where it is loaded
  parts = [f'{imported} {hash_of(raw)}' for imported, raw in sorted(files.items()) if raw]
  return hash_of('\n'.join(parts).encode()) if len(parts) > 1 else hash_of(files[module])


def modules(name: str) -> dict[str, pathlib.Path]:
  """The modules that a package.module:object is made of, its own first, each with its file."""
  module, colon, _ = name.partition(':')
  path = next(iter(_files(module)), None) if colon else None
  if path is None:
    return {}
  files = {module: path}
  waiting, seen = [*_parents(module), *_imports_of(module, path)], {module}
  while waiting:
    imported = waiting.pop()
    top = imported.partition('.')[0]
    if imported in seen or top in NOT_OWN or _is_package_of_others(top, tuple(sys.path)):
      continue
    seen.add(imported)  # also where there is no file: it is not looked for again
    waiting += _parents(imported)
    for path in _files(imported):
      if not _installed(path):
        files[imported] = path
        waiting += _imports_of(imported, path)
  return files


def _imports_of(module: str, path: pathlib.Path) -> tuple[str, ...]:
  return _imports(_read(path), module, _is_package(path))


def _of_main(attribute: str) -> str:
  """Of what a notebook or a script defines: by its own source alone, whatever it calls."""
  if not hasattr(sys.modules['__main__'], attribute):
    return ''
  try:
    return hash_of(inspect.getsource(getattr(sys.modules['__main__'], attribute)).encode())
  except (OSError, TypeError) as error:
    raise ValueError(
      f"'__main__:{attribute}' has no source by which a changed one is known: put it into a file, "
      f'and name it as file:{attribute}'
    ) from error


def hash_of(raw: bytes) -> str:
  """A short hash, as trials and their code are known by."""
  return hashlib.sha256(raw).hexdigest()[:16]


def _read(path: pathlib.Path) -> bytes:
  try:
    return path.read_bytes()
  except OSError:
    return b''


def _parents(module: str) -> Iterator[str]:
  """The packages around a module, whose __init__ files an import of it runs."""
  parts = module.split('.')
  return ('.'.join(parts[:i]) for i in range(1, len(parts)))


@functools.lru_cache(maxsize=1024)
def _imports(source: bytes, module: str, package: bool) -> tuple[str, ...]:
  """Every module that import statements may mean; `from a import b` may mean the module a.b."""
  try:
    tree = ast.parse(source)
  except (SyntaxError, ValueError, RecursionError, MemoryError):
    return ()  # an extension module, or what Python cannot read either
  names: dict[str, None] = {}
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      names |= dict.fromkeys(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      base = _absolute(node, module, package)
      if base:
        names |= dict.fromkeys([base, *(f'{base}.{alias.name}' for alias in node.names)])
    elif isinstance(node, ast.Call) and _is_import_call(node):
      names[node.args[0].value] = None  # type: ignore[attr-defined]
  return tuple(names)


def _absolute(node: ast.ImportFrom, module: str, package: bool) -> str:
  """The module of a `from` statement, of a relative one too; '' where that leads nowhere."""
  if not node.level:
    return node.module or ''
  parts = module.split('.')
  depth = len(parts) - node.level + package
  return '.'.join([*parts[:depth], *([node.module] if node.module else [])]) if depth > 0 else ''


def _is_import_call(node: ast.Call) -> bool:
  """importlib.import_module('name') or __import__('name'), with a name that stands there."""
  called = ast.unparse(node.func).rpartition('.')[2]
  argument = node.args[0] if node.args else None
  named = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
  return called in ('import_module', '__import__') and named


def _files(module: str) -> list[pathlib.Path]:
  """The file of a module, as a list of one or none: a namespace package has none."""
  folders: Iterable[str] = sys.path
  parts = module.split('.')
  for i, part in enumerate(parts):
    file, inner = _find(part, folders)
    if file is None and not inner and i == 0:
      file, inner = _by_finders(part)
    if i == len(parts) - 1:
      return [file] if file else []
    folders = inner
  return []


def _find(name: str, folders: Iterable[str]) -> tuple[pathlib.Path | None, list[str]]:
  """(file, folders of submodules), looked up as Python's own finder does, without its cache."""
  namespaces = []
  for folder in map(pathlib.Path, folders):
    package = folder / name
    for path in (package / '__init__.py', *_candidates(folder, name)):
      if path.is_file():
        return path, [str(package)] if _is_package(path) else []
    if package.is_dir():
      namespaces.append(str(package))
  return None, namespaces


def _candidates(folder: pathlib.Path, name: str) -> Iterator[pathlib.Path]:
  suffixes = (*machinery.SOURCE_SUFFIXES, *machinery.EXTENSION_SUFFIXES)
  return (folder / f'{name}{suffix}' for suffix in suffixes)


def _by_finders(name: str) -> tuple[pathlib.Path | None, list[str]]:
  """The same by the interpreter's finders, which know of editable installs; it runs no module."""
  try:
    spec = util.find_spec(name) if name else None
  except (ImportError, ValueError):  # ValueError: it is loaded, and knows no file
    return None, []
  path = pathlib.Path(spec.origin) if spec and spec.origin else None
  inner = list(spec.submodule_search_locations or ()) if spec else []
  return (path if path and path.is_file() else None), inner


def _is_package(path: pathlib.Path) -> bool:
  return path.name == '__init__.py'


@functools.cache
def _installed_folders() -> tuple[pathlib.Path, ...]:
  paths = [sysconfig.get_path(key) for key in ('stdlib', 'platstdlib', 'purelib', 'platlib')]
  return tuple(map(pathlib.Path, [*paths, *site.getsitepackages(), site.getusersitepackages()]))


@functools.cache
def _is_package_of_others(name: str, folders: tuple[str, ...]) -> bool:
  """Whether all of a top-level name is installed; cached, since every trial has the same few."""
  file, inner = _find(name, folders)
  places = [file] if file else list(map(pathlib.Path, inner))
  return bool(places) and all(map(_installed, places))


def _installed(path: pathlib.Path) -> bool:
  return any(part in INSTALLED for part in path.parts) or any(
    path.is_relative_to(folder) for folder in _installed_folders()
  )
