"""What the command line changes of a config: --config.KEY=VALUE, and --config.sweep.KEY=A,B,C.

ml_collections would do the first. Here an axis may have any key, also of options that the config's
file does not name, values may be log(1e-3, 1, 9), and an unknown key gets one line.
"""

from collections.abc import Iterable, Mapping, Sequence
import re
from typing import Any

from ml_collections import config_dict

from norms.lab import written
from norms.lab.trial import one_of
from norms.lab.values import Settings

# Dicts that take new names: only the model, norm or optimizer knows which options it has.
OPEN = re.compile(r'\w+_options|labels')
SWEEP = 'sweep.'


def taken(argv: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
  """The arguments without those of the config's keys, and (key, text) of each of these."""
  rest: list[str] = []
  settings: list[tuple[str, str]] = []
  waiting = list(argv)
  while waiting:
    argument = waiting.pop(0)
    flag = re.fullmatch(r'--?config\.([^=]+)(?:=(.*))?', argument, re.DOTALL)
    if argument == '--':
      return [*rest, argument, *waiting], settings
    if re.match(r'--?noconfig\.', argument):
      raise ValueError(f'{argument}: no key can be switched off so: write --config.KEY=VALUE')
    if not flag:
      rest.append(argument)
      continue
    text = flag[2]
    if text is None and not (waiting and not waiting[0].startswith('--')):
      raise ValueError(f'{argument} has no value: write {argument}=VALUE')
    settings.append((flag[1], waiting.pop(0) if text is None else text))
  return rest, settings


def typed(config: config_dict.ConfigDict, settings: Iterable[tuple[str, str]]) -> dict[str, Any]:
  """{dotted key: value}, each of the type that the config has there; ValueError, one line, if not.

  An axis is a tuple under sweep.KEY. A flag that is given twice counts once, the last time; an
  axis, or a key that holds a tuple, is all of its flags.
  """
  overrides: dict[str, Any] = {}
  for key, text in settings:
    if key.startswith(SWEEP) and 'sweep' in config:
      values = {key: written.values(text)}
    elif key == 'sweep' and key in config:
      values = {f'{SWEEP}{k}': v for k, v in flat(_dict(key, text)).items()}
    else:
      values = {key: _typed(config, key, text)}
    for name, value in values.items():
      # --config.sweep.norm=batch --config.sweep.norm=layer is the same as batch,layer.
      many = isinstance(value, tuple) and isinstance(overrides.get(name), tuple)
      overrides[name] = overrides[name] + value if many else value
  return overrides


def applied(plain: Settings, overrides: Settings) -> dict[str, Any]:
  """The config as a plain dict, with the values of all keys but the axes."""
  config = dict(plain)
  for key, value in overrides.items():
    if not key.startswith(SWEEP):
      config = put(config, parts(key), value)
  return config


def swept(overrides: Settings) -> dict[str, tuple]:
  """The axes among the overrides, by their own keys."""
  return {k.removeprefix(SWEEP): v for k, v in overrides.items() if k.startswith(SWEEP)}


def put(config: Settings, path: Sequence[str], value: object) -> dict[str, Any]:
  """A copy of the dict with a value at a path of keys."""
  head, *inner = path
  # A copy on each level: the config of one point must not change that of the next.
  below = config.get(head, {})
  if inner and not isinstance(below, Mapping):
    raise ValueError(
      f'{".".join(path)}: {head} is {below!r}, which has no keys: give {head} itself'
    )
  return {**config, head: put(below, inner, value) if inner else value}


def parts(key: str) -> list[str]:
  """The keys of a dotted key; norm_options.mine.own:Norm.epsilon has three."""
  head, _, rest = key.partition('.')
  return [head, *re.split(r'\.(?![\w.]*:)', rest)] if rest else [head]


def flat(values: Settings) -> dict[str, Any]:
  """The values that are no dicts, by dotted keys."""
  by_key: dict[str, Any] = {}
  for key, value in values.items():
    inner = flat(value) if isinstance(value, Mapping) else None
    by_key |= {key: value} if inner is None else {f'{key}.{k}': v for k, v in inner.items()}
  return by_key


def _typed(config: config_dict.ConfigDict, key: str, text: str) -> Any:  # as the config has it
  part, names = config, parts(key)
  is_open = OPEN.fullmatch(names[0]) and 'kind' not in config
  for i, name in enumerate(names):
    where = ''.join(f'.{each}' for each in names[:i])
    if not isinstance(part, config_dict.ConfigDict):
      raise ValueError(
        f'config.{key}: config{where} is {part!r}, which has no keys: write --config{where}=VALUE'
      )
    if name not in part:
      if i and is_open:
        return written.literal(text)
      one_of(f'config{where} key', name, part)
    kind, part = part.get_type(name), part[name]
  return _of_type(kind, bool(is_open) and len(names) > 1, key, text)


def _of_type(kind: type, is_option: bool, key: str, text: str) -> object:
  """A text as a value of that type; an option may be of another type than its value so far."""
  if issubclass(kind, config_dict.ConfigDict):
    return _dict(key, text)
  if issubclass(kind, tuple | list):
    return written.values(text)
  if is_option and kind is not str:
    value = written.literal(text)
    return float(value) if kind is float and type(value) is int else value
  if kind is bool or kind not in (int, float):
    return text if kind is str else written.literal(text)
  try:
    return None if kind is float and text == 'None' else kind(text)
  except ValueError:
    needed = 'a whole number' if kind is int else 'a number'
    raise ValueError(f'config.{key}={text!r}: use {needed}') from None


def _dict(key: str, text: str) -> dict[str, Any]:
  value = written.literal(text)
  if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
    raise ValueError(f"config.{key}={text!r}: give a dict, such as {{'name': value}}")
  return value
