"""Whether what trains is what a trial's hash stands for: own objects, and JAX's settings."""

from typing import Any

import jax

from norms import catalogue
from norms.lab import source
from norms.lab.trial import Trial

# What else can change a trial's figures, and is no part of its hash.
USUAL = {
  'jax_default_prng_impl': 'threefry2x32',
  'jax_threefry_partitionable': True,
  'jax_enable_x64': False,
}
# Of each name that was looked at: the object as it was imported, and the hash of its source then.
_imported: dict[str, tuple[Any, str]] = {}


def check_settings() -> None:
  """Raises ValueError where JAX draws other numbers, or computes in another width, than usual."""
  settings: Any = jax.config  # whose names jax makes as it is imported
  for name, usual in USUAL.items():
    value = getattr(settings, name)
    if value != usual:
      raise ValueError(
        f'{name.upper()}={value!r} would change what trials give, which their hash does not tell: '
        f'unset it, or set it to {usual!r}'
      )


def check_objects(trial: Trial) -> None:
  """Raises ValueError where this process has imported another source than the trial's hash has."""
  own = [name for name in trial.objects if ':' in name]
  if ''.join(map(_as_imported, own)) != trial.code:
    raise ValueError(
      f'the source of {", ".join(own)} has changed between planning and training: '
      'run the same command again; in a notebook, restart its kernel'
    )


def _as_imported(name: str) -> str:
  """The hash of an object's source, as it was when this process first looked at the object."""
  found = catalogue.load(name, 'object')
  if name.startswith('__main__:'):  # which a notebook defines anew at any time
    return source.digest(name)
  # Reloaded: the object is another, and so may be its source.
  if name not in _imported or _imported[name][0] is not found:
    _imported[name] = (found, source.digest(name))
  return _imported[name][1]
