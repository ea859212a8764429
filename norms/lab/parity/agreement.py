"""Kind 'parity': a unit is one norm of one library, beside ours and beside the exact value."""

from collections.abc import Iterable, Iterator
import dataclasses
import functools
from typing import Any

import pandas as pd

from norms.lab import peers, trial
from norms.lab.parity import measures, study
from norms.lab.parity.cases import Setting

# What every figure rests on, beside the file of a library and of who runs it.
FILES = (
  'parity/cases', 'parity/exact', 'parity/measures',
  'peers/__init__', 'peers/case', 'peers/differences', 'peers/ours', 'peers/on_jax',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Unit:
  """One norm of one library, and all that can change what is measured of it."""

  library: str
  norm: str
  setting: Setting
  version: str
  code: str

  @functools.cached_property
  def hash(self) -> str:
    """The name under which records know it."""
    return study.digest(dataclasses.asdict(self))

  @property
  def label(self) -> str:
    """'batch, Flax linen'."""
    return f'{self.norm}, {peers.LIBRARIES[self.library].title}'

  def ready(self) -> None:
    """Nothing: each unit brings all that it needs."""

  def measured(self) -> pd.DataFrame:
    """Its rows: against ours, and against the exact value."""
    title = peers.LIBRARIES[self.library].title
    return pd.DataFrame(self._rows()).assign(library=self.library, title=title, norm=self.norm)

  def _rows(self) -> Iterator[dict[str, Any]]:
    if self.library != peers.OURS:
      yield from measures.from_ours(self.library, self.norm, self.setting)
    yield from measures.from_exact(self.library, self.norm, self.setting)


def libraries(plain: dict[str, Any]) -> list[str]:
  """Those that a config asks for, ours first; ValueError, one line, where one is not known."""
  asked = [trial.one_of('config.peers', name, peers.LIBRARIES) for name in plain['peers']]
  return list(dict.fromkeys([peers.OURS, *asked]))


def units(plain: dict[str, Any], found: Iterable[str]) -> Iterator[Unit]:
  """Those of a config, of the libraries that were found; ValueError, one line, as above."""
  wanted = (*peers.ACTIVATION, *peers.KERNEL)
  asked = [trial.one_of('config.norms', norm, wanted) for norm in plain['norms']]
  setting = Setting.of(plain)
  for norm in asked:
    for name in found:
      if norm in peers.PEERS[name]:
        yield Unit(name, norm, setting, study.version(name), _code(name))


@functools.cache
def _code(library: str) -> str:
  """Of our library, which is what is measured, and of what measures it."""
  found = peers.LIBRARIES[library]
  own = (*FILES, f'peers/{found.module}', f'peers/on_{found.frame}')
  return study.code((*study.library(), *(f'lab/{name}' for name in own)))
