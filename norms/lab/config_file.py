"""A study's file: get_config, perhaps get_hyper, and the docstring that is its record."""

from collections.abc import Callable
import functools
import importlib.util
import inspect
import os
from typing import NamedTuple

MODULE = 'study_config'  # the name under which the file runs


class ConfigFile(NamedTuple):
  """What a file says of a study."""

  get_config: Callable[[], object]  # a ConfigDict, unless the file is wrong
  get_hyper: Callable | None
  doc: str


def read(path: str | os.PathLike) -> ConfigFile:
  """The file `path`, or `path:arg` to hand `arg` to its functions, as in configs/sweep.py:smoke.

  Raises:
    ValueError: where the file has no get_config; what the file itself raises passes.
  """
  name, _, arg = os.fspath(path).partition(':')
  if os.path.isdir(name):
    raise ValueError(f'{name!r} is a folder: name a file in it')
  spec = importlib.util.spec_from_file_location(MODULE, name)
  if spec is None or spec.loader is None:
    raise ValueError(f'{name!r} is no Python file: name one that ends in .py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  if not callable(getattr(module, 'get_config', None)):
    raise ValueError(f'{name} has no get_config: define it, and return study.defaults() changed')
  get_hyper = getattr(module, 'get_hyper', None)
  if get_hyper is not None and 'arg' in inspect.signature(get_hyper).parameters:
    get_hyper = functools.partial(get_hyper, arg=arg)
  get_config = functools.partial(module.get_config, arg) if arg else module.get_config
  return ConfigFile(get_config, get_hyper, module.__doc__ or '')
