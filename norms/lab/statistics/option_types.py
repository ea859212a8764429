"""Of which type the options of a claim are, as its rule's signature says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import inspect

from norms.lab.statistics.cells import SelectionError
from norms.lab.values import Given, Settings, is_number


def _is_text(value: object) -> bool:
  return isinstance(value, str) and bool(value)


def _is_text_or_texts(value: Given) -> bool:
  several = isinstance(value, list | tuple) and bool(value)
  return _is_text(value) or (several and all(map(_is_text, value)))


# By the annotation, which is a text in these modules.
TYPES: dict[str, tuple[Callable[[object], bool], str]] = {
  'str': (_is_text, 'one name, in quotes'),
  'str | Sequence[str]': (_is_text_or_texts, 'a name in quotes, or a tuple of names'),
  'float': (is_number, 'a number'),
}


def check(claim: str, options: Settings, parameters: Mapping[str, inspect.Parameter]) -> None:
  """Raises a ValueError of one line at an option whose value is of another type."""
  for option, value in options.items():
    annotation = str(parameters[option].annotation) if option in parameters else ''
    fits, needed = TYPES.get(annotation, (lambda _: True, ''))
    if not fits(value):
      raise SelectionError(f'claim {claim!r}: {option}={value!r}: give {needed}')
