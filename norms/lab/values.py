"""Values of config keys: each is checked, and a wrong one is an error of one line."""

from collections.abc import Iterable, Mapping
import difflib
import inspect
from typing import Any, TypeAlias, TypeGuard, TypeVar

_T = TypeVar('_T')

# By key, what a config holds: each value has a type of its own, which is checked where it is read.
Settings: TypeAlias = Mapping[str, Any]
Given: TypeAlias = Any  # by a user, and not checked yet
# What a value of an option can be: no more has one way of being written down, and a hash.
Plain: TypeAlias = str | int | float | tuple | None
# What was written beside records as JSON: where they are from, what was timed.
Recorded: TypeAlias = Mapping[str, Any]

# What float32 can hold: XLA takes a smaller number for 0, and makes a larger one infinite.
SMALLEST, LARGEST = 2.0**-126, (2 - 2.0**-23) * 2.0**127


def one_of(what: str, value: _T, valid: Iterable) -> _T:
  """The value where it is valid; else a ValueError that names the nearest and the valid ones."""
  valid = list(valid)
  if value in valid:
    return value
  # A valid value may be a number, and difflib compares texts only.
  near = difflib.get_close_matches(str(value), [str(v) for v in valid], n=1)
  hint = f'did you mean {near[0]!r}? ' if near else ''
  raise ValueError(f'{what}={value!r} is not known: {hint}use one of {", ".join(map(str, valid))}')


def text(what: str, value: object) -> str:
  """The value, if it is a name."""
  if not isinstance(value, str) or not value:
    raise ValueError(f'{what}={value!r} is not a name: give a name, or package.module:object')
  return dotted(what, value) if ':' in value else value


def dotted(what: str, value: Given) -> str:
  """The value, if it names an object of a module of one's own."""
  module, colon, name = value.partition(':') if isinstance(value, str) else ('', '', '')
  if not (module and colon and name):
    raise ValueError(f'{what}={value!r}: give package.module:name')
  return value


def prose(what: str, value: object) -> str:
  """The value, if it is a text, which may be empty."""
  if not isinstance(value, str):
    raise ValueError(f'{what}={value!r} is not a text: put it in quotes')
  return value


def positive(what: str, value: Given, optional: bool = True) -> float | None:
  """The value as a float, if it is positive in float32, too; or None, where that is allowed."""
  if not (optional and value is None) and not (is_number(value) and SMALLEST <= value <= LARGEST):
    raise ValueError(f'{what}={value!r}: use a positive, finite number, from 1.2e-38 to 3.4e38')
  return None if value is None else float(value)


def not_negative(what: str, value: Given, optional: bool = False) -> float | None:
  """The value as a float, if it is finite and not below 0; or None, where that is allowed."""
  fits = is_number(value) and (value == 0 or SMALLEST <= value <= LARGEST)
  if not (optional and value is None) and not fits:
    raise ValueError(f'{what}={value!r}: use a finite number from 0 on, below 1.2e-38 only 0')
  return None if value is None else float(value)


def whole(what: str, value: object, least: int, most: int = 2**31 - 1) -> int:
  """The value, if it is a whole number from `least` to `most`; one of numpy.arange is, too."""
  value = _own(value)
  if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
    limit = 'on' if most == 2**31 - 1 else f'to {most}'
    raise ValueError(f'{what}={value!r}: use a whole number from {least} {limit}')
  return value


def flag(key: str, config: Settings) -> bool:
  """The value of a key of a config, if it is True or False."""
  return bool(one_of(key, config[key], (True, False)))


def is_number(value: object) -> TypeGuard[int | float]:
  """Whether a value is an int or a float, which True is not."""
  return isinstance(value, int | float) and not isinstance(value, bool)


def mapping(what: str, value: object) -> Settings:
  """The value, if it is a dict of names."""
  if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
    raise ValueError(f"{what}={value!r}: give a dict, such as {{'name': value}}")
  return value


def check_takes(what: str, function: Given, *arguments: str, **options: object) -> None:
  """ValueError where what is named cannot be called with these arguments: a user's, perhaps."""
  try:
    inspect.signature(function).bind(*arguments, **options)
  except TypeError as error:
    called = ', '.join([*arguments, *(f'{key}={value!r}' for key, value in options.items())])
    mend = 'change it, or its options' if options else 'change it'
    raise ValueError(f'{what} cannot be called as ({called}) ({error}): {mend}') from error
  except ValueError:  # a function of C may not say what it takes
    pass


def pairs(options: object, what: str = 'options') -> tuple:
  """Options as sorted pairs of names and plain values, so that a trial has a hash."""
  return tuple(sorted((k, plain(f'{what}.{k}', v)) for k, v in mapping(what, options).items()))


def plain(what: str, value: object) -> Plain:
  """The value, lists as tuples, if it can be written down in words and numbers."""
  if isinstance(value, list | tuple):
    return tuple(plain(what, each) for each in value)
  value = _own(value)
  if value is None or isinstance(value, str | int | float):
    return value
  raise ValueError(f'{what}={value!r}: give a number, text, True, False, None or a tuple of these')


def folder(what: str, name: Given) -> str:
  """The name, if a folder can have it everywhere."""
  fits = isinstance(name, str) and name and all(c.isalnum() or c in '-_' for c in name)
  if not fits:
    raise ValueError(f'{what}={name!r}: use a name of letters, digits, - and _')
  return name


def claim(given: Given) -> tuple[str, dict]:
  """One of config.claims: a name and its options."""
  pair = isinstance(given, list | tuple) and len(given) == 2
  if not pair or not isinstance(given[0], str) or not isinstance(given[1], Mapping):
    raise ValueError(
      f"config.claims has {given!r}: give (name, {{options}}), as ('ranking', {{'best': 'layer'}})"
    )
  if not isinstance(given[1].get('at') or {}, Mapping):
    raise ValueError(f'claim {given[0]!r}: at={given[1]["at"]!r}: give a dict, as {{"seed": 0}}')
  return given[0], dict(given[1])


def reference(entry: object) -> dict:
  """One of config.references."""
  if not isinstance(entry, Mapping):
    raise ValueError(
      f"config.references has {entry!r}: give a dict, as {{'says': 'layer norm is better'}}"
    )
  prose('config.references: says', entry.get('says', ''))
  return dict(entry)


def listed(key: str, value: object) -> tuple:
  """The value, if it is a list or a tuple."""
  if not isinstance(value, list | tuple):
    raise ValueError(f'config.{key}={value!r}: give a tuple, as in {(value,)!r}')
  return tuple(value)


def names(value: object) -> tuple:
  """Names in a tuple, or in one text with + between them, as a column has them; 'none': no name."""
  if isinstance(value, str):
    return tuple(filter(None, value.split('+'))) if value != 'none' else ()
  return tuple(value) if isinstance(value, list | tuple) else () if value is None else (value,)


def _own(value: Given) -> Given:
  """A scalar of NumPy as Python's own."""
  scalar = type(value).__module__ == 'numpy' and getattr(value, 'shape', None) == ()
  return value.item() if scalar else value
