"""Which errors a user can mend, and the one line that such an error becomes.

Those are mistakes that somebody foresaw: a `raise` of this project, of train.py or of the config's
file, what the parsers of flags raise, and what the operating system says of files and disks; and
whatever a user's own config, norm, model or data ran into, which is named with its file and line.
All others, be they raised in Python, NumPy or JAX, are ours to mend and need a traceback.
"""

from collections.abc import Callable, Iterator
import difflib
import dis
import errno
import inspect
import pathlib
import sys
import sysconfig
import traceback
import types

from norms.lab import config_file

FLAGS = ('absl', 'ml_collections')
# A config's file, under the names by which ml_collections and train.py load it.
CONFIGS = ('config_config', config_file.MODULE)
FULL = (errno.ENOSPC, errno.EDQUOT)  # a disk, or what of it a user may have
OURS = ('norms', '__main__', *CONFIGS)


class LayerError(ValueError):
  """A model that cannot be built, with the layer that says so; its cause is the error itself."""


def mendable(error: BaseException) -> bool:
  """Whether one line tells a user all: the error was raised on purpose."""
  if isinstance(error, LayerError) and error.__cause__ is not None:
    return mendable(error.__cause__)  # it is raised on top of whatever ends a layer
  if isinstance(error, OSError) and error.errno is not None:
    return True
  package, instruction = _raised(error)
  if package in FLAGS:  # on top of what a config's file ran into, if that is why
    inner = next((e for e in _before(error) if not _packages(e).isdisjoint(CONFIGS)), None)
    return inner is None or mendable(inner)
  # A function of C, which raises without a frame of its own, leaves the caller at its call. So does
  # JAX, which takes its own frames out.
  return package in OURS and instruction == 'RAISE_VARARGS'


def tell(error: BaseException, foreseen: tuple[type[Exception], ...], *, whole: bool) -> bool:
  """Says an error in one line on stderr, if that tells a user all; whether it did.

  foreseen: what may be raised on purpose. whole: the traceback is to be seen, too.
  """
  is_one = isinstance(error, foreseen) and mendable(error)
  said = line(error) if is_one else of_users(error)
  if said and whole:
    traceback.print_exception(error)
  if said:
    print(f'train.py: {said}', file=sys.stderr)
  return bool(said)


def line(error: BaseException) -> str:
  """The message in one line, with the nearest valid name where there is one."""
  inner = error
  while isinstance(inner, AttributeError | KeyError) and inner.args:  # ml_collections nests them
    inner = inner.args[0]
  lines = [each.strip() for each in str(inner).splitlines() if each.strip()] or [repr(error)]
  if lines[0].endswith(':'):  # ml_collections puts a config file's own error last
    lines = [f'{lines[0]} {lines[-1]}']
  hint = next((each for each in lines[1:] if 'did you mean' in each.lower()), '')
  if isinstance(error, FileNotFoundError) and error.filename:
    file = pathlib.Path(error.filename)
    near = difflib.get_close_matches(file.name, [f.name for f in file.parent.glob('*')], n=1)
    hint = f'Did you mean {near[0]!r}?' if near else hint
  if isinstance(error, OSError) and error.errno in FULL:
    lines[0] += ': make room, and run the same command again: what is finished is kept'
  return f'{lines[0]} {hint}'.strip()


def first_line(error: BaseException) -> str:
  """The first line of an error of others, as it is; an error without words is named by its type."""
  return (str(error).strip().splitlines() or [type(error).__name__])[0]


def place(error: BaseException) -> str:
  """'FILE, line N' of the code by which an error or an exit arose."""
  if isinstance(error, SyntaxError) and error.filename:
    return f'{error.filename}, line {error.lineno}'
  frames = traceback.extract_tb(error.__traceback__)
  return f'{frames[-1].filename}, line {frames[-1].lineno}' if frames else ''


def definition(function: Callable) -> str:
  """'FILE, line N' where a function is defined; its name where that is not in Python."""
  code = getattr(inspect.unwrap(function), '__code__', None)
  return f'{code.co_filename}, line {code.co_firstlineno}' if code else repr(function)


def of_users(error: BaseException) -> str:
  """One line, with file and line, on an error that a user's own code ran into; '' for another."""
  for each in (error, *_before(error)):
    own = [(f, at) for f, at in traceback.walk_tb(each.__traceback__) if _is_users(f)]
    if own and _raised(each)[0] != 'norms':  # else it is ours to mend
      frame, at = own[-1]
      said = f': {line(each)}' if str(each).strip() else ''
      where = f'{frame.f_code.co_filename}, line {at}: '
      # A layer's error says all that its cause does, and which layer it was.
      return where + (
        line(error) if isinstance(error, LayerError) else f'{type(each).__name__}{said}'
      )
    if isinstance(each, SyntaxError) and not _packages(each).isdisjoint((*FLAGS, 'norms')):
      return f'{place(each)}: {type(each).__name__}: {each.msg}'
  return ''


def _is_users(frame: types.FrameType) -> bool:
  """Whether its code is a config's or lies in a file that is neither ours nor installed."""
  file, package = frame.f_code.co_filename, _package(frame)
  installed = file.startswith(('<', *map(sysconfig.get_path, ('stdlib', 'purelib', 'platlib'))))
  return package in CONFIGS or not (package in OURS or installed)


def _raised(error: BaseException) -> tuple[str, str]:
  """The package whose code was running when the error arose, and the instruction."""
  last = error.__traceback__
  while last is not None and last.tb_next is not None:
    last = last.tb_next
  if last is None:
    return '', ''
  return _package(last.tb_frame), dis.opname[last.tb_frame.f_code.co_code[last.tb_lasti]]


def _packages(error: BaseException) -> set[str]:
  """All packages that the error passed through."""
  return {_package(frame) for frame, _ in traceback.walk_tb(error.__traceback__)}


def _package(frame: types.FrameType) -> str:
  return str(frame.f_globals.get('__name__', '')).partition('.')[0]


def _before(error: BaseException) -> Iterator[BaseException]:
  """The errors on top of which this one was raised, the latest first."""
  inner = error.__cause__ or error.__context__
  while inner is not None:
    yield inner
    inner = inner.__cause__ or inner.__context__
